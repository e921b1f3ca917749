package rules

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/transform/template"
)

// asBlindSpot reports a resource as a blind spot where one of the conditions
// holds, or always without conditions. Any condition may hold for properties that
// an unknown function makes.
func asBlindSpot(code Code, when ...condition) []rule {
	return []rule{{reads: readBy(when), find: func(in *inspector, r *resource) {
		if len(when) == 0 || isUnknown(r.props.function) || slices.ContainsFunc(when, func(c condition) bool { return c.holds(in, r) }) {
			in.blindSpot(code, r.id, r.typ, r.Start)
		}
	}}}
}

// condition is a question about properties of a resource. It holds unless the
// template rules it out.
type condition struct {
	reads []property
	holds func(*inspector, *resource) bool
}

// onProperty returns a condition on a single property.
func onProperty(name string, holds func(in *inspector, r *resource, value template.Node) bool) condition {
	p := named(name)
	return condition{[]property{p}, func(in *inspector, r *resource) bool { return holds(in, r, in.value(r, p)) }}
}

func readBy(conditions []condition) (properties []property) {
	for _, c := range conditions {
		properties = append(properties, c.reads...)
	}
	return properties
}

// both holds where both conditions do.
func both(a, b condition) condition {
	return condition{readBy([]condition{a, b}), func(in *inspector, r *resource) bool { return a.holds(in, r) && b.holds(in, r) }}
}

// mayHave holds where the property may be set.
func mayHave(name string) condition {
	return onProperty(name, func(_ *inspector, _ *resource, value template.Node) bool {
		return isSet(value) && !isNoValue(value)
	})
}

// mayLack holds where the property may be absent.
func mayLack(name string) condition {
	return onProperty(name, func(_ *inspector, _ *resource, value template.Node) bool {
		return value.Kind == jsontext.KindInvalid || yieldsNothing(value) || mayRemove(value)
	})
}

// mayLackBoundary holds where the property may be absent, or may not be a
// boundary.
func mayLackBoundary(name string) condition {
	return onProperty(name, func(in *inspector, r *resource, value template.Node) bool {
		return !in.certainty(r.loops, in.parameters).isBoundary(value)
	})
}

// mayBe holds where the property may be one of the texts.
func mayBe(name string, texts ...string) condition {
	return onProperty(name, func(_ *inspector, r *resource, value template.Node) bool { return r.loops.mayYield(value, texts...) })
}

// mayNameForeignSet holds where the property may name a permission set that is
// not in the template.
func mayNameForeignSet(name string) condition {
	return onProperty(name, func(in *inspector, _ *resource, value template.Node) bool {
		return anyBranch(value, func(n template.Node) bool {
			function, argument := n.Only()
			refersTo := functions[function].refersTo
			return refersTo == nil || !in.permissionSets[refersTo(argument)]
		})
	})
}

// mayRun holds where the property, the stages of a pipeline, may have an action
// of one of these AWS providers.
func mayRun(name string, providers ...string) condition {
	return onProperty(name, func(_ *inspector, r *resource, value template.Node) bool {
		around := r.loops
		return isOpaque(value) || anyObject(value, func(n template.Node) bool {
			return around.anyVaries(n, "Owner", "Provider") ||
				around.mayYield(n.Get("Owner"), "AWS") && around.mayYield(n.Get("Provider"), providers...)
		})
	})
}

// mayDeploy holds where the property, the content of an automation, may have a
// step that creates a stack or a role. The content is an object, or text in JSON
// or YAML. Scripts in it are not read: they are code, like that of a function.
func mayDeploy(name string) condition {
	return onProperty(name, func(_ *inspector, r *resource, value template.Node) bool {
		around := r.loops
		function, _ := value.Only()
		if isOpaque(value) || (value.IsString() || strings.HasPrefix(function, functionPrefix)) && anyString(value, deployingStep.MatchString) {
			return true
		}
		return anyObject(value, func(n template.Node) bool {
			return around.anyVaries(n, "action", "Service", "Api") ||
				around.mayYield(n.Get("action"), "aws:createStack") ||
				around.mayYield(n.Get("Service"), deployingServices...) && deploys(n.Get("Api"))
		})
	})
}

// Calls of AWS's API that deploy templates or create roles, as an automation
// spells them: CreateRole, createRole, create_role.
const deployingCalls = `(create|update)_?stack(_?set|_?instances)?|(create|execute)_?change_?set|` +
	`create_?role|(provision|update_?provisioned)_?product|create_?account`

var (
	deployingServices = []string{"cloudformation", "iam", "organizations", "servicecatalog"}
	deployingCall     = regexp.MustCompile(`(?i)^(` + deployingCalls + `)$`)
	deployingStep     = regexp.MustCompile(`(?i)\baws:createStack\b|\bapi["']?\s*:\s*["']?(` + deployingCalls + `)\b`)
)

func deploys(api template.Node) bool {
	if api.IsString() && !strings.ContainsAny(api.Text, "{}") {
		return deployingCall.MatchString(api.Text)
	}
	return api.Kind != jsontext.KindInvalid
}

// anyObject reports whether is holds for an object anywhere in a value, or for
// the value itself. An unknown function may yield such an object.
func anyObject(n template.Node, is func(template.Node) bool) bool {
	return n.IsObject() && (loops{}.unknownFunction(n) != "" || is(n)) ||
		slices.ContainsFunc(n.Members, func(m template.Member) bool { return anyObject(m.Value, is) }) ||
		slices.ContainsFunc(n.Elements, func(e template.Node) bool { return anyObject(e, is) })
}

// anyString is anyObject for strings.
func anyString(n template.Node, is func(string) bool) bool {
	return n.IsString() && is(n.Text) ||
		slices.ContainsFunc(n.Members, func(m template.Member) bool { return anyString(m.Value, is) }) ||
		slices.ContainsFunc(n.Elements, func(e template.Node) bool { return anyString(e, is) })
}

// ownTypes are the prefixes of types that create no roles out of sight unless
// the table says so. A custom resource is a function, whose role is in a template
// like any other; what its code does is not read. The types of third parties
// bring their own code, which runs in the account.
var ownTypes = []string{"AWS::", "Alexa::", "Custom::"}

func isOwn(typ []byte) bool {
	return slices.ContainsFunc(ownTypes, func(own string) bool { return bytes.HasPrefix(typ, []byte(own)) })
}

// mayBeForeign reports whether a Type that is made from a loop variable may be a
// type of a third party.
func (ls loops) mayBeForeign(typ string) bool {
	literal, v, rest := ls.cut(typ)
	if v == nil || isOwn([]byte(literal)) {
		return !isOwn([]byte(literal))
	}
	values, known := v.values()
	return !known || slices.ContainsFunc(values, func(value string) bool { return !isOwn([]byte(literal + value + rest)) })
}
