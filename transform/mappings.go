package transform

import "strings"

// mappings is the section Mappings. Many roles may ask, so each mapping is gone
// through once.
type mappings struct {
	byName map[string]node
	read   map[string]mapping
}

// mapping says, by what is known of the two keys, whether all values that they
// may lead to surely are texts that are not empty. What leads nowhere is not in
// it.
type mapping map[lookup]bool

type lookup struct{ top, second key }

// key is one that is spelled out, or any.
type key struct {
	name string
	any  bool
}

func mappingsOf(section node) mappings {
	return mappings{byName: section.byName(), read: map[string]mapping{}}
}

// of is the mapping of a name, empty when there is none.
func (m mappings) of(name string) mapping {
	known, ok := m.read[name]
	if !ok {
		known = readMapping(m.byName[name])
		m.read[name] = known
	}
	return known
}

func readMapping(n node) mapping {
	m := mapping{}
	for _, top := range n.members {
		for _, second := range top.value.members {
			// A Fn::Transform that is not expanded may bring anything.
			sure := second.value.isString() && !second.value.isEmpty() &&
				!strings.HasPrefix(top.name, "Fn::") && !strings.HasPrefix(second.name, "Fn::")
			for _, t := range []key{{name: top.name}, {any: true}} {
				for _, s := range []key{{name: second.name}, {any: true}} {
					m.add(lookup{t, s}, sure)
				}
			}
		}
	}
	return m
}

func (m mapping) add(at lookup, sure bool) {
	before, known := m[at]
	m[at] = sure && (before || !known)
}
