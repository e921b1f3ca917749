package template

import (
	"bytes"
	"fmt"
)

// maxCopies bounds the number of values that aliases and merge keys add.
// CloudFormation itself accepts no aliases.
const maxCopies = 100_000

// maxCopied bounds the JSON of a template with aliases or merge keys, in bytes. It
// is twice the longest request that Lambda accepts.
const maxCopied = 12 << 20

// maxDepth bounds the nesting of values: an alias may stand for a value around it.
const maxDepth = 1000

// MaxYAML is the length of the longest YAML that is read, in bytes. CloudFormation
// accepts no longer template. Source: CloudFormation quotas.
const MaxYAML = 1 << 20

// maxYAMLValues bounds the number of values in YAML, each of which takes some 200
// bytes of memory. Scaled to MaxYAML, the densest real template has 130,000, and
// all others have fewer than 100,000.
const maxYAMLValues = 130_000

// maxPerByte is how many values a byte can be in, as the comma in [::,].
const maxPerByte = 3

// Unlimited is the limit on a template that is the result of edits, which may
// exceed the limits on input.
const Unlimited = -1

// maxJSONValues bounds the number of values in JSON, each of which may take some
// 200 bytes of memory. It is twice the number in the densest real template, scaled
// to the longest that CloudFormation accepts.
const maxJSONValues = 130_000

// checkJSON refuses a template in JSON with too many values.
func checkJSON(text []byte) error {
	if bytes.Count(text, []byte(","))+bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > maxJSONValues {
		return fmt.Errorf("%w: it may have more than %d values", ErrTooLong, maxJSONValues)
	}
	return nil
}

// checkYAML keeps the YAML library from texts that would take much memory. The
// limit is in bytes.
func checkYAML(src []byte, limit int) error {
	if len(src) > limit {
		return fmt.Errorf("%w: %d bytes of YAML, CloudFormation takes %d", ErrTooLong, len(src), MaxYAML)
	}
	if len(src) <= maxYAMLValues/maxPerByte {
		return nil
	}
	values := 0
	for i, c := range src {
		isEnd := i+1 == len(src) || isSpace(src[i+1])
		switch {
		case c == ',':
			values += maxPerByte
		case c == ':' && isEnd:
			values += 2
		case c == '-' && isEnd, c == '[', c == '{', c == '?' && isEnd:
			values++
		}
	}
	if values > maxYAMLValues {
		return fmt.Errorf("%w: it may have more than %d values", ErrTooLong, maxYAMLValues)
	}
	return nil
}
