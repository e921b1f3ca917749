package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards, variables and parts that are not in sight.
//
// IAM says that a * at the end of a segment of an ARN can match beyond the colon,
// and does not say whether others do. So overlaps lets every * match colons, and
// covers holds in both readings. As IAM allows no wildcard for the service, one
// for the partition does not reach beyond it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
type pattern struct {
	id        patternID
	symbols   []symbol
	variables []string // the name of the symbol firstVariable-i is the ith
	// loose says that the text may match less than the symbols do: a part is not
	// in sight, or IAM completes an incomplete ARN.
	loose      bool
	notInSight bool // a part is
}

// patternID is of a resource of a statement, or of an ARN format, in a comparison. The
// zero value is of no pattern in particular.
type patternID struct {
	statement, number int
	aligned           bool
}

// symbol is a rune, or one of these.
type symbol rune

const (
	anyString     symbol = -1 - iota
	anyInSegment         // a * that does not end its segment of an ARN
	anyInName            // what has neither / nor :
	anyCharacter         // ?
	firstVariable        // and less
)

func (s symbol) isLiteral() bool  { return s >= 0 }
func (s symbol) isVariable() bool { return s <= firstVariable }
func (s symbol) isStar() bool     { return s == anyString || s == anyInSegment || s == anyInName }

// isLong reports whether a symbol stands for any number of characters.
func (s symbol) isLong() bool { return s < 0 && s != anyCharacter }

// syntax is how a text is read.
type syntax struct {
	wildcards bool // * and ? are
	arn       bool // colons divide it
	variables bool // ${...} is a variable
	facts     Facts
}

// pattern reads a text.
func (s syntax) pattern(text string) pattern {
	p := pattern{symbols: make([]symbol, 0, len(text))}
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		switch behind, isVariable := s.addVariable(&p, text); {
		case isVariable:
			text = behind
			continue
		case text[:size] == NotInSight:
			p.symbols = append(p.symbols, anyString)
			p.loose, p.notInSight = true, true
		case s.wildcards && r == '*':
			p.symbols = append(p.symbols, anyInSegment)
		case s.wildcards && r == '?':
			p.symbols = append(p.symbols, anyCharacter)
		default:
			p.symbols = append(p.symbols, symbol(r))
		}
		text = text[size:]
	}
	p.endSegments(s.arn)
	if s.arn {
		p.complete()
		p.narrowPartition(s.facts.Partition)
	}
	return p
}

// endSegments lets each * that ends a segment match beyond it, or every one in a
// text without segments. If a part behind a * is not in sight, it may end one.
func (p *pattern) endSegments(arn bool) {
	next := symbol(':')
	for i, s := range slices.Backward(p.symbols) {
		if s == anyInSegment && (!arn || next == ':' || next == anyString || next.isVariable()) {
			p.loose = p.loose || arn && next.isVariable()
			s = anyString
		}
		p.symbols[i], next = s, s
	}
}

// addVariable adds the variable that a text begins with, or its value if the
// facts have it, and returns what is behind it. Pseudo parameters are variables in
// every version.
func (s syntax) addVariable(p *pattern, text string) (behind string, isVariable bool) {
	rest, pseudo := strings.CutPrefix(text, pseudoSign)
	if !strings.HasPrefix(rest, "${") {
		return text, false
	}
	name, behind, found := strings.Cut(rest[len("${"):], "}")
	if !found || !s.variables && !pseudo {
		return text, false
	}
	if pseudo {
		name = pseudoSign + name
	}
	value, known := s.facts.value(name)
	switch {
	case known:
		p.addLiteral(value)
	case name == "*", name == "?", name == "$": // the characters themselves
		p.addLiteral(name)
	case strings.Contains(name, NotInSight):
		p.symbols = append(p.symbols, anyString)
		p.loose, p.notInSight = true, true
	default:
		p.symbols = append(p.symbols, firstVariable-symbol(len(p.variables)))
		p.variables = append(p.variables, name)
	}
	return behind, true
}

func (p *pattern) addLiteral(text string) {
	for _, r := range text {
		p.symbols = append(p.symbols, symbol(r))
	}
}

