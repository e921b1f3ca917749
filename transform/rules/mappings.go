package rules

import (
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// mappings is the section Mappings. Each mapping is read once, because many roles
// may refer to it.
type mappings struct {
	byName map[string]template.Node
	read   map[string]mapping
	isMade bool // by a function, which may insert any mapping
}

// mapping has the texts that a lookup may find. Lookups that find nothing are not
// in it.
type mapping map[lookup][]string

type lookup struct{ top, second key }

// key is a key with a known name, or any key.
type key struct {
	name string
	any  bool
}

func mappingsOf(section template.Node) mappings {
	isMade := slices.ContainsFunc(section.Members, func(m template.Member) bool { return strings.HasPrefix(m.Name, functionPrefix) })
	return mappings{byName: section.ByName(), read: map[string]mapping{}, isMade: isMade}
}

// of returns the mapping with a name, or nil. It is not readable if it, or the
// section, has a Fn::Transform or an unknown function, which may insert anything.
func (m mappings) of(name string) (found mapping, readable bool) {
	known, ok := m.read[name]
	if !ok {
		known = readMapping(m.byName[name])
		m.read[name] = known
	}
	_, isMade := known[lookup{}]
	return known, !isMade && !m.isMade
}

func readMapping(n template.Node) mapping {
	var m mapping
	for _, top := range n.Members {
		for _, second := range top.Value.Members {
			if m == nil {
				m = mapping{}
			}
			if strings.HasPrefix(top.Name, functionPrefix) || strings.HasPrefix(second.Name, functionPrefix) {
				m[lookup{}] = anyText()
			}
			for _, t := range []key{{name: plain(top.Name)}, {any: true}} {
				for _, s := range []key{{name: plain(second.Name)}, {any: true}} {
					m[lookup{t, s}] = union(m[lookup{t, s}], scalarTexts(second.Value))
				}
			}
		}
	}
	return m
}
