package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The Regions are those that the AWS SDK in use knows. It also has a name for what is
// global in a partition.
func TestRegions(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "endpoints", "awsrulesfn", "partitions.json"))
	require.NoError(t, err)
	var file struct {
		Partitions []struct {
			Regions map[string]json.RawMessage `json:"regions"`
		} `json:"partitions"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	var known []string
	for _, p := range file.Partitions {
		for region := range p.Regions {
			if !strings.HasSuffix(region, "-global") {
				known = append(known, region)
			}
		}
	}
	slices.Sort(known)
	assert.Equal(t, known, regions)
}