// narrowPartition keeps wildcards for the partition of an ARN from reaching
// beyond it. Requests are about resources of the known partition only.
func (p *pattern) narrowPartition(known string) {
	const start = len("arn:")
	if !p.isARN() {
		return
	}
	end := start + slices.Index(p.symbols[start:], ':')
	service := p.symbols[end+1:]
	service = service[:max(0, slices.Index(service, ':'))]
	if end < start || len(service) == 0 || slices.ContainsFunc(service, func(s symbol) bool { return !s.isLiteral() }) {
		return
	}
	for i, s := range p.symbols[start:end] {
		if s.isStar() && !p.loose {
			p.symbols[start+i] = anyInName
		}
	}
	if end == start+1 && p.symbols[start] == anyInName && known != "" {
		symbols := slices.Clone(p.symbols[:start])
		for _, r := range known {
			symbols = append(symbols, symbol(r))
		}
		p.symbols = append(symbols, p.symbols[end:]...)
	}
}

// aligned is a pattern whose wildcards for the Region and the account do not reach
// beyond them.
func (p pattern) aligned() pattern {
	if !p.isARN() || p.loose {
		return p
	}
	p.symbols = slices.Clone(p.symbols)
	for i, segment := 0, 0; i < len(p.symbols) && segment < 5; i++ {
		switch s := p.symbols[i]; {
		case s == ':':
			segment++
		case segment == 2 && !s.isLiteral():
			return p // the service may be any
		case segment > 2 && s.isStar():
			p.symbols[i] = anyInName
		}
	}
	return p
}

// isARN reports whether the text certainly begins like an ARN.
func (p *pattern) isARN() bool {
	const start = "arn:"
	if len(p.symbols) < len(start) {
		return false
	}
	for i, r := range start {
		if p.symbols[i] != symbol(r) {
			return false
		}
	}
	return true
}

// complete completes an ARN that has fewer than six segments, as IAM does. What
// it takes a * in the segments that are there for is not known, so that more may
// match than does.
func (p *pattern) complete() {
	if !p.isARN() {
		return
	}
	colons := 0
	for _, s := range p.symbols {
		if s == ':' {
			colons++
		}
	}
	if colons < 5 {
		p.symbols, p.loose = append(p.symbols, anyString), true
	}
}

// format reads an ARN format of the catalogue.
func (f Facts) format(text string) pattern {
	var p pattern
	for text != "" {
		name, behind, _ := strings.Cut(strings.TrimPrefix(text, "${"), "}")
		switch {
		case !strings.HasPrefix(text, "${"):
			r, size := utf8.DecodeRuneInString(text)
			if r == '*' {
				r = rune(anyString)
			}
			p.symbols = append(p.symbols, symbol(r))
			text = text[size:]
			continue
		case name == "Partition" && f.Partition != "":
			p.addLiteral(f.Partition)
		case withoutDelimiters[name]:
			p.symbols = append(p.symbols, anyInName)
		default:
			p.symbols = append(p.symbols, anyString)
		}
		text = behind
	}
	return p
}

// withoutDelimiters are the placeholders of ARN formats whose values never have a
// slash or a colon. Of the others AWS does not say it.
var withoutDelimiters = map[string]bool{"Partition": true, "Region": true, "Account": true, "BucketName": true}

// relations are how long patterns of resources compare with others, each of which is
// asked for with many ARN formats.
type relations map[[2]patternID]relation

// relation says how a pattern compares with another one.
type relation struct{ covers, overlaps bool }

// longPair is how large the product of the lengths of patterns is at least that are
// remembered. Others cost no more than to look them up.
const longPair = 1 << 12

func (r relations) covers(q, p pattern) bool {
	if !areLong(q, p) {
		return covers(q, p)
	}
	return r.of(q, p).covers
}

func (r relations) overlaps(q, p pattern) bool {
	if !areLong(q, p) {
		return overlaps(q, p)
	}
	return r.of(q, p).overlaps
}

func areLong(q, p pattern) bool {
	return q.id != patternID{} && p.id != patternID{} && len(q.symbols)*len(p.symbols) >= longPair
}

func (r relations) of(q, p pattern) relation {
	key := [2]patternID{q.id, p.id}
	of, known := r[key]
	if !known {
		of = relation{covers(q, p), overlaps(q, p)}
		r[key] = of
	}
	return of
}

