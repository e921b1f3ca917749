package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/paramstore/ssmtest"
	"permissions-boundary-macro/transform/hostile"
)

// fault is something that goes wrong around the function, and how the function
// answers.
type fault struct {
	name     string
	ssm      ssmtest.Fault
	value    string                    // of dev, where it matters
	secure   bool                      // it is a SecureString
	endpoint func(t *testing.T) string // in place of SSM's
	settings []string
	deadline time.Duration // 0 is 20 seconds, as in template.yaml
	slow     bool          // takes seconds: make faults
	want     string        // a text of docs/troubleshooting.md; empty is a success
	cause    string        // in place of the one that the text has
	requests int           // to SSM; 0 is as many as there is time for
}

const (
	short   = 4 * time.Second
	refused = "dial tcp 127.0.0.1:1: connect: connection refused"
)

var (
	throttled = ssmtest.Fault{Code: "ThrottlingException", Message: "Rate exceeded"}
	failing   = ssmtest.Fault{Code: "InternalServerError", Message: "An error occurred on the server side.", Status: 500}
	denied    = ssmtest.Fault{Code: "AccessDeniedException", Message: "User: arn:aws:sts::111122223333:assumed-role/macro/macro is not authorized to perform: ssm:GetParameters"}
	hanging   = ssmtest.Fault{Delay: time.Hour}
)

func times(n int, f ssmtest.Fault) ssmtest.Fault {
	f.Times = n
	return f
}

const (
	own      = "/permissions-boundary/dev"
	override = "/permissions-boundary/dev/111122223333"
)

// found is an answer with some parameters, in JSON, that lacks others.
func found(parameters string, missing ...string) ssmtest.Fault {
	return answer(fmt.Sprintf(`{"Parameters":%s,"InvalidParameters":["%s"]}`, parameters, strings.Join(missing, `","`)))
}

func answer(body string) ssmtest.Fault { return ssmtest.Fault{Body: body} }

