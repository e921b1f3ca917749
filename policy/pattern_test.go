package policy

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// matches reports whether a text matches a pattern of *, ? and characters. If
// stay, a * that does not end its segment matches no colon.
func matches(pattern, text string, stay bool) bool {
	if pattern == "" {
		return text == ""
	}
	rest := pattern[1:]
	switch pattern[0] {
	case '*':
		behind := strings.TrimLeft(rest, "*")
		stays := stay && behind != "" && behind[0] != ':'
		return matches(rest, text, stay) || text != "" && !(stays && text[0] == ':') && matches(pattern, text[1:], stay)
	case '?':
		return text != "" && matches(rest, text[1:], stay)
	}
	return text != "" && pattern[0] == text[0] && matches(rest, text[1:], stay)
}

// words are all words of up to length letters.
func words(letters string, length int) []string {
	all := []string{""}
	for from := 0; length > 0; length-- {
		to := len(all)
		for _, word := range all[from:to] {
			for _, letter := range letters {
				all = append(all, word+string(letter))
			}
		}
		from = to
	}
	return all
}

// Against brute force over all patterns of up to four signs: overlaps is exact,
// and covers is sound in both readings of a * in a segment. Of what has no ? it
// misses nothing.
func TestPatternsAgainstBruteForce(t *testing.T) {
	patterns := words("a:*?", 4)
	texts := words("a:b", 6)
	for _, isARN := range []bool{false, true} {
		read := make([]pattern, len(patterns))
		crossing, staying := make([]*big.Int, len(patterns)), make([]*big.Int, len(patterns)) // which texts match
		for i, text := range patterns {
			read[i] = syntax{wildcards: true, arn: isARN}.pattern(text)
			crossing[i], staying[i] = matched(text, texts, false), matched(text, texts, isARN)
		}
		missed := 0
		var common big.Int
		isWithin := func(a, b *big.Int) bool { return common.AndNot(a, b).Sign() == 0 }
		for i, p := range patterns {
			for j, q := range patterns {
				if got, want := overlaps(read[i], read[j]), common.And(crossing[i], crossing[j]).Sign() != 0; got != want {
					t.Fatalf("overlaps(%q, %q) is %v", p, q, got)
				}
				within := isWithin(crossing[i], crossing[j]) && isWithin(staying[i], staying[j])
				got := covers(read[j], read[i])
				if got && !within {
					t.Fatalf("covers(%q, %q), ARN: %v", q, p, isARN)
				}
				if within && !got {
					missed++
					assert.True(t, strings.Contains(p+q, "?") || isARN, "not covers(%q, %q)", q, p)
				}
			}
		}
		t.Logf("ARN %v: covers misses %d of %d pairs", isARN, missed, len(patterns)*len(patterns))
	}
}

// matched has a bit for each text that a pattern matches.
func matched(pattern string, texts []string, stay bool) *big.Int {
	bits := new(big.Int)
	for i, text := range texts {
		if matches(pattern, text, stay) {
			bits.SetBit(bits, i, 1)
		}
	}
	return bits
}

