package deploy_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/fleettest"
	"permissions-boundary-macro/transform"
)

// The transcripts of the documentation are what pbm prints.
func TestOperatingTranscript(t *testing.T) {
	fake, home := startAWS(t)
	for profile, policies := range map[string][]string{
		"dev":  {"platform/dev-boundary", "platform/dev-boundary-2"},
		"prod": {"platform/prod-boundary"},
	} {
		cfg, err := client(context.Background(), home, fake.URL, profile)
		require.NoError(t, err)
		for _, policy := range policies {
			require.NoError(t, createPolicy(context.Background(), cfg, policy))
		}
	}
	checkTranscript(t, "../docs/operating.md", t.TempDir(), "AWS_ENDPOINT_URL="+fake.URL, "AWS_PROFILE=dev", "AWS_REGION=eu-west-1",
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"))
}

const service = `Parameters:
  Stage: {Type: String, Default: dev}

Resources:
  # of the service
  Api:
    Type: AWS::IAM::Role
    Properties:
      Path: /service/
  Audit:
    Type: AWS::IAM::Role
    Properties:
      PermissionsBoundary: !Sub arn:aws:iam::${AWS::AccountId}:policy/audit
`

func TestCITranscript(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "service.yaml"), []byte(service), 0o600))
	checkTranscript(t, "../docs/ci.md", dir)
}

// The template and the boundary of the transcript of docs/explain.md.
const (
	explainedTemplate = `Resources:
  Api:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: [arn:aws:iam::aws:policy/ReadOnlyAccess]
      Policies:
        - PolicyName: data
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Effect: Allow
                Action: [s3:GetObject, s3:PutObject, s3:PutObjectAcl]
                Resource: !Sub arn:aws:s3:::${Bucket}/*
              - Effect: Allow
                Action: [sqs:SendMessage, sqs:DeleteQueue]
                Resource: '*'
  Worker:
    Type: AWS::IAM::Role
  Logs:
    Type: AWS::IAM::Policy
    Properties:
      Roles: [!Ref Worker]
      PolicyName: logs
      PolicyDocument:
        Version: '2012-10-17'
        Statement: {Effect: Allow, Action: 'logs:PutLogEvents', Resource: '*'}
  Bucket:
    Type: AWS::S3::Bucket
`
	explainingBoundary = `{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["s3:Get*", "s3:PutObject", "logs:*"], "Resource": "*"},
  {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}},
  {"Sid": "NoDeletion", "Effect": "Deny", "Action": "*:Delete*", "Resource": "*"}
]}
`
)

func TestExplainTranscript(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "service.yaml"), []byte(explainedTemplate), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "boundary.json"), []byte(explainingBoundary), 0o600))
	checkTranscript(t, "../docs/explain.md", dir)
}

const (
	withMacro = `Transform: PermissionsBoundaryMacro
Parameters:
  Env: {Type: String, Default: dev}
Resources:
  Api: {Type: AWS::IAM::Role}
  Worker: {Type: AWS::IAM::Role}
`
	withoutMacro = `Resources:
  Import: {Type: AWS::IAM::Role}
`
)