// overlaps reports whether some text matches both patterns. It is exact for
// wildcards; variables and what is not in sight may be anything.
func overlaps(p, q pattern) bool {
	a, b, differ := trim(p.symbols, q.symbols)
	if differ {
		return false
	}
	if isAny(a) || isAny(b) {
		return true
	}
	// Some text matches a[:i] and b[:j] if j is in the ith set.
	var backing [2][64]int
	now, next := append(positions(backing[0][:0]), 0), positions(backing[1][:0])
	for _, s := range a {
		for at := now.walk(); at.more(); {
			j := at.take()
			if s.isLong() {
				next = next.add(j)
			}
			if j == len(b) {
				break
			}
			switch t := b[j]; {
			case t.isLong():
				at.reach(j + 1)
				if t.mayTake(s) {
					next = next.add(j)
				}
			case s.isLong() && s.mayTake(t):
				at.reach(j + 1)
			case !s.isLong() && s.meets(t):
				next = next.add(j + 1)
			}
		}
		now, next = next, now[:0]
	}
	return now.reach(b, symbol.isLong)
}

// positions are places in a pattern that are reached, in ascending order.
type positions []int

// add adds a position that is not less than the last one.
func (p positions) add(position int) positions {
	if len(p) > 0 && p[len(p)-1] == position {
		return p
	}
	return append(p, position)
}

// walk takes positions one by one, and those that are reached from each without a
// character.
type walk struct {
	rest    positions
	reached int // the next position, if it is not among the rest; 0 for none
}

func (p positions) walk() walk { return walk{rest: p} }

func (w *walk) more() bool { return w.reached > 0 || len(w.rest) > 0 }

func (w *walk) take() int {
	position := w.reached
	if position == 0 || len(w.rest) > 0 && w.rest[0] == position {
		position, w.rest = w.rest[0], w.rest[1:]
	}
	w.reached = 0
	return position
}

// reach adds the position behind the one that was taken.
func (w *walk) reach(position int) { w.reached = position }

// reach reports whether behind one of the positions is only what matches no
// characters.
func (p positions) reach(symbols []symbol, mayBeEmpty func(symbol) bool) bool {
	return slices.ContainsFunc(p, func(position int) bool {
		return !slices.ContainsFunc(symbols[position:], func(s symbol) bool { return !mayBeEmpty(s) })
	})
}

// isAny reports whether symbols stand for any text.
func isAny(symbols []symbol) bool { return len(symbols) == 1 && symbols[0] == anyString }

// trim cuts the characters that two patterns begin and end with. They differ if
// no text can match both because of them.
func trim(a, b []symbol) (_, _ []symbol, differ bool) {
	for len(a) > 0 && len(b) > 0 && a[0].isLiteral() && b[0].isLiteral() {
		if a[0] != b[0] {
			return nil, nil, true
		}
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1].isLiteral() && b[len(b)-1].isLiteral() {
		if a[len(a)-1] != b[len(b)-1] {
			return nil, nil, true
		}
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b, false
}

// mayTake reports whether what a long symbol stands for may contain that of one
// character.
func (s symbol) mayTake(one symbol) bool {
	return s != anyInName || one != '/' && one != ':'
}

// meets reports whether two symbols of one character may be the same.
func (s symbol) meets(other symbol) bool {
	return s == other || s == anyCharacter || other == anyCharacter
}

// covers reports whether every text that p matches is one that q matches. It is
// sound: a variable of p is taken by the same one of q, or by a *. It is not
// complete, as it takes each symbol of p as a whole.
func covers(q, p pattern) bool {
	if q.loose {
		return false
	}
	a, b, differ := trim(q.symbols, p.symbols)
	if differ {
		return false
	}
	if isAny(a) {
		return true
	}
	// a[:j] takes b[:i] if j is in the ith set.
	var backing [2][64]int
	now, next := append(positions(backing[0][:0]), 0), positions(backing[1][:0])
	for _, s := range b {
		for at := now.walk(); at.more(); {
			j := at.take()
			if j == len(a) {
				break
			}
			switch t := a[j]; {
			case t.isStar():
				at.reach(j + 1)
				if t.takes(s) {
					next = next.add(j)
				}
			case t.isVariable():
				if s.isVariable() && q.variables[firstVariable-t] == p.variables[firstVariable-s] {
					next = next.add(j + 1)
				}
			case t == s && s.isLiteral(), t == anyCharacter && (s == anyCharacter || s.isLiteral() && s != ':'):
				next = next.add(j + 1)
			}
		}
		now, next = next, now[:0]
	}
	return now.reach(a, symbol.isStar)
}

// takes reports whether a long symbol stands for at least all that another does.
func (s symbol) takes(other symbol) bool {
	switch s {
	case anyString:
		return true
	case anyInSegment:
		return other.isLiteral() && other != ':' || other == anyInSegment || other == anyInName
	case anyInName:
		return other.isLiteral() && other != ':' && other != '/' || other == anyInName
	}
	return false
}
