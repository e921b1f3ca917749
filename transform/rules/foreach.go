package rules

import (
	"bytes"
	"slices"
	"strings"

	"permissions-boundary-macro/transform/template"
)

// foreachPrefix begins the name of a loop: {"Fn::ForEach::Name": [identifier,
// collection, {key: value}]}. CloudFormation expands it when it comes to the
// transform AWS::LanguageExtensions, and replaces ${identifier} in keys and
// values, &{identifier} by what is alphanumeric of the item.
// Source: CloudFormation's template reference, Fn::ForEach.
const foreachPrefix = "Fn::ForEach::"

func isForEach(name []byte) bool { return bytes.HasPrefix(name, []byte(foreachPrefix)) }

// hasVariable reports whether text holds what may be the variable of a loop.
func hasVariable(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "&{")
}

// loop is a Fn::ForEach around the place at hand.
type loop struct {
	names        []string // what the identifier may be: several where outer loops make it
	anyName      bool     // the names are not known: any variable may be of this loop
	items        []string
	alphanumeric []string // what &{identifier} makes of the items
	known        bool     // items are all that the loop runs over
	plain        bool     // they are known, and all plain
	unseen       bool     // stands for the loops around a Fn::Transform: any variable but AWS's own may be of them
}

// Bounds on what is worked out about loops, so that the time stays linear for
// templates made to be slow: beyond them, anything is taken to be possible.
// CloudFormation takes 5 loops in each other and 500 resources.
const (
	maxLoops         = 100
	maxLoopItems     = 500
	maxLoopItem      = 255 // bytes
	maxVaryingText   = 255
	maxLoopVariables = 3 // in one text
	maxLoopNames     = 10
)

// loopOver reads the head of a loop that is inside of others.
func (ls loops) loopOver(identifier, collection template.Node) loop {
	names, known := ls.names(identifier.Text)
	unknown := loop{names: names, anyName: !known}
	if !collection.IsArray() || len(collection.Elements) > maxLoopItems {
		return unknown
	}
	l := unknown
	l.known, l.plain = true, true
	for _, item := range collection.Elements {
		// An item may itself hold the variable of an outer loop, or complete
		// that of an inner one.
		if !item.IsString() || len(item.Text) > maxLoopItem || strings.ContainsAny(item.Text, partsOfVariable) {
			return unknown
		}
		l.plain = l.plain && isPlain(item.Text)
		l.items = append(l.items, item.Text)
		l.alphanumeric = append(l.alphanumeric, alphanumeric(item.Text))
	}
	return l
}

