package deploy

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"permissions-boundary-macro/guard"
)

// writeGuard writes documents to stdout, or to files if all of these may be
// overwritten.
func (p *pbm) writeGuard(d guardDocument, out string, texts []guardText) error {
	if out == standardStream {
		return p.printGuard(d, texts)
	}
	paths := partPaths(out, len(texts))
	present := make([][]byte, len(paths))
	for i, path := range paths {
		var err error
		if present[i], err = p.overwritableGuard(d, path, texts); err != nil {
			return err
		}
	}
	for i, t := range texts {
		if err := p.writeFile(paths[i], present[i], t.text); err != nil {
			return err
		}
		p.line("", paths[i]+": "+t.about)
	}
	if d.policies != nil {
		p.tellLeft(d, out, paths, texts)
	}
	return nil
}

// printGuard prints documents, and which policies they are.
func (p *pbm) printGuard(d guardDocument, texts []guardText) error {
	for _, t := range texts {
		if d.policies != nil && p.output != outputJSON {
			p.line("", t.about)
		}
		if err := p.print(t.text); err != nil {
			return err
		}
	}
	return nil
}

// partPaths are the paths of several parts, or the path alone of the only one.
func partPaths(path string, parts int) []string {
	if parts == 1 {
		return []string{path}
	}
	paths := make([]string, parts)
	for i := range paths {
		paths[i] = partPath(path, i+1)
	}
	return paths
}

// partPath is the path of one of several parts: scp.json, the first: scp-1.json.
func partPath(path string, number int) string {
	extension := filepath.Ext(path)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, extension), number, extension)
}

// overwritableGuard returns what is in a file that may be replaced: what the same
// command wrote, or nothing.
func (p *pbm) overwritableGuard(d guardDocument, path string, texts []guardText) ([]byte, error) {
	present, err := presentIn(path)
	if err != nil || len(present) == 0 || p.yes {
		return present, err
	}
	if is, err := d.wrote(present, texts); !is {
		return nil, notOverwritten(path+" is not what pbm guard "+d.name+" writes", err)
	}
	return present, nil
}

// wrote reports whether the command writes such a text: a policy that has statements
// of the same names, or a text that says so. The error is why it is no policy.
func (d guardDocument) wrote(text []byte, texts []guardText) (bool, error) {
	if d.policies == nil {
		return bytes.Contains(text, []byte("Written by pbm guard "+d.name)), nil
	}
	var own []string
	for _, t := range texts {
		sids, err := guard.Sids(t.text)
		if err != nil {
			return false, err
		}
		own = append(own, sids...)
	}
	sids, err := guard.Sids(text)
	isForeign := func(sid string) bool { return !slices.Contains(own, sid) }
	return err == nil && !slices.ContainsFunc(sids, isForeign), err
}

// tellLeft names files of an earlier run that had more parts, or fewer.
func (p *pbm) tellLeft(d guardDocument, out string, written []string, texts []guardText) {
	for number, path := 1, out; ; number++ {
		text, err := presentIn(path)
		if err != nil || len(text) == 0 && number > len(written) {
			return
		}
		if is, _ := d.wrote(text, texts); is && len(text) > 0 && !slices.Contains(written, path) {
			p.line("warning: ", path+" is from an earlier run, and no part of this policy")
			p.line("hint: ", "delete it")
		}
		path = partPath(out, number)
	}
}
