package deploy

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"permissions-boundary-macro/policy"
	"permissions-boundary-macro/transform/template"
)

// Types of resources that grant something to roles.
const (
	iamRoleType       = "AWS::IAM::Role"
	inlinePolicyType  = "AWS::IAM::Policy"
	rolePolicyType    = "AWS::IAM::RolePolicy"
	managedPolicyType = "AWS::IAM::ManagedPolicy"
	functionType      = "AWS::Serverless::Function"
	stateMachineType  = "AWS::Serverless::StateMachine"
)

// grantee is a role with its policies.
type grantee struct {
	name     string        // logical ID in a template, or name in an account
	template *templateFile // nil for a role of an account
	line     int
	policies []grantedPolicy

	// Of a role of an account.
	account, arn string
	now          string // its boundary, if it is explained against that
}

// grantedPolicy is a policy of a role.
type grantedPolicy struct {
	name     string
	document *policy.Document // nil if it is not in sight
	problem  string           // why it is not, if it should be

	// Of a managed policy that the template does not create.
	arn         string // may have parts that are not in sight
	conditional bool   // only some deployments attach it
}

// granteeReader reads the roles of a template.
type granteeReader struct {
	*templateFile
	roles   map[string]*grantee   // by logical ID
	named   map[string][]*grantee // by RoleName, as far as it is known: under conditions there may be several
	managed map[string]template.Resource
	known   references
}

// grantees are the roles of a template, with the policies that it gives them. A
// policy of roles that are not in the template is a grantee by itself.
func (t *templateFile) grantees() []*grantee {
	r := granteeReader{
		templateFile: t, roles: map[string]*grantee{}, named: map[string][]*grantee{},
		managed: t.Resources(managedPolicyType),
		known:   t.references(),
	}
	ofSAM := samReader{r, t.Section("Globals")}
	ofSAM.read()
	resources := t.Resources(iamRoleType)
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		r.readRole(id, resources[id])
	}
	ofSAM.connectors()
	attached := t.Resources(inlinePolicyType, rolePolicyType, managedPolicyType)
	for _, id := range slices.Sorted(maps.Keys(attached)) {
		r.attach(id, attached[id])
	}
	all := slices.Collect(maps.Values(r.roles))
	slices.SortFunc(all, func(a, b *grantee) int { return cmp.Or(cmp.Compare(a.line, b.line), strings.Compare(a.name, b.name)) })
	return all
}

// addedProperties is not in sight of a resource that a function adds to.
const addedProperties = "what a function adds to its properties"

// readRole reads a role, and the policies that it itself names.
func (r granteeReader) readRole(id string, resource template.Resource) {
	role, properties := r.grantee(id, resource.Offset), resource.Properties
	if name := r.reader(id).text(properties.Get("RoleName")); name != policy.NotInSight {
		r.named[name] = append(r.named[name], role)
	}
	if isFunction(properties) || r.foreign[id] {
		role.notInSight(addedProperties)
	}
	eachAlternative(properties.Get("Policies"), false, func(list template.Node, conditional bool) {
		eachElement(list, conditional, func(inline template.Node, conditional bool) {
			name := "inline policy"
			if text := inline.Get("PolicyName"); text.IsString() {
				name += " " + text.Text
			}
			role.add(r.reader(id), name, inline.Get("PolicyDocument"), conditional)
		})
	})
	eachAlternative(properties.Get("ManagedPolicyArns"), false, func(list template.Node, conditional bool) {
		eachElement(list, conditional, func(arn template.Node, conditional bool) {
			r.addManaged(role, id, arn, conditional)
		})
	})
}

// grantee adds a grantee of the template.
func (r granteeReader) grantee(name string, offset int) *grantee {
	g := r.newGrantee(name, offset)
	r.roles[name] = g
	return g
}

func (r granteeReader) newGrantee(name string, offset int) *grantee {
	return &grantee{name: name, template: r.templateFile, line: r.Line(offset)}
}

// addManaged adds a managed policy to a role, by what yields its ARN in the resource of
// a logical ID.
func (r granteeReader) addManaged(role *grantee, id string, arn template.Node, conditional bool) {
	if own := referredTo(arn); r.managed[own].Type != "" {
		r.add(role, own, r.managed[own], conditional || r.managed[own].Conditional)
		return
	}
	text := r.reader(id).text(arn)
	role.policies = append(role.policies, grantedPolicy{name: "managed policy " + shownText(text), arn: text, conditional: conditional})
}

