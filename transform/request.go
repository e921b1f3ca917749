package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// request is what the engine takes from an event.
type request struct {
	id               jsontext.Value // as it came, nil when missing
	accountID        string
	region           string
	macro            string
	params           node
	parameters       node // templateParameterValues
	parametersByName map[string]node
	plan             *plan
	bound            boundValue // what its roles are bound to, once that is known
}

// readRequest validates an event and reads it in one pass, its fragment
// included. The request is usable for an answer even if there is an error.
func readRequest(event []byte, o Options) (*request, error) {
	req := &request{macro: MacroName, plan: &plan{}}
	if jsontext.Value(event).Kind() != jsontext.KindBeginObject {
		return req, malformed(errors.New("not a JSON object"))
	}
	if err := validate(event); err != nil {
		req.id = findRequestID(event)
		return req, malformed(err)
	}
	c := &collector{cursor: scan(event, span{0, len(event)}), template: template{src: event}, options: o}
	if err := req.read(c); err != nil {
		req.id = findRequestID(event)
		return req, malformed(err)
	}
	if c.fragment.absent() {
		return req, malformed(errors.New("no fragment"))
	}
	req.parametersByName = req.parameters.byName()
	in := &inspector{plan: req.plan, options: o, parameters: req.parametersByName, bodies: new(int)}
	in.run(c.template)
	req.plan.gather(req.macro)
	forMacro(req.plan.escapes, req.macro)
	forMacro(req.plan.blind, req.macro)
	return req, nil
}

// maxPlace is more than the ID of an account or the name of a Region has, in
// bytes.
const maxPlace = 64

func (req *request) read(c *collector) error {
	for c.enter(); c.more(); {
		name, _ := c.name()
		switch string(name) {
		case "requestId":
			at := c.skip()
			req.id = c.template.src[at.start:at.end]
		case "accountId":
			req.accountID = printable.Clip(c.tree().text, maxPlace)
		case "region":
			req.region = printable.Clip(c.tree().text, maxPlace)
		case "transformId":
			// "<account>::<name>"
			if _, macro, ok := strings.Cut(c.tree().text, "::"); ok {
				req.macro = printable.Clip(macro, 255)
			}
		case "params":
			req.params = c.tree()
		case "templateParameterValues":
			req.parameters = c.tree()
		case "fragment":
			if !c.fragment.absent() {
				return errors.New("fragment is given twice")
			}
			c.whole()
		default:
			c.skip()
		}
	}
	return nil
}

func malformed(err error) error {
	return boundary.Problem{
		What:   "event is malformed",
		Cause:  withoutContent(err),
		Remedy: "invoke the function through CloudFormation, or with an event of the shape of a macro request",
	}
}

// withoutContent makes sure that the place of a syntax error is told without
// the names around it.
func withoutContent(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w after byte %d", syntax.Err, syntax.ByteOffset)
	}
	return err
}

// findRequestID looks for the requestId of an event that is not valid JSON,
// such as one that is nested too deeply, for the answer must carry it.
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

// quoted is the string that text begins with, up to the end if it has none.
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

// valueAfterColon is the value that text goes on with, if a colon comes first.
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
