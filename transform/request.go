package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"permissions-boundary-macro/boundary"
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

// readRequest reads an event in one pass, its fragment included. The request
// is usable for an answer even when there is an error.
func readRequest(event []byte, o Options) (*request, error) {
	req := &request{macro: MacroName, plan: &plan{src: event}}
	w := &walk{
		scanner: scan(event, span{0, len(event)}),
		plan:    req.plan,
		options: o,
		bodies:  new(int),
	}
	if w.peek() != jsontext.KindBeginObject {
		return req, malformed(errors.New("not a JSON object"))
	}
	req.read(w)
	w.end()
	if w.err != nil {
		req.id, req.plan = findRequestID(event), &plan{src: event}
		return req, malformed(w.err)
	}
	if req.plan.fragment.absent() {
		return req, malformed(errors.New("no fragment"))
	}
	req.parametersByName = req.parameters.byName()
	w.parameters = req.parametersByName
	w.finish()
	req.plan.gather(req.macro)
	forMacro(req.plan.escapes, req.macro)
	forMacro(req.plan.blind, req.macro)
	return req, nil
}

// maxPlace is more than the ID of an account or the name of a Region has, in
// bytes.
const maxPlace = 64

func (req *request) read(w *walk) {
	for w.enter(); w.more(); {
		name, _ := w.name()
		switch string(name) {
		case "requestId":
			at := w.skip()
			req.id = w.src[at.start:at.end]
		case "accountId":
			req.accountID = clip(w.tree().text, maxPlace)
		case "region":
			req.region = clip(w.tree().text, maxPlace)
		case "transformId":
			// "<account>::<name>"
			if _, macro, ok := strings.Cut(w.tree().text, "::"); ok {
				req.macro = clip(macro, 255)
			}
		case "params":
			req.params = w.tree()
		case "templateParameterValues":
			req.parameters = w.tree()
		case "fragment":
			if !req.plan.fragment.absent() {
				w.err = errors.New("fragment is given twice")
				return
			}
			w.template()
		default:
			w.skip()
		}
	}
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
