package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/policy/catalogue"
)

// small is a catalogue in which random policies and requests often meet.
var small = &catalogue.Catalogue{Version: "1", Date: "2026-01-01", Actions: []catalogue.Action{
	{Name: "cloudformation:CreateChangeSet", Resources: []string{"arn:${Partition}:cloudformation:${Region}:${Account}:stack/${StackName}/${Id}"}},
	{Name: "iam:CreateRole", Resources: []string{"arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"}},
	{Name: "iam:ListRoles", WithoutResource: true},
	{Name: "iam:PassRole", Resources: []string{"arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"}},
	{Name: "s3:GetAcl", Resources: []string{"arn:${Partition}:s3:::${BucketName}", "arn:${Partition}:s3:::${BucketName}/${ObjectName}"}, WithoutResource: true},
	{Name: "s3:GetObject", Resources: []string{"arn:${Partition}:s3:::${BucketName}/${ObjectName}"}},
	{Name: "s3:GetTags", Resources: []string{"arn:${Partition}:s3:::${BucketName}", "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"}},
	{Name: "s3:ListAllMyBuckets", WithoutResource: true},
	{Name: "s3:ListBucket", Resources: []string{"arn:${Partition}:s3:::${BucketName}"}},
	{Name: "sns:Publish", Resources: []string{"arn:${Partition}:sns:${Region}:${Account}:${TopicName}"}},
	{Name: "sqs:Send", Resources: []string{"arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"}},
}}

// unlistedFormats are resources that requests are about, but that the catalogue lacks.
var unlistedFormats = map[string][]string{
	"cloudformation:CreateChangeSet": {"arn:${Partition}:cloudformation:${Region}:${Account}:transform/${TransformName}"},
	"sns:Publish":                    {"+${PhoneNumber}"},
}

// unlisted are actions that the catalogue lacks.
var unlisted = []string{"s3:GetNew", "sqs:Purge", "x:Y"}

// formats are the resources of each action, in lower case, as expressions. Only
// the placeholders named here have no delimiters.
var formats = func() map[string][]*regexp.Regexp {
	all := map[string][]*regexp.Regexp{}
	placeholder := regexp.MustCompile(`\\\$\\\{(\w+)\\\}`)
	for _, action := range small.Actions {
		for _, format := range slices.Concat(action.Resources, unlistedFormats[action.Name]) {
			expression := placeholder.ReplaceAllStringFunc(regexp.QuoteMeta(format), func(text string) string {
				if slices.Contains([]string{`\$\{Partition\}`, `\$\{Region\}`, `\$\{Account\}`, `\$\{BucketName\}`}, text) {
					return `[^:/]*`
				}
				return `.*`
			})
			name := strings.ToLower(action.Name)
			all[name] = append(all[name], regexp.MustCompile(`^`+expression+`$`))
		}
	}
	return all
}()

// patterns are those resources as patterns.
var patterns = func() map[string][]string {
	all := map[string][]string{}
	placeholder := regexp.MustCompile(`\$\{\w+\}`)
	for _, action := range small.Actions {
		for _, format := range slices.Concat(action.Resources, unlistedFormats[action.Name]) {
			name := strings.ToLower(action.Name)
			all[name] = append(all[name], placeholder.ReplaceAllString(format, "*"))
		}
	}
	return all
}()

// inNoResource is what an ARN is like that is of no resource.
var inNoResource = regexp.MustCompile(`^arn:[^:/]*:[^:/]*:[^:/]*:[^:/]*:\*$`)

// isAskedWith reports whether AWS asks for an action with a resource, if the
// catalogue is right.
func isAskedWith(action, resource string) bool {
	if resource == "*" || inNoResource.MatchString(resource) {
		return slices.ContainsFunc(small.Actions, func(a catalogue.Action) bool { return strings.EqualFold(a.Name, action) && a.WithoutResource })
	}
	if slices.ContainsFunc(unlisted, func(name string) bool { return strings.EqualFold(name, action) }) {
		return true
	}
	return slices.ContainsFunc(formats[strings.ToLower(action)], func(format *regexp.Regexp) bool { return format.MatchString(resource) })
}

