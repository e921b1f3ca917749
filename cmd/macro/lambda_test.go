package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/cmd/macro/lambdatest"
	"permissions-boundary-macro/internal/release"
	"permissions-boundary-macro/paramstore/ssmtest"
)

// bootstrap is the Lambda binary, built as template.yaml has it built.
var bootstrap string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "macro")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bootstrap = filepath.Join(dir, "bootstrap")
		build := exec.Command("go", "build", "-buildvcs=false", "-tags", "lambda.norpc", "-o", bootstrap, ".")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		flag.Parse()
		if err := flag.Set("test.parallel", "4"); err != nil { // most tests wait
			panic(err)
		}
		return m.Run()
	}())
}

// function is the binary, running against a Lambda runtime API.
type function struct {
	*lambdatest.Server
	t    *testing.T
	pid  int
	stop func() string // kills it and returns all that it logged
}

// start starts the function with settings, and SSM at an endpoint.
func start(t *testing.T, endpoint string, settings ...string) *function {
	f := &function{Server: lambdatest.New(), t: t}
	var log bytes.Buffer
	cmd := exec.Command(bootstrap)
	cmd.Env = append(f.Environment(endpoint), settings...)
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	f.pid = cmd.Process.Pid
	f.stop = sync.OnceValue(func() string {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // "signal: killed"
		return log.String()
	})
	t.Cleanup(func() {
		f.stop()
		f.Close()
	})
	return f
}

type answered struct {
	RequestID    string          `json:"requestId"`
	Status       string          `json:"status"`
	Fragment     json.RawMessage `json:"fragment"`
	ErrorMessage string          `json:"errorMessage"`
}

// invokeRaw sends an event and returns the response, which must never be a
// function error.
func (f *function) invokeRaw(event string) []byte {
	f.t.Helper()
	got, err := f.Invoke([]byte(event), f.Timeout)
	if err != nil {
		require.NoError(f.t, err, "before the deadline, when Lambda ends the function: %s", f.stop())
	}
	require.Equal(f.t, lambdatest.ResponsePath, got.Path, "%s", got.Body)
	return got.Body
}

func (f *function) invoke(event string) answered {
	f.t.Helper()
	body := f.invokeRaw(event)
	var a answered
	require.NoError(f.t, json.Unmarshal(body, &a), "%s", body)
	return a
}

func event(environment, resources string) string {
	return `{"region":"eu-west-1","accountId":"111122223333","transformId":"111122223333::PermissionsBoundaryMacro",` +
		`"requestId":"5dba79b5","params":{"Environment":"` + environment + `"},"templateParameterValues":{"Password":"canary-1"},` +
		`"fragment":{"Description":"canary-2","Resources":` + resources + `}}`
}

const (
	role  = `{"R":{"Type":"AWS::IAM::Role","Properties":{"Description":"canary-3"}}}`
	topic = `{"T":{"Type":"AWS::SNS::Topic"}}`
)

func ssmServer(t *testing.T) *ssmtest.Server {
	server := ssmtest.New()
	t.Cleanup(server.Close)
	server.Set("/permissions-boundary/dev", "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/dev-1")
	return server
}

func TestSuccess(t *testing.T) {
	server := ssmServer(t)
	f := start(t, server.URL)
	got := f.invoke(event("dev", role))
	assert.Equal(t, "success", got.Status)
	assert.Equal(t, "5dba79b5", got.RequestID)
	assert.Equal(t, `{"Description":"canary-2","Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":"arn:aws:iam::111122223333:policy/dev-1","Description":"canary-3"}}}}`, string(got.Fragment))
	assert.Equal(t, []string{"GetParameters /permissions-boundary/dev/111122223333 /permissions-boundary/dev"}, server.Calls())

	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(strings.TrimSpace(f.stop())), &line), f.stop())
	assert.IsType(t, 0.0, line["milliseconds"])
	delete(line, "milliseconds")
	delete(line, "time")
	assert.Equal(t, map[string]any{
		"level": "INFO", "msg": "transformed", "version": release.Current().Version, "commit": "", "request": "5dba79b5", "account": "111122223333", "region": "eu-west-1",
		"environment": "dev", "parameter": "/permissions-boundary/dev", "boundary": "arn:aws:iam::111122223333:policy/dev-1", "actions": map[string]any{"added": 1.0}, "blindSpots": []any{}, "blindSpotCount": 0.0,
	}, line)
}

