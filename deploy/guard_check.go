package deploy

import (
	"bytes"
	"context"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/guard"
)

// checkGuard compares what is installed, in files, with what is written from the
// stored values. Policies are compared by what they mean.
func (p *pbm) checkGuard(ctx context.Context, d guardDocument, files []string, texts []guardText) error {
	name := strings.Join(files, ", ")
	installed, err := p.readInstalled(ctx, files)
	if err != nil {
		return err
	}
	var wanted []byte
	for _, t := range texts {
		wanted = append(wanted, t.text...)
	}
	if d.policies == nil {
		installed, wanted = withoutLineEnds(installed), withoutLineEnds(wanted)
	} else {
		if installed, err = guard.Canonical(installed); err != nil {
			return boundary.Problem{
				What:   name + " cannot be read as policy documents",
				Cause:  err,
				Remedy: "write the documents of the installed policies to it; docs/guarding.md has the commands",
			}
		}
		if wanted, err = guard.Canonical(wanted); err != nil {
			return err
		}
	}
	if bytes.Equal(installed, wanted) {
		p.line("", name+" is what the stored boundaries require")
		return nil
	}
	if err := p.printDiff(name, "as the stored boundaries require", installed, wanted); err != nil {
		return err
	}
	return boundary.Problem{
		What:   name + " is not what the stored boundaries require",
		Remedy: "install what pbm guard " + d.name + " writes, with the same flags" + d.ofParts(),
	}
}

func (d guardDocument) ofParts() string {
	if d.policies == nil {
		return ""
	}
	return "; if it has several parts, pass --check for each"
}

// readInstalled reads files as one text.
func (p *pbm) readInstalled(ctx context.Context, files []string) ([]byte, error) {
	var all []byte
	for _, file := range files {
		in := input{path: file}
		if file == standardStream {
			in = input{path: "stdin", stdin: interruptible{ctx, p.stdin}}
		}
		text, err := in.read()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return nil, boundary.Problem{What: in.path + " is empty", Remedy: "did the command that writes it fail?"}
		}
		all = append(all, withNewline(text)...)
	}
	return all, nil
}

// withoutLineEnds is a text without what AWS's CLI, or Windows, adds to it.
func withoutLineEnds(text []byte) []byte {
	return bytes.TrimRight(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), "\n")
}
