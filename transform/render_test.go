package transform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/generated"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// TestRendered renders random templates in JSON and YAML, with white space,
// comments, line ends and byte order marks wherever they may be, and checks what
// becomes of them.
func TestRendered(t *testing.T) {
	first, count := generated.Seeds(t, 300)
	outcomes := map[string]int{}
	for seed := first; seed < first+count; seed++ {
		r := newRenderer(seed)
		outcome, err := r.check()
		require.NoError(t, err, "SEED=%d GENERATED=1:\n%s\n%q", seed, r.text, r.text)
		outcomes[outcome]++
	}
	t.Log(outcomes)
	require.Less(t, outcomes["cannot be edited in place"], 1+int(count/20))
	require.Less(t, outcomes["misread by the other parser"], 1+int(count/5))
}

// renderer makes one template.
type renderer struct {
	*rand.Rand
	text []byte

	isJSON   bool
	resized  bool // a boundary is replaced, so that more changes than is added
	removed  bool // the macro is in Transform
	resource []rendered
}

// rendered is a resource, and what it must become.
type rendered struct {
	id           string
	before, want members
	isRole       bool
}

type members []pair

type pair struct {
	name  string
	value any // string, json.Number, bool, nil, members or []any
}

func newRenderer(seed uint64) *renderer {
	r := &renderer{Rand: rand.New(rand.NewPCG(seed, 0))}
	r.isJSON = r.IntN(2) == 0
	sections := r.template()
	switch {
	case r.isJSON:
		r.text = []byte(r.white() + r.json(sections) + r.white())
	case r.IntN(4) == 0:
		r.text = []byte(r.lines(0) + r.flow(sections, 0) + r.end())
	default:
		r.text = []byte(r.start() + r.lines(0) + r.block(sections, 0) + r.lines(0))
		if r.IntN(4) == 0 {
			r.text = bytes.TrimRight(r.text, "\n")
		}
	}
	switch r.IntN(5) {
	case 0:
		r.text = bytes.ReplaceAll(r.text, []byte("\n"), []byte("\r\n"))
	case 1:
		r.text = bytes.ReplaceAll(r.text, []byte("\n"), []byte("\r"))
	}
	if r.IntN(5) == 0 {
		r.text = append([]byte("\ufeff"), r.text...)
	}
	return r
}

func one[T any](r *renderer, of ...T) T { return of[r.IntN(len(of))] }

// The template.

func (r *renderer) template() members {
	var resources members
	for i := range 1 + r.IntN(4) {
		res := r.newResource(fmt.Sprintf("Id%dx", i))
		r.resource = append(r.resource, res)
		resources = append(resources, pair{res.id, res.before})
	}
	sections := members{{"Resources", resources}}
	if r.IntN(2) == 0 {
		sections = append(sections, pair{"Outputs", members{{"O", members{{"Value", r.scalar()}}}}})
	}
	if r.IntN(3) == 0 {
		sections = append(members{{"Description", r.scalar()}}, sections...)
	}
	switch r.IntN(5) {
	case 0:
		sections = append(sections, pair{"Transform", rules.MacroName})
		r.removed = true
	case 1:
		sections = append(members{{"Transform", []any{"AWS::Serverless-2016-10-31", rules.MacroName}}}, sections...)
		r.removed = true
	case 2:
		sections = append(sections, pair{"Transform", []any{"AWS::LanguageExtensions"}})
	}
	return sections
}

func (r *renderer) newResource(id string) rendered {
	if r.IntN(3) == 0 {
		topic := members{{"Type", "AWS::SNS::Topic"}, {"Properties", members{{"PermissionsBoundary", r.scalar()}, {"Tags", []any{members{{"Key", r.scalar()}}, r.scalar()}}}}}
		return rendered{id: id, before: topic, want: topic}
	}
	bound := pair{"PermissionsBoundary", devARN}
	role := members{{"Type", "AWS::IAM::Role"}}
	var want members
	switch r.IntN(6) {
	case 0:
		want = append(role, pair{"Properties", members{bound}})
	case 1:
		role = append(role, pair{"Properties", members{}})
		want = members{role[0], {"Properties", members{bound}}}
	case 2:
		r.resized = true
		other := members{{"Path", r.scalar()}, {"PermissionsBoundary", one[any](r, "arn:aws:iam::aws:policy/Other", "", nil, members{{"Ref", "AWS::NoValue"}})}}
		role = append(role, pair{"Properties", other})
		want = members{role[0], {"Properties", members{bound, other[0]}}}
	default:
		some := members{{"Path", r.scalar()}, {"Tags", []any{members{{"Key", r.scalar()}, {"Value", r.scalar()}}}}, {"AssumeRolePolicyDocument", members{}}}[:1+r.IntN(3)]
		role = append(role, pair{"Properties", some})
		want = members{role[0], {"Properties", append(members{bound}, some...)}}
	}
	if r.IntN(3) == 0 {
		role = append(role, pair{"DependsOn", "Other"})
		want = append(want, pair{"DependsOn", "Other"})
	}
	if r.IntN(3) == 0 {
		role[0], role[len(role)-1] = role[len(role)-1], role[0]
	}
	return rendered{id, role, want, true}
}

