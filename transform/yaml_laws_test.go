package transform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// The laws of templates in YAML, checked with a YAML parser that the engine
// does not use.

// checkYAML rewrites a template in YAML and returns what breaks a law.
func checkYAML(m transform.Macro, src []byte, params string) ([]byte, transform.Report, error) {
	t, err := template.Parse(src)
	if err != nil {
		return nil, transform.Report{Err: err}, nil
	}
	parameters := defaults(t.Fragment())
	d := deploymentOf(t, params, parameters)
	before := bytes.Clone(src)
	out, report := m.Rewrite(context.Background(), d)
	if !bytes.Equal(src, before) {
		return nil, report, fmt.Errorf("the source was modified")
	}
	if report.Err != nil {
		return nil, report, nil
	}
	again, err := template.Parse(out)
	if err != nil {
		return out, report, fmt.Errorf("the result cannot be read: %w", err)
	}
	if again, _ := m.Rewrite(context.Background(), d); !bytes.Equal(out, again) {
		return out, report, fmt.Errorf("two results of one template differ")
	}
	if !slices.Contains(t.Transforms(), rules.MacroName) {
		if err := checkOnlyBoundaryText(src, out, m.Edits(context.Background(), d)); err != nil {
			return out, report, err
		}
	}
	response, _ := m.Respond(context.Background(), eventWith(t.Fragment(), params, parameters))
	want, err := parseResponse(response)
	if err != nil {
		return out, report, err
	}
	if checkMeans(src, t.Fragment()) == nil && load(out) != nil {
		if err := checkMeans(out, want.Fragment); err != nil {
			return out, report, err
		}
	}
	if err := checkResult(again.Fragment(), report, m.Options, parameters); err != nil {
		return out, report, err
	}
	twice, _ := m.Rewrite(context.Background(), deploymentOf(again, params, parameters))
	if !bytes.Equal(out, twice) {
		return out, report, fmt.Errorf("a second transformation changes the result")
	}
	return out, report, nil
}

// checkMeans compares what a YAML template means to the other parser with a
// fragment in JSON, regardless of the order of members. The other parser has
// its faults: of a template that it misreads as it came, it cannot judge what
// becomes of it.
func checkMeans(text, fragment []byte) error {
	got := load(text)
	if got == nil {
		return fmt.Errorf("the other parser cannot read it")
	}
	if m, ok := got.(map[string]any); ok {
		delete(m, "Transform")
	}
	var want any
	dec := json.NewDecoder(bytes.NewReader(fragment))
	dec.UseNumber()
	if err := dec.Decode(&want); err != nil {
		return err
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("the result does not mean what the JSON engine makes of the template: %s", firstDifference("", got, want))
	}
	return nil
}

func firstDifference(path string, a, b any) string {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if isX && isY {
		for name, value := range x {
			if !reflect.DeepEqual(value, y[name]) {
				return firstDifference(path+"/"+name, value, y[name])
			}
		}
		return fmt.Sprintf("%s has %d members, not %d", path, len(x), len(y))
	}
	p, isP := a.([]any)
	q, isQ := b.([]any)
	if isP && isQ && len(p) == len(q) {
		for i := range p {
			if !reflect.DeepEqual(p[i], q[i]) {
				return firstDifference(fmt.Sprint(path, "/", i), p[i], q[i])
			}
		}
	}
	return fmt.Sprintf("%s is %#v, not %#v", path, a, b)
}

// load reads YAML with the other parser, nil when it cannot.
func load(text []byte) (got any) {
	defer func() {
		if recover() != nil { // the other parser's own
			got = nil
		}
	}()
	if bytes.ContainsFunc(text, isForbidden) {
		return nil
	}
	file, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil
	}
	l := loader{anchors: map[string]any{}}
	if got = l.value(body(file)); l.err != nil {
		return nil
	}
	return got
}

// isForbidden reports whether YAML takes no such character. The other parser
// takes all.
func isForbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || 0x7f <= r && r <= 0x9f && r != 0x85
}

// checkOnlyBoundariesYAML compares what two templates mean without their
// boundaries.
func checkOnlyBoundariesYAML(in, out []byte) error {
	before, after := load(in), load(out)
	if before == nil || after == nil {
		return nil
	}
	if a, b := unbound(before), unbound(after); !reflect.DeepEqual(a, b) {
		return fmt.Errorf("more than boundaries differ: %s", firstDifference("", b, a))
	}
	return nil
}

// unbound is a template without the boundaries in it, and without Properties
// that have nothing else.
func unbound(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = unbound(v[i])
		}
		return list
	case map[string]any:
		m := map[string]any{}
		for name, value := range v {
			if name != "PermissionsBoundary" {
				m[name] = unbound(value)
			}
		}
		if p, isMap := m["Properties"].(map[string]any); m["Properties"] == nil || isMap && (len(p) == 0 || p["Ref"] == "AWS::NoValue") {
			delete(m, "Properties")
		}
		return m
	}
	return v
}

