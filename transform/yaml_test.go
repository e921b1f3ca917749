package transform_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/internal/cases"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
	"permissions-boundary-macro/transform/template"
)

// TestYAMLCases runs testdata/yaml/*.txtar. The first line of a case says why
// it exists. Its files:
//
//	options        existing, blind, and of the text: crlf, bom, end (without a last newline)
//	template.yaml  the template
//	want.yaml      what becomes of it, or
//	want.error     why it is refused
//	report         what the report says, a line for each change and blind spot, with its line
//	adopt.yaml     what becomes of it when it adopts the macro, or
//	adopt.error    why it cannot
func TestYAMLCases(t *testing.T) {
	cases.Run(t, "testdata/yaml", func(t *testing.T, from cases.Case) {
		c := loadYAMLCase(t, from)
		c.run(t)
	})
}

type yamlCase struct {
	cases.Case
	macro   transform.Macro
	src     []byte
	dress   func([]byte) []byte // as the options say
	undress func([]byte) []byte
}

// wantedYAML are the files of a case that say what comes of it.
var wantedYAML = []string{"want.yaml", "want.error", "report", "adopt.yaml", "adopt.error"}

func loadYAMLCase(t testing.TB, from cases.Case) yamlCase {
	same := func(text []byte) []byte { return text }
	c := yamlCase{Case: from, dress: same, undress: same, macro: transform.Macro{Store: values{"dev": devARN}}}
	for _, file := range c.Files {
		switch file.Name {
		case "options":
			for option := range strings.Lines(string(file.Data)) {
				c.setOption(t, strings.TrimSpace(option))
			}
		case "template.yaml":
			c.src = file.Data
		default:
			require.Contains(t, wantedYAML, file.Name, c.Path)
		}
	}
	require.NotNil(t, c.src, "%s has no template", c.Path)
	c.src = c.dress(c.src)
	return c
}

func (c *yamlCase) setOption(t testing.TB, option string) {
	switch word, value, _ := strings.Cut(option, " "); word {
	case "existing":
		c.macro.Options.Existing = rules.Existing(value)
	case "blind":
		c.macro.Options.BlindSpots = transform.BlindSpots(value)
	case "crlf":
		c.dress = func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")) }
		c.undress = func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }
	case "bom":
		c.dress = func(text []byte) []byte { return append([]byte("\ufeff"), text...) }
		c.undress = func(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }
	case "end":
		c.dress = func(text []byte) []byte { return bytes.TrimSuffix(text, []byte("\n")) }
		c.undress = func(text []byte) []byte { return append(text, '\n') }
	default:
		require.Fail(t, "unknown option", "%s: %s", c.Path, word)
	}
}

func (c *yamlCase) run(t *testing.T) {
	have := map[string]string{}
	out, report, err := checkYAML(c.macro, c.src, `{"Environment":"dev"}`)
	require.NoError(t, err)
	if report.Err != nil {
		have["want.error"] = transform.Message(report.Err) + "\n"
	} else {
		require.Equal(t, string(out), string(c.dress(c.undress(out))), "the line endings changed")
		have["want.yaml"] = string(c.undress(out))
	}
	if text := c.reported(t, report); text != "" {
		have["report"] = text
	}
	if c.Has("adopt.yaml") || c.Has("adopt.error") {
		c.adopt(t, have)
	}
	c.Check(t, wantedYAML, have, *update)
}

// reported is what the report says, with the line of each resource.
func (c *yamlCase) reported(t *testing.T, report transform.Report) string {
	doc, err := template.Parse(c.src)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, change := range report.Changes {
		writeLine(&b, doc.Line(change.Offset), string(change.Action), change.LogicalID)
	}
	for _, f := range report.BlindSpots {
		writeLine(&b, doc.Line(f.Offset), "blind spot", f.String())
	}
	return b.String()
}

func writeLine(b *strings.Builder, line int, what, of string) {
	fmt.Fprintf(b, "%d %s %s\n", line, what, of)
}

func (c *yamlCase) adopt(t *testing.T, have map[string]string) {
	doc, err := template.Parse(c.src)
	require.NoError(t, err)
	out, err := doc.Adopt(rules.MacroName)
	if err != nil {
		have["adopt.error"] = err.Error() + "\n"
		return
	}
	if out == nil {
		have["adopt.yaml"] = "nothing to do\n"
		return
	}
	require.NoError(t, checkAdopted(c.src, out))
	have["adopt.yaml"] = string(c.undress(out))
}