func (r *renderer) scalar() any {
	return one[any](r, "plain", "two words", "a: b", "a #b", "#", "é", "", "yes", "12", "2012-10-17", "it's", `"q"`, "a\nb", "a\nb\n", "{a}", "[", "- a", "*", "&a",
		"arn:aws:sns:x:y", "${AWS::Region}", json.Number("12"), json.Number("1.50"), true, false, nil, "tab\there", "end ", " begin", "a\u2028b", `back\slash`)
}

// In JSON.

func (r *renderer) white() string {
	var b strings.Builder
	for range max(0, r.IntN(7)-3) {
		b.WriteString(one(r, " ", "\n", "\t", "  ", "\n    ", "                                      "))
	}
	return b.String()
}

func (r *renderer) json(v any) string {
	var parts []string
	open, end := "{", "}"
	switch v := v.(type) {
	case members:
		for _, m := range v {
			parts = append(parts, r.quoted(m.name)+r.white()+":"+r.white()+r.json(m.value))
		}
	case []any:
		open, end = "[", "]"
		for _, e := range v {
			parts = append(parts, r.json(e))
		}
	case string:
		return r.quoted(v)
	default:
		text, _ := json.Marshal(v)
		return string(text)
	}
	if len(parts) == 0 {
		return open + r.white() + end
	}
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(r.white() + part + r.white())
	}
	return open + b.String() + end
}

// quoted is a JSON string, now and then with an escape where none is needed.
func (r *renderer) quoted(text string) string {
	quoted, _ := json.Marshal(text)
	if at := bytes.IndexByte(quoted, 'e'); at > 0 && r.IntN(8) == 0 && r.isJSON {
		return string(quoted[:at]) + `\u0065` + string(quoted[at+1:])
	}
	return string(quoted)
}

// In YAML.

func (r *renderer) start() string {
	return one(r, "", "", "", "---\n", "--- # c\n", "# c\n---\n", "%YAML 1.1\n---\n", "\n\n")
}

func (r *renderer) end() string { return one(r, "", "\n", "\n# end", " # end\n", "\n...\n", "\n\n\n") }

// lines are empty ones and comments between others.
func (r *renderer) lines(indent int) string {
	var b strings.Builder
	for range max(0, r.IntN(6)-4) {
		b.WriteString(one(r, "\n", "   \n", "# c\n", strings.Repeat(" ", indent)+"# c: {d\n"))
	}
	return b.String()
}

func (r *renderer) behind() string {
	return one(r, "", "", "", "", " ", " # c", "\t# c", "  #: }")
}

func (r *renderer) key(name string) string {
	return one(r, name, name, name, "'"+name+"'", `"`+name+`"`)
}

// block renders what comes behind a name and a colon, with its last line end.
func (r *renderer) blockValue(v any, indent int) string {
	deeper := indent + 1 + r.IntN(4)
	switch v := v.(type) {
	case members:
		if len(v) > 0 && r.IntN(4) > 0 {
			return r.behind() + "\n" + r.lines(deeper) + r.block(v, deeper)
		}
	case []any:
		if len(v) > 0 && r.IntN(3) > 0 {
			at := one(r, indent, deeper)
			var b strings.Builder
			for _, e := range v {
				b.WriteString(r.lines(at) + strings.Repeat(" ", at) + "- ")
				if m, is := e.(members); is && len(m) > 0 && r.IntN(2) == 0 {
					b.WriteString(strings.TrimLeft(r.block(m, at+2), " "))
				} else {
					b.WriteString(r.flow(e, at+1) + r.behind() + "\n")
				}
			}
			return r.behind() + "\n" + b.String()
		}
	case string:
		if strings.HasPrefix(v, "AWS::") && r.IntN(2) == 0 {
			return " " + v + r.behind() + "\n" // in braces, the other parser misreads it
		}
		if strings.Contains(v, "\n") && !strings.Contains(v, "\u2028") && r.IntN(2) == 0 {
			header := " |-"
			if strings.HasSuffix(v, "\n") {
				header = " |"
			}
			in := strings.Repeat(" ", indent+2)
			return header + one(r, "", " # c") + "\n" + in + strings.ReplaceAll(strings.TrimSuffix(v, "\n"), "\n", "\n"+in) + "\n"
		}
	}
	return one(r, " ", " ", "  ", "\t") + r.flow(v, indent+1) + r.behind() + "\n"
}

