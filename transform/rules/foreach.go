package rules

import (
	"bytes"
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// foreachPrefix begins the name of a loop: {"Fn::ForEach::Name": [identifier,
// collection, {key: value}]}. The transform AWS::LanguageExtensions expands it: in
// keys and values, it replaces ${identifier} by an item, and &{identifier} by the
// alphanumeric characters of the item.
// Source: CloudFormation's template reference, Fn::ForEach.
const foreachPrefix = "Fn::ForEach::"

func isForEach(name []byte) bool { return bytes.HasPrefix(name, []byte(foreachPrefix)) }

// hasVariable reports whether text has what may be a loop variable.
func hasVariable(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "&{")
}

// loop is a Fn::ForEach.
type loop struct {
	names        []string // of the identifier: several if it depends on outer loops
	anyName      bool     // the names are not known, so any variable may belong to this loop
	items        []string
	alphanumeric []string // values of &{identifier}
	known        bool     // items is complete
	plain        bool     // items is complete, and all items are plain
	hasParts     bool     // an item has a part of a variable, and may become anything

	// unseen marks the loop that stands for all those around a Fn::Transform:
	// any variable may belong to them, except those of AWS.
	unseen bool
}

// Bounds on what is computed about loops, so that time stays linear for hostile
// templates: beyond them, anything is possible. CloudFormation allows 5 nested
// loops and 500 resources.
const (
	maxLoops         = 100
	maxLoopItems     = 500
	maxLoopItem      = 255 // bytes
	maxVaryingText   = 255
	maxLoopVariables = 3 // in one text
	maxLoopNames     = 10
)

// loopOver returns a loop inside ls, by its identifier and collection.
func (ls loops) loopOver(identifier, collection template.Node) loop {
	names, known := ls.names(identifier.Text)
	unknown := loop{names: names, anyName: !known}
	if !collection.IsArray() || len(collection.Elements) > maxLoopItems {
		return unknown
	}
	// An item may have the variable of an outer loop, or complete one of an inner
	// loop.
	unknown.hasParts = slices.ContainsFunc(collection.Elements, func(item template.Node) bool { return strings.ContainsAny(item.Text, partsOfVariable) })
	if unknown.hasParts {
		return unknown
	}
	l := unknown
	l.known, l.plain = true, true
	for _, item := range collection.Elements {
		if !item.IsString() || len(item.Text) > maxLoopItem {
			return unknown
		}
		l.plain = l.plain && isPlain(item.Text)
		l.items = append(l.items, item.Text)
		l.alphanumeric = append(l.alphanumeric, alphanumeric(item.Text))
	}
	return l
}

// names returns what an identifier may become after the loops are expanded. It
// reports false if that is not known, or too much.
func (ls loops) names(identifier string) ([]string, bool) {
	names := []string{""}
	for text := identifier; ; {
		literal, v, rest := ls.cut(text)
		if strings.ContainsAny(literal, partsOfVariable) {
			return nil, false // part of a variable
		}
		if v == nil {
			return combine(names, []string{literal}), true
		}
		values, known := v.values()
		if !known || len(names)*len(values) > maxLoopNames {
			return nil, false
		}
		names, text = combine(combine(names, []string{literal}), values), rest
	}
}

// combine returns each text with each ending.
func combine(texts, endings []string) []string {
	var all []string
	for _, text := range texts {
		for _, ending := range endings {
			all = append(all, text+ending)
		}
	}
	return all
}

// partsOfVariable are the characters around the name in ${name} and &{name}.
const partsOfVariable = "$&{}"

// loops are the loops around a place in the template, outermost first.
type loops []loop

// with returns the loops with one more inside. It leaves ls as it is.
func (ls loops) with(l loop) loops { return append(ls[:len(ls):len(ls)], l) }

// inTransform reports whether the place is in a Fn::Transform, so that the macro
// does not see the rest of the template.
func (ls loops) inTransform() bool { return len(ls) > 0 && ls[0].unseen }

// seen returns the loops without those around a Fn::Transform.
func (ls loops) seen() loops {
	if ls.inTransform() {
		return ls[1:]
	}
	return ls
}

// vary reports whether text depends on the variable of a loop.
func (ls loops) vary(text string) bool {
	_, v, _ := ls.cut(text)
	return v != nil
}

// enter returns the body of a loop that was read as a tree, and the loops around
// that body. It reports false if the loop is not [identifier, collection, object].
func (ls loops) enter(foreach template.Node) (body template.Node, inner loops, readable bool) {
	e := foreach.Elements
	if len(e) != 3 || !e[0].IsString() || !e[2].IsObject() || len(ls) >= maxLoops {
		return template.Node{}, nil, false
	}
	return e[2], ls.with(ls.loopOver(e[0], e[1])), true
}

// mayBecome reports whether a name depends on a loop and may become one of others.
func (ls loops) mayBecome(name string, others ...string) bool {
	return ls.vary(name) && slices.ContainsFunc(others, func(other string) bool { return ls.couldBe(name, other) })
}

// anyVaries reports whether a loop, around an object or in it, may make a member
// with one of the names.
func (ls loops) anyVaries(n template.Node, names ...string) bool {
	return slices.ContainsFunc(n.Members, func(m template.Member) bool {
		if ls.mayBeLoop(m.Name) {
			return ls.couldMake(m.Value, names...)
		}
		return ls.mayBecome(m.Name, names...)
	})
}

// couldMake reports whether a Fn::ForEach may make a member with one of the names.
func (ls loops) couldMake(foreach template.Node, names ...string) bool {
	body, inner, readable := ls.enter(foreach)
	return !readable || slices.ContainsFunc(body.Members, func(m template.Member) bool {
		return slices.Contains(names, m.Name) || inner.anyVaries(template.Node{Members: []template.Member{m}}, names...)
	})
}

