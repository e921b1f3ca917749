// Package transform is the macro's protocol: it answers the requests of
// CloudFormation, without AWS.
//
// [Macro.Respond] takes a macro request and returns the response, with the boundary
// of the stack's environment set on every role of the template. [Macro.Inspect] and
// [Macro.Rewrite] do the same for a [Deployment], a template that was parsed from a
// file. Package rules decides what to do with a template, and package template
// edits it.
//
// For every request:
//
//   - Only the boundary changes. Every other byte of the fragment stays: the
//     spelling of numbers, order, escapes and white space.
//   - No role escapes. After a success, every role is bound in every branch.
//     Otherwise the request is refused with the logical IDs and the remedy.
//   - Transforming the result again changes nothing.
//   - The same input gives the same output, in time linear in its length. The
//     input is not modified.
//   - The answer is always well-formed, and has the requestId of the request.
//   - No message repeats template parameters or parts of the fragment, except
//     logical IDs, types, the ARNs of boundaries, the name of the environment,
//     which may be a template parameter, and the names of unknown members in the
//     macro's parameters and Metadata.
//
// The package is pure: it uses no clock, log, environment variable or SDK.
package transform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// MaxResponse is the longest response that Lambda accepts from a function, in
// bytes. Source: Lambda quotas, invocation payload.
const MaxResponse = 6 << 20

// Macro answers macro requests.
type Macro struct {
	Options Options
	Store   boundary.Reader // read at most once per environment, and not if nothing needs a boundary

	own bool // templates are results of Rewrite, which may exceed the limits on input
}

// Report describes a request and its answer, without content of the template.
type Report struct {
	RequestID   string // clipped; as JSON if it is not a string
	AccountID   string
	Region      string
	Environment string       // empty if it was not needed
	Value       boundary.Key // whose value was used: the environment's own or its override for the account; zero if none was
	Boundary    string       // the ARN or boundary.None; empty if it was not needed
	Changes     []rules.Change
	Escapes     []rules.Finding
	Conflicts   []rules.Finding // sites that cannot be bound: see rules.Verdict.Bind
	BlindSpots  []rules.Finding
	Accepted    []rules.Finding // the blind spots that the setting AcceptBlindSpots lets pass
	Excuses     []rules.Finding // entries of Accept in the template without effect
	Err         error           // why the answer is a failure, or nil
}

// Counts returns the number of changes with each action.
func (r Report) Counts() map[rules.Action]int {
	counts := map[rules.Action]int{}
	for _, c := range r.Changes {
		counts[c.Action]++
	}
	return counts
}

// Respond answers an event: {region, accountId, fragment, transformId, params,
// requestId, templateParameterValues}. The response is {requestId, status,
// fragment}. A failure also has an errorMessage, and its fragment is unchanged.
//
// Source: CloudFormation's user guide, macro function interface.
func (m Macro) Respond(ctx context.Context, event []byte) ([]byte, Report) {
	req, contents, err := readRequest(event)
	if err != nil {
		return failure(req, err), Report{RequestID: req.idForPeople(), AccountID: req.accountID, Region: req.region, Err: err}
	}
	req.verdict = contents.Inspect(m.rules(req))
	edits, report := m.decide(ctx, req)
	if report.Err == nil && req.verdict.IsValue {
		report.Err = req.notBindable()
	}
	if report.Err != nil {
		report.Changes = nil
		return failure(req, report.Err), report
	}
	response := success(req, edits)
	if len(response) > MaxResponse {
		report.Err = boundary.Problem{
			What:   fmt.Sprintf("the template with its boundaries has %d bytes, Lambda returns %d at most", len(response), MaxResponse),
			Remedy: "split the stack",
		}
		report.Changes, req.fragment = nil, nil // the answer has no room for it
		return failure(req, report.Err), report
	}
	return response, report
}

// rules are the settings as the rules take them.
func (m Macro) rules(req *request) rules.Options {
	o := m.Options.Rules(req.macro, req.parameters.ByName())
	o.Own = m.own
	return o
}

// deploy answers a deployment.
func (m Macro) deploy(ctx context.Context, d Deployment) (*request, []template.Edit, Report) {
	req := m.request(d)
	edits, report := m.decide(ctx, req)
	return req, edits, report
}

// decide finds the edits that answer a request.
func (m Macro) decide(ctx context.Context, req *request) ([]template.Edit, Report) {
	report := Report{
		RequestID: req.idForPeople(), AccountID: req.accountID, Region: req.region,
		Escapes: req.verdict.Escapes, BlindSpots: req.verdict.Blind, Excuses: req.verdict.Excuses,
	}
	if m.Options.AcceptBlindSpots {
		report.Accepted = req.verdict.Accepted()
	}
	edits, err := m.transform(ctx, req, &report)
	report.Err = err
	return edits, report
}

// notBindable returns the error for a fragment that is the value of a property:
// one that is empty, or has only an intrinsic function. No template that
// CloudFormation can deploy looks like that.
func (req *request) notBindable() error {
	return &rules.Refusal{Findings: []rules.Finding{rules.PropertyValue(req.macro)}}
}

// Refuse answers an event with a failure, for an error outside this package. It
// reads only the requestId, and omits the fragment.
func Refuse(event []byte, err error) []byte {
	return failure(&request{id: findRequestID(event)}, err)
}

