package transform

import (
	"bytes"
	"cmp"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	yaml "go.yaml.in/yaml/v4"
)

// CloudFormation accepts a key that is given twice, in JSON and in YAML, and the
// last one wins. Source: ValidateTemplate and GetTemplateSummary of the service.
// So does everything here. But where the key decides about a boundary, the
// author may have meant the other one: that is an escape.

// errTransforms is why a template with two sections Transform is not read.
var errTransforms = errors.New("the section Transform is given twice; give it once")

// decisiveSections are those that the rules read.
var decisiveSections = []string{"Resources", "Conditions", "Globals", "Mappings", "Metadata", "Parameters", sectionName}

// resourceIDs are the logical IDs of one map of resources.
type resourceIDs struct {
	seed maphash.Seed
	all  []resourceID
}

type resourceID struct {
	hash    uint64
	start   int32 // of the name
	matters bool  // a rule has found something in the resource
}

// add takes note of a logical ID. There may be further ones in so many bytes ahead:
// room for them is made at once, so that allocations do not grow with their
// number.
func (ids *resourceIDs) add(name []byte, at span, matters bool, ahead int) {
	if ids.all == nil {
		ids.seed = maphash.MakeSeed()
	}
	switch {
	case len(ids.all) < cap(ids.all):
	case len(ids.all) == 0:
		ids.all = slices.Grow(ids.all, 32)
	default:
		ids.all = slices.Grow(ids.all, max(len(ids.all), ahead/usualResource))
	}
	ids.all = append(ids.all, resourceID{maphash.Bytes(ids.seed, name), int32(at.start), matters})
}

// usualResource is less than most resources have in bytes.
const usualResource = 256

// repeated are the names that are given more than once where one of their
// resources matters: the last one of each, in source order.
func (ids *resourceIDs) repeated(src []byte) (names []span) {
	name := func(id resourceID) span {
		end, _ := behindString(src, int(id.start))
		return span{int(id.start), end}
	}
	text := func(id resourceID) []byte { return unquote(src[id.start:name(id).end]) }
	slices.SortFunc(ids.all, func(a, b resourceID) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.start, b.start))
	})
	for all := ids.all; len(all) > 1; {
		n := 1
		for n < len(all) && all[n].hash == all[0].hash && bytes.Equal(text(all[n]), text(all[0])) {
			n++
		}
		if n > 1 && slices.ContainsFunc(all[:n], func(id resourceID) bool { return id.matters }) {
			names = append(names, name(all[n-1]))
		}
		all = all[n:]
	}
	slices.SortFunc(names, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	return names
}

// refuseRepeated reports logical IDs that are given twice and matter.
func (w *walk) refuseRepeated(ids *resourceIDs) {
	for _, name := range ids.repeated(w.src) {
		w.escape(codeRepeated, w.text(name), "", name.start)
	}
}

// found is how much the rules have found so far.
func (w *walk) found() int {
	return len(w.plan.sites) + len(w.plan.escapes) + len(w.plan.blind) + len(w.plan.embedded) + len(w.pending)
}

// repeated are the names that an object has more than once.
func (n node) repeated() map[string]bool {
	if len(n.members) < 2 {
		return nil
	}
	seen := make(map[string]bool, len(n.members))
	for _, m := range n.members {
		_, again := seen[m.name]
		seen[m.name] = again
	}
	return seen
}

// RepeatedKey is a key that an object or mapping has already.
type RepeatedKey struct {
	Name string // fit for one line
	Line int
}

// RepeatedKeys are the keys of the template that are given again, in source
// order. Of each the last one counts.
func (t *Template) RepeatedKeys() []RepeatedKey {
	var keys []RepeatedKey
	if t.yaml != nil {
		for n := range t.yaml.repeated {
			keys = append(keys, RepeatedKey{clip(n.Value, maxID), n.Line})
		}
	} else if !jsontext.Value(t.src).IsValid(jsontext.AllowInvalidUTF8(true)) {
		s := scan(t.src, span{0, len(t.src)})
		s.repeated(func(name []byte, at span) {
			keys = append(keys, RepeatedKey{clip(string(name), maxID), lineOf(t.lines(), at.start)})
		})
	}
	slices.SortStableFunc(keys, func(a, b RepeatedKey) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return keys
}

// repeated reads the next value, and reports the names that its objects have
// more than once.
func (s *scanner) repeated(report func(name []byte, at span)) {
	switch s.peek() {
	case jsontext.KindBeginObject:
		seen := map[string]bool{}
		for s.enter(); s.more(); {
			name, at := s.name()
			if seen[string(name)] {
				report(name, at)
			}
			seen[string(name)] = true
			s.repeated(report)
		}
	case jsontext.KindBeginArray:
		for s.enter(); s.more(); {
			s.repeated(report)
		}
	default:
		s.skip()
	}
}

// repeat takes note of a key that its mapping has already.
func (y *yamlText) repeat(name *yaml.Node) {
	if y.repeated == nil {
		y.repeated = map[*yaml.Node]bool{}
	}
	y.repeated[name] = true
}