// An override is used in its own account only, and the log says which value was
// used. Both are read in one call.
func TestOverride(t *testing.T) {
	server := ssmServer(t)
	server.Set("/permissions-boundary/dev/444455556666", "arn:aws:iam::aws:policy/staged")
	for _, tc := range []struct{ account, boundary, parameter string }{
		{"444455556666", "arn:aws:iam::aws:policy/staged", "/permissions-boundary/dev/444455556666"},
		{"111122223333", "arn:aws:iam::111122223333:policy/dev-1", "/permissions-boundary/dev"},
	} {
		f := start(t, server.URL)
		before := len(server.Calls())
		got := f.invoke(strings.Replace(event("dev", role), `"accountId":"111122223333"`, `"accountId":"`+tc.account+`"`, 1))
		assert.Contains(t, string(got.Fragment), `"PermissionsBoundary":"`+tc.boundary+`"`)
		assert.Equal(t, []string{"GetParameters /permissions-boundary/dev/" + tc.account + " /permissions-boundary/dev"}, server.Calls()[before:])
		assert.Contains(t, f.stop(), `"environment":"dev","parameter":"`+tc.parameter+`","boundary":"`+tc.boundary+`"`)
	}
}

// A value that changes counts from the next request on.
func TestChangedValue(t *testing.T) {
	server := ssmServer(t)
	f := start(t, server.URL)
	assert.Contains(t, string(f.invoke(event("dev", role)).Fragment), ":policy/dev-1")
	server.Set("/permissions-boundary/dev", "arn:aws:iam::aws:policy/dev-2")
	assert.Contains(t, string(f.invoke(event("dev", role)).Fragment), ":policy/dev-2")
	server.Set("/permissions-boundary/dev", "none")
	assert.NotContains(t, string(f.invoke(event("dev", role)).Fragment), "PermissionsBoundary")
}

func TestNothingToBind(t *testing.T) {
	server := ssmServer(t)
	f := start(t, server.URL)
	assert.Equal(t, "success", f.invoke(event("unknown", topic)).Status)
	assert.Empty(t, server.Calls())
}

