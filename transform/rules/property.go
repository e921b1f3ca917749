package rules

import (
	"slices"

	"permissions-boundary-macro/transform/template"
)

// property is the name of a property that rules read, as an index: the properties
// of a resource are read once, before its rules run.
type property int

var (
	propertyNames   []string // by property
	propertyLengths uint64   // has a bit set for the length of each name
)

// Properties that are read outside the table of types.
var (
	permissionsBoundary  = named("PermissionsBoundary")
	dataSources          = named("DataSources")
	deploymentPreference = named("DeploymentPreference")
	events               = named("Events")
	logging              = named("Logging")
	role                 = named("Role")
	roleArn              = named("RoleArn")
	stackSetModel        = named("PermissionModel")
	templateBody         = named("TemplateBody")
)

// named returns the property of a name, for package variables: a name must be
// known before the first resource is read.
func named(name string) property {
	if known := slices.Index(propertyNames, name); known >= 0 {
		return property(known)
	}
	propertyNames = append(propertyNames, name)
	propertyLengths |= 1 << len(name)
	return property(len(propertyNames) - 1)
}

func (p property) String() string { return propertyNames[p] }

// propertyNamed looks up a property. The length alone rules out most names,
// which is faster than a map.
func propertyNamed(name []byte) (property, bool) {
	if propertyLengths>>len(name)&1 == 0 {
		return 0, false
	}
	for p, known := range propertyNames {
		if string(name) == known {
			return property(p), true
		}
	}
	return 0, false
}

// propertySpan is where the value of a property is.
type propertySpan struct {
	property
	template.Span
}

// set records the value of a property. The last one counts.
func (p *properties) set(of property, at template.Span) {
	for i := range p.read {
		if p.read[i].property == of {
			p.read[i].Span, p.twice = at, true
			return
		}
	}
	p.read = append(p.read, propertySpan{of, at})
}

// at is where the value of a property is, absent if it is not set.
func (p *properties) at(of property) template.Span {
	for _, one := range p.read {
		if one.property == of {
			return one.Span
		}
	}
	return template.Span{}
}

// value returns a property of a resource as a tree.
func (in *inspector) value(r *resource, p property) template.Node {
	return template.NodeAt(in.Src, r.props.at(p))
}

// mayBeReplaced reports whether a loop may replace a property of a resource.
func (in *inspector) mayBeReplaced(r *resource, p property) bool {
	return mayMake(in.Src, &r.props, r.loops, []property{p})
}

// mayMake reports whether a loop, in the properties or around them, may make one
// of the properties wanted.
func mayMake(src []byte, p *properties, around loops, wanted []property) bool {
	if len(wanted) == 0 || len(p.varying)+len(p.loops) == 0 { // as almost always
		return false
	}
	names := namesOf(wanted)
	return slices.ContainsFunc(p.varying, func(name string) bool {
		return slices.ContainsFunc(names, func(want string) bool { return around.couldBe(name, want) })
	}) || slices.ContainsFunc(p.loops, func(at template.Span) bool { return around.couldMake(template.NodeAt(src, at), names...) })
}

func namesOf(properties []property) []string {
	names := make([]string, len(properties))
	for i, p := range properties {
		names[i] = p.String()
	}
	return names
}
