package transform_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/transform"
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
	unread := map[string]bool{}
	for _, f := range report.BlindSpots {
		if strings.Contains(f.Reason, "is not a template in JSON or YAML") {
			unread[f.LogicalID] = true
		}
	}
	c := boundCheck{unread: unread, options: o, parameters: given, isBoundary: func(v any) bool { return sameBoundary(v, arn) }, arn: arn}
	if o.Portable {
		c.isBoundary = func(v any) bool { return sameElsewhere(v, arn) }
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

func sameBoundary(v any, arn string) bool {
	return textIn(map[string]string{"AWS::Partition": "aws", "AWS::AccountId": account, "AWS::Region": region}, v) == arn
}

// sameElsewhere is sameBoundary in another account and partition. The ARN may
// have placeholders for them.
func sameElsewhere(v any, arn string) bool {
	const otherPartition, otherAccount = "aws-cn", "999999999999"
	values := map[string]string{"AWS::Partition": otherPartition, "AWS::AccountId": otherAccount, "AWS::Region": region}
	arn = strings.Replace(strings.Replace(arn, "arn:aws:", "arn:"+otherPartition+":", 1), ":"+account+":", ":"+otherAccount+":", 1)
	return textIn(values, v) == textIn(values, map[string]any{"Fn::Sub": arn})
}

// textIn is the text that a value is where AWS's own variables have values.
func textIn(values map[string]string, v any) string {
	const unknown = "\x00"
	if text, ok := v.(string); ok {
		return text
	}
	for name, argument := range object(v) {
		text, isString := argument.(string)
		list, _ := argument.([]any)
		switch {
		case len(object(v)) != 1:
		case name == "Ref" && values[text] != "":
			return values[text]
		case name == "Fn::Sub" && isString:
			for variable, value := range values {
				text = strings.ReplaceAll(text, "${"+variable+"}", value)
			}
			return text
		case name == "Fn::Join" && len(list) == 2:
			delimiter, isString := list[0].(string)
			elements, isList := list[1].([]any)
			if !isString || !isList {
				return unknown
			}
			var parts []string
			for _, element := range elements {
				parts = append(parts, textIn(values, element))
			}
			return strings.Join(parts, delimiter)
		}
	}
	return unknown
}

type boundCheck struct {
	within     string          // the logical IDs of the StackSets around, each with a slash
	unread     map[string]bool // StackSets that are reported to hold no template: this parser takes more for YAML
	options    transform.Options
	parameters map[string]any
	arn        string
	isBoundary func(any) bool
	globals    map[string]any
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func (c boundCheck) template(t map[string]any) error {
	c.globals = object(t["Globals"])
	resources, whole := t["Resources"].(map[string]any)
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

func (c boundCheck) resources(all map[string]any) error {
	for id, v := range all {
		if strings.HasPrefix(id, "Fn::ForEach::") {
			if err := c.loop(v, c.resources); err != nil {
				return err
			}
			continue
		}
		if err := c.resource(id, object(v)); err != nil {
			return err
		}
	}
	return nil
}

func (c boundCheck) loop(v any, body func(map[string]any) error) error {
	if list, _ := v.([]any); len(list) == 3 {
		return body(object(list[2]))
	}
	return nil
}

func (c boundCheck) resource(id string, r map[string]any) error {
	p := object(r["Properties"])
	typ, isString := r["Type"].(string)
	if !isString {
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
		if err := c.value(id, p["PermissionsBoundary"]); err != nil && !(givesRole(p["Role"]) && p["Events"] == nil) {
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
	case "AWS::CloudFormation::StackSet":
		return c.stackSet(id, p)
	}
	return nil
}

func (c boundCheck) value(id string, v any) error {
	if c.isBoundary(v) {
		return nil
	}
	if c.options.Existing == transform.Keep && yields(v) {
		return nil
	}
	if list, ok := object(v)["Fn::If"].([]any); ok && len(list) == 3 && c.options.Existing != transform.Replace && c.options.Existing != "" {
		return errorOf(c.value(id, list[1]), c.value(id, list[2]))
	}
	return fmt.Errorf("%s has the boundary %v", id, v)
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// yields reports whether a value without branches is one for sure.
func yields(v any) bool {
	text, isString := v.(string)
	return isString && text != "" || len(object(v)) == 1 && object(v)["Fn::If"] == nil && !holdsNoValue(v)
}

// holdsNoValue reports whether AWS::NoValue is referred to somewhere in a value.
func holdsNoValue(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "${AWS::NoValue}")
	case []any:
		return slices.ContainsFunc(v, holdsNoValue)
	case map[string]any:
		return v["Ref"] == "AWS::NoValue" || slices.ContainsFunc(slices.Collect(maps.Values(v)), holdsNoValue)
	}
	return false
}

func (c boundCheck) function(id string, r, p map[string]any) error {
	global := object(c.globals["Function"])
	own, has := p["PermissionsBoundary"]
	if inherited, ok := global["PermissionsBoundary"]; ok && !has && r["IgnoreGlobals"] == nil {
		own = inherited
	}
	if err := c.value(id, own); err != nil && !givesRole(p["Role"]) {
		return err
	}
	preference := map[string]any{}
	ignored, _ := r["IgnoreGlobals"].([]any)
	if r["IgnoreGlobals"] != "*" && !slices.Contains(ignored, any("DeploymentPreference")) {
		for k, v := range object(global["DeploymentPreference"]) {
			preference[k] = v
		}
	}
	for k, v := range object(p["DeploymentPreference"]) {
		preference[k] = v
	}
	if len(preference) > 0 && !c.isFalse(preference["Enabled"]) && preference["Role"] == nil {
		return fmt.Errorf("%s has a CodeDeployServiceRole", id)
	}
	return c.events(id, object(p["Events"]))
}

// givesRole reports whether a function's Role surely is one, so that SAM makes
// none.
func givesRole(v any) bool {
	if list, ok := object(v)["Fn::If"].([]any); ok && len(list) == 3 {
		return givesRole(list[1]) && givesRole(list[2])
	}
	return yields(v)
}

func (c boundCheck) isFalse(v any) bool {
	if name, ok := object(v)["Ref"].(string); ok {
		v = c.parameters[name]
	}
	return slices.Contains([]any{false, "false", "False"}, v)
}

func (c boundCheck) events(id string, all map[string]any) error {
	for name, v := range all {
		if strings.HasPrefix(name, "Fn::ForEach::") {
			if err := c.loop(v, func(m map[string]any) error { return c.events(id, m) }); err != nil {
				return err
			}
		}
		if event := object(v); event["Type"] == "ScheduleV2" {
			if err := c.value(id+"."+name, object(event["Properties"])["PermissionsBoundary"]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c boundCheck) given(id, typ string, r, p map[string]any, role string) error {
	given := p[role]
	if given == nil && r["IgnoreGlobals"] == nil {
		given = object(c.globals[strings.TrimPrefix(typ, "AWS::Serverless::")])[role]
	}
	if given == nil || given == "" {
		return fmt.Errorf("%s has no %s", id, role)
	}
	return nil
}

func (c boundCheck) graphQL(id string, p map[string]any) error {
	if p["Logging"] != false && object(p["Logging"])["CloudWatchLogsRoleArn"] == nil {
		return fmt.Errorf("%s has a log role", id)
	}
	for _, kind := range []string{"DynamoDb", "Lambda"} {
		for name, source := range object(object(p["DataSources"])[kind]) {
			if object(source)["ServiceRoleArn"] == nil {
				return fmt.Errorf("%s has a role for the data source %s", id, name)
			}
		}
	}
	return nil
}

func (c boundCheck) stackSet(id string, p map[string]any) error {
	var t map[string]any
	body, _ := p["TemplateBody"].(string)
	if c.unread[c.within+id] {
		return nil
	}
	if json.Unmarshal([]byte(body), &t) != nil {
		if t = object(load([]byte(body))); t == nil {
			return nil // a blind spot
		}
	}
	if list, _ := t["Transform"].([]any); len(list) > 0 && list[len(list)-1] == transform.MacroName {
		return nil // the macro runs there, after all else
	}
	inner := boundCheck{within: c.within + id + "/", unread: c.unread, options: c.options, arn: c.arn, isBoundary: func(v any) bool { return sameElsewhere(v, c.arn) }}
	if err := inner.template(t); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}