// Every refusal of the catalogue in docs/troubleshooting.md, with its exact
// text, from the binary.
func TestRefusals(t *testing.T) {
	t.Parallel()
	texts := catalogue(t)
	untested := maps.Clone(texts)
	delete(untested, "ssm-slow")
	delete(untested, "ssm-unreachable")
	for _, tc := range []struct {
		name       string
		settings   []string
		value      string // of dev
		other      string // another environment or override of the store
		otherValue string
		fault      ssmtest.Fault
		event      string
	}{
		{name: "no-environment", event: strings.Replace(event("dev", role), `{"Environment":"dev"}`, `{}`, 1)},
		{name: "environment-name", event: event("not a name", role)},
		{name: "unknown-environment", event: event("stage", role)},
		{name: "malformed-value", value: "canary-4", event: event("dev", role)},
		{name: "malformed-override", other: "dev/111122223333", otherValue: "canary-6", event: event("dev", role)},
		{name: "other-account", value: "arn:aws:iam::999999999999:policy/dev", event: event("dev", role)},
		{name: "other-partition", value: "arn:aws-cn:iam::aws:policy/dev", event: event("dev", role)},
		{name: "ssm-denied", fault: ssmtest.Fault{Code: "AccessDeniedException", Message: "User: arn:aws:sts::111122223333:assumed-role/macro/macro is not authorized to perform: ssm:GetParameters"}, event: event("dev", role)},
		{name: "ssm-throttled", fault: ssmtest.Fault{Code: "ThrottlingException", Message: "Rate exceeded"}, event: event("dev", role)},
		{name: "escape", event: event("dev", `{"Api":{"Type":"AWS::Serverless::GraphQLApi","Properties":{}}}`)},
		{name: "loop-type", event: event("dev", `{"Fn::ForEach::Kinds":["Kind",["Role","Group"],{"My${Kind}":{"Type":"AWS::IAM::${Kind}"}}]}`)},
		{name: "macro-parameter", event: strings.Replace(event("dev", role), `{"Environment":"dev"}`, `{"Environmnet":"canary"}`, 1)},
		{name: "metadata", event: strings.Replace(event("dev", role), `{"Description"`, `{"Metadata":{"PermissionsBoundaryMacro":{"Env":"canary"}},"Description"`, 1)},
		{name: "pinned-parameter", settings: []string{"PIN_ENVIRONMENT=true", "DEFAULT_ENVIRONMENT=dev"}, other: "prod", event: strings.NewReplacer(`{"Environment":"dev"}`, `{}`, `"Password"`, `"Stage":"prod","Password"`).Replace(event("dev", role))},
		{name: "pinned", settings: []string{"PIN_ENVIRONMENT=true", "DEFAULT_ENVIRONMENT=dev"}, event: event("prod", role)},
		{name: "existing-differs", settings: []string{"EXISTING_BOUNDARY=reject"}, event: event("dev", `{"R":{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":"arn:aws:iam::111122223333:policy/other"}}}`)},
		{name: "blind-spot", settings: []string{"BLIND_SPOTS=reject"}, event: event("dev", `{"Network":{"Type":"AWS::CloudFormation::Stack"}}`)},
		{name: "malformed-event", event: `{"requestId":"5dba79b5","canary-5":1}`},
		{name: "wrong-setting", settings: []string{"EXISTING_BOUNDARY=overwrite"}, event: event("dev", role)},
	} {
		delete(untested, tc.name)
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := ssmServer(t)
			if tc.value != "" {
				server.Set("/permissions-boundary/dev", tc.value)
			}
			if tc.other != "" {
				server.Set("/permissions-boundary/"+tc.other, cmp.Or(tc.otherValue, "none"))
			}
			server.Fail(tc.fault)
			f := start(t, server.URL, tc.settings...)
			got := f.invoke(tc.event)
			assert.Equal(t, "failure", got.Status)
			assert.Equal(t, "5dba79b5", got.RequestID)
			assert.Equal(t, texts[tc.name], got.ErrorMessage)
			server.Fail(ssmtest.Fault{})
			if tc.settings == nil && tc.value == "" && tc.otherValue == "" {
				assert.Equal(t, "success", f.invoke(event("dev", role)).Status, "the next invocation")
			}
			assert.NotContains(t, f.stop()+got.ErrorMessage, "canary")
		})
	}
	t.Run("ssm-slow", func(t *testing.T) {
		t.Parallel()
		server := ssmServer(t)
		server.Fail(ssmtest.Fault{Delay: 2 * time.Second})
		f := start(t, server.URL)
		f.Timeout = 1500 * time.Millisecond
		assert.Equal(t, texts["ssm-slow"], f.invoke(event("dev", role)).ErrorMessage)
	})
	t.Run("ssm-throttled until the deadline", func(t *testing.T) {
		t.Parallel()
		server := ssmServer(t)
		server.Fail(ssmtest.Fault{Code: "ThrottlingException", Message: "Rate exceeded"})
		f := start(t, server.URL)
		f.Timeout = 4 * time.Second
		assert.Equal(t, texts["ssm-throttled"], f.invoke(event("dev", role)).ErrorMessage)
	})
	t.Run("ssm-unreachable", func(t *testing.T) {
		t.Parallel()
		got := start(t, "http://127.0.0.1:1").invoke(event("dev", role))
		assert.Equal(t, texts["ssm-unreachable"], got.ErrorMessage)
	})
	for _, f := range faults {
		delete(untested, f.want)
	}
	assert.Empty(t, untested, "in the catalogue, but reached by no test")
}

// catalogue reads the texts of docs/troubleshooting.md, by name: a heading
// "## name", and the first indented block behind it.
func catalogue(t *testing.T) map[string]string {
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	require.NoError(t, err)
	texts := map[string]string{}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		name, body, _ := strings.Cut(section, "\n")
		if _, block, ok := strings.Cut(body, "\n    "); ok {
			line, _, _ := strings.Cut(block, "\n")
			texts[name] = line
		}
	}
	require.NotEmpty(t, texts)
	return texts
}

