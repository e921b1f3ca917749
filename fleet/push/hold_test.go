package push_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet/push"
)

// commands are those of a push with flags.
type commands struct{}

func (commands) Push(do string) string { return "pbm push dev " + do + " --region eu-west-1" }
func (commands) Audit() string         { return "pbm audit --environment dev --region eu-west-1" }

var placeholder = regexp.MustCompile(`[A-Z]{4,}`)

// A hold says why and what to do, whatever its code. A command in it has the flags of
// the push.
func TestHoldTexts(t *testing.T) {
	page, err := os.ReadFile("../../docs/pushing.md")
	require.NoError(t, err)
	for _, code := range push.Codes() {
		s := push.Stack{Hold: &push.Hold{Code: code, Subjects: []string{"A", "B"}}}
		remedy := s.Remedy(commands{})
		assert.NotEmpty(t, s.Hold.Reason(), code)
		assert.NotEmpty(t, remedy, code)
		assert.Empty(t, placeholder.FindString(strings.ReplaceAll(remedy, "--bucket NAME", "")), code)
		assert.Equal(t, strings.Count(remedy, "pbm "), strings.Count(remedy, " --region eu-west-1"), remedy)
		assert.Equal(t, "A; B", s.Hold.About())
		assert.Contains(t, string(page), "| `"+string(code)+"` |", "docs/pushing.md does not list it")
	}
	assert.Empty(t, push.Stack{}.Remedy(commands{}))
}

// What to do about a stack depends on its status, and about its change sets on whose
// they are.
func TestHoldRemedies(t *testing.T) {
	for subject, want := range map[string]string{
		"UPDATE_ROLLBACK_FAILED":       "correct the reason, then continue the rollback before another push: aws cloudformation continue-update-rollback --region eu-west-1 --stack-name arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1",
		"UPDATE_IN_PROGRESS":           "wait until its deployment ends; then run the push again",
		"DELETE_COMPLETE":              "nothing: the stack was deleted",
		"UPDATE_FAILED":                "deploy it, roll it back or delete it with its own pipeline; then run the push again",
		"release-42":                   "ask who made them; then execute or delete them",
		"pbm-20261127-044512-0000002a": "pbm-20261127-044512-0000002a is of another push: wait for it if it is under way; if it has stopped, continue it where it was started: pbm push dev --resume=20261127-044512-0000002a --region eu-west-1; if its journal is lost, delete the change set",
	} {
		code := push.StackStatus
		if strings.Contains(subject, "-") {
			code = push.ForeignChangeSet
		}
		s := push.Stack{ID: "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1", Region: "eu-west-1", Name: "shop", Hold: &push.Hold{Code: code, Subjects: []string{subject}}}
		assert.Equal(t, want, s.Remedy(commands{}), subject)
	}
}
