package transform

import (
	"encoding/binary"
	"math/bits"
)

// The grammar of JSON, RFC 8259: each function reads one piece of it in a text
// and returns the offset behind it, or invalid. What is valid is what jsontext
// takes with duplicate names and invalid UTF-8 allowed, and FuzzGrammar holds
// them against each other. They are here for their speed alone: jsontext says
// what is wrong with a text that they do not take.

// invalid is the offset behind what is no JSON.
const invalid = -1

// maxNesting is how many objects and arrays can be in each other, as for jsontext.
const maxNesting = 10_000

// behindSpace is where the next token begins, if there is one.
func behindSpace(text []byte, at int) int {
	for at < len(text) && text[at] <= ' ' && isSpace(text[at]) {
		at++
	}
	return at
}

// behindValue reads a value that is in as many objects and arrays as depth says.
func behindValue(text []byte, at, depth int) int {
	if at >= len(text) {
		return invalid
	}
	switch text[at] {
	case '"':
		end, _ := behindString(text, at)
		return end
	case '{':
		return behindObject(text, at, depth+1)
	case '[':
		return behindArray(text, at, depth+1)
	case 't':
		return behindLiteral(text, at, "true")
	case 'f':
		return behindLiteral(text, at, "false")
	case 'n':
		return behindLiteral(text, at, "null")
	}
	return behindNumber(text, at)
}

func behindObject(text []byte, at, depth int) int {
	if depth > maxNesting {
		return invalid
	}
	at = behindSpace(text, at+1)
	if at < len(text) && text[at] == '}' {
		return at + 1
	}
	for {
		if at, _ = behindString(text, at); at == invalid {
			return invalid
		}
		at = behindSpace(text, at)
		if at >= len(text) || text[at] != ':' {
			return invalid
		}
		at = behindValue(text, behindSpace(text, at+1), depth)
		if at == invalid {
			return invalid
		}
		switch at = behindSpace(text, at); {
		case at >= len(text):
			return invalid
		case text[at] == ',':
			at = behindSpace(text, at+1)
		case text[at] == '}':
			return at + 1
		default:
			return invalid
		}
	}
}

func behindArray(text []byte, at, depth int) int {
	if depth > maxNesting {
		return invalid
	}
	at = behindSpace(text, at+1)
	if at < len(text) && text[at] == ']' {
		return at + 1
	}
	for {
		if at = behindValue(text, at, depth); at == invalid {
			return invalid
		}
		switch at = behindSpace(text, at); {
		case at >= len(text):
			return invalid
		case text[at] == ',':
			at = behindSpace(text, at+1)
		case text[at] == ']':
			return at + 1
		default:
			return invalid
		}
	}
}

// behindString reads a string, eight bytes at a time where there are as many.
// Plain says that the string surely has no escapes.
func behindString(text []byte, at int) (end int, plain bool) {
	if at >= len(text) || text[at] != '"' {
		return invalid, false
	}
	for at++; ; at += 8 {
		if len(text)-at < 8 {
			return behindSpecial(text, at), false
		}
		if special := specials(binary.LittleEndian.Uint64(text[at:])); special != 0 {
			at += bits.TrailingZeros64(special) / 8
			if text[at] == '"' {
				return at + 1, true
			}
			return behindSpecial(text, at), false
		}
	}
}

// behindSpecial goes on with a string where it is not plain, or almost all read.
func behindSpecial(text []byte, at int) int {
	for at < len(text) {
		switch c := text[at]; {
		case c == '"':
			return at + 1
		case c == '\\':
			if at = behindEscape(text, at+1); at == invalid {
				return invalid
			}
		case c < ' ':
			return invalid
		default:
			at++
		}
	}
	return invalid
}

// specials has the highest bit set of the first of eight bytes that is a
// quotation mark, a backslash or a control character. Subtracting borrows from
// the bytes behind, so those behind it tell nothing.
func specials(eight uint64) uint64 {
	const (
		each  = 0x0101010101010101
		highs = each << 7
	)
	// With this bit turned, the quotation mark comes right behind the control
	// characters, and the two before it go elsewhere.
	turned := eight ^ each*('"'^' ')
	backslashes := eight ^ each*'\\'
	return ((turned-each*'!')&^turned | (backslashes-each)&^backslashes) & highs
}

// behindEscape reads what comes behind a backslash.
func behindEscape(text []byte, at int) int {
	if at >= len(text) {
		return invalid
	}
	switch text[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1
	case 'u':
		for i := 1; i <= 4; i++ {
			if at+i >= len(text) || !isHex(text[at+i]) {
				return invalid
			}
		}
		return at + 5
	}
	return invalid
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func behindLiteral(text []byte, at int, literal string) int {
	if len(text)-at < len(literal) || string(text[at:at+len(literal)]) != literal {
		return invalid
	}
	return at + len(literal)
}

func behindNumber(text []byte, at int) int {
	if at < len(text) && text[at] == '-' {
		at++
	}
	if at < len(text) && text[at] == '0' {
		at++
	} else if at = behindDigits(text, at); at == invalid {
		return invalid
	}
	if at < len(text) && text[at] == '.' {
		if at = behindDigits(text, at+1); at == invalid {
			return invalid
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		return behindDigits(text, at)
	}
	return at
}

// behindDigits reads at least one digit.
func behindDigits(text []byte, at int) int {
	start := at
	for at < len(text) && isDigit(text[at]) {
		at++
	}
	if at == start {
		return invalid
	}
	return at
}
