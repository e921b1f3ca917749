package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"permissions-boundary-macro/internal/corpus"

	"github.com/stretchr/testify/require"
)

// The input templates of the SAM translator's own tests, where CORPUS names a
// folder that has them: no role passes unbound, with the macro behind SAM and
// before it.
func TestTranslatorInputs(t *testing.T) {
	inputs := translatorInputs(t)
	scenario(t, "templates of the SAM translator's own tests", func(t *testing.T) string {
		addEnvironment(t, "dev", "dev-boundary")
		c := &cloudFormation{t: t, macro: startFunction(t, "DEFAULT_ENVIRONMENT=dev", "ENVIRONMENT_PARAMETERS=NoTemplateHasThis")}
		var behind, before tally
		translated := 0
		for _, in := range inputs {
			if _, err := c.transform(in.template(t, serverless), nil); err != nil {
				continue // the translator refuses it: many of its tests are about that
			}
			translated++
			behind.add(t, c, in, serverless, macroName)
			before.add(t, c, in, macroName, serverless)
		}
		require.Greater(t, translated, 100)
		require.Zero(t, behind.refused, "with the macro behind SAM")
		require.Greater(t, behind.roles, translated)
		require.Greater(t, before.roles, translated)
		return fmt.Sprintf("%d of %d translate; macro behind SAM: %s; before: %s", translated, len(inputs), behind, before)
	})
}

// tally counts what becomes of templates and their roles.
type tally struct{ templates, roles, refused int }

func (s tally) String() string {
	return fmt.Sprintf("%d roles bound in %d templates, %d refused, 0 roles unbound", s.roles, s.templates, s.refused)
}

func (s *tally) add(t *testing.T, c *cloudFormation, in input, transforms ...string) {
	t.Helper()
	result, err := c.transform(in.template(t, transforms...), nil)
	if err != nil {
		require.ErrorContains(t, err, "list PermissionsBoundaryMacro after AWS::Serverless-2016-10-31 in Transform", in.Name)
		s.refused++
		return
	}
	s.templates++
	for id, r := range resourcesOf(result) {
		if r["Type"] != "AWS::IAM::Role" {
			continue
		}
		properties, _ := r["Properties"].(object)
		require.Equal(t, policy("dev-boundary"), properties["PermissionsBoundary"], "%s: role %s, transforms %v", in.Name, id, transforms)
		s.roles++
	}
}

// input is a template of the SAM translator's tests.
type input struct {
	Name     string          `json:"name"`
	Fragment json.RawMessage `json:"fragment"`
}

// template is the input with the transforms listed, and a value for each
// parameter that has no default.
func (in input) template(t *testing.T, transforms ...string) object {
	t.Helper()
	var template object
	require.NoError(t, json.Unmarshal(in.Fragment, &template))
	listed := make([]any, len(transforms))
	for i, name := range transforms {
		listed[i] = name
	}
	template["Transform"] = listed
	declared, _ := template["Parameters"].(object)
	for _, d := range declared {
		if declaration, isObject := d.(object); isObject && declaration["Default"] == nil {
			declaration["Default"] = "value"
		}
	}
	return template
}

func translatorInputs(t *testing.T) []input {
	if !corpus.IsThere() {
		fmt.Println("skip templates of the SAM translator's own tests: CORPUS names no folder with templates.jsonl.gz")
		t.SkipNow()
	}
	inputs := slices.DeleteFunc(corpus.Lines[input](t, "templates.jsonl.gz"), func(in input) bool {
		return !strings.HasPrefix(in.Name, "aws/serverless-application-model/tests/translator/input/")
	})
	require.NotEmpty(t, inputs)
	return inputs
}