// mayBeLoop reports whether a name is the name of a Fn::ForEach, or may become one.
func (ls loops) mayBeLoop(name string) bool {
	return strings.HasPrefix(name, foreachPrefix) || ls.vary(name) && ls.couldBegin(name, foreachPrefix)
}

// anyVariesWithin reports whether a name anywhere in a value depends on a loop,
// around it or in it.
func (ls loops) anyVariesWithin(n template.Node) bool {
	return slices.ContainsFunc(n.Members, func(m template.Member) bool {
		return ls.vary(m.Name) || strings.HasPrefix(m.Name, foreachPrefix) || ls.anyVariesWithin(m.Value)
	})
}

// couldBe reports whether text may become target after the loops are expanded. It
// may be wrong only if it says yes: it treats each occurrence of a variable by
// itself, and a variable with unknown items as any text.
func (ls loops) couldBe(text, target string) bool { return ls.match(text, target, false) }

// couldBegin reports whether text may become a text that begins with target.
func (ls loops) couldBegin(text, target string) bool { return ls.match(text, target, true) }

func (ls loops) match(text, target string, begin bool) bool {
	if len(text) > maxVaryingText {
		return true
	}
	// reach[i] says that the text so far may become target[:i].
	reach := make([]bool, len(target)+1)
	reach[0] = true
	for variables := 0; text != ""; variables++ {
		literal, v, rest := ls.cut(text)
		if strings.ContainsAny(literal, partsOfVariable) && (v != nil || variables > 0) {
			return true // the name of a variable depends on another one
		}
		reach = follow(reach, target, []string{literal}, begin)
		switch {
		case begin && reach[len(target)]:
			return true
		case v == nil:
			return reach[len(target)]
		case !slices.Contains(reach, true):
			return false
		case variables == maxLoopVariables:
			return true
		}
		if values, known := v.values(); known {
			reach = follow(reach, target, values, begin)
		} else {
			reach = anything(reach)
		}
		text = rest
	}
	return reach[len(target)]
}

// variable is a variable in a text: ${name} or &{name}. Nested loops may both have
// the name as identifier. Which of them replaces the variable depends on the order
// of expansion, so it may have the values of each.
type variable struct {
	of           []*loop
	alphanumeric bool
}

// cut splits text at its first loop variable.
func (ls loops) cut(text string) (literal string, v *variable, rest string) {
	end := -1 // of the next "}", so that each byte is read once
	for open := 0; open < len(text); open++ {
		if text[open] != '{' {
			continue
		}
		if end < open {
			length := strings.IndexByte(text[open:], '}')
			if length < 0 {
				break
			}
			end = open + length
		}
		if open == 0 || text[open-1] != '$' && text[open-1] != '&' {
			continue
		}
		if of := ls.named(text[open+1 : end]); of != nil {
			return text[:open-1], &variable{of, text[open-1] == '&'}, text[end+1:]
		}
	}
	return text, nil, ""
}

// named returns the loops that may have a variable with that name.
func (ls loops) named(name string) (of []*loop) {
	for i := range ls {
		if ls[i].mayName(name) {
			of = append(of, &ls[i])
		}
	}
	return of
}

func (l *loop) mayName(name string) bool {
	if l.unseen {
		return !strings.Contains(name, "::")
	}
	return l.anyName || slices.Contains(l.names, name)
}

// isNamed reports whether the loop is certain to have a variable with that name.
func (l *loop) isNamed(name string) bool {
	return !l.anyName && len(l.names) == 1 && l.names[0] == name
}

// values returns everything that the variable may become. It reports false if that
// is not known, or too much.
func (v *variable) values() (all []string, known bool) {
	for i, l := range v.of {
		items := l.items
		if v.alphanumeric {
			items = l.alphanumeric
		}
		switch {
		case !l.known || len(all)+len(items) > maxLoopItems:
			return nil, false
		case i == 0: // almost always the only one
			all = slices.Clip(items)
		default:
			all = append(all, items...)
		}
	}
	return all, true
}

func alphanumeric(item string) string {
	return strings.Map(func(r rune) rune {
		if isAlphanumeric(r) {
			return r
		}
		return -1
	}, item)
}

func isAlphanumeric(r rune) bool {
	return '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// follow advances each reached position of target by each of the values that follow
// there in target. With beyond, a value may extend past the end of target.
func follow(reach []bool, target string, values []string, beyond bool) []bool {
	next := make([]bool, len(reach))
	for i, reached := range reach {
		if !reached {
			continue
		}
		for _, value := range values {
			switch rest := target[i:]; {
			case strings.HasPrefix(rest, value):
				next[i+len(value)] = true
			case beyond && strings.HasPrefix(value, rest):
				next[len(target)] = true
			}
		}
	}
	return next
}

// anything advances each reached position to all positions after it.
func anything(reach []bool) []bool {
	next := make([]bool, len(reach))
	reached := false
	for i := range reach {
		reached = reached || reach[i]
		next[i] = reached
	}
	return next
}

// insertsNamesOnly reports whether loops insert nothing into text but names, which
// cannot change the syntax around them. If there is a variable, all loops count,
// because its name may depend on others.
func (ls loops) insertsNamesOnly(text string) bool {
	return !ls.vary(text) || !slices.ContainsFunc(ls, func(l loop) bool { return !l.plain })
}

// isPlain reports whether text begins with a letter or digit, followed by letters,
// digits and the punctuation of names. Other text may have a meaning in YAML: "-"
// begins an entry of a list, and after empty text, a comment may begin.
func isPlain(text string) bool {
	return text != "" && alphanumeric(text[:1]) != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_./-", r)
	})
}
