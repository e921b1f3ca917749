package fleettest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"permissions-boundary-macro/boundary"
)

// Stack is a stack of a Region.
type Stack struct {
	Name         string
	ID           string // an ARN; made when it is empty
	Status       string // empty is CREATE_COMPLETE
	StatusReason string
	Created      time.Time // the zero time is now
	Updated      time.Time // the zero time until the first update
	Parameters   []Parameter
	Tags         []Tag
	Capabilities []string
	ParentID     string // of a nested stack: the ID of the stack that it is in
	RootID       string // of a nested stack: the ID of the outermost one
	Original     string // the template that was given, in JSON or YAML
	Processed    string // the template after its transforms, in JSON
	Resources    []Resource

	NotificationARNs []string
	RoleARN          string // of the role that CloudFormation works with
	Rollback         RollbackConfiguration
	Policy           string // the stack policy in JSON; empty allows every update
	ChangeSetID      string // of the change set that was executed last
}

// RollbackConfiguration is what CloudFormation monitors during an update.
type RollbackConfiguration struct {
	Minutes  int
	Triggers []RollbackTrigger
}

// RollbackTrigger is an alarm. Its type is AWS::CloudWatch::Alarm or
// AWS::CloudWatch::CompositeAlarm.
type RollbackTrigger struct{ ARN, Type string }

// processed is the template that the stack was deployed from.
func (s Stack) processed() string { return cmp.Or(s.Processed, s.Original) }

// Parameter is a parameter of a stack. The value of one with NoEcho is answered
// as ****.
type Parameter struct {
	Key, Value string
	Resolved   string // the value of the Parameter Store parameter that Value names; empty for other types
	NoEcho     bool
}

// Resource is a resource of a stack. The physical ID of a role is its name.
type Resource struct{ LogicalID, PhysicalID, Type string }

// Statuses of stacks and resources.
const (
	createComplete         = "CREATE_COMPLETE"
	updateInProgress       = "UPDATE_IN_PROGRESS"
	updateCleanup          = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
	updateComplete         = "UPDATE_COMPLETE"
	updateFailed           = "UPDATE_FAILED"
	updateRollback         = "UPDATE_ROLLBACK_IN_PROGRESS"
	updateRollbackFailed   = "UPDATE_ROLLBACK_FAILED"
	updateRollbackCleanup  = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
	updateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE"
	deleteComplete         = "DELETE_COMPLETE"
)

// stacks are those of a Region.
type stacks struct {
	listing[*Stack]                   // by their order of creation
	made            int               // how many there have been
	live            map[string]string // keys by name
	known           map[string]string // keys by ID, of deleted ones, too

	changeSets     map[string][]*changeSet  // by the ID of their stack, by time
	changeSetsMade int                      // how many there have been
	updates        map[string]*update       // those in progress, by the ID of each of their stacks
	events         map[string][]event       // by the ID of their stack, by time
	failures       map[string]UpdateFailure // by the name of the stack
}

func newStacks() *stacks {
	return &stacks{
		live: map[string]string{}, known: map[string]string{},
		changeSets: map[string][]*changeSet{}, updates: map[string]*update{},
		events: map[string][]event{}, failures: map[string]UpdateFailure{},
	}
}

// PutStack creates a stack, or replaces the one with its name, and returns its
// ID. It makes no roles: see [Account.PutRole] and [Account.Deploy].
func (a *Account) PutStack(region string, s Stack) (id string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.putStack(region, s).ID
}

func (a *Account) putStack(region string, s Stack) *Stack {
	all := a.stacks[region]
	if all == nil {
		all = newStacks()
		a.stacks[region] = all
	}
	key := all.live[s.Name]
	if key == "" {
		all.made++
		key = fmt.Sprintf("%09d", all.made)
	} else {
		s.ID = cmp.Or(s.ID, all.values[key].ID)
	}
	s.ID = cmp.Or(s.ID, a.stackID(region, s.Name, key))
	s.Status = cmp.Or(s.Status, createComplete)
	if s.Created.IsZero() {
		s.Created = a.server.tick()
	}
	all.put(key, &s)
	all.live[s.Name], all.known[s.ID] = key, key
	return &s
}