var faults = []fault{
	{name: "SSM throttles twice", ssm: times(2, throttled), requests: 3},
	{name: "SSM throttles for good, with 4 seconds", slow: true, ssm: throttled, deadline: short, want: "ssm-throttled"},
	{name: "SSM throttles for good", ssm: throttled, slow: true, want: "ssm-throttled", requests: 5},
	{name: "SSM fails twice", ssm: times(2, failing), requests: 3},
	{name: "SSM fails for good", ssm: failing, deadline: short, want: "ssm-failed"},
	{name: "a gateway fails in front of SSM", ssm: ssmtest.Fault{Body: "<html>canary-6</html>", Status: 502}, deadline: short, want: "ssm-unreadable", cause: "HTTP status 502"},
	{name: "SSM denies the parameter", ssm: denied, want: "ssm-denied", requests: 1},
	{name: "SSM denies the key of a SecureString", ssm: ssmtest.Fault{Code: "AccessDeniedException", Message: "The ciphertext refers to a customer master key that does not exist, or that you may not use"}, want: "ssm-denied", cause: "The ciphertext refers to a customer master key that does not exist, or that you may not use", requests: 1},
	{name: "the credentials have expired", ssm: ssmtest.Fault{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}, want: "credentials-expired", requests: 1},
	{name: "no credentials, and no metadata service", settings: []string{"AWS_ACCESS_KEY_ID="}, want: "credentials-missing"},
	{name: "the parameter is missing", ssm: found(`[]`, override, own), want: "unknown-environment", requests: 1},
	{name: "the answer has no parameter", ssm: answer(`{}`), want: "ssm-unreadable", requests: 1},
	{name: "the answer does not account for the override", ssm: answer(`{"Parameters":[{"Name":"/permissions-boundary/dev","Value":"none"}]}`), want: "ssm-unreadable", requests: 1},
	{name: "the answer has another parameter", ssm: found(`[{"Name":"/permissions-boundary/dev","Value":"none"},{"Name":"/permissions-boundary/prod","Value":"none"}]`, override), want: "ssm-unreadable", requests: 1},
	{name: "the parameter has no value", ssm: found(`[{"Name":"/permissions-boundary/dev"}]`, override), want: "malformed-value", requests: 1},
	{name: "the value is empty", ssm: found(`[{"Name":"/permissions-boundary/dev","Value":""}]`, override), want: "malformed-value", requests: 1},
	{name: "the value is malformed", value: "canary-4", want: "malformed-value", requests: 1},
	{name: "the parameter is a StringList", ssm: found(`[{"Name":"/permissions-boundary/dev","Type":"StringList","Value":"arn:aws:iam::aws:policy/canary-7,arn:aws:iam::aws:policy/B"}]`, override), want: "malformed-value", requests: 1},
	{name: "the parameter is a SecureString", value: "arn:aws:iam::aws:policy/A", secure: true, requests: 1},
	{name: "the value is a number", slow: true, ssm: found(`[{"Name":"/permissions-boundary/dev","Value":4711}]`, override), deadline: short, want: "ssm-unreadable", cause: "HTTP status 200"},
	{name: "the answer is not JSON", slow: true, ssm: answer("<html>canary-6</html>"), deadline: short, want: "ssm-unreadable", cause: "HTTP status 200"},
	{name: "SSM is not there", slow: true, endpoint: nowhere, want: "ssm-unreachable"},
	{name: "the connection is reset before the answer, once", ssm: ssmtest.Fault{Cut: ssmtest.BeforeBody, Times: 1}, requests: 2},
	{name: "the connection is reset before the answer, for good", slow: true, ssm: ssmtest.Fault{Cut: ssmtest.BeforeBody}, deadline: short, want: "ssm-unreachable", cause: "EOF"},
	{name: "the connection is reset in the answer, once", ssm: ssmtest.Fault{Cut: ssmtest.InBody, Times: 1}, requests: 2},
	{name: "the connection is reset in the answer, for good", slow: true, ssm: ssmtest.Fault{Cut: ssmtest.InBody}, deadline: short, want: "ssm-unreadable", cause: "HTTP status 200"},
	{name: "SSM hangs once", ssm: times(1, hanging), slow: true, requests: 2},
	{name: "SSM hangs for good, with 4 seconds", slow: true, ssm: hanging, deadline: short, want: "ssm-slow", requests: 1},
	{name: "SSM hangs for good", ssm: hanging, slow: true, want: "ssm-slow"},
	{name: "SSM takes 2 seconds of 3", slow: true, ssm: ssmtest.Fault{Delay: 2 * time.Second}, deadline: short, requests: 1},
	{name: "SSM takes 2.9 seconds of 3", ssm: ssmtest.Fault{Delay: 2900 * time.Millisecond}, deadline: short, slow: true, requests: 1},
	{name: "SSM takes 3.1 seconds of 3", slow: true, ssm: ssmtest.Fault{Delay: 3100 * time.Millisecond}, deadline: short, want: "ssm-slow", requests: 1},
	{name: "less time is left than the margin", deadline: 500 * time.Millisecond, want: "ssm-slow"},
	{name: "the certificate of SSM is not trusted", slow: true, endpoint: untrusted, want: "ssm-unreachable", cause: "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
	{name: "SSM speaks no TLS", slow: true, endpoint: withoutTLS, want: "ssm-unreachable", cause: "http: server gave HTTP response to HTTPS client"},
	{name: "the clock is an hour slow", ssm: ssmtest.Fault{Clock: time.Hour}, requests: 2},
	{name: "the clock is an hour fast", ssm: ssmtest.Fault{Clock: -time.Hour}, requests: 2},
}

func nowhere(*testing.T) string { return "http://127.0.0.1:1" }

func untrusted(t *testing.T) string {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.URL
}

func withoutTLS(t *testing.T) string {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http:", "https:", 1)
}

// Whatever goes wrong around the function, it answers before its deadline,
// with a text that says what and what to do, or after another attempt with a
// success; and the same process answers the next request.
func TestFaults(t *testing.T) {
	texts := catalogue(t)
	for _, tc := range faults {
		t.Run(tc.name, func(t *testing.T) {
			if tc.slow && os.Getenv("FAULTS") == "" {
				t.Skip("slow: make faults")
			}
			t.Parallel()
			tc.run(t, texts[tc.want])
		})
	}
}

func (tc fault) run(t *testing.T, text string) {
	server := ssmServer(t)
	switch {
	case tc.secure:
		server.SetSecure("/permissions-boundary/dev", tc.value)
	case tc.value != "":
		server.Set("/permissions-boundary/dev", tc.value)
	}
	server.Fail(tc.ssm)
	endpoint := server.URL
	if tc.endpoint != nil {
		endpoint = tc.endpoint(t)
	}
	f := start(t, endpoint, tc.settings...)
	if tc.deadline > 0 {
		f.Timeout = tc.deadline
	}
	got := f.invoke(event("dev", role))
	tc.check(t, got, text)
	if tc.requests > 0 {
		assert.Len(t, server.Calls(), tc.requests)
	}

	f.Timeout = 20 * time.Second
	server.Fail(ssmtest.Fault{})
	server.Set("/permissions-boundary/dev", "arn:aws:iam::aws:policy/A")
	next := event("dev", role)
	if tc.endpoint != nil || tc.settings != nil {
		next = event("dev", topic) // for which it does not ask SSM
	}
	assert.Equal(t, "success", f.invoke(next).Status, "the next request")
	assert.NotContains(t, f.stop()+got.ErrorMessage, "canary")
}

func (tc fault) check(t *testing.T, got answered, text string) {
	assert.Equal(t, "5dba79b5", got.RequestID)
	if tc.want == "" {
		assert.Equal(t, "success", got.Status, got.ErrorMessage)
		assert.Contains(t, string(got.Fragment), `"PermissionsBoundary":"arn:aws:iam::`)
		return
	}
	require.NotEmpty(t, text, "docs/troubleshooting.md has no %s", tc.want)
	assert.Equal(t, "failure", got.Status)
	assert.Equal(t, tc.withCause(text), got.ErrorMessage)
}

// withCause is a text of docs/troubleshooting.md with the fault's own cause in
// place of its example.
func (tc fault) withCause(text string) string {
	switch tc.want {
	case "unknown-environment":
		return strings.ReplaceAll(text, "stage", "dev")
	case "ssm-unreadable":
		if tc.cause == "" {
			return strings.Replace(text, " (HTTP status 502)", "", 1)
		}
		return strings.Replace(text, "HTTP status 502", tc.cause, 1)
	}
	if tc.cause == "" {
		return text
	}
	return strings.NewReplacer(denied.Message, tc.cause, refused, tc.cause).Replace(text)
}

// docs/evidence/reliability.md has the table of faults.
func TestFaultTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| what goes wrong | answer | requests to SSM |\n|---|---|---|\n")
	for _, tc := range faults {
		outcome, requests := "success", "as time allows"
		if tc.want != "" {
			outcome = fmt.Sprintf("[%s](../troubleshooting.md#%s)", tc.want, tc.want)
		}
		if tc.requests > 0 {
			requests = fmt.Sprint(tc.requests)
		}
		if tc.endpoint != nil || tc.settings != nil {
			requests = "none arrives"
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", tc.name, outcome, requests)
	}
	if *update {
		writeTable(t, "faults", table.String())
		return
	}
	_, old, _ := cutTable(t, "faults")
	assert.Equal(t, table.String(), old)
}

// Its first paragraph counts them.
func TestReliabilityCounts(t *testing.T) {
	text, err := os.ReadFile(reliability)
	require.NoError(t, err)
	assert.Contains(t, string(text), fmt.Sprintf("%d faults, %d hostile shapes,", len(faults), len(hostile.Fragments)))
}

const reliability = "../../docs/evidence/reliability.md"

// cutTable cuts docs/evidence/reliability.md around the table between the marks
// <!-- name --> and <!-- end -->.
func cutTable(t *testing.T, name string) (before, table, after string) {
	text, err := os.ReadFile(reliability)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "<!-- "+name+" -->\n")
	require.True(t, found)
	table, after, found = strings.Cut(rest, "<!-- end -->\n")
	require.True(t, found)
	return before, table, after
}