// checkAdopted checks that a template lists the macro last, that all else is as
// it was, and that taking the macro out again gives what came in or, for a
// single transform that became a list, means the same.
func checkAdopted(in, out []byte) error {
	before, err := template.Parse(in)
	if err != nil {
		return err
	}
	after, err := template.Parse(out)
	if err != nil {
		return err
	}
	names := after.Transforms()
	switch {
	case names[len(names)-1] != rules.MacroName:
		return assertionError("the macro is not last")
	case !equalNames(names[:len(names)-1], before.Transforms()):
		return assertionError("other transforms changed")
	case !bytes.Equal(before.Fragment(), after.Fragment()) && before.Syntax() == template.YAML:
		return assertionError("the rest of the template changed")
	}
	if again, err := after.Adopt(rules.MacroName); again != nil || err != nil {
		return assertionError("a second adoption changes the template")
	}
	return checkAdoptedText(in, out, string(before.Transform()) == "null")
}

type assertionError string

func (e assertionError) Error() string { return string(e) }

func equalNames(a, b []string) bool {
	var others []string
	for _, name := range b {
		if name != rules.MacroName {
			others = append(others, name)
		}
	}
	return strings.Join(a, "\n") == strings.Join(others, "\n")
}

// checkAdoptedText checks that the text, but for white space and what makes a
// list, is the source and the name of the macro, which may be in place of a null.
func checkAdoptedText(in, out []byte, null bool) error {
	// Lines stay apart until the section's name is gone, which two might make.
	const lineBreak = "\x00"
	bare := strings.NewReplacer(" ", "", "\t", "", "\r", lineBreak, "\n", lineBreak, "\u0085", lineBreak, "\u2028", lineBreak, "\u2029", lineBreak,
		"-", "", "[", "", "]", "", ",", "", `"`, "")
	rest := func(text string) string {
		return strings.NewReplacer(rules.MacroName, "", "Transform:", "", lineBreak, "").Replace(text)
	}
	source, result := bare.Replace(string(in)), rest(bare.Replace(string(out)))
	if rest(source) == result {
		return nil
	}
	for _, spelled := range []string{"null", "Null", "NULL", "~"} {
		if null && rest(strings.Replace(source, "Transform:"+spelled, "", 1)) == result {
			return nil
		}
	}
	return assertionError("more than the macro is new")
}

// A thousand roles are bound in place, each on a line of its own.
func TestManyRolesInYAML(t *testing.T) {
	role := "  Role%: # number %\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: \"role-%\"\n"
	var src strings.Builder
	src.WriteString("Resources:\n")
	for i := range 1000 {
		src.WriteString(strings.ReplaceAll(role, "%", string(rune('a'+i%26))+strings.Repeat("x", i/26)))
	}
	out, report, err := checkYAML(transform.Macro{Store: values{"dev": devARN}}, []byte(src.String()), `{"Environment":"dev"}`)
	require.NoError(t, err)
	require.NoError(t, report.Err)
	assert.Len(t, report.Changes, 1000)
	assert.Equal(t, 1000, strings.Count(string(out), "      PermissionsBoundary: "+devARN+"\n"))
}

// Each tag of a template is listed with its line, and becomes a function of its
// name, in JSON, too.
func TestTags(t *testing.T) {
	src := []byte("Transform: !Tool::List [A]\nResources:\n  Role: !Tool::Include {file: role.yaml}\n" +
		"  Topic: {Type: AWS::SNS::Topic, Name: !Ref T, Tags: &a !reference [x], More: *a, Text: !!str 1}\n")
	doc, err := template.Parse(src)
	require.NoError(t, err)
	var tags []string
	for tag := range doc.Tags() {
		tags = append(tags, fmt.Sprint(tag.Line, " ", tag, " ", tag.Function(), " ", rules.HasShortForm(tag.Function())))
	}
	assert.Equal(t, []string{
		"1 !Tool::List Fn::Tool::List false",
		"3 !Tool::Include Fn::Tool::Include false",
		"4 !Ref Ref true",
		"4 !reference Fn::reference false",
	}, tags)
	converted, err := doc.Convert(template.JSON)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Transform": {"Fn::Tool::List": ["A"]}, "Resources": {
		"Role": {"Fn::Tool::Include": {"file": "role.yaml"}},
		"Topic": {"Type": "AWS::SNS::Topic", "Name": {"Ref": "T"}, "Tags": {"Fn::reference": ["x"]}, "More": {"Fn::reference": ["x"]}, "Text": "1"}
	}}`, string(converted))
}

// What the name of a function looks like does not make a short form of a tag.
func TestTagsNotShortForms(t *testing.T) {
	for _, name := range []string{"Fn::Sub", "Ref::Foo", "ref", "Length", "ForEach", "ForEach::A"} {
		assert.False(t, rules.HasShortForm(template.Tag{Name: name}.Function()), name)
	}
}
