package deploy_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
)

// pbm exits with 2 when it is called wrongly, and with 1 when it fails.
func TestExitCodes(t *testing.T) {
	template := filepath.Join(t.TempDir(), "t.json")
	require.NoError(t, os.WriteFile(template, []byte(`{"Resources": {}}`), 0o600))
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"", 0, ""},
		{"transform", 2, "name at least one template or directory: pbm transform PATH..."},
		{"nonsense", 2, `unknown command "nonsense" for "pbm" (see pbm --help)`},
		{"transform T --nonsense", 2, "unknown flag: --nonsense (see pbm transform --help)"},
		{"transform T --permissions-boundary", 2, "flag needs an argument: --permissions-boundary (see pbm transform --help)"},
		{"transform T -e dev --permissions-boundary x", 2, "--environment and --permissions-boundary are mutually exclusive"},
		{"transform T --diff --check", 2, "--diff, --check, --in-place and --out are mutually exclusive"},
		{"transform T -e a/b", 2, `environment "a/b": not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`},
		{"transform T --environment=", 2, "--environment is empty"},
		{"transform T --account 1 --permissions-boundary x", 2, "--account is not an account ID of 12 digits"},
		{"transform T --store nowhere", 2, "--store nowhere is neither ssm nor file:PATH"},
		{"transform T --store file:", 2, "--store file: is neither ssm nor file:PATH"},
		{"transform T --prefix x", 2, `--prefix "x" is not a path such as /permissions-boundary`},
		{"transform T --existing-boundary drop", 2, `--existing-boundary "drop" is not one of replace, keep, reject`},
		{"transform T --macro-name=", 2, "--macro-name is empty"},
		{"transform T --blind-spots ignore", 2, `--blind-spots "ignore" is neither warn nor reject`},
		{"transform T --pin-environment --permissions-boundary x", 2, "--pin-environment needs --default-environment"},
		{"transform T --permissions-boundary x --parameter A", 2, "--parameter A is not of the form NAME=VALUE"},
		{"transform T --permissions-boundary x --parameter A=b", 2, "--parameter A: the template declares no such parameter"},
		{"transform T --permissions-boundary arn:x", 2, `boundary "arn:x" is neither "none" nor the ARN of an IAM managed policy (arn:PARTITION:iam::ACCOUNT:policy/NAME)`},
		{"transform T --permissions-boundary x", 0, ""},
		{"transform T -permissions-boundary x", 2, "-permissions-boundary is not a flag; write --permissions-boundary"},
		{"explain", 2, "name at least one template or directory, or pass --live: pbm explain PATH... | --live [ROLE...]"},
		{"explain T --policy a --environment dev", 2, "--policy, --permissions-boundary and --environment are mutually exclusive, except with --against current"},
		{"explain T --policy a --against current", 2, "--against current needs --environment, whose boundary it means"},
		{"explain T --environment=", 2, "--environment is empty"},
		{"explain T --policy a --account 1", 2, "--account is not an account ID of 12 digits"},
		{"explain T --permissions-boundary arn:x", 2, `boundary "arn:x" is neither "none" nor the ARN of an IAM managed policy (arn:PARTITION:iam::ACCOUNT:policy/NAME)`},
		{"explain --live --policy a --output sarif", 2, "--output sarif is about files, and --live reads none"},
		{"explain --live --policy a --account 111122223333", 2, "--account is about templates; with --live, --profile or --environment says which account it is"},
		{"explain --live [ --policy a", 2, `"[" is not a pattern: syntax error in pattern`},
		{"push", 2, "name one environment: pbm push ENVIRONMENT"},
		{"push a/b", 2, `environment "a/b": not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`},
		{"push dev --waves 1,x", 2, `--waves "1,x": "x" is neither a number of stacks nor rest`},
		{"push dev --resume x", 2, "name one environment: pbm push ENVIRONMENT"},
		{"push dev 20261127-000000-00000000", 2, "name one environment: pbm push ENVIRONMENT"},
		{"push dev --resume=x", 2, `--resume "x" is not the ID of a run`},
		{"push dev --resume --execute", 2, "--execute and --resume are mutually exclusive"},
		{"push dev --resume --dry-run", 2, "--dry-run does not go with --resume, which deploys"},
		{"push dev --resume --stack x", 2, "--stack does not go with --resume: the run has its plan"},
		{"push dev --execute --commands", 2, "--commands prints, and does not go with --execute and --resume"},
		{"push dev --concurrency 0", 2, "--concurrency is not a number of stacks"},
		{"push dev --failures -1", 2, "--failures is negative"},
		{"push dev --poll 0s", 2, "--poll is not a time"},
		{"push dev --store file:x", 2, "--store is a file: this command reads the values of each account"},
		{"guard", 0, ""},
		{"guard nonsense", 2, `unknown command "nonsense" for "pbm guard" (see pbm guard --help)`},
		{"guard scp x", 2, "pbm guard scp takes no arguments"},
		{"guard scp --environment=", 2, "--environment is empty"},
		{"guard scp -e a/b", 2, `environment "a/b": not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`},
		{"guard scp --account 1", 2, "--account is not an account ID of 12 digits"},
		{"guard scp --stack a_b", 2, `--stack "a_b" is not the name of a stack (letters, digits and hyphens)`},
		{"guard scp --exempt admin", 2, `--exempt "admin" is not the ARN of an IAM role or user, such as arn:*:iam::*:role/platform/*`},
		{"guard scp --exempt arn:*:iam::*:role/*", 2, `--exempt "arn:*:iam::*:role/*" is not specific enough: name a path, or the beginning of a name`},
		{"guard scp --also none", 2, "--also names no boundary"},
		{"guard scp --check a -o b", 2, "--check and --out are mutually exclusive"},
		{"guard scp --check - --check -", 2, "--check - is given twice, and stdin can be read once"},
		{"guard guard-rule --exempt arn:*:iam::*:role/platform/*", 2, "--exempt has no effect on guard-rule: a template does not say who deploys it"},
		{"guard hook --json", 2, "--json: pbm guard hook has only text output"},
		{"init a b", 2, "name at most one environment: pbm init [NAME]"},
		{"env add", 2, "name one environment: pbm env add NAME"},
		{"env list x", 2, "pbm env list takes no arguments"},
		{"env import", 2, "name one file: pbm env import FILE"},
		{"completion bash x", 2, "pbm completion bash takes no arguments"},
		{"env nonsense", 2, `unknown command "nonsense" for "pbm env" (see pbm env --help)`},
		{"env add dev --permissions-boundary", 2, "flag needs an argument: --permissions-boundary (see pbm env add --help)"},
		{"env add dev --permissions-boundary --yes", 2, `boundary "--yes" looks like a flag; for a policy of that name write its whole ARN`},
		{"env add dev --permissions-boundary arn:x", 2, `boundary "arn:x" is neither "none" nor the ARN of an IAM managed policy (arn:PARTITION:iam::ACCOUNT:policy/NAME)`},
		{"env add a/b --permissions-boundary x", 2, `environment "a/b": not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`},
		{"env update a/b --permissions-boundary x", 2, `environment "a/b": not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`},
		{"env get --output yaml", 2, `--output "yaml" is not one of text, json`},
		{"env get --json --output text", 2, "--json and --output text are mutually exclusive"},
		{"init --permissions-boundary x", 2, "--permissions-boundary needs the name of an environment: pbm init NAME"},
		{"transform missing --permissions-boundary x", 1, "read the template: open missing: no such file or directory"},
	} {
		var stdout, stderr bytes.Buffer
		args := strings.Fields(strings.Replace(tc.args, " T", " "+template, 1))
		assert.Equal(t, tc.code, deploy.Run(context.Background(), args, nil, &stdout, &stderr), tc.args)
		if tc.want != "" {
			assert.Equal(t, "pbm: error: "+tc.want+"\n", stderr.String(), tc.args)
			assert.Empty(t, stdout.String())
		}
	}
}
