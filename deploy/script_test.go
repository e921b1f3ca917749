package deploy_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/deploy"
	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/internal/cases"
)

var update = flag.Bool("update", false, "rewrite what the scripts and examples want")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pbm": func() { os.Exit(deploy.Main()) },
	})
}

// Each script in testdata/script is one behaviour of pbm, through its main,
// against AWS in small. With the variable MOTO set to the address of a moto
// server the same scripts run against that.
func TestScripts(t *testing.T) {
	runScripts(t, "script", os.Getenv("MOTO"))
}

// Scripts in testdata/fault need an AWS that fails at will.
func TestFaultScripts(t *testing.T) {
	runScripts(t, "fault", "")
}

// Scripts in testdata/audit have stacks and roles, which they make by commands of
// audit_script_test.go.
func TestAuditScripts(t *testing.T) {
	runScripts(t, "audit", "")
}

// Scripts in testdata/explain have templates, policies and roles.
func TestExplainScripts(t *testing.T) {
	runScripts(t, "explain", "")
}

// Scripts in testdata/guard write policies and rules.
func TestGuardScripts(t *testing.T) {
	runScripts(t, "guard", "")
}

func runScripts(t *testing.T, dir, moto string) {
	var files []string
	for _, c := range cases.Read(t, filepath.Join("testdata", dir)) {
		files = append(files, c.Path)
	}
	if moto != "" {
		files = slices.DeleteFunc(files, func(file string) bool { return !needsAWS(t, file) })
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return setUp(env, moto) },
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"policy":    policyCommand,
			"parameter": parameterCommand,
			"fault":     faultCommand,
			"used":      usedCommand,
			"row":       rowCommand,

			"stack":        stackCommand,
			"role":         roleCommand,
			"trust":        trustCommand,
			"organization": organizationCommand,

			"writes":     writesCommand,
			"status":     statusCommand,
			"undeclared": undeclaredCommand,
			"pad":        padCommand,
			"deployed":   deployedCommand,
			"changeset":  changesetCommand,
			"bucket":     bucketCommand,
			"objects":    objectsCommand,
			"object":     objectCommand,
			"nest":       nestCommand,
			"changesets": changesetsCommand,
			"heal":       healCommand,
			"fails":      failsCommand,
			"settings":   settingsCommand,

			"document": documentCommand,
			"grant":    grantCommand,
		},
	})
}

// needsAWS reports whether a script has a command that may ask AWS. To give one an
// empty moto takes seconds.
func needsAWS(t *testing.T, file string) bool {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return asksAWS.Match(text)
}

var asksAWS = regexp.MustCompile(`(?m)\bpbm (env|init)\b|^(parameter|policy) `)

type fakeKey struct{}

// setUp gives a script an empty AWS, with profiles for each account.
func setUp(env *testscript.Env, moto string) error {
	endpoint := moto
	if moto == "" {
		fake := newFakeAWS()
		env.Defer(fake.Close)
		env.Values[fakeKey{}] = fake
		endpoint = fake.URL
	} else if err := resetMoto(moto); err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "aws")
	if err != nil {
		return err
	}
	env.Defer(func() { os.RemoveAll(home) })
	if err := writeProfiles(context.Background(), home, endpoint, moto != ""); err != nil {
		return err
	}
	examples, err := filepath.Abs("../examples")
	env.Vars = append(env.Vars,
		"EXAMPLES="+examples,
		"HOME="+home,
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"),
		"AWS_CONFIG_FILE="+filepath.Join(home, "config"),
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"),
		"AWS_EC2_METADATA_DISABLED=true",
		"GORACE=atexit_sleep_ms=10", // a second for each pbm otherwise, with the race detector
		"AWS_PROFILE=dev",
		"AWS_REGION=eu-west-1",
		"PBM_RATE=0", // the AWS of tests takes any number of calls, and is quick
		"PBM_POLL=1ms",
	)
	return err
}

func resetMoto(endpoint string) error {
	response, err := http.Post(endpoint+"/moto-api/reset", "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("reset moto: %s", response.Status)
	}
	return nil
}

// policyCommand is policy PROFILE NAME: IAM has a policy.
func policyCommand(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := client(context.Background(), filepath.Dir(ts.Getenv("AWS_CONFIG_FILE")), ts.Getenv("AWS_ENDPOINT_URL"), args[0])
	ts.Check(err)
	ts.Check(createPolicy(context.Background(), cfg, args[1]))
}

// rowCommand is row PATH LINE NAME STATUS [WHAT [HINT]]: the text of pbm check that
// was printed last has this line about the file, and a hint below it. WHAT and HINT
// are regular expressions for all of it, or without WHAT anything. NAME is empty for
// what is about the file.
func rowCommand(ts *testscript.TestScript, not bool, args []string) {
	if len(args) < 4 || len(args) > 6 {
		ts.Fatalf("usage: row PATH LINE NAME STATUS [WHAT [HINT]]")
	}
	what := ".*"
	if len(args) > 4 {
		what = args[4]
	}
	row := args[1] + "  " + regexp.QuoteMeta(args[2]) + " +" + args[3] + " *" + what
	if args[2] == "" {
		row = args[1] + "  " + args[3] + ": " + what
	}
	pattern := `(?m)^` + regexp.QuoteMeta(args[0]) + `(  \(.*\))?\n(    .*\n)*    +` + row + `\n`
	if len(args) > 5 {
		pattern += `(    .*\n)*    hint: ` + args[5] + `\n`
	}
	if has := regexp.MustCompile(pattern).MatchString(ts.ReadFile("stdout")); has == not {
		ts.Fatalf("wanted %t, got %t: %q in\n%s", !not, has, pattern, ts.ReadFile("stdout"))
	}
}

// parameterCommand is parameter PROFILE NAME VALUE: somebody sets one by hand.
func parameterCommand(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := client(context.Background(), filepath.Dir(ts.Getenv("AWS_CONFIG_FILE")), ts.Getenv("AWS_ENDPOINT_URL"), args[0])
	ts.Check(err)
	ts.Check(putParameter(context.Background(), cfg, args[1], args[2]))
}

// faultCommand is fault SERVICE OPERATION CODE MESSAGE: calls fail from now on.
func faultCommand(ts *testscript.TestScript, _ bool, args []string) {
	fail(ts.Value(fakeKey{}).(*fleettest.Server), args[0], args[1], args[2], args[3])
}

// The examples come out as their expected results say.
func TestExamples(t *testing.T) {
	templates, err := filepath.Glob("../examples/*-*.*")
	require.NoError(t, err)
	require.Len(t, templates, 3)
	for _, template := range templates {
		t.Run(filepath.Base(template), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.json")
			args := []string{"transform", template, "--store", "file:../examples/environments.json", "--account", "111122223333", "--region", "eu-west-1", "--out", out}
			require.Zero(t, deploy.Run(context.Background(), args, nil, os.Stdout, os.Stderr))
			got, err := os.ReadFile(out)
			require.NoError(t, err)
			expected := filepath.Join("../examples/expected", filepath.Base(template))
			if *update {
				require.NoError(t, os.WriteFile(expected, got, 0o644))
			}
			want, err := os.ReadFile(expected)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got))
		})
	}
}
