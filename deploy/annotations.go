package deploy

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"permissions-boundary-macro/internal/printable"
)

// maxAnnotations is how many annotations of each level GitHub shows of a step.
// Source: GitHub Actions, limits of annotations.
const maxAnnotations = 10

// annotations are commands to the runner of GitHub Actions, which shows them on
// the lines. Findings beyond those that it shows are lines of the log, and the
// last one says how many they are. Source: GitHub Actions, workflow commands.
func annotations(findings []remark) []byte {
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var shown, others bytes.Buffer
	levels := map[string]string{"note": "notice"} // where GitHub's name differs from SARIF's
	count := map[string]int{}
	more := 0
	for _, f := range findings {
		path, text := printable.Line(filepath.ToSlash(f.path)), escape.Replace(printable.Line(f.whole()))
		f.level = cmp.Or(levels[f.level], f.level)
		if count[f.level]++; count[f.level] > maxAnnotations {
			// The level in front keeps a path from being read as a command.
			fmt.Fprintf(&others, "%s: %s:%d: %s\n", f.level, escape.Replace(path), f.line, text)
			more++
			continue
		}
		fmt.Fprintf(&shown, "::%s file=%s,line=%d,title=%s::%s\n", f.level, escapeProperty.Replace(path), f.line, f.code, text)
	}
	shown.Write(others.Bytes())
	if more > 0 {
		fmt.Fprintf(&shown, "%d more than GitHub shows on the lines\n", more)
	}
	return shown.Bytes()
}
