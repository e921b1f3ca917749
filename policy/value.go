package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Value is a part of a policy document: what JSON or a template's tree of nodes
// has at a place.
type Value struct {
	Kind     Kind
	Text     string // of String and Literal; a string may contain NotInSight
	Elements []Value
	Members  []Member
	Offset   int // of the first byte, in whatever text the value is from
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value Value
}

// Kind is what a value is.
type Kind int

// Kinds of values. An Unknown value is one that a document does not show, such
// as an intrinsic function whose result depends on the deployment.
const (
	Unknown Kind = iota
	String
	Literal // a number, true or false, as spelled
	List
	Object
)

// maxDepth is deeper than any value in a policy document.
const maxDepth = 10

// parseValue reads JSON. A name given twice in an object is an error, since
// readers disagree about what it means.
func parseValue(text []byte) (Value, error) {
	if !utf8.Valid(text) {
		return Value{}, errors.New("it is not UTF-8")
	}
	r := jsonReader{json.NewDecoder(bytes.NewReader(text))}
	r.UseNumber()
	value, err := r.value(maxDepth)
	if err != nil {
		return Value{}, fmt.Errorf("invalid JSON near offset %d: %w", r.InputOffset(), noEOF(err))
	}
	if _, err := r.Token(); err != io.EOF {
		return Value{}, fmt.Errorf("invalid JSON near offset %d: text behind the document", r.InputOffset())
	}
	return value, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

type jsonReader struct{ *json.Decoder }

func (r jsonReader) value(depth int) (Value, error) {
	token, err := r.Token()
	if err != nil {
		return Value{}, err
	}
	switch token := token.(type) {
	case string:
		if strings.Contains(token, NotInSight) {
			return Value{}, errors.New("a NUL in a string")
		}
		return Value{Kind: String, Text: token}, nil
	case json.Number, bool:
		return Value{Kind: Literal, Text: fmt.Sprint(token)}, nil
	case nil:
		return Value{}, errors.New("null")
	}
	if depth == 0 {
		return Value{}, errors.New("nested too deep")
	}
	value := Value{Offset: int(r.InputOffset()) - len("{")}
	if token == json.Delim('[') {
		value.Kind = List
		value.Elements, err = r.elements(depth - 1)
	} else {
		value.Kind = Object
		value.Members, err = r.members(depth - 1)
	}
	if err == nil {
		_, err = r.Token() // the closing bracket
	}
	return value, err
}

func (r jsonReader) elements(depth int) ([]Value, error) {
	var all []Value
	for r.More() {
		element, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, element)
	}
	return all, nil
}

func (r jsonReader) members(depth int) ([]Member, error) {
	var all []Member
	seen := map[string]bool{}
	for r.More() {
		name, err := r.Token()
		if err != nil {
			return nil, err
		}
		member := Member{Name: fmt.Sprint(name)}
		if seen[member.Name] {
			return nil, fmt.Errorf("the name %q twice in an object", member.Name)
		}
		seen[member.Name] = true
		if member.Value, err = r.value(depth); err != nil {
			return nil, err
		}
		all = append(all, member)
	}
	return all, nil
}
