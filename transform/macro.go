// Package transform is the macro without AWS: a macro request of
// CloudFormation goes in, the response comes out, and every role of the
// template in between carries the boundary of its environment.
//
// What holds for every request:
//
//   - Only the boundary changes. Every other byte of the fragment is the byte
//     that came in: numbers as spelled, order, escapes, white space.
//   - No role escapes. After a success, every role is bound in every branch.
//     Otherwise the request is refused with the logical IDs and the remedy.
//   - Transforming the result again changes nothing.
//   - The same input gives the same bytes, in time linear in its length. The
//     input is not modified.
//   - There is always an answer, well-formed, with the requestId that came in.
//   - No message repeats template parameters or parts of the fragment, except
//     logical IDs, types, the ARNs of boundaries, the name of the environment,
//     which a template parameter may be, and the names of what the macro's own
//     parameters and Metadata should not have.
//
// The package is pure: it knows no clock, log, environment variable or SDK.
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

// MaxResponse is the longest response that Lambda takes from a function, in
// bytes. Source: Lambda quotas, invocation payload.
const MaxResponse = 6 << 20

// Macro answers macro requests.
type Macro struct {
	Options Options
	Store   boundary.Reader // asked once per request, and not when nothing needs a boundary

	own bool // templates are of our own making, so that they may be longer
}

// Report says what a request was and what was done, without its content.
type Report struct {
	RequestID   string // its text, or as JSON when it is something else; clipped
	AccountID   string
	Region      string
	Environment string // empty when it was not needed
	Boundary    string // the ARN, or none; empty when it was not needed
	Changes     []rules.Change
	Escapes     []rules.Finding
	Conflicts   []rules.Finding // boundaries that the setting Reject refuses
	BlindSpots  []rules.Finding
	Err         error // why the answer is a failure
}

// Counts is how often each action was done.
func (r Report) Counts() map[rules.Action]int {
	counts := map[rules.Action]int{}
	for _, c := range r.Changes {
		counts[c.Action]++
	}
	return counts
}

// Respond answers an event: {region, accountId, fragment, transformId, params,
// requestId, templateParameterValues}. The response is {requestId, status,
// fragment}, on failure with errorMessage, and the fragment as it came.
//
// Source: CloudFormation's user guide, macro function interface.
func (m Macro) Respond(ctx context.Context, event []byte) ([]byte, Report) {
	req, contents, err := readRequest(event)
	if err != nil {
		return failure(req, err), Report{RequestID: req.idForPeople(), AccountID: req.accountID, Region: req.region, Err: err}
	}
	edits, report := m.decide(ctx, req, contents)
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
		return Refuse(event, report.Err), report
	}
	return response, report
}

// Inspect reports what stands in the way of a deployment as Respond does, and
// also the changes that would be made without it.
func (m Macro) Inspect(ctx context.Context, d Deployment) Report {
	_, _, report := m.deploy(ctx, d)
	return report
}

func (m Macro) deploy(ctx context.Context, d Deployment) (*request, []template.Edit, Report) {
	req := d.request()
	contents, _ := rules.Read(d.Template.JSON())
	edits, report := m.decide(ctx, req, contents)
	return req, edits, report
}

// decide finds the edits that answer a request.
func (m Macro) decide(ctx context.Context, req *request, t rules.Contents) ([]template.Edit, Report) {
	req.verdict = rules.Inspect(t, rules.Options{Macro: req.macro, Parameters: req.parametersByName, BoundUsers: m.Options.BoundUsers, Own: m.own})
	report := Report{
		RequestID: req.idForPeople(), AccountID: req.accountID, Region: req.region,
		Escapes: req.verdict.Escapes, BlindSpots: req.verdict.Blind,
	}
	edits, err := m.transform(ctx, req, &report)
	report.Err = err
	return edits, report
}

// notBindable is the error of a fragment that is the value of a property: what
// is beside a Fn::Transform there is nothing, or another function. A whole
// template has more, where CloudFormation is to deploy it.
func (req *request) notBindable() error {
	return &rules.Refusal{Findings: []rules.Finding{rules.PropertyValue(req.macro)}}
}

// Refuse answers an event with a failure for a reason outside of the engine.
// It looks for nothing but the requestId, and leaves the fragment away.
func Refuse(event []byte, err error) []byte {
	return failure(&request{id: findRequestID(event)}, err)
}

// transform decides about the request: the edits that bind its roles, or why
// it is refused.
func (m Macro) transform(ctx context.Context, req *request, report *Report) ([]template.Edit, error) {
	if !req.verdict.NeedsBoundary(m.Options.BlindSpots == RejectBlindSpots) {
		return nil, nil
	}
	var chosen choice
	if !m.Options.AnyEnvironment {
		var err error
		if chosen, err = m.environment(req); err != nil {
			return nil, err
		}
	}
	environment := chosen.environment
	report.Environment = environment
	value, err := m.boundary(ctx, environment)
	if err == nil {
		err = m.resolve(ctx, chosen)
	}
	if err != nil {
		return nil, err
	}
	report.Boundary = boundary.None
	if value.IsNone() {
		return nil, nil
	}
	v, err := rules.BoundaryOf(value, boundary.TargetOf(req.accountID, req.region), req.parametersByName)
	if err != nil {
		return nil, m.unusable(environment, err)
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

// refused are the findings that the template cannot pass with.
func (m Macro) refused(p *rules.Verdict, conflicts []rules.Finding) []rules.Finding {
	refused := slices.Concat(p.Escapes, conflicts)
	if m.Options.BlindSpots == RejectBlindSpots {
		refused = append(refused, p.Blind...)
	}
	return refused
}

// boundary reads the environment's boundary value.
func (m Macro) boundary(ctx context.Context, environment string) (boundary.Value, error) {
	record, err := m.Store.Get(ctx, environment)
	if err != nil {
		return boundary.Value{}, err
	}
	value, err := boundary.Parse(record.Text)
	if err != nil {
		return boundary.Value{}, boundary.Problem{
			What:   fmt.Sprintf("%s is malformed: %s", boundaryOf(environment), m.Store.Location(environment)),
			Cause:  err,
			Remedy: m.Store.Correction(environment),
		}
	}
	return value, nil
}

// unusable adds to an error where the boundary came from.
func (m Macro) unusable(environment string, err error) error {
	return boundary.Problem{
		What:   fmt.Sprintf("%s cannot be used here (%s)", boundaryOf(environment), m.Store.Location(environment)),
		Cause:  err,
		Remedy: boundary.Remedy(err),
	}
}

func boundaryOf(environment string) string {
	if environment == "" {
		return "boundary"
	}
	return fmt.Sprintf("boundary of environment %q", environment)
}

// Message is an error as CloudFormation shows it to the people who deploy: in
// one line, what is wrong, and what to do next. CloudFormation may append
// ". Rollback requested by user.", so none ends with a command.
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
	if req.fragment != nil && len(out)+len(req.fragment) < MaxResponse {
		out = append(out, `,"fragment":`...)
		out = append(out, req.fragment...)
	}
	return append(out, '}')
}

// idForPeople is the ID as a log may show it.
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
