package deploy_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However its words are spelled, a template in a directory is found: what YAML
// or JSON reads as one has a role that nobody may overlook.
func TestFindEscaped(t *testing.T) {
	t.Parallel()
	const inJSON = `{"Resources": {"Role": {"Type": "AWS::IAM::Role"}}}`
	const inYAML = "\"Resources\":\n  Role:\n    Type: \"AWS::IAM::Role\"\n"
	spelled := map[string]string{
		"plain.json":         inJSON,
		"plain.yaml":         inYAML,
		"key.json":           strings.Replace(inJSON, "Resources", `\u0052esources`, 1),
		"upper case.json":    strings.ReplaceAll(inJSON, ":IAM:", `\u003AIAM\u003A`),
		"lower case.json":    strings.Replace(inJSON, "AWS::IAM::Role", `AWS\u003a\u003aIAM\u003a\u003aRole`, 1),
		"all.json":           strings.Replace(strings.Replace(inJSON, "Resources", `Resource\u0073`, 1), "AWS::IAM::", `\u0041WS\u003a:IAM:\u003a`, 1),
		"hex.yaml":           strings.Replace(inYAML, "AWS::IAM::", `AWS\x3a:IAM\x3a:`, 1),
		"short.yaml":         strings.Replace(inYAML, "Resources", `R\u0065sources`, 1),
		"long.yaml":          strings.Replace(inYAML, "Resources", `Re\U00000073ources`, 1),
		"folded.yaml":        strings.Replace(inYAML, "AWS::IAM::", "AWS:\\\n      :IAM:\\\n      :", 1),
		"folded key.yaml":    "? \"Resour\\\n  ces\"\n: Role:\n    Type: AWS::IAM::Role\n",
		"folded twice.yaml":  strings.Replace(inYAML, "AWS::IAM::", "AWS:\\\n   \\\n   :IAM:\\\r\n  :", 1),
		"next line.yaml":     strings.Replace(inYAML, "AWS::IAM::", "AWS:\\\u0085  :IAM:\\\u0085  :", 1),
		"separator.yaml":     strings.Replace(inYAML, "AWS::IAM::", "AWS:\\\u2028  :IAM:\\\u2028  :", 1),
		"anchor.yaml":        "Metadata: [&k Resources, &t 'AWS::IAM::Role']\n*k :\n  Role: {Type: *t}\n",
		"merge.yaml":         "<<: {Resources: {Role: {Type: AWS::IAM::Role}}}\n",
		"tags.yaml":          "!!map\n!!str Resources: !!map\n  Role: !!map {!!str Type: !!str AWS::IAM::Role}\n",
		"loop.yaml":          "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::L: [A, [AWS], {'Role${A}': {Type: '${A}::IAM::Role'}}]\n",
		"little endian.json": inUTF16(inJSON, 0),
		"big endian.yaml":    inUTF16(inYAML, 1),
		"crossing.yaml":      strings.Repeat("#", 256<<10-4) + "\n" + inYAML,
		"far apart.yaml":     strings.Replace(inYAML, "  Role:", strings.Repeat("  # far\n", 1<<17)+"  Role:", 1),
		"byte order.yaml":    "\ufeff" + inYAML,
	}
	for at := 256<<10 - 40; at < 256<<10+10; at++ { // where chunks end
		spelled[fmt.Sprintf("at %d.yaml", at)] = strings.Repeat("#", at) + "\n" + strings.Replace(inYAML, "Resources", `R\u0065sources`, 1)
	}
	for name, text := range spelled {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		out, code := checked(t, "text", dir)
		assert.Equal(t, 1, code, name)
		assert.Regexp(t, `unbound|escape|cannot be read`, out, name)
	}
}

// inUTF16 is a text in UTF-16 with a byte order mark, little or big endian.
func inUTF16(text string, high int) string {
	var out bytes.Buffer
	for _, c := range utf16.Encode([]rune("\ufeff" + text)) {
		pair := []byte{byte(c), byte(c >> 8)}
		out.Write([]byte{pair[high], pair[1-high]})
	}
	return out.String()
}

// What is not a template is not parsed, nor reported, however long it is; a
// template that is padded beyond all that CloudFormation takes is reported, for
// what packages it takes the padding away.
func TestFindLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "good.yaml"), []byte("Resources: {Topic: {Type: AWS::SNS::Topic}}\n"), 0o600))
	padding := strings.Repeat(strings.Repeat(" ", 1023)+"\n", 21<<10)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data.json"), []byte("["+padding+"]"), 0o600))
	out, code := checked(t, "text", dir)
	assert.Zero(t, code)
	assert.Equal(t, "1 template, 0 roles: 0 bound by the macro, 0 bound already, 0 replaced, 0 unbound, 0 escapes; 0 blind spots\n", out)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "padded.yaml"), []byte(padding+unboundRole), 0o600))
	out, code = checked(t, "text", dir)
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "padded.yaml is longer than any template: more than 20 MB")
}

// BenchmarkFind looks through files that are no templates, as repositories have
// them.
func BenchmarkFind(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		folder := filepath.Join(dir, fmt.Sprint(i/100))
		require.NoError(b, os.MkdirAll(folder, 0o700))
		text := strings.Repeat(fmt.Sprintf("  {\"name\": \"thing-%d\", \"path\": \"C:\\\\things\\\\%d\", \"text\": \"a\\nb \\u003cbr\\u003e \\u00e9\"},\n", i, i), 200)
		require.NoError(b, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.json", i)), []byte("["+text+"0]\n"), 0o600))
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "t.yaml"), []byte("Resources: {Topic: {Type: AWS::SNS::Topic}}\n"), 0o600))
	for b.Loop() {
		_, code := checked(b, "json", dir)
		require.Zero(b, code)
	}
}
