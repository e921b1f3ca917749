package paramstore

import (
	"encoding/json"
	"slices"

	"permissions-boundary-macro/boundary"
)

// Snapshot returns the text of a file store that holds the present values of
// records and nothing else. It says nothing about versions, times or authors, so
// equal values make equal texts: keys are sorted, and the text ends with a newline.
func Snapshot(records []boundary.Record) ([]byte, error) {
	content := fileContent{Environments: map[string][]fileValue{}}
	for _, r := range records {
		content.Environments[r.Key.String()] = []fileValue{{Version: 1, Value: r.Text}}
	}
	text, err := json.MarshalIndent(content, "", "  ")
	return append(text, '\n'), err
}

// ReadSnapshot returns the present records of a file store's text, sorted by key.
// It reads as strictly as a file store does, and its errors repeat nothing of the
// text.
func ReadSnapshot(text []byte) ([]boundary.Record, error) {
	content, err := parseFile(text)
	if err != nil {
		return nil, err
	}
	return content.present()
}

// present are the last values of all keys, sorted by key.
func (c fileContent) present() ([]boundary.Record, error) {
	var records []boundary.Record
	for name, values := range c.Environments {
		key, err := boundary.ParseKey(name)
		if err != nil {
			return nil, err // parseFile checks the names
		}
		if last := len(values) - 1; last >= 0 {
			records = append(records, values[last].record(key, last))
		}
	}
	slices.SortFunc(records, func(a, b boundary.Record) int { return a.Key.Compare(b.Key) })
	return records, nil
}