// replaceStack replaces a live stack, or one that was deleted meanwhile.
func (a *Account) replaceStack(region string, s Stack) {
	all := a.stacks[region]
	all.values[all.known[s.ID]] = &s
}

// stackID is the ARN of a stack, with a UUID that is the same each time.
func (a *Account) stackID(region, name, key string) string {
	return fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s/%s",
		boundary.PartitionOf(region), region, a.ID, name, uuid(a.ID+region+name+key))
}

// Stack returns a stack as it is now, by its name or ID; deleted stacks are known
// by their IDs only. Its slices must not be modified.
func (a *Account) Stack(region, nameOrID string) (s Stack, exists bool) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if stack := a.stack(region, nameOrID); stack != nil {
		return *stack, true
	}
	return Stack{}, false
}

func (a *Account) stack(region, nameOrID string) *Stack {
	all := a.stacks[region]
	if all == nil {
		return nil
	}
	return all.values[cmp.Or(all.live[nameOrID], all.known[nameOrID])]
}

// ChangeStack changes a stack that exists. Its time of update is now, unless
// change sets another one.
func (a *Account) ChangeStack(region, name string, change func(*Stack)) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	s := *a.stack(region, name)
	s.Updated = a.server.tick()
	change(&s)
	a.putStack(region, s)
}

// DeleteStack deletes a stack and its roles. As on AWS, it is in no listing
// then, but known by its ID.
func (a *Account) DeleteStack(region, name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	s := *a.stack(region, name)
	for _, r := range s.Resources {
		if r.Type == roleType {
			a.roles.remove(r.PhysicalID)
		}
	}
	s.Status = deleteComplete
	all := a.stacks[region]
	all.values[all.live[name]] = &s
	delete(all.live, name)
	delete(all.changeSets, s.ID)
	delete(all.updates, s.ID)
}

// ForgetStack removes a deleted stack for good, as AWS does after 90 days.
func (a *Account) ForgetStack(region, id string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	all := a.stacks[region]
	all.remove(all.known[id])
	delete(all.known, id)
	delete(all.events, id)
}

var cloudFormationOperations = map[string]func(*request) ([]byte, error){
	"CreateChangeSet":     createChangeSet,
	"DeleteChangeSet":     locked(deleteChangeSet),
	"DescribeChangeSet":   locked(describeChangeSet),
	"DescribeStackEvents": locked(describeStackEvents),
	"DescribeStacks":      locked(describeStacks),
	"ExecuteChangeSet":    locked(executeChangeSet),
	"GetTemplate":         locked(getTemplate),
	"ListChangeSets":      locked(listChangeSets),
	"ListStackResources":  locked(listStackResources),
}

// usualPage is how many stacks or resources a page has. AWS's pages end at 1 MB,
// and operations have no parameter for it.
const usualPage = 100

// describeStacks lists live stacks, or one by name or ID. Each update in
// progress of a stack that is listed moves on by a step.
func describeStacks(r *request, x *result) error {
	if r.form.Has("StackName") {
		s, err := r.stack()
		if err != nil {
			return err
		}
		r.account.proceed(r.Region, s.ID)
		writeList(x, "Stacks", []*Stack{r.account.stack(r.Region, s.ID)}, x.stack)
		return nil
	}
	var keys []string
	all := r.account.stacks[r.Region]
	if all != nil {
		keys = slices.Sorted(maps.Values(all.live))
	}
	page, next, err := r.account.server.page(r.Operation, r.form.Get("NextToken"), keys, usualPage)
	if err != nil {
		return err
	}
	writeList(x, "Stacks", page, func(key string) {
		r.account.proceed(r.Region, all.values[key].ID)
		x.stack(all.values[key])
	})
	x.text("NextToken", next)
	return nil
}

func (x *result) stack(s *Stack) {
	x.text("StackId", s.ID)
	x.text("StackName", s.Name)
	x.text("StackStatus", s.Status)
	x.text("StackStatusReason", s.StatusReason)
	x.text("ChangeSetId", s.ChangeSetID)
	x.text("RoleARN", s.RoleARN)
	x.time("CreationTime", s.Created)
	x.time("LastUpdatedTime", s.Updated)
	x.text("ParentId", s.ParentID)
	x.text("RootId", s.RootID)
	x.text("DisableRollback", "false")
	writeList(x, "Capabilities", s.Capabilities, func(c string) { x.WriteString(c) })
	x.parameters(s.Parameters)
	x.settings(s)
}

