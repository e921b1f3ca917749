package transform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// What the laws are checked with. The checks parse with encoding/json, which
// the engine does not use.

const (
	account = "111122223333"
	region  = "eu-west-1"
	devARN  = "arn:aws:iam::111122223333:policy/platform/dev-boundary"
)

// values is a store of boundary values in memory, by key.
type values map[string]string

func (v values) Effective(_ context.Context, key boundary.Key) (boundary.Record, error) {
	text, ok := v[key.String()]
	if !ok {
		key = key.Own()
		text, ok = v[key.String()]
	}
	if !ok {
		return boundary.Record{}, boundary.Problem{
			What:   fmt.Sprintf("%s: %q", boundary.ErrUnknown, key.Environment),
			Cause:  boundary.ErrUnknown,
			Remedy: "add it",
		}
	}
	return boundary.Record{Key: key, Text: text, Version: 1}, nil
}

func (values) Location(key boundary.Key) string { return "value of " + key.String() }

func (values) Correction(key boundary.Key) string { return "correct the value of " + key.String() }

type response struct {
	RequestID    json.RawMessage `json:"requestId"`
	Status       string          `json:"status"`
	Fragment     json.RawMessage `json:"fragment"`
	ErrorMessage string          `json:"errorMessage"`
}

// eventWith is an event as CloudFormation sends it.
func eventWith(fragment []byte, params, parameters string) []byte {
	return fmt.Appendf(nil, `{"region":%q,"accountId":%q,"fragment":%s,"transformId":"%s::PermissionsBoundaryMacro","params":%s,"requestId":"9f1b-\u00e9","templateParameterValues":%s}`,
		region, account, fragment, account, params, parameters)
}

// deploymentOf is what an event says, about a template file.
func deploymentOf(t *template.Document, params, parameters string) transform.Deployment {
	return transform.Deployment{
		Template: t, AccountID: account, Region: region, Macro: rules.MacroName,
		Parameters: template.Whole([]byte(params)), TemplateParameters: template.Whole([]byte(parameters)),
	}
}

// checkLaws answers an event of a fragment, and returns what breaks a law.
func checkLaws(m transform.Macro, fragment []byte, params, parameters string) (response, transform.Report, error) {
	event := eventWith(fragment, params, parameters)
	before := bytes.Clone(event)
	out, report := m.Respond(context.Background(), event)
	if !bytes.Equal(event, before) {
		return response{}, report, fmt.Errorf("the event was modified")
	}
	if again, _ := m.Respond(context.Background(), event); !bytes.Equal(out, again) {
		return response{}, report, fmt.Errorf("two answers to one event differ")
	}
	got, err := parseResponse(out)
	if err != nil {
		return got, report, err
	}
	if string(got.RequestID) != `"9f1b-\u00e9"` {
		return got, report, fmt.Errorf("requestId came back as %s", got.RequestID)
	}
	if got.Status != "success" {
		return got, report, checkFailure(got, fragment)
	}
	if isValue(fragment) {
		return got, report, fmt.Errorf("the value of a property passes, and binds nothing")
	}
	if err := checkOnlyBoundaries(fragment, got.Fragment); err != nil {
		return got, report, fmt.Errorf("something other than a boundary changed: %w", err)
	}
	if err := checkResult(got.Fragment, report, m.Options, parameters); err != nil {
		return got, report, err
	}
	return got, report, checkIdempotent(m, got.Fragment, params, parameters)
}

// checkResult returns an error if a result leaves a role unbound or a blind spot
// unreported.
func checkResult(fragment []byte, report transform.Report, o transform.Options, parameters string) error {
	for _, c := range report.Changes {
		if !slices.Contains(bindable, c.Type) {
			return fmt.Errorf("%s (%s) is %s, and takes no boundary", c.LogicalID, c.Type, c.Action)
		}
	}
	if report.Boundary == boundary.None {
		return nil
	}
	if err := checkBound(fragment, report, o, parameters); err != nil {
		return fmt.Errorf("a role escapes: %w", err)
	}
	return checkBlind(fragment, report)
}