// names are all that an identifier may be once the loops are expanded. It
// reports false when they are not known, or too many.
func (ls loops) names(identifier string) ([]string, bool) {
	names := []string{""}
	for text := identifier; ; {
		literal, v, rest := ls.cut(text)
		if strings.ContainsAny(literal, partsOfVariable) {
			return nil, false // part of a variable, or of one that is made of another
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

// combine appends each of the endings to each of the texts.
func combine(texts, endings []string) []string {
	var all []string
	for _, text := range texts {
		for _, ending := range endings {
			all = append(all, text+ending)
		}
	}
	return all
}

// partsOfVariable are the characters that ${name} and &{name} are written with.
const partsOfVariable = "$&{}"

// loops are those around the place at hand, outermost first.
type loops []loop

// with returns the loops and one more, sharing nothing that is written to.
func (ls loops) with(l loop) loops { return append(ls[:len(ls):len(ls)], l) }

// inTransform reports whether the place is in a Fn::Transform, so that the rest
// of the template is out of sight.
func (ls loops) inTransform() bool { return len(ls) > 0 && ls[0].unseen }

// seen are the loops without those around a Fn::Transform.
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

// enter reads a loop that was read as a tree: its body, and the loops around
// that. It reports false for one that is not [identifier, collection, object].
func (ls loops) enter(foreach template.Node) (body template.Node, inner loops, readable bool) {
	e := foreach.Elements
	if len(e) != 3 || !e[0].IsString() || !e[2].IsObject() || len(ls) >= maxLoops {
		return template.Node{}, nil, false
	}
	return e[2], ls.with(ls.loopOver(e[0], e[1])), true
}

// mayBecome reports whether a name depends on a loop and could become one of
// others.
func (ls loops) mayBecome(name string, others ...string) bool {
	return ls.vary(name) && slices.ContainsFunc(others, func(other string) bool { return ls.couldBe(name, other) })
}

// anyVaries reports whether a member of an object may become one of names, by a
// loop around the object or one inside of it.
func (ls loops) anyVaries(n template.Node, names ...string) bool {
	return slices.ContainsFunc(n.Members, func(m template.Member) bool {
		if ls.mayBeLoop(m.Name) {
			return ls.couldMake(m.Value, names...)
		}
		return ls.mayBecome(m.Name, names...)
	})
}

// couldMake reports whether a Fn::ForEach could make a member with one of the
// names, which are spelled out.
func (ls loops) couldMake(foreach template.Node, names ...string) bool {
	body, inner, readable := ls.enter(foreach)
	return !readable || slices.ContainsFunc(body.Members, func(m template.Member) bool {
		return slices.Contains(names, m.Name) || inner.anyVaries(template.Node{Members: []template.Member{m}}, names...)
	})
}

// mayBeLoop reports whether a name is that of a Fn::ForEach, or may become one.
func (ls loops) mayBeLoop(name string) bool {
	return strings.HasPrefix(name, foreachPrefix) || ls.vary(name) && ls.couldBegin(name, foreachPrefix)
}

// anyVariesWithin reports whether a name anywhere in a value depends on a loop,
// one around it or one of its own.
func (ls loops) anyVariesWithin(n template.Node) bool {
	return slices.ContainsFunc(n.Members, func(m template.Member) bool {
		return ls.vary(m.Name) || strings.HasPrefix(m.Name, foreachPrefix) || ls.anyVariesWithin(m.Value)
	})
}

// couldBe reports whether text could become target once the loops are
// expanded. It never says no wrongly: each occurrence of a variable is taken
// by itself, and one whose items are not known may become anything.
func (ls loops) couldBe(text, target string) bool { return ls.match(text, target, false) }

// couldBegin reports whether text could become one that begins with target.
func (ls loops) couldBegin(text, target string) bool { return ls.match(text, target, true) }

func (ls loops) match(text, target string, begin bool) bool {
	if len(text) > maxVaryingText {
		return true
	}
	// reach[i] says that target[:i] can be made of the text read so far.
	reach := make([]bool, len(target)+1)
	reach[0] = true
	for variables := 0; text != ""; variables++ {
		literal, v, rest := ls.cut(text)
		if strings.ContainsAny(literal, partsOfVariable) && (v != nil || variables > 0) {
			return true // a variable whose name is made of another one
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

// variable is a variable in a text: ${name}, or &{name} for what is
// alphanumeric. Loops that may have an identifier of that name may be inside of
// each other. Which of them replaces it is a matter of the order of expansion,
// so it may take the values of each.
type variable struct {
	of           []*loop
	alphanumeric bool
}

// cut splits text at its first loop variable.
func (ls loops) cut(text string) (literal string, v *variable, rest string) {
	end := -1 // of the next "}", so that each byte is looked at once
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

// named are the loops that may have a variable of that name.
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

// isNamed reports whether the loop has a variable of that name for certain.
func (l *loop) isNamed(name string) bool {
	return !l.anyName && len(l.names) == 1 && l.names[0] == name
}

// values are all that the variable may become, or false when they are not
// known, or too many.
func (v *variable) values() (all []string, known bool) {
	for i, l := range v.of {
		items := l.items
		if v.alphanumeric {
			items = l.alphanumeric
		}
		switch {
		case !l.known || len(all)+len(items) > maxLoopItems:
			return nil, false
		case i == 0: // as almost always the only one
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

// follow advances every position of target that is reached by each of the
// values that target goes on with, or that go on beyond it if they may.
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

// anything advances every position that is reached to all that come after it.
func anything(reach []bool) []bool {
	next := make([]bool, len(reach))
	reached := false
	for i := range reach {
		reached = reached || reach[i]
		next[i] = reached
	}
	return next
}

// insertsNamesOnly reports whether what the loops put into text are names, which
// change no syntax around them. A variable may be made of others, so all loops
// count once there is one.
func (ls loops) insertsNamesOnly(text string) bool {
	return !ls.vary(text) || !slices.ContainsFunc(ls, func(l loop) bool { return !l.plain })
}

// isPlain reports whether text begins with a letter or a digit, and goes on with
// these and what may stand between them in a name. Nothing else is: YAML
// takes "-" for an entry of a list, and where a text is empty, what follows may
// begin a comment.
func isPlain(text string) bool {
	return text != "" && alphanumeric(text[:1]) != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_./-", r)
	})
}
