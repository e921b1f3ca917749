package guard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Document is a policy document. Its members are in the order in which AWS's
// documentation has them.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is a statement of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string `json:",omitempty"`
	NotAction []string `json:",omitempty"`
	Resource  []string
	Condition Condition `json:",omitempty"`
}

// Condition has the values that keys are compared with, by operator and key.
type Condition map[string]map[string][]string

// Policy is a policy document with a name that AWS accepts.
type Policy struct {
	Name     string   `json:"name"`
	Document Document `json:"document"`
}

// Size is the number of characters that AWS counts: those without white space. If
// an SCP is created with an SDK or the AWS CLI instead of the console, AWS counts
// white space, too. Sources: AWS Organizations User Guide, "Quotas"; IAM User
// Guide, "IAM and AWS STS quotas".
func (p Policy) Size() int { return len(p.Document.compact()) }

// String is the document as people read it.
func (d Document) String() string {
	var out bytes.Buffer
	_ = json.Indent(&out, d.compact(), "", "  ") // it is valid
	return out.String() + "\n"
}

func (d Document) compact() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(d) // a buffer takes everything
	return bytes.TrimSpace(out.Bytes())
}

// TooLongError is the error of something that AWS does not take, and that cannot be
// divided, because it lists too many boundaries or exempt principals.
type TooLongError struct {
	What        string
	Size, Limit int // in characters
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("%s has %d characters, and AWS takes %d", e.What, e.Size, e.Limit)
}

// pack puts statements into as few policies as their order allows, each below a
// size. A statement that is longer is divided by its resources: together, the halves
// deny or allow the same. If it cannot be divided, it may have up to the limit.
func pack(name string, size, limit int, statements []Statement) ([]Policy, error) {
	var parts []Document
	for len(statements) > 0 {
		next := statements[0]
		alone := Policy{Document: document(next)}
		if alone.Size() >= size && len(next.Resource) > 1 {
			statements = slices.Concat(next.halves(), statements[1:])
			continue
		}
		if alone.Size() >= limit {
			return nil, &TooLongError{"a policy with the statement " + next.Sid, alone.Size(), limit}
		}
		statements = statements[1:]
		if last := len(parts) - 1; last >= 0 {
			whole := document(append(slices.Clone(parts[last].Statement), next)...)
			if (Policy{Document: whole}).Size() < size {
				parts[last] = whole
				continue
			}
		}
		parts = append(parts, alone.Document)
	}
	policies := make([]Policy, len(parts))
	for i, d := range parts {
		policies[i] = Policy{fmt.Sprintf("%s-%d", name, i+1), d}
	}
	return policies, nil
}

func document(statements ...Statement) Document { return Document{"2012-10-17", statements} }

func (s Statement) halves() []Statement {
	first, second := s, s
	middle := len(s.Resource) / 2
	first.Sid, first.Resource = s.Sid+"1", s.Resource[:middle]
	second.Sid, second.Resource = s.Sid+"2", s.Resource[middle:]
	return []Statement{first, second}
}
