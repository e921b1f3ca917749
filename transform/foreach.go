package transform

import (
	"bytes"
	"slices"
	"strings"
)

// foreachPrefix begins the name of a loop: {"Fn::ForEach::Name": [identifier,
// collection, {key: value}]}. CloudFormation expands it when it comes to the
// transform AWS::LanguageExtensions, and replaces ${identifier} in keys and
// values, &{identifier} by what is alphanumeric of the item.
// Source: CloudFormation's template reference, Fn::ForEach.
const foreachPrefix = "Fn::ForEach::"

func isForEach(name []byte) bool { return bytes.HasPrefix(name, []byte(foreachPrefix)) }

// loop is a Fn::ForEach around the place at hand.
type loop struct {
	identifier string
	items      []string
	known      bool // items are all that the loop runs over
}

// Bounds on what is worked out about loops, so that the time stays linear for
// templates made to be slow: beyond them, anything is taken to be possible.
// CloudFormation takes 5 loops in each other and 500 resources.
const (
	maxLoops         = 100
	maxLoopItems     = 500
	maxVaryingText   = 255
	maxLoopVariables = 3 // in one text
)

func loopOver(identifier, collection node) loop {
	l := loop{identifier: identifier.text, known: collection.isArray() && len(collection.elements) <= maxLoopItems}
	if !l.known {
		return l
	}
	for _, item := range collection.elements {
		// An item may itself hold the variable of an outer loop.
		if !item.isString() || strings.ContainsAny(item.text, "$&") {
			return loop{identifier: identifier.text}
		}
		l.items = append(l.items, item.text)
	}
	return l
}

// loops are those around the place at hand, outermost first.
type loops []loop

// with returns the loops and one more, sharing nothing that is written to.
func (ls loops) with(l loop) loops { return append(ls[:len(ls):len(ls)], l) }

// vary reports whether text depends on the variable of a loop.
func (ls loops) vary(text string) bool {
	_, variable, _, _ := ls.cut(text)
	return variable != nil
}

// enter reads a loop that was read as a tree: its body, and the loops around
// that. It reports false for one that is not [identifier, collection, object].
func (ls loops) enter(foreach node) (body node, inner loops, readable bool) {
	e := foreach.elements
	if len(e) != 3 || !e[0].isString() || !e[2].isObject() || len(ls) >= maxLoops {
		return node{}, nil, false
	}
	return e[2], ls.with(loopOver(e[0], e[1])), true
}

// mayBecome reports whether a name depends on a loop and could become one of
// others.
func (ls loops) mayBecome(name string, others ...string) bool {
	return ls.vary(name) && slices.ContainsFunc(others, func(other string) bool { return ls.couldBe(name, other) })
}

// anyVaries reports whether a member of an object may become one of names.
func (ls loops) anyVaries(n node, names ...string) bool {
	return slices.ContainsFunc(n.members, func(m member) bool { return ls.mayBecome(m.name, names...) })
}

// anyVariesWithin reports whether a name anywhere in a value depends on a loop,
// one around it or one of its own.
func (ls loops) anyVariesWithin(n node) bool {
	return slices.ContainsFunc(n.members, func(m member) bool {
		return ls.vary(m.name) || strings.HasPrefix(m.name, foreachPrefix) || ls.anyVariesWithin(m.value)
	})
}

// couldBe reports whether text could become target once the loops are
// expanded. It never says no wrongly: each occurrence of a variable is taken
// by itself, and one whose items are not known may become anything.
func (ls loops) couldBe(text, target string) bool {
	if len(text) > maxVaryingText {
		return true
	}
	// reach[i] says that target[:i] can be made of the text read so far.
	reach := make([]bool, len(target)+1)
	reach[0] = true
	for variables := 0; text != ""; variables++ {
		literal, l, alphanumeric, rest := ls.cut(text)
		reach = follow(reach, target, []string{literal})
		switch {
		case l == nil:
			return reach[len(target)]
		case !slices.Contains(reach, true):
			return false
		case variables == maxLoopVariables:
			return true
		case l.known:
			reach = follow(reach, target, l.values(alphanumeric))
		default:
			reach = anything(reach)
		}
		text = rest
	}
	return reach[len(target)]
}

// cut splits text at its first loop variable.
func (ls loops) cut(text string) (literal string, variable *loop, alphanumeric bool, rest string) {
	for from := 0; ; {
		open := strings.Index(text[from:], "{")
		if open < 0 {
			return text, nil, false, ""
		}
		open += from
		name, after, closed := strings.Cut(text[open+1:], "}")
		if !closed {
			return text, nil, false, ""
		}
		if l := ls.named(name); l != nil && open > 0 && (text[open-1] == '$' || text[open-1] == '&') {
			return text[:open-1], l, text[open-1] == '&', after
		}
		from = open + 1
	}
}

// named is the innermost loop with a variable of that name.
func (ls loops) named(identifier string) *loop {
	for i := len(ls) - 1; i >= 0; i-- {
		if ls[i].identifier == identifier {
			return &ls[i]
		}
	}
	return nil
}

func (l *loop) values(alphanumeric bool) []string {
	if !alphanumeric {
		return l.items
	}
	values := make([]string, len(l.items))
	for i, item := range l.items {
		values[i] = strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
				return r
			}
			return -1
		}, item)
	}
	return values
}

// follow advances every position of target that is reached by each of the
// values that target goes on with.
func follow(reach []bool, target string, values []string) []bool {
	next := make([]bool, len(reach))
	for i, reached := range reach {
		if !reached {
			continue
		}
		for _, value := range values {
			if strings.HasPrefix(target[i:], value) {
				next[i+len(value)] = true
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