func (r *renderer) block(v members, indent int) string {
	var b strings.Builder
	for i, m := range v {
		if i > 0 {
			b.WriteString(r.lines(indent))
		}
		b.WriteString(strings.Repeat(" ", indent) + r.key(m.name) + one(r, "", "", " ") + ":" + r.blockValue(m.value, indent))
	}
	return b.String()
}

// space separates tokens in braces: with line breaks, the next line is indented.
func (r *renderer) space(indent int) string {
	in := "\n" + strings.Repeat(" ", indent)
	return one(r, "", "", " ", " ", "  ", "\t", in, in+" ", " # c"+in, "\n"+in)
}

func (r *renderer) flow(v any, indent int) string {
	var parts []string
	open, end := "{", "}"
	switch v := v.(type) {
	case members:
		for _, m := range v {
			parts = append(parts, r.key(m.name)+":"+one(r, " ", " ", r.space(indent)+" ")+r.flow(m.value, indent))
		}
	case []any:
		open, end = "[", "]"
		for _, e := range v {
			parts = append(parts, r.flow(e, indent))
		}
	case string:
		return r.inline(v)
	default:
		text, _ := json.Marshal(v)
		return string(text)
	}
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(r.space(indent) + part + r.space(indent))
	}
	if len(parts) == 0 {
		b.WriteString(r.space(indent))
	} else if r.IntN(8) == 0 {
		b.WriteString("," + r.space(indent))
	}
	return open + b.String() + end
}

