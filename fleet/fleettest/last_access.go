package fleettest

import (
	"slices"
	"strings"
	"time"
)

// Access is the last use that IAM tells of a service.
type Access struct {
	Service string               // its prefix
	Last    time.Time            // the zero time for none
	Actions map[string]time.Time // the tracked ones, by name
}

// AddAccess adds what IAM tells of a role's last use of a service.
func (a *Account) AddAccess(role string, last Access) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.accesses[role] = append(a.accesses[role], last)
}

// readsOfReport is how often a report has to be asked for until it is there.
const readsOfReport = 2

func generateServiceLastAccessedDetails(r *request, x *result) error {
	arn := r.form.Get("Arn")
	role := arn[strings.LastIndex(arn, "/")+1:]
	if r.account.roles.values[role] == nil {
		return failure{code: "NoSuchEntity", message: "ARN " + arn + " does not exist."}
	}
	job := random(r.Caller+arn, 36)
	r.account.reports[job] = &accessReport{caller: r.Caller, role: role}
	x.text("JobId", job)
	return nil
}

// accessReport is a report about a role. Source: IAM API,
// GetServiceLastAccessedDetails.
type accessReport struct {
	caller, role string
	reads        int
}

func getServiceLastAccessedDetails(r *request, x *result) error {
	report := r.account.reports[r.form.Get("JobId")]
	if report == nil || report.caller != r.Caller {
		return failure{code: "NoSuchEntity", message: "The job does not exist."}
	}
	now := r.account.server.tick()
	x.time("JobCreationDate", now)
	if report.reads++; report.reads < readsOfReport {
		x.text("JobStatus", "IN_PROGRESS")
		return nil
	}
	x.text("JobStatus", "COMPLETED")
	x.time("JobCompletionDate", now)
	services := map[string]Access{}
	var names []string
	for _, s := range r.account.accesses[report.role] {
		services[s.Service], names = s, append(names, s.Service)
	}
	slices.Sort(names)
	page, err := iamPage(r, x, names)
	if err != nil {
		return err
	}
	writeList(x, "ServicesLastAccessed", page, func(name string) { x.access(services[name]) })
	return nil
}

func (x *result) access(s Access) {
	x.text("ServiceName", "Service "+s.Service)
	x.text("ServiceNamespace", s.Service)
	x.time("LastAuthenticated", s.Last)
	var names []string
	for name := range s.Actions {
		names = append(names, name)
	}
	slices.Sort(names)
	writeList(x, "TrackedActionsLastAccessed", names, func(name string) {
		x.text("ActionName", name)
		x.time("LastAccessedTime", s.Actions[name])
	})
}
