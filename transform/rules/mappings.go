package rules

import (
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// mappings is the section Mappings. Many roles may ask, so each mapping is gone
// through once.
type mappings struct {
	byName map[string]template.Node
	read   map[string]mapping
	isMade bool // by a function, which may bring any mapping
}

// mapping is, by what is known of the two keys, the texts that they may lead
// to. What leads nowhere is not in it.
type mapping map[lookup][]string

type lookup struct{ top, second key }

// key is one that is spelled out, or any.
type key struct {
	name string
	any  bool
}

func mappingsOf(section template.Node) mappings {
	isMade := slices.ContainsFunc(section.Members, func(m template.Member) bool { return strings.HasPrefix(m.Name, functionPrefix) })
	return mappings{byName: section.ByName(), read: map[string]mapping{}, isMade: isMade}
}

// of is the mapping of a name, nil when there is none. It is not readable where
// a Fn::Transform that is not expanded, or an unknown function, may bring anything.
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