func (r *renderer) inline(text string) string {
	if isPlainWord(text) && r.IntN(2) == 0 {
		return text
	}
	if !strings.ContainsAny(text, "\n\t\u2028") && r.IntN(2) == 0 {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return r.quoted(text)
}

func isPlainWord(text string) bool {
	return text == "plain" || text == "two words" || text == "é" || text == "Other" || text == rules.MacroName
}

// The checks.

func (r *renderer) check() (string, error) {
	t, err := template.Parse(r.text)
	if err != nil {
		return "", err
	}
	if r.isJSON != (t.Syntax() == template.JSON) && r.isJSON {
		return "", errors.New("JSON is taken for YAML")
	}
	if err := r.sameMeaning(r.text, false, true); err != nil {
		if r.isJSON {
			return "", err
		}
		return "misread by the other parser", nil
	}
	d := deploymentOf(t, `{"Environment":"dev"}`, `{}`)
	m := transform.Macro{Store: values{"dev": devARN, "none": "none"}}
	out, report := m.Rewrite(context.Background(), d)
	if report.Err != nil {
		if strings.Contains(report.Err.Error(), "cannot be edited in place") && !r.isJSON {
			return "cannot be edited in place", nil
		}
		return "", report.Err
	}
	if err := r.checkResult(m, t, out); err != nil {
		return "", fmt.Errorf("%w in %q", err, out)
	}
	if err := r.checkLines(t, report); err != nil {
		return "", err
	}
	if adopted, err := t.Adopt(rules.MacroName); err == nil && adopted != nil {
		if err := checkAdopted(r.text, adopted); err != nil {
			return "", err
		}
	}
	return "bound", nil
}

func (r *renderer) checkResult(m transform.Macro, t *template.Document, out []byte) error {
	if err := r.sameMeaning(out, true, false); err != nil {
		return err
	}
	bare := r.text
	if r.removed {
		var report transform.Report
		bare, report = m.Rewrite(context.Background(), deploymentOf(t, `{"Environment":"none"}`, `{}`))
		if report.Err != nil {
			return report.Err
		}
		prefix := common(r.text, bare)
		if !bytes.HasSuffix(r.text, bare[prefix:]) {
			return errors.New("more than the macro is gone")
		}
	}
	if !r.resized {
		if !insertedOnly(bare, out) {
			return errors.New("more than boundaries is new")
		}
	}
	again, err := template.Parse(out)
	if err != nil {
		return err
	}
	for _, to := range []template.Syntax{template.JSON, template.YAML} {
		converted, err := again.Convert(to)
		if err != nil {
			return err
		}
		if err := r.sameMeaning(converted, true, false); err != nil {
			return fmt.Errorf("converted to %q: %w", converted, err)
		}
	}
	return nil
}

// common is how many bytes two texts begin with alike.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// insertedOnly reports whether a result is the source and pieces with the
// boundary.
func insertedOnly(src, out []byte) bool {
	n := common(src, out)
	src, out = src[n:], out[n:]
	if len(src) == 0 && len(out) == 0 {
		return true
	}
	found := bytes.Index(out, []byte(devARN))
	if found < 0 {
		return false
	}
	// The piece may begin as what comes behind it does, and so end later.
	for length := found + len(devARN); length <= min(len(out), found+len(devARN)+200); length++ {
		if isPiece(out[:length]) && insertedOnly(src, out[length:]) {
			return true
		}
	}
	return false
}

// isPiece reports whether a text has nothing but a boundary, and what may be
// around it.
func isPiece(piece []byte) bool {
	bare := strings.Map(func(c rune) rune {
		if strings.ContainsRune(" \t\r\n\"'{},:", c) {
			return -1
		}
		return c
	}, strings.Replace(string(piece), devARN, "", 1))
	for _, names := range []string{"PermissionsBoundary", "PropertiesPermissionsBoundary"} {
		if len(bare) == len(names) && strings.Contains(names+names, bare) {
			return true
		}
	}
	return false
}

// sameMeaning compares a text, as another parser reads it, with the template.
func (r *renderer) sameMeaning(text []byte, bound, listed bool) error {
	var got any
	if json.Valid(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
		dec.UseNumber()
		if err := dec.Decode(&got); err != nil {
			return err
		}
	} else if got = load(text); got == nil {
		// The other parser has its faults. What the engine's own makes of the text
		// is compared with the template all the same.
		t, err := template.Parse(text)
		if err != nil {
			return err
		}
		dec := json.NewDecoder(bytes.NewReader(t.Fragment()))
		dec.UseNumber()
		if err := dec.Decode(&got); err != nil {
			return err
		}
		object(got)["Transform"] = t.Transforms()
	}
	whole := object(got)
	resources := object(whole["Resources"])
	if len(resources) != len(r.resource) {
		return fmt.Errorf("%d resources", len(resources))
	}
	for _, res := range r.resource {
		want := res.before
		if bound {
			want = res.want
		}
		if !reflect.DeepEqual(resources[res.id], meaning(want)) {
			return fmt.Errorf("%s is %v", res.id, resources[res.id])
		}
	}
	if names := fmt.Sprint(whole["Transform"]); r.removed && strings.Contains(names, rules.MacroName) != listed {
		return fmt.Errorf("Transform is %s", names)
	}
	return nil
}

// meaning is a value as another parser returns it.
func meaning(v any) any {
	switch v := v.(type) {
	case members:
		m := map[string]any{}
		for _, p := range v {
			m[p.name] = meaning(p.value)
		}
		return m
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, meaning(e))
		}
		return list
	}
	return v
}

// checkLines checks that each role is reported on its line: in YAML that of its
// logical ID, in JSON that of its opening brace.
func (r *renderer) checkLines(t *template.Document, report transform.Report) error {
	for _, c := range report.Changes {
		rest, at := r.text, 0
		for _, id := range []string{c.LogicalID, strings.Replace(c.LogicalID, "e", `\u0065`, 1)} {
			if found := bytes.Index(rest, []byte(id)); found >= 0 {
				at = found
				break
			}
		}
		if t.Syntax() == template.JSON {
			at += bytes.IndexByte(r.text[at:], '{')
		}
		before := bytes.ReplaceAll(r.text[:at], []byte("\r\n"), []byte("\n"))
		want := 1 + bytes.Count(before, []byte("\n")) + bytes.Count(before, []byte("\r"))
		if got := t.Line(c.Offset); got != want {
			return fmt.Errorf("%s is reported on line %d, not %d", c.LogicalID, got, want)
		}
	}
	return nil
}
