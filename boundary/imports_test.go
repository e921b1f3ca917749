package boundary_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Imports point one way: the engine, what a boundary is and what one takes know
// neither AWS's SDK nor the packages that use them.
func TestImports(t *testing.T) {
	for pkg, allowed := range map[string][]string{
		"permissions-boundary-macro/boundary":           {},
		"permissions-boundary-macro/transform/template": {"permissions-boundary-macro/internal/printable", "github.com/go-json-experiment/json", "go.yaml.in/yaml/v4"},
		"permissions-boundary-macro/transform/rules":    {"permissions-boundary-macro/transform/template", "permissions-boundary-macro/boundary", "permissions-boundary-macro/internal/printable", "github.com/go-json-experiment/json", "go.yaml.in/yaml/v4"},
		"permissions-boundary-macro/transform":          {"permissions-boundary-macro/transform/", "permissions-boundary-macro/boundary", "permissions-boundary-macro/internal/printable", "github.com/go-json-experiment/json", "go.yaml.in/yaml/v4"},
		"permissions-boundary-macro/policy":             {"permissions-boundary-macro/policy/catalogue"},
		"permissions-boundary-macro/policy/sam":         {},
		"permissions-boundary-macro/guard":              {"permissions-boundary-macro/boundary", "github.com/go-json-experiment/json"},
		"permissions-boundary-macro/internal/awserror":  {"permissions-boundary-macro/boundary", "permissions-boundary-macro/internal/printable", "github.com/aws/smithy-go"},
		"permissions-boundary-macro/paramstore":         {"permissions-boundary-macro/boundary", "permissions-boundary-macro/internal/awserror", "permissions-boundary-macro/internal/printable", "permissions-boundary-macro/internal/atomicfile", "github.com/go-json-experiment/json", "github.com/aws/", "github.com/google/renameio/", "github.com/rogpeppe/go-internal/lockedfile", "github.com/rogpeppe/go-internal/internal/", "golang.org/x/sys/"},
		"permissions-boundary-macro/fleet/push":         {"permissions-boundary-macro/fleet", "permissions-boundary-macro/boundary", "permissions-boundary-macro/internal/awserror", "permissions-boundary-macro/internal/printable", "permissions-boundary-macro/internal/atomicfile", "github.com/aws/", "github.com/google/renameio/", "github.com/rogpeppe/go-internal/lockedfile", "github.com/rogpeppe/go-internal/internal/", "golang.org/x/"},
		"permissions-boundary-macro/fleet":              {"permissions-boundary-macro/boundary", "permissions-boundary-macro/internal/awserror", "permissions-boundary-macro/internal/printable", "permissions-boundary-macro/internal/atomicfile", "github.com/aws/", "github.com/google/renameio/", "github.com/rogpeppe/go-internal/lockedfile", "github.com/rogpeppe/go-internal/internal/", "golang.org/x/"},
	} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg).Output()
		require.NoError(t, err)
		for dependency := range strings.FieldsSeq(string(out)) {
			assert.True(t, dependency == pkg || hasAnyPrefix(dependency, allowed), "%s imports %s", pkg, dependency)
		}
	}
}

func hasAnyPrefix(text string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