// The account of the transcript: the boundary of dev was changed after billing was
// deployed, and somebody changed a role of orders.
func TestAuditingTranscript(t *testing.T) {
	fake, home := startAWS(t)
	cfg, err := client(context.Background(), home, fake.URL, "dev")
	require.NoError(t, err)
	dev := fake.Account(accounts["dev"])
	deployed := func(name, template string) {
		require.NoError(t, dev.Deploy(cfg.Region, name, template, nil, macroIn(cfg, transform.Options{})))
	}
	value := func(arn string) { dev.Store(cfg.Region).Set("/permissions-boundary/dev", arn) }

	value("arn:aws:iam::111122223333:policy/platform/dev-boundary")
	deployed("billing", withMacro)
	value("arn:aws:iam::111122223333:policy/platform/dev-boundary-2")
	deployed("orders", withMacro)
	deployed("shop", withMacro)
	deployed("legacy", withoutMacro)
	for _, role := range dev.Roles() {
		if strings.HasPrefix(role, "orders-Api-") {
			dev.SetBoundary(role, "arn:aws:iam::aws:policy/PowerUserAccess")
		}
	}
	dev.PutRole(fleettest.Role{Name: "ci", Path: "/"})
	dev.PutRole(fleettest.Role{Name: "AWSServiceRoleForSupport", Path: "/aws-service-role/support.amazonaws.com/"})

	checkTranscript(t, "../docs/auditing.md", t.TempDir(), "AWS_ENDPOINT_URL="+fake.URL, "AWS_PROFILE=dev", "AWS_REGION="+cfg.Region,
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"), "XDG_CACHE_HOME=")
}

var statusRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|")

// docs/auditing.md explains each status, in the order of reports, and names each
// permission that sessions of an audit have.
func TestAuditingTables(t *testing.T) {
	text, err := os.ReadFile("../docs/auditing.md")
	require.NoError(t, err)
	_, statuses, found := strings.Cut(string(text), "\n## Statuses\n")
	require.True(t, found)
	statuses, _, _ = strings.Cut(statuses, "\nReasons of ")
	var told []fleet.Status
	for _, row := range statusRow.FindAllStringSubmatch(statuses, -1) {
		told = append(told, fleet.Status(row[1]))
	}
	assert.Equal(t, fleet.Statuses(), told)

	_, permissions, found := strings.Cut(string(text), "\n## Permissions\n")
	require.True(t, found)
	permissions, _, _ = strings.Cut(permissions, "\nFor many accounts")
	var named []string
	for _, action := range actionName.FindAllStringSubmatch(permissions, -1) {
		named = append(named, action[1])
	}
	assert.ElementsMatch(t, sessionActions(t), named)
}

var actionName = regexp.MustCompile("`([a-z]+:[A-Za-z]+)`")

// endOfTranscript is an empty line before text that is not indented.
var endOfTranscript = regexp.MustCompile(`\n\n+[^ \n]`)

func TestGuardingTranscript(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "store.json"), []byte(`{"environments": {
		"dev": [{"value": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/dev-boundary"}],
		"prod": [{"value": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/prod-boundary"}]
	}}`), 0o600))
	checkTranscript(t, "../docs/guarding.md", dir, "PBM_STORE=file:store.json")
}

// checkTranscript runs the commands of a page's transcript, and compares what
// they print.
func checkTranscript(t *testing.T, page, dir string, env ...string) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "    $ pbm ")
	require.True(t, found, "%s has no transcript", page)
	end := endOfTranscript.FindStringIndex(rest)
	require.NotNil(t, end, "%s ends with its transcript", page)
	old, after := "$ pbm "+rest[:end[0]], rest[end[0]:]
	home := t.TempDir()
	var transcript []string
	for line := range strings.SplitSeq(old, "\n") {
		command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if !isCommand {
			continue
		}
		args := strings.Fields(strings.ReplaceAll(command, "'", "")) // quotes keep the shell from expanding wildcards
		pbm := exec.Command(args[0], args[1:]...)
		pbm.Dir = dir
		pbm.Env = append(append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="), env...)
		out, _ := pbm.CombinedOutput() // a failure is printed
		transcript = append(transcript, "$ "+command)
		for printed := range strings.Lines(string(out)) {
			if printed = strings.TrimSuffix(printed, "\n"); printed != "" {
				printed = "    " + printed
			}
			transcript = append(transcript, printed)
		}
	}
	got := strings.ReplaceAll(strings.Join(transcript, "\n"), "\n$ ", "\n    $ ")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+"    "+got+after), 0o644))
		return
	}
	assert.Equal(t, old, got)
}

var (
	scriptName = regexp.MustCompile("(fault )?`((?:env|init|dry-run|file-store|ssm|iam|policy|version)[a-z-]*)`")
	testName   = regexp.MustCompile("`(Test[A-Za-z]+)`")
)

// Each script and test that docs/amplify.md names is there.
func TestAmplifyTable(t *testing.T) {
	text, err := os.ReadFile("../docs/amplify.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "| 1 |")
	names := scriptName.FindAllStringSubmatch(table, -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		dir := "script"
		if name[1] != "" {
			dir = "fault"
		}
		assert.FileExists(t, filepath.Join("testdata", dir, name[2]+".txtar"))
	}
	var code strings.Builder
	for _, pattern := range []string{"*_test.go", "../cmd/macro/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			code.Write(text)
		}
	}
	for _, name := range testName.FindAllStringSubmatch(table, -1) {
		assert.Contains(t, code.String(), "func "+name[1]+"(")
	}
}

var anyTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z]+)`")

// Each test that a page names as a proof is there.
func TestDocsNameTests(t *testing.T) {
	var code strings.Builder
	require.NoError(t, filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			var text []byte
			text, err = os.ReadFile(path)
			code.Write(text)
		}
		return err
	}))
	for _, page := range []string{"security", "evidence/security", "evidence/reliability", "evidence/verified"} {
		text, err := os.ReadFile("../docs/" + page + ".md")
		require.NoError(t, err)
		names := anyTest.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, names, page)
		for _, name := range names {
			assert.Contains(t, code.String(), "func "+name[1]+"(", page)
		}
	}
}

var (
	link        = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchor      = regexp.MustCompile(`<a id="([^"]+)">`)
	punctuation = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// Relative links in the documentation point to a file, and their fragments to a
// heading or an anchor in it. Headings are named by GitHub's rule.
func TestDocsLinks(t *testing.T) {
	pages := []string{"../README.md", "../CHANGELOG.md"}
	for _, pattern := range []string{"../docs/*.md", "../docs/*/*.md"} {
		matches, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, matches, pattern)
		pages = append(pages, matches...)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			path, fragment, hasFragment := strings.Cut(match[1], "#")
			target := filepath.Join(filepath.Dir(page), path)
			if path == "" {
				target = page
			}
			text, err := os.ReadFile(target)
			if assert.NoError(t, err, "%s: link to %s", page, match[1]) && hasFragment {
				assert.Contains(t, anchors(string(text)), fragment, "%s: link to %s", page, match[1])
			}
		}
	}
}

func anchors(text string) []string {
	var names []string
	for _, match := range anchor.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-"))
	}
	return names
}

var licenseRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| ([^ |]+) \\|$")

// docs/evidence/licenses.md has each module of the two programs and no other, under
// licenses that let them be passed on. Which it is, make sbom checks.
func TestLicenses(t *testing.T) {
	text, err := os.ReadFile("../docs/evidence/licenses.md")
	require.NoError(t, err)
	rows := licenseRow.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, rows)
	var modules []string
	for _, system := range []string{"darwin", "linux", "windows"} {
		list := exec.Command("go", "list", "-deps", "-tags", "lambda.norpc", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "../cmd/macro", "../cmd/pbm")
		list.Env = append(os.Environ(), "GOOS="+system)
		out, err := list.Output()
		require.NoError(t, err)
		modules = append(modules, strings.Fields(string(out))...)
	}
	for _, module := range modules {
		assert.True(t, slices.ContainsFunc(rows, func(row []string) bool { return within(row[1], module) }), "%s has no license; write them anew: make sbom", module)
	}
	for _, row := range rows {
		assert.True(t, slices.ContainsFunc(modules, func(module string) bool { return within(row[1], module) }), "%s is in no program; write them anew: make sbom", row[1])
		assert.Contains(t, []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}, row[2], row[1])
	}
}

// within reports whether a package is a module or in it.
func within(pkg, module string) bool { return pkg == module || strings.HasPrefix(pkg, module+"/") }

// The transcript of the plan of docs/pushing.md.
func TestPushingTranscript(t *testing.T) {
	fake, home := startAWS(t)
	cfg, err := client(context.Background(), home, fake.URL, "dev")
	require.NoError(t, err)
	dev := fake.Account(accounts["dev"])
	value := func(arn string) { dev.Store(cfg.Region).Set("/permissions-boundary/dev", arn) }
	value("arn:aws:iam::111122223333:policy/platform/dev-boundary")
	for _, name := range []string{"billing", "orders", "shop", "StackSet-base-01234567-89ab-cdef-0123-456789abcdef"} {
		require.NoError(t, dev.Deploy(cfg.Region, name, withMacro, nil, macroIn(cfg, transform.Options{})))
	}
	dev.InstallMacro(cfg.Region, "PermissionsBoundaryMacro", macroIn(cfg, transform.Options{}))
	require.NoError(t, newChangeSet(cfg, dev, "orders", "release-42"))
	value("arn:aws:iam::111122223333:policy/platform/dev-boundary-2")
	checkTranscript(t, "../docs/pushing.md", t.TempDir(), "AWS_ENDPOINT_URL="+fake.URL, "AWS_PROFILE=dev", "AWS_REGION="+cfg.Region,
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"), "XDG_CACHE_HOME=")
}