func writeTable(t *testing.T, name, table string) {
	before, _, after := cutTable(t, name)
	require.NoError(t, os.WriteFile(reliability, []byte(before+"<!-- "+name+" -->\n"+table+"<!-- end -->\n"+after), 0o644))
}

// When Lambda's runtime API breaks a connection off, the function ends by
// itself, for Lambda to start it again, and never waits for good.
func TestRuntimeDisconnects(t *testing.T) {
	abort := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	deliver := func(w http.ResponseWriter) {
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "invocation")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(short).UnixMilli()))
		_, _ = w.Write([]byte(event("dev", topic)))
	}
	for name, tc := range map[string]struct{ next, answer func(http.ResponseWriter) }{
		"before an event": {abort, abort},
		"in an event": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			deliver(w)
			abort(w)
		}, abort},
		"in the answer":     {deliver, abort},
		"behind the answer": {deliver, func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }},
	} {
		t.Run(name, func(t *testing.T) {
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/next") {
					tc.next(w)
					return
				}
				tc.answer(w)
			}))
			t.Cleanup(api.Close)
			cmd := exec.Command(bootstrap)
			cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"), "AWS_REGION=eu-west-1"}
			require.NoError(t, cmd.Start())
			lambda := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			require.Error(t, cmd.Wait())
			assert.True(t, lambda.Stop(), "it did not end by itself")
		})
	}
}
