// Command macro is the Lambda function behind the CloudFormation macro. Its
// settings are environment variables, which template.yaml sets.
package main

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"permissions-boundary-macro/internal/release"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
)

// gcPercent has garbage collected half as often as usual: the memory of the
// function has room for a few of the largest events.
const gcPercent = 200

func main() {
	debug.SetGCPercent(gcPercent)
	limitMemory(os.Getenv)
	lambda.Start(newHandler(context.Background(), os.Getenv))
}

// limitMemory has garbage collected before the function's memory is used up,
// which would end the function without an answer.
func limitMemory(getenv func(string) string) {
	if megabytes, err := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64); err == nil {
		debug.SetMemoryLimit(megabytes << 20 * 3 / 4)
	}
}

// newHandler makes the handler of all requests. When the settings are wrong,
// it logs why and answers so: a function that does not start would show people
// only "Received malformed response from transform".
func newHandler(ctx context.Context, getenv func(string) string) *handler {
	build := release.Current()
	h := &handler{log: slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("version", build.Version, "commit", build.Commit)}
	s, err := readSettings(getenv)
	if err != nil {
		h.log.Error("the macro cannot start", "error", err)
		h.broken = err
		return h
	}
	client, err := newClient(ctx)
	if err != nil {
		h.log.Error("the macro cannot start", "error", err)
		h.broken = err
		return h
	}
	h.prefix = s.prefix
	h.macro = transform.Macro{Options: s.options, Store: paramstore.NewSSM(client, s.prefix)}
	return h
}

// newClient takes credentials, Region and endpoints from the environment, as
// Lambda sets it. A Lambda has no files of shared configuration to look for, and
// no metadata service: to ask it would cost all of the time.
func newClient(ctx context.Context) (*ssm.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{}),
		config.WithSharedCredentialsFiles([]string{}),
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled),
		config.WithRetryer(newRetryer),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)))
	if err != nil {
		return nil, err
	}
	return ssm.NewFromConfig(cfg), nil
}
