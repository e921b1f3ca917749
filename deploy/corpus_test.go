package deploy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/transform"
)

// readLines decodes the lines of a corpus file.
func readLines[T any](t testing.TB, name string) []T {
	dir := os.Getenv("CORPUS")
	if dir == "" {
		t.Skip("CORPUS does not name a folder with " + name + ", so there are no real templates to try")
	}
	file, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(t, err)
	var all []T
	lines := bufio.NewScanner(zip)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var line T
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		all = append(all, line)
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, all)
	return all
}

// The fragment of a YAML template is the one that another converter made.
func TestCorpusYAML(t *testing.T) {
	type source struct{ Name, Source string }
	type converted struct {
		Name     string
		Fragment json.RawMessage
	}
	fragments := map[string]json.RawMessage{}
	for _, c := range readLines[converted](t, "templates.jsonl.gz") {
		fragments[c.Name] = c.Fragment
	}
	refused := 0
	sources := readLines[source](t, "yaml-sources.jsonl.gz")
	for _, s := range sources {
		got, err := transform.ParseTemplate([]byte(s.Source))
		if err != nil {
			refused++
			// CloudFormation takes one of the two, nobody knows which.
			require.ErrorContains(t, err, "is given twice", s.Name)
			continue
		}
		require.True(t, sameJSON(t, got.Fragment(), fragments[s.Name]), s.Name)
	}
	t.Logf("%d sources, %d refused for a key that is given twice, all others as converted before", len(sources), refused)
}

// sameJSON compares regardless of order and of newlines at the end of a text:
// the two converters differ about a literal block that ends with the file.
func sameJSON(t *testing.T, a, b []byte) bool {
	a, b = bytes.ReplaceAll(a, []byte(`\n"`), []byte(`"`)), bytes.ReplaceAll(b, []byte(`\n"`), []byte(`"`))
	var x, y any
	for text, value := range map[*any][]byte{&x: a, &y: b} {
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		require.NoError(t, dec.Decode(text))
	}
	p, err := json.Marshal(x)
	require.NoError(t, err)
	q, err := json.Marshal(y)
	require.NoError(t, err)
	return bytes.Equal(p, q)
}