// referredTo is the logical ID of the resource that a Ref or Fn::GetAtt is about.
func referredTo(n template.Node) (id string) {
	switch name, argument := n.Only(); {
	case name == "Ref":
		id = argument.Text
	case name == "Fn::GetAtt" && argument.IsString():
		id, _, _ = strings.Cut(argument.Text, ".")
	case name == "Fn::GetAtt" && len(argument.Elements) > 0:
		id = argument.Elements[0].Text
	}
	return id
}

// attach reads a policy that says which roles it is of.
func (r granteeReader) attach(id string, resource template.Resource) {
	roles := resource.Properties.Get("Roles")
	if resource.Type == rolePolicyType {
		roles = resource.Properties.Get("RoleName")
	}
	if roles.Absent() && (isFunction(resource.Properties) || r.foreign[id]) {
		r.grantee(id, resource.Offset).notInSight(addedProperties)
	}
	eachAlternative(roles, resource.Conditional, func(list template.Node, conditional bool) {
		eachElement(list, conditional, func(reference template.Node, conditional bool) {
			of := r.rolesBy(id, reference)
			for _, role := range of {
				r.add(role, id, resource, conditional || len(of) > 1)
			}
			// A policy of several roles that are not in the template is one grantee.
			if len(of) == 0 && r.roles[id] == nil {
				r.add(r.grantee(id, resource.Offset), id, resource, conditional)
			}
		})
	})
}

// rolesBy are the roles of the template that a policy names.
func (r granteeReader) rolesBy(id string, reference template.Node) []*grantee {
	if name, argument := reference.Only(); name == "Ref" && r.roles[argument.Text] != nil {
		return []*grantee{r.roles[argument.Text]}
	}
	return r.named[r.reader(id).text(reference)]
}

// add adds the policy that a resource is.
func (r granteeReader) add(role *grantee, id string, resource template.Resource, conditional bool) {
	role.add(r.reader(id), "policy "+id, resource.Properties.Get("PolicyDocument"), conditional)
}

func (r granteeReader) reader(id string) documentReader {
	of := readerIn(id)
	of.known = r.known
	return of
}

// add adds a policy with each document that it may have.
func (g *grantee) add(r documentReader, name string, document template.Node, conditional bool) {
	if document.Absent() {
		g.policies = append(g.policies, grantedPolicy{name: name})
	}
	eachAlternative(document, conditional, func(n template.Node, conditional bool) {
		p := grantedPolicy{name: name}
		var err error
		if !isFunction(n) {
			p.document, err = r.ofRole(n, conditional)
		}
		if err != nil {
			p.problem = err.Error()
		}
		g.policies = append(g.policies, p)
	})
}

// readerIn reads the documents of a resource. The logical ID of one in a loop has the
// loop's variable.
func readerIn(id string) documentReader {
	return documentReader{inLoop: strings.Contains(id, "${") || strings.Contains(id, "&{")}
}

// managedPolicies are the managed policies of a path and name that a template creates.
func (t *templateFile) managedPolicies(pathAndName string) []managedPolicy {
	var all []managedPolicy
	policies := t.Resources(managedPolicyType)
	for _, id := range slices.Sorted(maps.Keys(policies)) {
		p := policies[id].Properties
		name, path := p.Get("ManagedPolicyName"), p.Get("Path")
		isNamed := name.IsString() && (path.IsString() || path.Absent()) && !readerIn(id).inLoop
		if isNamed && strings.TrimPrefix(path.Text, "/")+name.Text == pathAndName {
			all = append(all, managedPolicy{policies[id], id})
		}
	}
	return all
}

// managedPolicy is a managed policy that a template creates.
type managedPolicy struct {
	template.Resource
	id string
}

// boundaryDocument is the document of a managed policy as a boundary.
func (t *templateFile) boundaryDocument(p managedPolicy) (*policy.Document, error) {
	if isFunction(p.Properties) || t.foreign[p.id] {
		return policy.DocumentNotInSight(), nil
	}
	return documentReader{known: t.references()}.boundary(p.Properties.Get("PolicyDocument"))
}