// What a text of Resource means beyond wildcards.
func TestPatterns(t *testing.T) {
	const old, current = false, true
	facts := Facts{Partition: "aws", Account: "111122223333"}
	for _, tc := range []struct {
		p                      string
		q                      string
		variables              bool
		overlaps, covers, back bool // back: p covers q
	}{
		{"arn:aws:s3:::a/*", "arn:aws:s3:::a/b", current, true, false, true},
		{"arn:aws:s3:::A/*", "arn:aws:s3:::a/*", current, false, false, false},
		// Variables.
		{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::${aws:username}/*", current, true, true, true},
		{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::${aws:userid}/*", current, true, false, false},
		{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::a/*", current, true, false, false},
		{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::*", current, true, true, false},
		{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::a/*", old, false, false, false},
		{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::${aws:username}/a", old, true, false, true},
		{"arn:aws:s3:::a${*}", "arn:aws:s3:::ab", current, false, false, false},
		{"arn:aws:s3:::a${*}", "arn:aws:s3:::a?", current, true, true, false},
		// What the facts say of the account.
		{"arn:${AWS::Partition}:sqs:*:${AWS::AccountId}:q", "arn:aws:sqs:*:111122223333:*", old, true, true, false},
		{"arn:aws:sqs:*:${aws:PrincipalAccount}:q", "arn:aws:sqs:*:111122223333:q", current, true, true, true},
		{"arn:aws:sqs:${AWS::Region}:1:q", "arn:aws:sqs:${AWS::Region}:1:*", old, true, true, false},
		{"arn:*:s3:::a", "arn:aws:s3:::a", current, true, true, true},
		{"arn:*:s3:::a", "arn:aws-cn:s3:::a", current, false, false, false},
		// A wildcard for the partition ends there, as the service is named.
		{"arn:*:iam::1:role/a", "arn:aws:s3:::b/x:iam::1:role/a", current, false, false, false},
		{"arn:*:*:::a", "arn:aws:s3:::a", current, true, false, true},
		// A * that does not end its segment may stop at a colon.
		{"arn:aws:sqs:eu-*-1:1:q", "arn:aws:sqs:eu-x:2:y-1:1:q", current, true, false, false},
		{"arn:aws:sqs:eu-*-1:1:q", "arn:aws:sqs:eu-*-1:1:*", current, true, true, false},
		{"arn:aws:logs:*:1:*", "arn:aws:logs:eu-west-1:1:log-group:g:log-stream:s", current, true, false, true},
		// Incomplete ARNs: IAM completes them, as it seems.
		{"arn:aws:sqs", "arn:aws:sqs:eu-west-1:1:q", current, true, false, false},
		{"arn:aws:sqs", "arn:aws:s3:::a", current, false, false, false},
		{"arn:aws:sqs", "arn:aws:sqs*", current, true, false, false},
		{"arn:aws:sqs", "*", current, true, true, false},
		// What is not in sight may be anything.
		{"arn:aws:s3:::" + NotInSight + "/*", "arn:aws:s3:::a/b", current, true, false, false},
		{"arn:aws:s3:::" + NotInSight + "/*", "arn:aws:s3:::*", current, true, true, false},
		{"arn:aws:s3:::" + NotInSight, "arn:aws:s3:::" + NotInSight, current, true, false, false},
		{"arn:aws:s3:::" + NotInSight, "arn:aws:sqs:eu-west-1:1:q", current, false, false, false},
		{"arn:aws:s3:::${aws:" + NotInSight + "}", "arn:aws:s3:::a", current, true, false, false},
	} {
		resource := syntax{wildcards: true, arn: true, variables: tc.variables, facts: facts}
		p, q := resource.pattern(withPseudo(tc.p)), resource.pattern(withPseudo(tc.q))
		assert.Equal(t, tc.overlaps, overlaps(p, q), "%s overlaps %s", tc.p, tc.q)
		assert.Equal(t, tc.overlaps, overlaps(q, p), "%s overlaps %s", tc.q, tc.p)
		assert.Equal(t, tc.covers, covers(q, p), "%s covers %s", tc.q, tc.p)
		assert.Equal(t, tc.back, covers(p, q), "%s covers %s", tc.p, tc.q)
	}
}

// withPseudo has pseudo parameters in place of ${AWS::...}.
func withPseudo(text string) string { return strings.ReplaceAll(text, "${AWS::", pseudoSign+"${AWS::") }

// An ARN format of the catalogue says where no slash or colon is.
func TestFormats(t *testing.T) {
	const bucket, object = "arn:${Partition}:s3:::${BucketName}", "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
	resource := syntax{wildcards: true, arn: true}
	for _, tc := range []struct {
		format, text     string
		overlaps, covers bool
	}{
		{bucket, "arn:aws:s3:::a", true, false},
		{bucket, "arn:aws:s3:::a/*", false, false},
		{bucket, "arn:aws:s3:::*", true, true},
		{bucket, "arn:*:s3:::a*", true, false},
		{object, "arn:aws:s3:::a", false, false},
		{object, "arn:aws:s3:::a/*", true, false},
		{object, "arn:aws:s3:::*/*", true, true},
		{"arn:${Partition}:sqs:${Region}:${Account}:${QueueName}", "arn:aws:sqs:*:*:*", true, true},
		{"arn:${Partition}:braket:*:*:device/${Id}", "arn:aws:braket:::device/*", true, false},
	} {
		format := Facts{Partition: "aws"}.format(tc.format)
		assert.Equal(t, tc.overlaps, overlaps(format, resource.pattern(tc.text)), "%s overlaps %s", tc.format, tc.text)
		assert.Equal(t, tc.covers, covers(resource.pattern(tc.text), format), "%s covers %s", tc.text, tc.format)
	}
	assert.False(t, covers(resource.pattern("arn:aws:s3:::*"), Facts{}.format(bucket)), "the partition is not known")
}

// What two patterns of stars cost is in proportion to the product of their lengths.
func BenchmarkPatterns(b *testing.B) {
	for _, length := range []int{512, 1024, 2048} {
		read := func(text string) pattern {
			return syntax{wildcards: true}.pattern(strings.Repeat(text, length/len(text)))
		}
		p, q := read("a*b?"), read("?*a*")
		b.Run(strconv.Itoa(length), func(b *testing.B) {
			for b.Loop() {
				overlaps(p, q)
				covers(p, q)
			}
		})
	}
}

// A text that matches both patterns is an overlap, and one that matches what is
// covered matches what covers. An overlap has such a text.
func FuzzPatterns(f *testing.F) {
	for _, seed := range [][3]string{{"arn:aws:s3:::a*", "arn:*", "arn:aws:s3:::ab"}, {"a*b:*", "*:", "ab:"}, {"?*?", "*??", "::"}, {"**", "?", "a"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	small := strings.NewReplacer("\x00", "*", "\x01", "?", "\x02", ":")
	f.Fuzz(func(t *testing.T, p, q, text string) {
		p, q = small.Replace(p), small.Replace(q)
		if len(p)+len(q)+len(text) > 40 || strings.Count(p+q, "*") > 5 || !isASCII(p+q+text) || strings.HasPrefix(p, "arn:") || strings.HasPrefix(q, "arn:") {
			return
		}
		for _, isARN := range []bool{false, true} {
			read := syntax{wildcards: true, arn: isARN}
			a, b := read.pattern(p), read.pattern(q)
			if matches(p, text, false) && matches(q, text, false) && !overlaps(a, b) {
				t.Errorf("overlaps(%q, %q) is false, in spite of %q", p, q, text)
			}
			if covers(b, a) && !overlaps(a, b) {
				t.Errorf("covers(%q, %q), but no overlap", q, p)
			}
			for _, stay := range []bool{false, isARN} {
				if covers(b, a) && matches(p, text, stay) && !matches(q, text, stay) {
					t.Errorf("covers(%q, %q), but not %q, ARN: %v", q, p, text, stay)
				}
			}
			if len(p) <= 3 && len(q) <= 3 && overlaps(a, b) && !anyMatches(p, q) {
				t.Errorf("overlaps(%q, %q)", p, q)
			}
		}
	})
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0
}

// anyMatches reports whether a text of up to six characters matches both.
func anyMatches(p, q string) bool {
	letters := "a"
	for _, r := range p + q {
		if r != '*' && r != '?' && !strings.ContainsRune(letters, r) {
			letters += string(r)
		}
	}
	for _, text := range words(letters, 4) {
		if matches(p, text, false) && matches(q, text, false) {
			return true
		}
	}
	return false
}
