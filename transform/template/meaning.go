package template

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// SameEntries reports whether the section Transform after is the section before
// without a macro.
func SameEntries(before, after *Document, macro string) bool {
	var want, got [][]byte
	for _, entry := range EntriesOf(before.section()) {
		if entry.Name != macro {
			want = append(want, before.transform[entry.Start:entry.End])
		}
	}
	for _, entry := range EntriesOf(after.section()) {
		got = append(got, after.transform[entry.Start:entry.End])
	}
	return slices.EqualFunc(want, got, bytes.Equal)
}

// sameMeaning reports whether two templates mean the same: equal values in the same
// order, with numbers as written, and repeated members.
func sameMeaning(a, b *Document) bool { return a.meansSection(b.transform) && a.meansRest(b) }

// meansSection reports whether the section Transform means the same as a JSON text,
// nil for no section.
func (t *Document) meansSection(transform []byte) bool {
	if transform == nil || t.transform == nil {
		return transform == nil && t.transform == nil
	}
	return sameValues(t.transform, transform)
}

// meansRest reports whether two templates mean the same, apart from Transform.
func (t *Document) meansRest(other *Document) bool { return sameValues(t.Fragment(), other.Fragment()) }

// sameValues compares two JSON texts token by token.
func sameValues(a, b []byte) bool {
	options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	first, second := jsontext.NewDecoder(bytes.NewReader(a), options...), jsontext.NewDecoder(bytes.NewReader(b), options...)
	for {
		one, err := first.ReadToken()
		if err != nil {
			break
		}
		other, err := second.ReadToken()
		if err != nil || one.Kind() != other.Kind() || one.String() != other.String() {
			return false
		}
	}
	return first.InputOffset() == int64(len(a)) && second.InputOffset() == int64(len(b))
}

// sameJSON reports whether two texts are equal up to the order of members.
func sameJSON(a, b []byte) bool {
	canonical := func(text []byte) ([]byte, error) {
		v := jsontext.Value(bytes.Clone(text))
		err := v.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(true), jsontext.AllowDuplicateNames(true))
		return v, err
	}
	x, errX := canonical(a)
	z, errZ := canonical(b)
	return errX == nil && errZ == nil && bytes.Equal(x, z)
}
