package fleettest

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// changeSetInput is what CreateChangeSet is called with.
type changeSetInput struct {
	name, description   string
	body, url           string // one of them, unless usePrevious is set
	usePrevious         bool
	parameters          []givenParameter
	capabilities        []string
	tags                []Tag
	notificationARNs    []string
	keepsNotifications  bool // none are given
	roleARN             string
	rollback            RollbackConfiguration
	keepsRollback       bool // none is given
	clientToken         string
	includeNestedStacks bool
	revertsDrift        bool
}

// givenParameter is a Parameter of an input.
type givenParameter struct {
	key, value  string
	usePrevious bool
}

// Limits of templates. Source: CloudFormation API, CreateChangeSet, and
// CloudFormation quotas.
const (
	longestBody   = 51200
	longestObject = 1_000_000
)

var changeSetName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// readChangeSetInput reads a form, and checks what can be checked without a
// stack.
func readChangeSetInput(form url.Values) (changeSetInput, error) {
	in := changeSetInput{
		name: form.Get("ChangeSetName"), description: form.Get("Description"),
		body: form.Get("TemplateBody"), url: form.Get("TemplateURL"),
		usePrevious:  form.Get("UsePreviousTemplate") == "true",
		capabilities: members(form, "Capabilities"), tags: readTags(form),
		notificationARNs: members(form, "NotificationARNs"), keepsNotifications: !hasPrefix(form, "NotificationARNs"),
		roleARN:       form.Get("RoleARN"),
		keepsRollback: !hasPrefix(form, "RollbackConfiguration"),
		clientToken:   form.Get("ClientToken"), includeNestedStacks: form.Get("IncludeNestedStacks") == "true",
		revertsDrift: form.Get("DeploymentMode") == "REVERT_DRIFT",
	}
	in.rollback.Minutes, _ = strconv.Atoi(form.Get("RollbackConfiguration.MonitoringTimeInMinutes"))
	for _, at := range memberPrefixes(form, "RollbackConfiguration.RollbackTriggers") {
		in.rollback.Triggers = append(in.rollback.Triggers, RollbackTrigger{form.Get(at + ".Arn"), form.Get(at + ".Type")})
	}
	for _, at := range memberPrefixes(form, "Parameters") {
		in.parameters = append(in.parameters, givenParameter{
			form.Get(at + ".ParameterKey"), form.Get(at + ".ParameterValue"), form.Get(at+".UsePreviousValue") == "true",
		})
	}
	return in, in.check(form)
}

