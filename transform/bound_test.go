package transform_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// checkBound looks at a result the way a reader of the template would: every
// resource that makes a role must carry the boundary.
func checkBound(fragment []byte, report transform.Report, o transform.Options, parameters string) error {
	arn := report.Boundary
	var t map[string]any
	if err := json.Unmarshal(fragment, &t); err != nil {
		return nil // no object, no role
	}
	if err := checkRepeated(fragment); err != nil {
		return err
	}
	var given map[string]any
	if err := json.Unmarshal([]byte(parameters), &given); err != nil {
		return err
	}
	unread, blind := map[string]bool{}, map[string]bool{}
	unknown := map[string]bool{}
	for _, f := range report.BlindSpots {
		id := string([]rune(f.LogicalID)) // encoding/json reads what is not UTF-8 so
		blind[id] = true
		if f.Code == "unknown-fragment" {
			unknown[id] = true
		}
		if f.Code == "template-body-invalid" {
			unread[id] = true
		}
	}
	c := boundCheck{unread: unread, blind: blind, options: o, parameters: given, arn: arn, pseudo: here(), unknown: unknown}
	if o.Portable {
		c.elsewhere()
	}
	return c.template(t)
}

// checkRepeated looks for names given twice of which the author may have meant
// either: a section that decides about roles, the logical ID of a role, and the
// Type, the Properties and the boundary of one.
func checkRepeated(fragment []byte) error {
	whole, err := parseTree(fragment)
	if err != nil {
		return err
	}
	if slices.Contains(whole.names, "Resources") {
		if section := whole.repeated(); slices.Contains([]string{"Resources", "Parameters", "Mappings", "Globals"}, section) {
			return fmt.Errorf("%s is given twice", section)
		}
	}
	for _, resources := range whole.named("Resources") {
		for _, id := range resources.names {
			all := resources.named(id)
			for _, r := range all {
				switch {
				case !slices.ContainsFunc(r.named("Type"), func(typ tree) bool { return string(fragment[typ.start:typ.end]) == `"AWS::IAM::Role"` }):
					continue
				case len(all) > 1, len(r.named("Type")) > 1, len(r.named("Properties")) > 1:
					return fmt.Errorf("%s is given twice, or its Type or Properties", id)
				}
				for _, properties := range r.named("Properties") {
					if len(properties.named("PermissionsBoundary")) > 1 {
						return fmt.Errorf("%s has two boundaries", id)
					}
				}
			}
		}
	}
	return nil
}

// named are the values of a name.
func (t tree) named(name string) (values []tree) {
	for i, n := range t.names {
		if n == name {
			values = append(values, t.parts[i])
		}
	}
	return values
}

// repeated is a name that is given twice, empty when there is none.
func (t tree) repeated() string {
	for i, name := range t.names {
		if slices.Contains(t.names[:i], name) {
			return name
		}
	}
	return ""
}

// here are AWS's own variables where the laws are checked.
func here() map[string]string {
	return map[string]string{
		"AWS::Partition": "aws", "AWS::AccountId": account, "AWS::Region": region,
		"AWS::StackName": "stack", "AWS::StackId": "arn:aws:cloudformation:eu-west-1:" + account + ":stack/stack/1", "AWS::URLSuffix": "amazonaws.com",
	}
}

// elsewhere has the template deployed in another account and partition, where
// the parameters have other values. The ARN may have placeholders for them.
func (c *boundCheck) elsewhere() {
	const otherPartition, otherAccount = "aws-cn", "999999999999"
	c.pseudo = here()
	c.pseudo["AWS::Partition"], c.pseudo["AWS::AccountId"] = otherPartition, otherAccount
	c.arn = strings.NewReplacer("arn:aws:", "arn:"+otherPartition+":", ":"+account+":", ":"+otherAccount+":",
		"${AWS::Partition}", otherPartition, "${AWS::AccountId}", otherAccount, "${AWS::Region}", region).Replace(c.arn)
}

