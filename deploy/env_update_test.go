package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// Two operators at once: the second is told by whom and what stands, and the
// history has both.
func TestUpdateMeetsAnother(t *testing.T) {
	server := asDev(t)
	server.Set("/permissions-boundary/dev", one)
	server.BeforeNextWrite(func() { server.Set("/permissions-boundary/dev", two) })

	var stdout, stderr bytes.Buffer
	code := deploy.Run(context.Background(), []string{"env", "update", "dev", "--permissions-boundary", "none", "--yes"}, nil, &stdout, &stderr)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout.String())
	assert.Equal(t, `pbm: store: ssm /permissions-boundary in account 111122223333, Region eu-west-1, profile dev
pbm: warning: with none, the next deployment of each stack of environment dev removes the boundary from its roles
pbm: error: environment "dev" was changed meanwhile: parameter /permissions-boundary/dev in eu-west-1 of account 111122223333 got version 2 by arn:aws:iam::111122223333:user/somebody-else
pbm: hint: version 3 with your value stands now: see pbm env history dev, and agree on one
`, stderr.String())
	values, _ := server.Values("/permissions-boundary/dev")
	assert.Equal(t, []string{one, two, "none"}, values)
}

// Of many processes that change a file store, each either wrote its version or
// was told that somebody was faster.
func TestUpdatesAtOnce(t *testing.T) {
	dir := projectWith(t, one)
	var mu sync.Mutex
	var written []string
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			value := fmt.Sprintf("arn:aws:iam::111122223333:policy/p%d", i)
			update := exec.Command("pbm", "env", "update", "--store", "file:environments.json", "--permissions-boundary", value)
			update.Dir = dir
			update.Env = append(os.Environ(), "CI=1")
			out, err := update.CombinedOutput()
			if err != nil {
				assert.Contains(t, string(out), `pbm: error: environment "dev" was changed meanwhile`)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			written = append(written, value)
		})
	}
	group.Wait()
	require.NotEmpty(t, written)
	assert.ElementsMatch(t, append([]string{one}, written...), stored(t, dir, "dev"), strings.Join(written, " "))
}