// body is the document behind directives.
func body(file *ast.File) ast.Node {
	for _, d := range file.Docs {
		if _, isDirective := d.Body.(*ast.DirectiveNode); !isDirective && d.Body != nil {
			return d.Body
		}
	}
	return nil
}

// loader reads what another parser found, as CloudFormation takes it.
type loader struct {
	anchors map[string]any
	err     error
}

func (l *loader) value(n ast.Node) any {
	switch n := n.(type) {
	case *ast.AnchorNode:
		v := l.value(n.Value)
		l.anchors[n.Name.String()] = v
		return v
	case *ast.AliasNode:
		v, ok := l.anchors[n.Value.String()]
		if !ok {
			l.err = fmt.Errorf("alias %s", n.Value)
		}
		return v
	case *ast.TagNode:
		return l.tagged(n)
	case *ast.MappingNode:
		return l.mapping(n.Values)
	case *ast.MappingValueNode:
		return l.mapping([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := []any{}
		for _, v := range n.Values {
			list = append(list, l.value(v))
		}
		return list
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.StringNode:
		if n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType {
			return n.Value
		}
		return plain(n.Value)
	case nil:
		return nil
	}
	return plain(n.GetToken().Value)
}

func (l *loader) mapping(values []*ast.MappingValueNode) any {
	m, merged := map[string]any{}, map[string]any{}
	for _, v := range values {
		if _, isMerge := v.Key.(*ast.MergeKeyNode); isMerge {
			l.merge(merged, l.value(v.Value))
			continue
		}
		key := v.Key.GetToken().Value
		m[key] = l.value(v.Value)
	}
	for name, v := range merged {
		if _, own := m[name]; !own {
			m[name] = v
		}
	}
	return m
}

func (l *loader) merge(into map[string]any, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if _, known := into[name]; !known {
				into[name] = value
			}
		}
	case []any:
		for _, one := range v {
			l.merge(into, one)
		}
	}
}

func (l *loader) tagged(n *ast.TagNode) any {
	name, isShort := strings.CutPrefix(n.Start.Value, "!")
	if !isShort || strings.HasPrefix(name, "!") {
		return l.value(n.Value)
	}
	argument := l.value(n.Value)
	if scalar, ok := n.Value.(ast.ScalarNode); ok {
		argument = scalar.GetToken().Value
		if literal, ok := n.Value.(*ast.LiteralNode); ok {
			argument = literal.Value.Value
		}
		if text, ok := n.Value.(*ast.StringNode); ok {
			argument = text.Value
		}
	}
	if text, ok := argument.(string); ok && name == "GetAtt" {
		resource, attribute, _ := strings.Cut(text, ".")
		argument = []any{resource, attribute}
	}
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	return map[string]any{name: argument}
}

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// plain is what a plain scalar means.
func plain(text string) any {
	switch strings.TrimSpace(text) {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false
	}
	if number.MatchString(text) {
		return json.Number(text)
	}
	return text
}

// written is all that an edit may write, besides the boundary itself, quotes
// and what separates members.
var written = strings.NewReplacer("PermissionsBoundary:", "", "Properties:", "", "!Sub", "", "Fn::Sub:", "",
	" ", "", "\r", "", "\n", "", ",", "", "{", "", "}", "", `\n`, "", `\"`, "", `"`, "")

var boundaryARN = regexp.MustCompile(`arn:(aws|\$\{AWS::Partition\}):iam::([0-9]{12}|\$\{AWS::AccountId\}):policy/[A-Za-z0-9/_+=.@-]+`)

// checkOnlyBoundaryText checks that nothing but boundaries is written, that
// taking them out gives the source, and that what they replace is small: a
// boundary, or Properties that are none.
func checkOnlyBoundaryText(src, out []byte, edits []transform.TextEdit) error {
	text := bytes.TrimPrefix(src, []byte("\ufeff"))
	result := bytes.TrimPrefix(out, []byte("\ufeff"))
	var restored []byte
	from, shift := 0, 0
	for _, e := range edits {
		piece := strings.TrimPrefix(e.Text, ": ")
		if rest := strings.ReplaceAll(written.Replace(boundaryARN.ReplaceAllString(strings.NewReplacer(`\n`, "", `\`, "", `"`, "").Replace(piece), "")), "-", ""); rest != "" {
			return fmt.Errorf("%q is written, which is more than a boundary: %q", e.Text, rest)
		}
		start := e.Start + shift
		if start > len(result) || !bytes.HasPrefix(result[start:], []byte(e.Text)) {
			return fmt.Errorf("%q is not where it should be", e.Text)
		}
		restored = append(append(restored, result[from:start]...), text[e.Start:e.End]...)
		from = start + len(e.Text)
		shift += len(e.Text) - (e.End - e.Start)
	}
	if restored = append(restored, result[from:]...); !bytes.Equal(restored, text) {
		return fmt.Errorf("without the boundaries the result is not the source")
	}
	return nil
}