type boundCheck struct {
	within     string          // the logical IDs of the StackSets around, each with a slash
	unread     map[string]bool // StackSets that are reported to hold no template: this parser takes more for YAML
	blind      map[string]bool // what is reported as a blind spot
	options    transform.Options
	parameters map[string]any
	arn        string
	pseudo     map[string]string
	globals    map[string]any
	scope      scope

	anyBoundary bool // whatever stands for a boundary is one

	// unknown are the StackSets, or "" for the fragment itself, that are reported to
	// have no known shape: without a type in them, nothing is known to be a resource.
	unknown map[string]bool
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func (c boundCheck) template(t map[string]any) error {
	c.globals = object(t["Globals"])
	resources, whole := t["Resources"].(map[string]any)
	c.scope = c.scopeOf(t)
	if whole {
		if err := c.resources(resources); err != nil {
			return err
		}
	}
	if _, isResource := resources["Type"].(string); whole && !isResource {
		return nil
	}
	if typ, ok := t["Type"].(string); ok && strings.Contains(typ, "::") {
		return c.resource("", t)
	}
	document, isRole := t["AssumeRolePolicyDocument"]
	// A resource may have that logical ID, and is known by a Type that is text.
	if _, isResource := object(document)["Type"].(string); isRole && !isResource {
		return c.value("", t["PermissionsBoundary"])
	}
	return c.resources(t)
}

// scopeOf is what values of a template may refer to.
func (c boundCheck) scopeOf(t map[string]any) scope {
	s := scope{values: c.parameters, resources: t, loops: c.scope.loops, pseudo: c.pseudo}
	if resources, whole := t["Resources"].(map[string]any); whole {
		s.parameters, s.resources, s.mappings, s.conditions = object(t["Parameters"]), resources, map[string]any{}, object(t["Conditions"])
		if mappings := object(t["Mappings"]); mappings != nil {
			s.mappings = mappings
		}
	}
	return s
}

func (c boundCheck) resources(all map[string]any) error {
	for id, v := range all {
		if strings.HasPrefix(id, "Fn::ForEach::") {
			if err := c.loop(v, boundCheck.resources); err != nil {
				return err
			}
			continue
		}
		if id == "Fn::Transform" && c.blind[c.within] {
			continue // a macro, which is reported as one that has not run
		}
		if err := c.resource(id, object(v)); err != nil {
			return err
		}
	}
	return nil
}

// loop checks the body of a loop, for all that its identifier stands for.
func (c boundCheck) loop(v any, body func(boundCheck, map[string]any) error) error {
	list, _ := v.([]any)
	if len(list) != 3 {
		return nil
	}
	identifier, isText := list[0].(string)
	if !isText {
		return nil
	}
	c.scope.loops = maps.Clone(c.scope.loops)
	if c.scope.loops == nil {
		c.scope.loops = map[string][]string{}
	}
	c.scope.loops[identifier] = nil
	collection, isList := list[1].([]any)
	items := []string{}
	for _, item := range collection {
		text, isText := item.(string)
		isList = isList && isText
		items = append(items, text)
	}
	if isList && len(items) == 0 {
		return nil // it makes nothing
	}
	if isList {
		c.scope.loops[identifier] = items
	}
	return body(c, object(list[2]))
}

func (c boundCheck) resource(id string, r map[string]any) error {
	p := object(r["Properties"])
	typ, isString := r["Type"].(string)
	if !isString {
		if c.unknown[strings.TrimSuffix(c.within, "/")] {
			return nil
		}
		if r["Type"] != nil && object(r["Type"]) != nil {
			return fmt.Errorf("%s may have any type", id)
		}
		return nil
	}
	switch typ {
	case "AWS::IAM::Role":
		return c.value(id, p["PermissionsBoundary"])
	case "AWS::IAM::User":
		if c.options.BoundUsers {
			return c.value(id, p["PermissionsBoundary"])
		}
	case "AWS::Serverless::Function":
		return c.function(id, r, p)
	case "AWS::Serverless::StateMachine":
		if err := c.value(id, p["PermissionsBoundary"]); err != nil && !(c.isTrue(p["Role"]) && p["Events"] == nil) {
			return err
		}
		return c.events(id, object(p["Events"]))
	case "AWS::Serverless::CapacityProvider", "AWS::Serverless::NetworkConnector":
		return c.given(id, typ, r, p, "OperatorRole")
	case "AWS::Serverless::MicrovmImage":
		return c.given(id, typ, r, p, "BuildRoleArn")
	case "AWS::Serverless::WebFunction":
		return c.given(id, typ, r, p, "ExecutionRoleArn")
	case "AWS::Serverless::GraphQLApi":
		return c.graphQL(id, p)
	case "AWS::CloudFormation::StackSet", "AWS::CloudFormation::ChangeSet":
		return c.stackSet(id, p)
	}
	return nil
}

func (c boundCheck) value(id string, v any) error {
	if c.anyBoundary || c.isBoundary(v) || c.options.Existing == rules.Keep && c.mayStay(v) {
		return nil
	}
	return fmt.Errorf("%s has the boundary %v", id, v)
}

// isBoundary reports whether a value is the environment's boundary, whatever
// the template leaves open.
func (c boundCheck) isBoundary(v any) bool {
	is := v != nil
	c.scope.everyOutcome(v, func(o outcome) bool {
		is = is && (o.fails || o.text == c.arn)
		return is
	})
	return is
}

// mayStay reports whether a value is always some boundary. What the template
// does not decide may be something that IAM refuses, as long as it is there.
func (c boundCheck) mayStay(v any) bool {
	may := v != nil
	c.scope.everyOutcome(v, func(o outcome) bool {
		may = may && (o.fails || isPolicyARN(o.text) || o.guessed && o.text != "")
		return may
	})
	return may
}

func (c boundCheck) function(id string, r, p map[string]any) error {
	global := object(c.globals["Function"])
	own, has := p["PermissionsBoundary"]
	if inherited, ok := global["PermissionsBoundary"]; ok && !has && takesGlobal(r, "PermissionsBoundary") {
		own = inherited
	}
	if err := c.value(id, own); err != nil && !isFunctionRole(p["Role"]) {
		return err
	}
	if err := c.deployment(id, r, p, object(global["DeploymentPreference"])); err != nil {
		return err
	}
	return c.events(id, object(p["Events"]))
}

// takesGlobal reports whether SAM merges a property of Globals into a resource.
func takesGlobal(r map[string]any, property string) bool {
	ignored, _ := r["IgnoreGlobals"].([]any)
	return r["IgnoreGlobals"] != "*" && !slices.Contains(ignored, any(property))
}

// isFunctionRole reports whether SAM makes no role for a function with this
// one: it looks for a branch that is AWS::NoValue, and for nothing else.
func isFunctionRole(v any) bool {
	branches, isIf := object(v)["Fn::If"].([]any)
	none := func(v any) bool { return object(v)["Ref"] == "AWS::NoValue" }
	return v != nil && !hasNewFunction(v) && !(isIf && slices.ContainsFunc(branches, none))
}

func (c boundCheck) deployment(id string, r, p, global map[string]any) error {
	own, isWritten := p["DeploymentPreference"]
	preference := map[string]any{}
	if takesGlobal(r, "DeploymentPreference") {
		maps.Copy(preference, global)
	}
	maps.Copy(preference, object(own))
	enabled, isSwitched := preference["Enabled"]
	if len(preference) > 0 && !(isWritten && own == nil) && !(isSwitched && c.isOff(enabled)) && !c.isTrue(preference["Role"]) {
		return fmt.Errorf("%s has a CodeDeployServiceRole", id)
	}
	return nil
}

// isTrue reports whether a value is true to SAM, which is written in Python. A
// mapping may be looked up, and a loop expanded, before SAM sees the template.
func (c boundCheck) isTrue(v any) bool {
	text, isText := v.(string)
	name, _ := object(v)["Ref"].(string)
	_, isVariable := c.scope.loops[name]
	if isText || object(v)["Fn::FindInMap"] != nil || isVariable {
		is := !isText || text != ""
		c.scope.everyOutcome(v, func(o outcome) bool {
			is = is && (o.fails || o.text != "")
			return is
		})
		return is
	}
	return len(object(v)) > 0 && !hasNewFunction(v)
}

// isOff reports whether a switch of a DeploymentPreference is off to SAM, which
// resolves parameters and mappings.
func (c boundCheck) isOff(v any) bool {
	v = c.present(v)
	if list, ok := object(v)["Fn::FindInMap"].([]any); ok && len(list) == 3 {
		var keys [3]string
		for i := range keys {
			keys[i], _ = c.present(list[i]).(string)
		}
		found, isThere := object(object(c.scope.mappings[keys[0]])[keys[1]])[keys[2]]
		return isThere && isOffText(found)
	}
	return isOffText(v)
}

func isOffText(v any) bool {
	return slices.Contains([]any{nil, false, "false", "False", "", 0.0}, v)
}

// present is the value that a parameter has now.
func (c boundCheck) present(v any) any {
	name, isRef := object(v)["Ref"].(string)
	if value, known := c.parameters[name]; isRef && known {
		return value
	}
	if text, known := c.pseudo[name]; isRef && known {
		return text
	}
	return v
}

func (c boundCheck) events(id string, all map[string]any) error {
	for name, v := range all {
		if strings.HasPrefix(name, "Fn::ForEach::") {
			if err := c.loop(v, func(c boundCheck, m map[string]any) error { return c.events(id, m) }); err != nil {
				return err
			}
		}
		if event := object(v); event["Type"] == "ScheduleV2" && !c.isTrue(object(event["Properties"])["RoleArn"]) {
			if err := c.value(id+"."+name, object(event["Properties"])["PermissionsBoundary"]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c boundCheck) given(id, typ string, r, p map[string]any, role string) error {
	given, isWritten := p[role]
	if !isWritten && takesGlobal(r, role) {
		given = object(c.globals[strings.TrimPrefix(typ, "AWS::Serverless::")])[role]
	}
	// SAM compares the role of a WebFunction with None, those of others with True.
	if given == nil || hasNewFunction(given) || typ != "AWS::Serverless::WebFunction" && !c.isTrue(given) {
		return fmt.Errorf("%s has no %s", id, role)
	}
	return nil
}

func (c boundCheck) graphQL(id string, p map[string]any) error {
	if p["Logging"] != false && !c.isTrue(object(p["Logging"])["CloudWatchLogsRoleArn"]) {
		return fmt.Errorf("%s has a log role", id)
	}
	for _, kind := range []string{"DynamoDb", "Lambda"} {
		for name, source := range object(object(p["DataSources"])[kind]) {
			if !c.isTrue(object(source)["ServiceRoleArn"]) {
				return fmt.Errorf("%s has a role for the data source %s", id, name)
			}
		}
	}
	return nil
}

func (c boundCheck) stackSet(id string, p map[string]any) error {
	var t map[string]any
	body, _ := p["TemplateBody"].(string)
	refers := strings.Contains(body, "{{resolve:")
	if refers && !c.blind[c.within+id] {
		return fmt.Errorf("%s has a template with a dynamic reference that is not reported", id)
	}
	if c.unread[c.within+id] {
		return nil
	}
	if json.Unmarshal([]byte(body), &t) != nil {
		if t = object(load([]byte(body))); t == nil {
			return nil // a blind spot
		}
	}
	if refers && resolvesName(t) {
		return fmt.Errorf("%s has a dynamic reference in a Type or a key of its template", id)
	}
	transforms, isList := t["Transform"].([]any)
	if !isList {
		transforms = []any{t["Transform"]}
	}
	if len(transforms) > 0 && transforms[len(transforms)-1] == rules.MacroName {
		return nil // the macro runs there, after all else
	}
	inner := boundCheck{within: c.within + id + "/", unread: c.unread, blind: c.blind, unknown: c.unknown, options: c.options, arn: c.arn}
	inner.scope.loops = c.scope.loops
	inner.elsewhere()
	if err := inner.template(t); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}

// resolvesName reports whether a template inside of another one has a dynamic
// reference in a key, or in a Type. CloudFormation resolves it in the stack
// around, before there is a template.
func resolvesName(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, resolvesName)
	case map[string]any:
		for name, value := range v {
			text, _ := value.(string)
			if strings.Contains(name, "{{resolve:") || name == "Type" && strings.Contains(text, "{{resolve:") || resolvesName(value) {
				return true
			}
		}
	}
	return false
}