// isValue reports whether a fragment is what CloudFormation hands over of a
// Fn::Transform that is the value of a property: an object without members, or
// with an intrinsic function that is beside it.
func isValue(fragment []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(fragment, &members) != nil || members == nil || len(members) > 1 {
		return false
	}
	for name, argument := range members {
		return name == "Ref" && argument[0] == '"' || strings.HasPrefix(name, "Fn::") && !strings.HasPrefix(name, "Fn::ForEach::") && name != "Fn::Transform"
	}
	return true
}

// bindable are the types that take a boundary, an event of SAM's among them.
var bindable = []string{"AWS::IAM::Role", "AWS::IAM::User", "AWS::Serverless::Function", "AWS::Serverless::StateMachine", "ScheduleV2"}

func parseResponse(out []byte) (response, error) {
	var got response
	if err := json.Unmarshal(out, &got); err != nil {
		return got, fmt.Errorf("the response is not JSON: %w", err)
	}
	return got, nil
}

func checkFailure(got response, fragment []byte) error {
	if got.Status != "failure" {
		return fmt.Errorf("status is %q", got.Status)
	}
	if got.ErrorMessage == "" {
		return fmt.Errorf("a failure without a message")
	}
	if got.Fragment != nil && !bytes.Equal(got.Fragment, bytes.TrimSpace(fragment)) {
		return fmt.Errorf("a failure with another fragment")
	}
	return nil
}

func checkIdempotent(m transform.Macro, fragment []byte, params, parameters string) error {
	out, report := m.Respond(context.Background(), eventWith(fragment, params, parameters))
	got, err := parseResponse(out)
	switch {
	case err != nil:
		return err
	case got.Status != "success":
		return fmt.Errorf("the result is refused: %s", got.ErrorMessage)
	case !bytes.Equal(got.Fragment, fragment):
		return fmt.Errorf("a second transformation changes the result")
	}
	for _, c := range report.Changes {
		if c.Action != rules.Kept {
			return fmt.Errorf("a second transformation reports %s as %s", c.LogicalID, c.Action)
		}
	}
	return nil
}

// tree is a JSON value with the place of each part, as encoding/json sees it.
type tree struct {
	start, end int
	names      []string // of an object
	parts      []tree
	delim      json.Delim
}

func parseTree(src []byte) (tree, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	return readTree(src, dec)
}

func readTree(src []byte, dec *json.Decoder) (tree, error) {
	from := int(dec.InputOffset())
	token, err := dec.Token()
	if err != nil {
		return tree{}, err
	}
	t := tree{start: from + len(src[from:]) - len(bytes.TrimLeft(src[from:], " \t\r\n:,"))}
	t.delim, _ = token.(json.Delim)
	for t.delim != 0 && dec.More() {
		if t.delim == '{' {
			name, err := dec.Token()
			if err != nil {
				return t, err
			}
			t.names = append(t.names, name.(string))
		}
		part, err := readTree(src, dec)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part)
	}
	if t.delim != 0 {
		if _, err := dec.Token(); err != nil {
			return t, err
		}
	}
	t.end = int(dec.InputOffset())
	return t, nil
}

// checkOnlyBoundaries takes the boundaries out of the result again, and
// expects the bytes that came in.
func checkOnlyBoundaries(in, out []byte) error {
	return checkRestored(bytes.TrimSpace(in), out)
}

func checkRestored(in, out []byte) error {
	before, err := parseTree(in)
	if err != nil {
		return err
	}
	after, err := parseTree(out)
	if err != nil {
		return err
	}
	u := undo{in: in, out: out}
	if err := u.value(before, after, nil); err != nil {
		return err
	}
	u.restored = append(u.restored, out[u.from:]...)
	if !bytes.Equal(u.restored, in) {
		return fmt.Errorf("the rest is not byte for byte what came in")
	}
	return nil
}

// undo goes through a template and its result side by side.
type undo struct {
	in, out  []byte
	restored []byte
	from     int // of out, not yet in restored
}