// settings writes what stacks and change sets say of a stack's settings.
func (x *result) settings(s *Stack) {
	writeList(x, "NotificationARNs", s.NotificationARNs, func(arn string) { x.WriteString(arn) })
	x.open("RollbackConfiguration")
	if s.Rollback.Minutes > 0 {
		x.text("MonitoringTimeInMinutes", fmt.Sprint(s.Rollback.Minutes))
	}
	if s.Rollback.Triggers != nil {
		writeList(x, "RollbackTriggers", s.Rollback.Triggers, func(t RollbackTrigger) {
			x.text("Arn", t.ARN)
			x.text("Type", t.Type)
		})
	}
	x.close("RollbackConfiguration")
	x.tags(s.Tags)
}

func (x *result) parameters(all []Parameter) {
	writeList(x, "Parameters", all, func(p Parameter) {
		value, resolved := p.Value, p.Resolved
		if p.NoEcho {
			value, resolved = "****", ""
		}
		x.text("ParameterKey", p.Key)
		x.textOrEmpty("ParameterValue", value)
		x.text("ResolvedValue", resolved)
	})
}

func listStackResources(r *request, x *result) error {
	s, err := r.stack()
	if err != nil {
		return err
	}
	byKey := map[string]Resource{}
	for _, resource := range s.Resources {
		byKey[resource.LogicalID] = resource
	}
	page, next, err := r.account.server.page(r.Operation, r.form.Get("NextToken"), slices.Sorted(maps.Keys(byKey)), usualPage)
	if err != nil {
		return err
	}
	status, updated := createComplete, s.Created
	if !s.Updated.IsZero() {
		status, updated = updateComplete, s.Updated
	}
	if s.Status == deleteComplete {
		status = deleteComplete
	}
	writeList(x, "StackResourceSummaries", page, func(id string) {
		x.text("LogicalResourceId", id)
		x.text("PhysicalResourceId", byKey[id].PhysicalID)
		x.text("ResourceType", byKey[id].Type)
		x.time("LastUpdatedTimestamp", updated)
		x.text("ResourceStatus", status)
	})
	x.text("NextToken", next)
	return nil
}

// getTemplate answers the processed template, of a stack or of a change set,
// unless the original one is asked for. One without transforms is the same at
// both stages.
func getTemplate(r *request, x *result) error {
	s, err := r.templateOwner()
	if err != nil {
		return err
	}
	switch stage := r.form.Get("TemplateStage"); stage {
	case "Original":
		x.text("TemplateBody", s.Original)
	case "", "Processed":
		x.text("TemplateBody", s.processed())
	default:
		return invalid("1 validation error detected: Value '%s' at 'templateStage' failed to satisfy constraint: Member must satisfy enum value set: [Original, Processed]", stage)
	}
	writeList(x, "StagesAvailable", []string{"Original", "Processed"}, func(stage string) { x.WriteString(stage) })
	return nil
}

// templateOwner is the stack that a request names, as it is, or as a change set
// would make it.
func (r *request) templateOwner() (*Stack, error) {
	if !r.form.Has("ChangeSetName") {
		return r.stack()
	}
	c, err := r.changeSet()
	if err != nil {
		return nil, err
	}
	return &c.after, nil
}

// stack is the stack that a request names.
func (r *request) stack() (*Stack, error) {
	name := r.form.Get("StackName")
	if s := r.account.stack(r.Region, name); s != nil {
		return s, nil
	}
	return nil, invalid("Stack with id %s does not exist", name)
}

// namedStack is stack for operations on change sets and events, which have
// another text for a stack that does not exist.
func (r *request) namedStack() (*Stack, error) {
	name := r.form.Get("StackName")
	if s := r.account.stack(r.Region, name); s != nil {
		return s, nil
	}
	return nil, invalid("Stack [%s] does not exist", name)
}
