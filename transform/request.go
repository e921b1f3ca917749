package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// request is what an event or a deployment says.
type request struct {
	id         jsontext.Value // as it came, nil when missing
	accountID  string
	region     string
	macro      string
	params     template.Node
	parameters template.Node // templateParameterValues
	fragment   []byte        // nil when there is none
	verdict    *rules.Verdict
	bound      rules.Boundary // what its roles are bound to, once that is known
}

// Deployment is a template, with what else CloudFormation passes to a macro.
type Deployment struct {
	Template  *template.Document
	AccountID string
	Region    string
	Macro     string // the name under which the template calls the macro

	Parameters         template.Node // of the macro: an object, zero for none
	TemplateParameters template.Node // their values: an object, zero for none
	Awaited            []string      // template parameters that have no value before the deployment

	// Verdict is what the rules say about the template with these values, nil
	// when nobody has asked them.
	Verdict *rules.Verdict
}

// request is what the engine takes from a deployment.
func (m Macro) request(d Deployment) *request {
	req := &request{accountID: d.AccountID, region: d.Region, macro: printable.Clip(d.Macro, rules.MaxID), verdict: d.Verdict}
	req.params, req.parameters = d.Parameters, d.TemplateParameters
	if req.verdict == nil {
		req.verdict = rules.Inspect(d.Template, m.rules(req))
	}
	return req
}

// readRequest validates an event, and reads it and its template in one pass. The
// request can be answered even if there is an error.
func readRequest(event []byte) (*request, rules.Contents, error) {
	req := &request{macro: rules.MacroName}
	if jsontext.Value(event).Kind() != jsontext.KindBeginObject {
		return req, rules.Contents{}, malformed(errors.New("not a JSON object"))
	}
	if err := template.Validate(event); err != nil {
		return &request{id: findRequestID(event)}, rules.Contents{}, malformed(err)
	}
	t, err := req.read(event)
	if err != nil {
		return &request{id: req.id}, rules.Contents{}, malformed(err)
	}
	return req, t, nil
}

// maxPlace is a length that no account ID or Region exceeds, in bytes.
const maxPlace = 64

func (req *request) read(event []byte) (t rules.Contents, err error) {
	c := template.NewCursor(event, template.Span{})
	for c.Enter(); c.More(); {
		name, _ := c.Name()
		switch string(name) {
		case "requestId":
			at := c.Skip()
			req.id = event[at.Start:at.End]
		case "accountId":
			req.accountID = printable.Clip(c.Tree().Text, maxPlace)
		case "region":
			req.region = printable.Clip(c.Tree().Text, maxPlace)
		case "transformId":
			// "<account>::<name>"
			if _, macro, ok := strings.Cut(c.Tree().Text, "::"); ok {
				req.macro = printable.Clip(macro, rules.MaxID)
			}
		case "params":
			req.params = c.Tree()
		case "templateParameterValues":
			req.parameters = c.Tree()
		case "fragment":
			if req.fragment != nil {
				err = errors.New("fragment is given twice")
			}
			start := c.Next()
			var length int
			t, length = rules.Read(event[start:], template.Span{})
			req.fragment = event[start : start+length]
			c.Seek(start + length)
		default:
			c.Skip()
		}
	}
	if err == nil && req.fragment == nil {
		err = errors.New("no fragment")
	}
	return t, err
}

func malformed(err error) error {
	return boundary.Problem{
		What:   "event is malformed",
		Cause:  withoutContent(err),
		Remedy: "invoke the function through CloudFormation, or with an event of the shape of a macro request",
	}
}

// withoutContent returns a syntax error with its offset only, without the names
// around it.
func withoutContent(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w after byte %d", syntax.Err, syntax.ByteOffset)
	}
	return err
}

// findRequestID returns the requestId of an event that may be invalid JSON, such as
// one that is nested too deeply. The answer must have it.
func findRequestID(event []byte) jsontext.Value {
	depth := 0
	for i := 0; i < len(event); i++ {
		switch event[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			text := quoted(event[i:])
			i += len(text) - 1
			if depth == 1 && string(text) == `"requestId"` {
				if value := valueAfterColon(event[i+1:]); value != nil {
					return value
				}
			}
		}
	}
	return nil
}

// quoted returns the string at the start of text, or all of text if the string does
// not end.
func quoted(text []byte) []byte {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i+1]
		}
	}
	return text
}

// valueAfterColon returns the value after the colon at the start of text, or nil.
func valueAfterColon(text []byte) jsontext.Value {
	rest, isName := bytes.CutPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte(":"))
	if !isName {
		return nil
	}
	value, err := jsontext.NewDecoder(bytes.NewReader(rest)).ReadValue()
	if err != nil {
		return nil
	}
	return value.Clone()
}