// transform returns the edits that bind the roles of an inspected template, or the
// error that refuses the request.
func (m Macro) transform(ctx context.Context, req *request, report *Report) ([]template.Edit, error) {
	if !m.needsBoundary(req) {
		return nil, nil
	}
	var chosen choice
	if !m.Options.AnyEnvironment {
		var err error
		if chosen, err = m.environment(req); err != nil {
			return nil, err
		}
	}
	report.Environment = chosen.environment
	key, value, err := m.boundary(ctx, boundary.KeyIn(chosen.environment, req.accountID))
	if err == nil {
		err = m.resolve(ctx, req, chosen)
	}
	if err != nil {
		return nil, err
	}
	report.Value, report.Boundary = key, boundary.None
	if value.IsNone() {
		return nil, nil
	}
	v, err := rules.BoundaryOf(value, boundary.TargetOf(req.accountID, req.region), req.parameters.ByName())
	if err != nil {
		return nil, m.unusable(key, err)
	}
	if m.Options.Portable {
		v = v.Portable()
	}
	report.Boundary, req.bound = v.Text, v
	edits, changes, conflicts := req.verdict.Bind(v, m.Options.Existing)
	report.Changes, report.Conflicts = changes, conflicts
	if refused := m.refused(req.verdict, conflicts); len(refused) > 0 {
		return nil, &rules.Refusal{Findings: refused}
	}
	return edits, nil
}

func (m Macro) needsBoundary(req *request) bool {
	return req.verdict.NeedsBoundary(len(m.refusedBlindSpots(req.verdict)) > 0)
}

// refused are the findings that the template cannot pass with.
func (m Macro) refused(v *rules.Verdict, conflicts []rules.Finding) []rules.Finding {
	return slices.Concat(v.Escapes, conflicts, m.refusedBlindSpots(v))
}

// refusedBlindSpots are the blind spots that the template cannot pass with.
func (m Macro) refusedBlindSpots(v *rules.Verdict) []rules.Finding {
	switch {
	case m.Options.BlindSpots != RejectBlindSpots:
		return nil
	case m.Options.AcceptBlindSpots:
		return v.Unaccepted()
	}
	return v.Blind
}

// boundary reads the boundary value that takes effect in an account, and returns
// the key that it is stored under.
func (m Macro) boundary(ctx context.Context, in boundary.Key) (boundary.Key, boundary.Value, error) {
	record, err := m.Store.Effective(ctx, in)
	if err != nil {
		return boundary.Key{}, boundary.Value{}, err
	}
	value, err := boundary.Parse(record.Text)
	if err != nil {
		return boundary.Key{}, boundary.Value{}, boundary.Problem{
			What:   fmt.Sprintf("%s is malformed: %s", boundaryOf(record.Key), m.Store.Location(record.Key)),
			Cause:  err,
			Remedy: m.Store.Correction(record.Key),
		}
	}
	return record.Key, value, nil
}

// unusable adds to an error where the boundary value is stored.
func (m Macro) unusable(key boundary.Key, err error) error {
	return boundary.Problem{
		What:   fmt.Sprintf("%s cannot be used here (%s)", boundaryOf(key), m.Store.Location(key)),
		Cause:  err,
		Remedy: boundary.Remedy(err),
	}
}

func boundaryOf(key boundary.Key) string {
	switch {
	case key.Environment == "":
		return "boundary"
	case key.IsOverride():
		return key.Describe()
	}
	return "boundary of " + key.Describe()
}

// Message returns an error on one line, for CloudFormation to show to deployers:
// what is wrong, and what to do. CloudFormation may append ". Rollback requested by
// user.", so no message ends with a command.
func Message(err error) string {
	var refusal *rules.Refusal
	if errors.As(err, &refusal) {
		return printable.Line(refusal.Message())
	}
	if remedy := boundary.Remedy(err); remedy != "" {
		return printable.Line(err.Error() + "; " + remedy)
	}
	return printable.Line(err.Error())
}

func success(req *request, edits []template.Edit) []byte {
	head := append(req.appendID(nil), `,"status":"success","fragment":`...)
	pieces := make([][]byte, 0, 2*len(edits)+3)
	pieces = append(pieces, head)
	pieces = template.AppendEdited(pieces, req.fragment, template.Span{End: len(req.fragment)}, edits)
	return bytes.Join(append(pieces, []byte{'}'}), nil)
}

func failure(req *request, err error) []byte {
	out := req.appendID(nil)
	out = append(out, `,"status":"failure","errorMessage":`...)
	out = append(out, template.Quote(Message(err))...)
	const key = `,"fragment":`
	if req.fragment != nil && len(out)+len(key)+len(req.fragment)+len("}") <= MaxResponse {
		out = append(out, key...)
		out = append(out, req.fragment...)
	}
	return append(out, '}')
}

// idForPeople returns the ID for a log.
func (req *request) idForPeople() string { return printable.Clip(req.idText(), rules.MaxID) }

func (req *request) idText() string {
	if req.id.Kind() == jsontext.KindString {
		return string(template.Unquote(req.id))
	}
	return string(req.id)
}

func (req *request) appendID(out []byte) []byte {
	out = append(out, `{"requestId":`...)
	if req.id == nil {
		return append(out, "null"...)
	}
	return append(out, req.id...)
}