// replace has bytes of the result replaced by others.
func (u *undo) replace(start, end int, by []byte) {
	u.restored = append(append(u.restored, u.out[u.from:start]...), by...)
	u.from = end
}

func (u *undo) value(before, after tree, path []string) error {
	same := bytes.Equal(u.in[before.start:before.end], u.out[after.start:after.end])
	switch {
	case same:
		return nil
	case takesBoundary(path) && path[len(path)-1] == "PermissionsBoundary":
		u.replace(after.start, after.end, u.in[before.start:before.end])
		return nil
	case len(path) > 1 && path[len(path)-1] == "Properties" && isAbsent(u.in[before.start:before.end]) && isBoundaryOnly(after):
		u.replace(after.start, after.end, u.in[before.start:before.end])
		return nil
	case len(path) > 1 && path[len(path)-1] == "TemplateBody":
		return u.body(before, after)
	case before.delim != after.delim || before.delim == 0:
		return fmt.Errorf("%s differs", strings.Join(path, "/"))
	case before.delim == '[':
		return u.array(before, after, path)
	}
	return u.object(before, after, path)
}

func (u *undo) array(before, after tree, path []string) error {
	if len(before.parts) != len(after.parts) {
		return fmt.Errorf("%s has another length", strings.Join(path, "/"))
	}
	for i := range before.parts {
		if err := u.value(before.parts[i], after.parts[i], append(slices.Clip(path), "[]")); err != nil {
			return err
		}
	}
	return nil
}

func (u *undo) object(before, after tree, path []string) error {
	i := 0
	for j, name := range after.names {
		here := append(slices.Clip(path), name)
		switch {
		case i < len(before.names) && before.names[i] == name:
			if err := u.value(before.parts[i], after.parts[j], here); err != nil {
				return err
			}
			i++
		case name == "PermissionsBoundary" && takesBoundary(here), name == "Properties" && isBoundaryOnly(after.parts[j]):
			u.removeFirst(after, j, len(before.names) > 0)
		default:
			return fmt.Errorf("%s is new", strings.Join(here, "/"))
		}
	}
	if i < len(before.names) {
		return fmt.Errorf("%s/%s is gone", strings.Join(path, "/"), before.names[i])
	}
	return nil
}

// removeFirst takes the first member of an object out, and its comma.
func (u *undo) removeFirst(after tree, j int, comma bool) {
	if j != 0 {
		return // stays, and so differs
	}
	end := after.parts[0].end
	if comma {
		end++
	}
	u.replace(after.start+1, end, nil)
}

// body compares the templates inside of two strings.
func (u *undo) body(before, after tree) error {
	var in, out string
	if err := json.Unmarshal(u.in[before.start:before.end], &in); err != nil {
		return err
	}
	if err := json.Unmarshal(u.out[after.start:after.end], &out); err != nil {
		return err
	}
	u.replace(after.start, after.end, u.in[before.start:before.end])
	if json.Valid([]byte(in)) {
		return checkRestored([]byte(in), []byte(out))
	}
	return checkOnlyBoundariesYAML([]byte(in), []byte(out))
}

// takesBoundary reports whether a PermissionsBoundary at a path is one of a
// role: in Properties, in Globals, or in a fragment that is a role's
// properties.
func takesBoundary(path []string) bool {
	if len(path) < 2 {
		return slices.Equal(path, []string{"PermissionsBoundary"})
	}
	parent := path[len(path)-2]
	return parent == "Properties" || slices.Equal(path, []string{"Globals", "Function", "PermissionsBoundary"}) || parent == "[]" ||
		slices.Contains(path, "PermissionsBoundary")
}

func isAbsent(value []byte) bool {
	var ref map[string]string
	return string(value) == "null" || json.Unmarshal(value, &ref) == nil && len(ref) == 1 && ref["Ref"] == "AWS::NoValue"
}

func isBoundaryOnly(t tree) bool {
	return t.delim == '{' && slices.Equal(t.names, []string{"PermissionsBoundary"})
}
