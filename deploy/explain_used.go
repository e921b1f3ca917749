package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/policy"
)

// How the last use of roles is read: IAM makes a report for each. Its rates are not
// published, and are shared with everybody else in the account.
const (
	usesAtOnce = 8

	// maxUses is how many roles are asked about unless a number is given, in
	// minutes.
	maxUses = 200
)

// useCallsPerSecond is a variable for tests.
var useCallsPerSecond = 2.0

// usedWithin is how long ago an attempt may be that counts as use.
const usedWithin = 90 * 24 * time.Hour

// Values of lastUsed that are no date.
const (
	neverUsed  = "never" // in the period that IAM tracks
	notTracked = "not-tracked"
)

// roleUse is what IAM knows of the use of a role.
type roleUse struct {
	fleet.LastAccess
	since   time.Time // later attempts count as use
	problem error     // why nothing is known
}

// serviceUse says how many of the lost actions of a service a role uses. Source: IAM User
// Guide, last accessed information.
type serviceUse struct {
	Used       int    `json:"used"`       // tried in the last 90 days, if only in vain
	NotTracked int    `json:"notTracked"` // of these IAM tells nothing
	UsedInPart int    `json:"usedInPart"` // used, of those lost in part, on whichever resource
	LastUsed   string `json:"lastUsed"`   // of the service: a date, never, or not-tracked
}

// ofService is the use of a service of which actions are lost.
func (u *roleUse) ofService(t *tally, service explainedService) *serviceUse {
	if u == nil || u.problem != nil || !service.loses() {
		return nil
	}
	var use serviceUse
	wholly, inPart := t.lost(service.Service)
	use.Used, use.NotTracked = u.ofActions(wholly)
	use.UsedInPart, _ = u.ofActions(inPart)
	at, tracked := u.Services[strings.ToLower(service.Service)]
	use.LastUsed = lastUsed(at, tracked)
	return &use
}

func (u *roleUse) ofActions(actions []string) (used, notTracked int) {
	for _, action := range actions {
		at, tracked := u.Actions[strings.ToLower(action)]
		count(&used, at.After(u.since))
		count(&notTracked, !tracked)
	}
	return used, notTracked
}

// ofGrant is the last use of an action that is lost.
func (u *roleUse) ofGrant(g policy.Grant) string {
	if u == nil || u.problem != nil || changeOf(g) != accessLost {
		return ""
	}
	at, tracked := u.Actions[strings.ToLower(g.Action)]
	return lastUsed(at, tracked)
}

func lastUsed(at time.Time, tracked bool) string {
	switch {
	case !tracked:
		return notTracked
	case at.IsZero():
		return neverUsed
	}
	return at.UTC().Format(time.DateOnly)
}

func (u *roleUse) told() string {
	if u == nil || u.problem == nil {
		return ""
	}
	return u.problem.Error()
}

func (u serviceUse) told(service string) string {
	text := fmt.Sprintf("of the lost, %d used in the last 90 days", u.Used)
	if u.NotTracked > 0 {
		text += fmt.Sprintf(", %d not tracked", u.NotTracked)
	}
	if u.UsedInPart > 0 {
		text += fmt.Sprintf("; of those lost in part, %d used, on whichever resource", u.UsedInPart)
	}
	switch u.LastUsed {
	case neverUsed:
		return text + "; " + service + " not used in the period that IAM tracks"
	case notTracked:
		return text
	}
	return text + "; " + service + " last used on " + u.LastUsed
}

// toldUse is the last use of an action for people.
func toldUse(lastUsed string) string {
	switch lastUsed {
	case "":
		return ""
	case neverUsed:
		return "no use in the period that IAM tracks"
	case notTracked:
		return "use not tracked"
	}
	return "last used on " + lastUsed
}

// readUse reads the last use of the first of the roles that lose something.
func (p *pbm) readUse(ctx context.Context, at *place, e *explanation, limit int) error {
	losing := e.losing()
	e.NotConsidered = append(e.NotConsidered, "whether a use succeeded: IAM counts attempts that were denied; the last hours may be missing")
	if len(losing) > limit {
		p.line("warning: ", fmt.Sprintf("the last use is read of %d of the %d roles that lose actions; --used=%[2]d reads all", limit, len(losing)))
		losing = losing[:limit]
	}
	reader := fleet.NewAccessReader(at.config, useCallsPerSecond)
	since := time.Now().Add(-usedWithin)
	progress := p.progress("roles", 1)
	var done atomic.Int64
	var denied atomic.Pointer[error] // it is the same for each role
	var group errgroup.Group
	group.SetLimit(usesAtOnce)
	for _, s := range losing {
		group.Go(func() error {
			if known := denied.Load(); known != nil {
				s.use = &roleUse{problem: *known}
				return nil
			}
			access, err := reader.Of(ctx, s.arn)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, boundary.ErrDenied) {
				denied.Store(&err)
			}
			s.use = &roleUse{LastAccess: access, since: since, problem: err}
			progress(int(done.Add(1)), len(losing))
			return nil
		})
	}
	return group.Wait()
}

// losing are the roles that surely lose something.
func (e *explanation) losing() []*subject {
	var losing []*subject
	for i := range e.subjects {
		if s := e.subjects[i]; s.explain(false).loses() {
			losing = append(losing, &e.subjects[i])
		}
	}
	return losing
}

// unreadUses is the error of roles whose last use cannot be read.
func (e *explanation) unreadUses() error {
	unread := 0
	var first error
	for _, s := range e.subjects {
		if s.use.told() != "" {
			unread++
			first = cmp.Or(first, s.use.problem)
		}
	}
	if unread == 0 {
		return nil
	}
	return boundary.Problem{What: fmt.Sprintf("roles whose last use cannot be read: %d", unread), Remedy: boundary.Remedy(first)}
}