// A wrong setting is told once in the log at the start, and to whoever deploys.
func TestWrongSettings(t *testing.T) {
	for _, tc := range []struct{ setting, want string }{
		{"PARAMETER_PREFIX=x", `setting PARAMETER_PREFIX of the installed macro is wrong: "x" is not a path such as /permissions-boundary`},
		{"PIN_ENVIRONMENT=yes", `setting PIN_ENVIRONMENT of the installed macro is wrong: "yes" is neither true nor false`},
		{"PIN_ENVIRONMENT=true", `setting DEFAULT_ENVIRONMENT of the installed macro is wrong: PinEnvironment needs a default environment`},
		{"BOUND_USERS=1", `setting BOUND_USERS of the installed macro is wrong: "1" is neither true nor false`},
		{"ACCEPT_BLIND_SPOTS=all", `setting ACCEPT_BLIND_SPOTS of the installed macro is wrong: "all" is neither true nor false`},
		{"BLIND_SPOTS=ignore", `setting BLIND_SPOTS of the installed macro is wrong: "ignore" is neither warn nor reject`},
		{"DEFAULT_ENVIRONMENT=a b", `setting DEFAULT_ENVIRONMENT of the installed macro is wrong: not an environment name (1 to 64 characters of A-Z a-z 0-9 _ . -)`},
	} {
		f := start(t, "http://127.0.0.1:1", tc.setting)
		want := tc.want + "; correct the parameter of the macro's own stack, see template.yaml"
		assert.Equal(t, want, f.invoke(event("dev", role)).ErrorMessage)
		assert.Equal(t, want, f.invoke(event("dev", topic)).ErrorMessage)
		var line struct{ Error string }
		require.NoError(t, json.Unmarshal([]byte(strings.TrimSpace(f.stop())), &line), f.stop())
		assert.Equal(t, tc.want, line.Error)
	}
}

func TestSettings(t *testing.T) {
	server := ssmServer(t)
	server.Set("/team/boundaries/Qa", "arn:aws:iam::aws:policy/Qa")
	f := start(t, server.URL, "PARAMETER_PREFIX=/team/boundaries", "ENVIRONMENT_PARAMETERS=Tier, Password", "BOUND_USERS=True", "EXISTING_BOUNDARY=keep")
	server.Set("/team/boundaries/canary-1", "arn:aws:iam::aws:policy/Named")
	request := strings.Replace(event("", `{"U":{"Type":"AWS::IAM::User","Properties":{"PermissionsBoundary":{"Ref":"AWS::NoValue"}}}}`), `{"Environment":""}`, `{}`, 1)
	assert.Contains(t, string(f.invoke(request).Fragment), `"PermissionsBoundary":"arn:aws:iam::aws:policy/Named"`)
}

// Blind spots that the template accepts pass where the setting says so, and the log
// says why. Elsewhere no words of the template are logged.
func TestAcceptedBlindSpots(t *testing.T) {
	server := ssmServer(t)
	const nested = `{"N":{"Type":"AWS::CloudFormation::Stack","Metadata":{"PermissionsBoundaryMacro":{"Accept":{"nested-stack":"bound\nthere"}}}}}`
	for _, tc := range []struct {
		settings []string
		status   string
		logged   bool
	}{
		{[]string{"BLIND_SPOTS=reject"}, "failure", false},
		{[]string{"BLIND_SPOTS=warn"}, "success", false},
		{[]string{"BLIND_SPOTS=reject", "ACCEPT_BLIND_SPOTS=true"}, "success", true},
	} {
		f := start(t, server.URL, tc.settings...)
		assert.Equal(t, tc.status, f.invoke(event("dev", nested)).Status, tc.settings)
		const accepted = `"accepted":["N (AWS::CloudFormation::Stack) [nested-stack]: bound\\nthere"]`
		assert.Equal(t, tc.logged, strings.Contains(f.stop(), accepted), tc.settings)
	}
}

// A template of several megabytes passes whole.
func TestLargeTemplate(t *testing.T) {
	f := start(t, ssmServer(t).URL)
	big := `{"Big":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"` + strings.Repeat("x", 5<<20) + `"}},` + role[1:]
	got := f.invoke(event("dev", big))
	require.Equal(t, "success", got.Status)
	assert.Greater(t, len(got.Fragment), 5<<20)
}

// What a request and its template say goes into the log cut and in one line, with
// the number of what is left out.
func TestLogIsShort(t *testing.T) {
	f := start(t, ssmServer(t).URL)
	var stacks strings.Builder
	for i := range 9_000 {
		fmt.Fprintf(&stacks, `,"N%d\u202e%s":{"Type":"AWS::CloudFormation::Stack"}`, i, strings.Repeat("x", 60))
	}
	request := event("dev", role[:len(role)-1]+stacks.String()+"}")
	for _, name := range []string{"requestId", "accountId", "region"} {
		request = strings.Replace(request, `"`+name+`":"`, `"`+name+`":"\u001b[2K\u202e`+strings.Repeat("y", 100_000), 1)
	}
	assert.Equal(t, "failure", f.invoke(request).Status)
	assert.Equal(t, "success", f.invoke(event("dev", role[:len(role)-1]+stacks.String()+"}")).Status)
	log := f.stop()
	assert.Less(t, len(log), 10_000)
	assert.NotContains(t, log, "\u202e")
	assert.Contains(t, log, `"blindSpotCount":9000,`)
}
