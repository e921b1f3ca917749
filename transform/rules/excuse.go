package rules

import (
	"cmp"
	"slices"
	"strings"

	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/template"
)

// AcceptKey is the only member that the macro's entry in the Metadata of a
// resource may have. Its value is an object: the codes of blind spots of the
// resource, each with the reason for which it is accepted.
const AcceptKey = "Accept"

// excuse is what the Metadata of a resource accepts.
type excuse struct {
	template.Span               // of the resource
	id            []byte        // as in resource
	typ           string        // empty if it is not written out
	accept        template.Span // absent if there is none
	twice         bool
}

// Findings about excuses. They do not make the macro refuse a template: an excuse
// without effect leaves the blind spot as it is.
var (
	codeAcceptMalformed = define("accept-malformed", wording{reason: "has an Accept that is given twice or is not an object", remedy: "write Accept: {CODE: reason}, once"})
	codeAcceptReason    = define("accept-without-reason", wording{reason: "accepts %s without a reason, or twice", about: "accepts a code without a reason, or twice", remedy: "write the reason as text, once"})
	codeAcceptUnknown   = define("accept-unknown-code", wording{reason: "accepts %s, which is not the code of a blind spot", about: "accepts what is not the code of a blind spot", remedy: "write the code in brackets after the blind spot, or remove it from Accept; escapes and unbound roles cannot be accepted"})
	codeAcceptNothing   = define("accept-no-blind-spot", wording{reason: "accepts %s, which is not a blind spot of this resource", about: "accepts a code that is not a blind spot of this resource", remedy: "remove it from Accept; escapes and unbound roles cannot be accepted"})
)

// applyExcuses marks the blind spots that their resources accept, and reports
// excuses without effect. It never looks at escapes: a role that the macro would
// leave unbound has no excuse.
func (v *Verdict) applyExcuses() {
	for _, x := range v.excuses {
		if code, names := v.applyExcuse(x); code != "" {
			v.Excuses = append(v.Excuses, Finding{Code: code, LogicalID: v.id(x.id), Type: x.typ, Names: names, Offset: x.Start})
		}
	}
}

// applyExcuse applies what one resource accepts. It returns the first thing that is
// wrong with it, if any: a template may have very many.
func (v *Verdict) applyExcuse(x excuse) (wrong Code, names []string) {
	accept := v.Value(x.accept)
	if x.twice || !accept.IsObject() {
		return codeAcceptMalformed, nil
	}
	repeated := accept.Repeated()
	for _, m := range accept.Members {
		problem := Code("")
		switch _, known := wordings[Code(m.Name)]; {
		case !known:
			problem = codeAcceptUnknown
		case !m.Value.IsString(), strings.TrimSpace(m.Value.Text) == "", repeated[m.Name]:
			problem = codeAcceptReason
		case !v.accept(x, Code(m.Name), strings.TrimSpace(m.Value.Text)):
			problem = codeAcceptNothing
		}
		if problem != "" && wrong == "" {
			wrong, names = problem, []string{printable.Clip(m.Name, MaxID)}
		}
	}
	return wrong, names
}

// accept marks the blind spots with a code that belong to the resource of an
// excuse, and reports whether there are any. Those in the template of a StackSet
// belong to its resources, and have other IDs. The same ID may be that of another
// resource, so the place counts, too: blind spots are in source order.
func (v *Verdict) accept(x excuse, code Code, reason string) (found bool) {
	id := v.id(x.id)
	i, _ := slices.BinarySearchFunc(v.Blind, x.Start, func(f Finding, at int) int { return cmp.Compare(f.Offset, at) })
	for ; i < len(v.Blind) && v.Blind[i].Offset < x.End; i++ {
		if f := &v.Blind[i]; f.Code == code && f.LogicalID == id {
			f.Accepted, found = printable.Clip(reason, MaxID), true
		}
	}
	return found
}

// Accepted returns the blind spots with an excuse.
func (v *Verdict) Accepted() []Finding {
	return slices.DeleteFunc(slices.Clone(v.Blind), func(f Finding) bool { return f.Accepted == "" })
}

// Unaccepted returns the blind spots without an excuse.
func (v *Verdict) Unaccepted() []Finding {
	return slices.DeleteFunc(slices.Clone(v.Blind), func(f Finding) bool { return f.Accepted != "" })
}