// A randomCase is a role, a boundary, and what they have in common: few texts.
type randomCase struct {
	*rand.Rand
	resources  []string
	conditions []condition
	account    string // in which a template is deployed
	facts      policy.Facts
}

// region is where a template is deployed.
const region = "r"

// statement is a statement to be written.
type statement struct {
	Effect                                  string
	Actions, Resources                      []string
	Except, ExceptResources                 bool
	Conditions                              []condition
	hidden                                  bool // in sight only as a whole
	hideEffect, hideCondition, hideResource bool
	hideAction                              bool
}

type condition struct {
	operator, key string
	values        []string
}

type document struct {
	version    string
	statements []statement
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// once in n times.
func (c *randomCase) once(n int) bool { return c.IntN(n) == 0 }

func newCase(seed uint64) *randomCase {
	c := &randomCase{Rand: rand.New(rand.NewPCG(seed, 0))}
	c.account = pick(c.Rand, "1", "2")
	if c.once(2) {
		c.facts.Partition = "aws"
	}
	if c.once(2) {
		c.facts.Account = c.account
	}
	if c.once(2) {
		c.facts.Region = region
	}
	if c.once(2) {
		c.facts.Keys = map[string]string{"C:Known": pick(c.Rand, "a", "b", "true")}
	}
	for range 5 {
		c.resources = append(c.resources, c.resource())
	}
	for range 2 {
		c.conditions = append(c.conditions, c.condition())
	}
	return c
}

var arns = []string{
	"arn:aws:s3:::*", "arn:aws:s3:::a", "arn:aws:s3:::a/k", "arn:aws:s3:::a/k", "arn:aws:s3:::ab/k/l", "arn:aws:s3:::b/K", "arn:aws:s3:::a/x:y", "arn:aws:s3:::a:b/k",
	"arn:aws:s3:::a/x:iam::1:role/a", "arn:aws-cn:s3:::a/k", "arn:aws:iam::1:role/a", "arn:aws:iam::2:role/p/a", "arn:aws:sqs:r:1:q", "arn:aws:sqs:s:2:q:a",
	"arn:aws:sns:r:1:t", "arn:aws:cloudformation:r:2:stack/a/k", "arn:aws:cloudformation:r:aws:transform/a",
}

// resource is a text of Resource.
func (c *randomCase) resource() string {
	text := pick(c.Rand, arns...)
	if c.once(6) {
		return "*"
	}
	for range c.IntN(4) {
		at := len("arn:") + c.IntN(len(text)-len("arn:")+1)
		end := min(len(text), at+c.IntN(4))
		if isIn := strings.Contains(text, "${"); isIn && !c.once(4) {
			continue
		} else if isIn {
			return text
		}
		text = text[:at] + pick(c.Rand, "*", "*", "*", "?", "a", "K", ":", "${aws:username}", "${aws:Tag/t}", "${aws:Tag/t, 'a'}", "${aws:PrincipalAccount}", "${c:known}", "${*}", "${AWS::AccountId}") + text[end:]
	}
	switch {
	case c.once(8):
		return strings.Replace(text, "arn:aws:", "arn:*:", 1)
	case c.once(15) && !strings.Contains(text, "${"):
		parts := strings.Split(text, ":")
		return strings.Join(parts[:min(len(parts), 3+c.IntN(3))], ":")
	}
	return text
}

var operatorsOf = map[string][]string{
	"c:text":   {"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Null"},
	"c:known":  {"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "Bool", "Null"},
	"c:texts":  {"ForAllValues:StringEquals", "ForAnyValue:StringLike", "ForAllValues:StringNotLike", "ForAnyValue:StringNotEquals"},
	"c:arn":    {"ArnLike", "ArnNotLike", "ArnEquals", "ArnNotEquals", "StringLike", "Null"},
	"c:bool":   {"Bool", "Null"},
	"c:number": {"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"},
	"c:ip":     {"IpAddress", "NotIpAddress"},
}

var valuesOf = map[string][]string{
	"c:text":   {"a", "b", "A", "ab", "a*", "?", "1", "${aws:username}"},
	"c:known":  {"a", "b", "a*", "${aws:username}", "true"},
	"c:texts":  {"a", "b", "ab", "a*"},
	"c:arn":    {"arn:aws:iam::1:role/a", "arn:aws:iam::1:role/*", "arn:*:iam::*:role/p/a", "arn:aws:iam::*:role/a"},
	"c:bool":   {"true", "false"},
	"c:number": {"1", "2", "3"},
	"c:ip":     {"192.0.2.0/24", "192.0.0.0/16", "203.0.113.0/24"},
}

func (c *randomCase) condition() condition {
	key := pick(c.Rand, "c:text", "c:text", "c:known", "c:known", "c:texts", "c:arn", "c:bool", "c:number", "c:ip")
	return c.withValues(condition{key: key, operator: pick(c.Rand, operatorsOf[key]...)})
}

func (c *randomCase) withValues(of condition) condition {
	if of.operator == "Null" || of.operator == "Bool" {
		of.values = []string{pick(c.Rand, "true", "false")}
		return of
	}
	of.values = nil
	for range 1 + c.IntN(2) {
		of.values = append(of.values, pick(c.Rand, valuesOf[of.key]...))
	}
	if !strings.HasSuffix(of.operator, "IfExists") && c.once(6) {
		of.operator += "IfExists"
	}
	return of
}

// related is one of the conditions of the case, or one like it.
func (c *randomCase) related() condition {
	of := pick(c.Rand, c.conditions...)
	switch c.IntN(4) {
	case 0:
		return c.withValues(of)
	case 1:
		return c.withValues(condition{key: of.key, operator: pick(c.Rand, operatorsOf[of.key]...)})
	}
	return of
}

func (c *randomCase) document(effects ...string) document {
	d := document{version: pick(c.Rand, "2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", "")}
	for range 1 + c.IntN(3) {
		d.statements = append(d.statements, c.statement(effects))
	}
	return d
}

func (c *randomCase) statement(effects []string) statement {
	s := statement{Effect: pick(c.Rand, effects...), Except: c.once(6), ExceptResources: c.once(6)}
	for range 1 + c.IntN(3) {
		s.Actions = append(s.Actions, pick(c.Rand, "*", "s3:*", "s3:Get*", "S3:getobject", "s3:?etObject", "s3:List*", "iam:*", "iam:passrole", "sqs:Send", "sqs:*", "s3:GetN*", "x:Y", "s3:GetAcl", "sns:*", "cloudformation:*"))
		s.Resources = append(s.Resources, pick(c.Rand, c.resources...))
	}
	for range c.IntN(5) / 3 {
		of := c.related()
		if !slices.ContainsFunc(s.Conditions, func(other condition) bool { return other.operator == of.operator && other.key == of.key }) {
			s.Conditions = append(s.Conditions, of)
		}
	}
	return s
}

// hide takes parts of a document out of sight, as a template's functions do.
func (c *randomCase) hide(d document) document {
	d.statements = slices.Clone(d.statements)
	for i := range d.statements {
		s := &d.statements[i]
		s.hidden, s.hideEffect, s.hideCondition, s.hideAction, s.hideResource = c.once(10), c.once(10), c.once(10), c.once(10), c.once(10)
		s.Resources, s.Actions = slices.Clone(s.Resources), slices.Clone(s.Actions)
		for j, text := range s.Resources {
			if c.once(3) && !strings.Contains(text, "${") && len(text) > len("arn:aws:") {
				at := len("arn:aws:") + c.IntN(len(text)-len("arn:aws:")+1)
				s.Resources[j] = text[:at] + policy.NotInSight + text[min(len(text), at+c.IntN(4)):]
			}
			s.Resources[j] = c.asFunction(s.Resources[j])
		}
		for j, text := range s.Actions {
			if name := strings.Index(text, ":") + 1; c.once(6) && name > 0 {
				s.Actions[j] = text[:name+c.IntN(len(text)-name)] + policy.NotInSight
			}
		}
		s.Conditions = slices.Clone(s.Conditions)
		for j, of := range s.Conditions {
			if of.operator != "Null" && c.once(4) {
				of.values = slices.Clone(of.values)
				of.values[c.IntN(len(of.values))] = policy.NotInSight
				s.Conditions[j] = of
			}
			for k, value := range of.values {
				if value == c.account && of.key == "c:text" && c.once(2) {
					of.values = slices.Clone(of.values)
					of.values[k] = policy.Pseudo("AWS::AccountId")
					s.Conditions[j] = of
				}
			}
		}
	}
	return d
}

// asFunction is a text of a template that may become the given one.
func (c *randomCase) asFunction(text string) string {
	if c.once(2) {
		text = strings.ReplaceAll(text, ":"+c.account+":", ":"+policy.Pseudo("AWS::AccountId")+":")
	}
	if c.once(2) {
		text = strings.ReplaceAll(text, ":"+region+":", ":"+policy.Pseudo("AWS::Region")+":")
	}
	if c.once(4) && strings.HasPrefix(text, "arn:aws:") {
		text = "arn:" + policy.Pseudo("AWS::Partition") + text[len("arn:aws"):]
	}
	return text
}

// deployed is a text of a template as CloudFormation resolves it.
func (c *randomCase) deployed(text string) string {
	return strings.NewReplacer(policy.Pseudo("AWS::AccountId"), c.account, policy.Pseudo("AWS::Region"), region, policy.Pseudo("AWS::Partition"), "aws").Replace(text)
}

// json is the document as IAM has it.
func (d document) json() []byte {
	value := map[string]any{}
	if d.version != "" {
		value["Version"] = d.version
	}
	var statements []any
	for _, s := range d.statements {
		statements = append(statements, s.members())
	}
	value["Statement"] = statements
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

func (s statement) members() map[string]any {
	members := map[string]any{"Effect": s.Effect, s.actionName(): s.Actions, s.resourceName(): s.Resources}
	conditions := map[string]map[string][]string{}
	for _, of := range s.Conditions {
		if conditions[of.operator] == nil {
			conditions[of.operator] = map[string][]string{}
		}
		conditions[of.operator][of.key] = of.values
	}
	if len(conditions) > 0 {
		members["Condition"] = conditions
	}
	return members
}

func (s statement) actionName() string {
	if s.Except {
		return "NotAction"
	}
	return "Action"
}

func (s statement) resourceName() string {
	if s.ExceptResources {
		return "NotResource"
	}
	return "Resource"
}

// value is the document as a template shows it.
func (d document) value() policy.Value {
	var statements []policy.Value
	for _, s := range d.statements {
		statements = append(statements, s.value())
	}
	members := []policy.Member{{Name: "Statement", Value: policy.Value{Kind: policy.List, Elements: statements}}}
	if d.version != "" {
		members = append(members, policy.Member{Name: "Version", Value: policy.Value{Kind: policy.String, Text: d.version}})
	}
	return policy.Value{Kind: policy.Object, Members: members}
}

func (s statement) value() policy.Value {
	if s.hidden {
		return policy.Value{}
	}
	texts := func(list []string, hide bool) policy.Value {
		value := policy.Value{Kind: policy.List}
		for _, text := range list {
			value.Elements = append(value.Elements, policy.Value{Kind: policy.String, Text: text})
		}
		if hide {
			value.Elements[0] = policy.Value{}
		}
		return value
	}
	members := []policy.Member{
		{Name: "Effect", Value: policy.Value{Kind: policy.String, Text: s.Effect}},
		{Name: s.actionName(), Value: texts(s.Actions, s.hideAction)},
		{Name: s.resourceName(), Value: texts(s.Resources, s.hideResource)},
	}
	if s.hideEffect {
		members[0].Value = policy.Value{}
	}
	if s.hideCondition {
		members = append(members, policy.Member{Name: "Condition"})
	} else if len(s.Conditions) > 0 {
		condition := policy.Value{Kind: policy.Object}
		for operator, keys := range s.members()["Condition"].(map[string]map[string][]string) {
			of := policy.Value{Kind: policy.Object}
			for key, values := range keys {
				of.Members = append(of.Members, policy.Member{Name: key, Value: texts(values, false)})
			}
			condition.Members = append(condition.Members, policy.Member{Name: operator, Value: of})
		}
		members = append(members, policy.Member{Name: "Condition", Value: condition})
	}
	return policy.Value{Kind: policy.Object, Members: members}
}
