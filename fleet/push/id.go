package push

import (
	"fmt"
	"regexp"
	"time"
)

// changeSetPrefix begins the names of all change sets of pushes.
const changeSetPrefix = "pbm-"

var runID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[0-9a-f]{8}$`)

// IsID reports whether a text is the ID of a run.
func IsID(text string) bool { return runID.MatchString(text) }

// NewID returns the ID of a run that begins now. It can be part of the name of a
// change set.
func NewID(now time.Time, random uint32) string {
	return fmt.Sprintf("%s-%08x", now.UTC().Format("20060102-150405"), random)
}