func (in changeSetInput) check(form url.Values) error {
	bodies := 0
	for _, given := range []bool{form.Has("TemplateBody"), form.Has("TemplateURL"), in.usePrevious} {
		if given {
			bodies++
		}
	}
	switch mode, kind := form.Get("DeploymentMode"), form.Get("ChangeSetType"); {
	case !changeSetName.MatchString(in.name):
		return invalid("1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", in.name)
	case bodies == 0:
		return invalid("Either Template URL or Template Body must be specified.")
	case bodies > 1:
		return invalid("You must specify only one of TemplateBody, TemplateURL and UsePreviousTemplate.")
	case len(in.body) > longestBody:
		return invalid("1 validation error detected: Value '%s' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200", in.body)
	case mode != "" && mode != "REVERT_DRIFT":
		return invalid("1 validation error detected: Value '%s' at 'deploymentMode' failed to satisfy constraint: Member must satisfy enum value set: [REVERT_DRIFT]", mode)
	case kind != "" && kind != "UPDATE":
		return failure{code: "InternalFailure", message: "fleettest creates change sets of type UPDATE only"}
	}
	for _, tag := range in.tags {
		if strings.HasPrefix(strings.ToLower(tag.Key), "aws:") {
			return invalid("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return nil
}

// members are the members of a list of text.
func members(form url.Values, list string) []string {
	var values []string
	for _, at := range memberPrefixes(form, list) {
		values = append(values, form.Get(at))
	}
	return values
}

func readTags(form url.Values) []Tag {
	var tags []Tag
	for _, at := range memberPrefixes(form, "Tags") {
		tags = append(tags, Tag{form.Get(at + ".Key"), form.Get(at + ".Value")})
	}
	return tags
}

// memberPrefixes are what the names of a list's members begin with.
func memberPrefixes(form url.Values, list string) []string {
	var all []string
	for i := 1; ; i++ {
		at := list + ".member." + strconv.Itoa(i)
		if !hasPrefix(form, at) {
			return all
		}
		all = append(all, at)
	}
}

// hasPrefix reports whether a form has a value, or parts of one. The Query
// protocol sends an empty list as an empty value.
func hasPrefix(form url.Values, name string) bool {
	if form.Has(name) {
		return true
	}
	for key := range form {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

// mismatch names an attribute in which an input differs from another one with
// the same name, empty for none.
func (in changeSetInput) mismatch(other changeSetInput) string {
	switch {
	case in.body != other.body || in.url != other.url || in.usePrevious != other.usePrevious:
		return "Template"
	case !slices.Equal(in.parameters, other.parameters):
		return "Parameters"
	case !slices.Equal(in.capabilities, other.capabilities):
		return "Capabilities"
	case !slices.Equal(in.tags, other.tags):
		return "Tags"
	case in.includeNestedStacks != other.includeNestedStacks || in.revertsDrift != other.revertsDrift ||
		in.roleARN != other.roleARN || !slices.Equal(in.notificationARNs, other.notificationARNs):
		return "Options"
	case in.clientToken != other.clientToken:
		return "ClientToken"
	}
	return ""
}

// updatable are the statuses in which a stack can be updated. Source: the
// CloudFormation user guide, stack status codes.
var updatable = []string{
	createComplete, updateComplete, updateRollbackComplete,
	"IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", "UPDATE_FAILED",
}

// createChangeSet starts the creation of a change set. Macros run while the
// server's state is unlocked: they may ask the server.
func createChangeSet(r *request) ([]byte, error) {
	in, err := readChangeSetInput(r.form)
	if err != nil {
		return nil, err
	}
	c, isNew, err := r.reserveChangeSet(in)
	if err != nil {
		return nil, err
	}
	if isNew {
		r.account.fillChangeSet(r.Region, c)
	}
	x := &result{}
	x.text("Id", c.id)
	x.text("StackId", c.before.ID)
	return x.answer(r)
}

// reserveChangeSet checks what AWS checks before it answers, and adds a change
// set that is pending. The same input again is the same change set.
func (r *request) reserveChangeSet(in changeSetInput) (c *changeSet, isNew bool, err error) {
	before, err := r.updatableStack()
	if err != nil {
		return nil, false, err
	}
	c = &changeSet{in: in, name: in.name, before: before}
	if err := r.account.readTemplate(r.Region, c); err != nil {
		return nil, false, err
	}
	a := r.account
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	for _, other := range a.stacks[r.Region].changeSets[before.ID] {
		if other.name != in.name || !other.isListed() {
			continue
		}
		if attribute := in.mismatch(other.in); attribute != "" || in.clientToken == "" {
			return nil, false, alreadyExists(in.name, attribute)
		}
		return other, false, nil
	}
	return c, true, a.addChangeSet(r.Region, c)
}

// updatableStack is the stack that a request names, if it can be updated.
func (r *request) updatableStack() (Stack, error) {
	r.account.server.mu.Lock()
	defer r.account.server.mu.Unlock()
	s, err := r.namedStack()
	switch {
	case err != nil:
		return Stack{}, err
	case !slices.Contains(updatable, s.Status):
		return Stack{}, notUpdatable(s)
	}
	return *s, nil
}

func notUpdatable(s *Stack) error {
	return invalid("Stack:%s is in %s state and can not be updated.", s.ID, s.Status)
}

// alreadyExists is AWS's error for a name in use. Source: aws-actions'
// aws-cloudformation-github-deploy issue 122, landing-zone-accelerator issue 442.
func alreadyExists(name, attribute string) error {
	message := "ChangeSet " + name + " already exists"
	if attribute != "" {
		message = "ChangeSet " + name + " cannot be created due to a mismatch with existing attribute " + attribute
	}
	return failure{code: "AlreadyExistsException", message: message}
}

// readTemplate reads the template that a change set names, and its parameters:
// what is wrong with them AWS says at once.
func (a *Account) readTemplate(region string, c *changeSet) error {
	body, err := c.in.body, error(nil)
	switch {
	case c.in.usePrevious:
		body = c.before.Original
	case c.in.url != "":
		body, err = a.templateAt(c.in.url)
	}
	if err != nil {
		return err
	}
	source, err := a.source(body)
	if err != nil {
		return err
	}
	given, err := c.givenValues()
	if err != nil {
		return err
	}
	parameters, err := a.parameterValues(region, source.declared, given)
	if err != nil {
		return err
	}
	if err := checkCapabilities(source.document.Fragment(), c.in.capabilities); err != nil {
		return err
	}
	c.transforms = source.hasTransforms()
	c.after = c.stackAfter()
	c.after.Original, c.after.Parameters = body, parameters
	return nil
}

// givenValues are the values of parameters by key; those that stay are those of
// the stack.
func (c *changeSet) givenValues() (map[string]string, error) {
	values := map[string]string{}
	for _, p := range c.in.parameters {
		if !p.usePrevious {
			values[p.key] = p.value
			continue
		}
		i := slices.IndexFunc(c.before.Parameters, func(had Parameter) bool { return had.Key == p.key })
		if i < 0 {
			return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", p.key)
		}
		values[p.key] = c.before.Parameters[i].Value
	}
	return values, nil
}

// stackAfter is the stack with the settings that a change set gives. The
// reference says that triggers, the role and topics that are not given stay. It
// does not say so of tags, so these do not.
func (c *changeSet) stackAfter() Stack {
	s := c.before
	s.Capabilities, s.Tags = c.in.capabilities, c.in.tags
	if !c.in.keepsNotifications {
		s.NotificationARNs = c.in.notificationARNs
	}
	if !c.in.keepsRollback {
		s.Rollback = c.in.rollback
	}
	if c.in.roleARN != "" {
		s.RoleARN = c.in.roleARN
	}
	return s
}

// fillChangeSet finds out what a change set would do: it runs the transforms of
// a template that was given, and compares the result with the stack. The
// previous template is not transformed again. The server's state is not locked.
func (a *Account) fillChangeSet(region string, c *changeSet) {
	processed, err := a.processTemplate(region, c)
	a.server.mu.Lock()
	if err == nil {
		c.after.Processed = string(processed)
		err = a.compare(region, c)
	}
	if err == nil && c.in.includeNestedStacks {
		c.nested, err = a.nestedChangeSets(region, c)
	}
	a.server.mu.Unlock()
	a.fillNested(region, c)
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	switch {
	case c.hasFailed:
	case err != nil:
		c.fail(messageOf(err))
	default:
		c.finish()
	}
}

// finish says how the creation of a change set ended.
func (c *changeSet) finish() {
	if reason := c.nestedFailure(); reason != "" {
		c.fail(reason)
		return
	}
	for _, n := range c.nested {
		if !n.hasFailed {
			c.includeNested(n)
		}
	}
	c.listed = c.withDependents()
	switch {
	case len(c.changes) > 0 || c.changesMore:
		// Somebody may have updated the stack while the macro ran.
		c.done, c.executionStatus = true, cmp.Or(c.executionStatus, available)
	case c.transforms && !c.in.usePrevious:
		c.fail(noUpdates)
	default:
		c.fail(noChanges)
	}
}

// processTemplate is the template after its transforms.
func (a *Account) processTemplate(region string, c *changeSet) ([]byte, error) {
	source, err := a.source(c.after.Original)
	switch {
	case err != nil:
		return nil, err
	case c.in.usePrevious && c.before.Processed != "":
		return []byte(c.before.Processed), nil
	case c.in.usePrevious:
		return source.document.Fragment(), nil
	}
	return a.transform(region, source, c.after.Parameters, a.installed(region))
}

// messageOf is the reason that an error is for a status.
func messageOf(err error) string {
	if f, isFailure := err.(failure); isFailure {
		return f.message
	}
	return err.Error()
}
