package guard

import (
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// Rule returns a file of AWS CloudFormation Guard that a template passes if each
// role and user in it has a boundary that counts, written out or, as pbm transform
// --portable writes it, in an Fn::Sub. Templates are read as they are deployed:
// after the macro. Roles in loops of AWS::LanguageExtensions are found as well, in
// up to two loops in each other. A reference to a policy of the same template does
// not pass. Texts are asked for first: of an empty list Guard finds all elements in any
// other.
//
// The file also is the rule of [Scope.Hook]: resources that CloudFormation shows to
// a hook have no functions left. Source: CloudFormation Hooks User Guide, "Write
// Guard rules to evaluate resources for Guard Hooks".
func (s Scope) Rule() (string, error) { return s.fill(ruleText) }

// configRule returns the rule of [Scope.ConfigRule]. Service-linked roles, which
// take no boundary, and exempt principals are not evaluated. Source: AWS Config
// Developer Guide, "Creating AWS Config Custom Policy Rules". Configuration items of
// IAM have the fields of GetAccountAuthorizationDetails, beginning in lower case.
func (s Scope) configRule() (string, error) { return s.fill(configRuleText) }

func (s Scope) fill(text *template.Template) (string, error) {
	boundaries, err := s.boundaries()
	if err != nil {
		return "", err
	}
	return written(text, struct {
		Boundaries, Portable, Exempt string
		Templates                    []string // variables of ruleText that have resources of templates
	}{
		Boundaries: listed(boundaries, expression),
		Portable:   listed(s.portable(), quote),
		Exempt:     listed(append(s.exempt(), serviceLinkedRoles), expression),
		Templates:  []string{"resources", "looped", "looped_twice"},
	})
}

const serviceLinkedRoles = "arn:*:iam::*:role/aws-service-role/*"

// portable are the boundaries that count as an Fn::Sub has them, sorted.
func (s Scope) portable() []string {
	var all []string
	for _, v := range s.Values {
		if s.counts(v) {
			all = append(all, v.Portable())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listed writes the elements of a list below each other.
func listed(texts []string, form func(string) string) string {
	elements := make([]string, len(texts))
	for i, text := range texts {
		elements[i] = "\n    " + form(text)
	}
	return "[" + strings.Join(elements, ",") + "\n]"
}

func quote(text string) string { return "'" + text + "'" } // an ARN has no quotes

// expression is the regular expression of Guard for an ARN with wildcards, which
// match no colon.
func expression(arn string) string {
	return "/^" + wildcards.Replace(regexp.QuoteMeta(arn)) + "$/"
}

var wildcards = strings.NewReplacer(`\*`, `[^:]*`, `\?`, `[^:]`, "/", `\/`)

var ruleText = template.Must(template.New("rule").Parse(`# Written by pbm guard guard-rule.
#
# Each role and user must have one of these permissions boundaries.
let boundaries = {{.Boundaries}}
let portable_boundaries = {{.Portable}}

let types = ['AWS::IAM::Role', 'AWS::IAM::User']
let resources = Resources.*[ Type in %types ]
let looped = Resources[ keys == /^Fn::ForEach::/ ][2].*[ Type in %types ]
let looped_twice = Resources[ keys == /^Fn::ForEach::/ ][2][ keys == /^Fn::ForEach::/ ][2].*[ Type in %types ]
{{range $name := .Templates}}
rule boundary_of_{{$name}} when %{{$name}} !empty {
    %{{$name}} {
        Properties.PermissionsBoundary is_string or
        Properties.PermissionsBoundary.'Fn::Sub' is_string
            <<` + missing + `>>
        Properties.PermissionsBoundary in %boundaries or
        Properties.PermissionsBoundary.'Fn::Sub' in %portable_boundaries
            <<` + missing + `>>
    }
}
{{end}}
# What CloudFormation shows to a hook.
let provisioned = Resources.*[ ResourceType in %types ]

rule boundary_of_provisioned when %provisioned !empty {
    %provisioned {
        ResourceProperties.PermissionsBoundary is_string
            <<` + missing + `>>
        ResourceProperties.PermissionsBoundary in %boundaries
            <<` + missing + `>>
    }
}
`))

const missing = "has no accepted permissions boundary: list PermissionsBoundaryMacro in the template's Transform"

var configRuleText = template.Must(template.New("config").Parse(`# Each role and user must have one of these permissions boundaries.
let boundaries = {{.Boundaries}}
let exempt = {{.Exempt}}

rule principals_have_their_boundary when
    resourceType in ['AWS::IAM::Role', 'AWS::IAM::User']
    configuration.arn exists
    configuration.arn not in %exempt
{
    configuration.permissionsBoundary.permissionsBoundaryArn is_string
        <<has no accepted permissions boundary>>
    configuration.permissionsBoundary.permissionsBoundaryArn in %boundaries
        <<has no accepted permissions boundary>>
}
`))
