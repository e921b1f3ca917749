package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// handler answers macro requests as bytes, so that the fragment passes as it
// is. It never fails and never panics: CloudFormation would show neither.
type handler struct {
	macro  transform.Macro
	prefix string // of the parameters in SSM
	broken error  // why no request can be answered
	log    *slog.Logger
}

// Time that is left for the answer when SSM does not answer in time.
const margin = time.Second

// Invoke implements lambda.Handler.
func (h *handler) Invoke(ctx context.Context, event []byte) (response []byte, _ error) {
	start := time.Now()
	defer func() {
		if cause := recover(); cause != nil {
			h.log.Error("panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			response = transform.Refuse(event, errPanic)
		}
	}()
	if h.broken != nil {
		return transform.Refuse(event, h.broken), nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	response, report := h.macroOf(ctx).Respond(ctx, event)
	h.logReport(ctx, report, time.Since(start))
	return response, nil
}

// macroOf is the macro with a store that names the function's own account, which
// is not the stack's where a macro of a spoke calls the function of a hub.
func (h *handler) macroOf(ctx context.Context) transform.Macro {
	m := h.macro
	store, isSSM := m.Store.(*paramstore.SSM)
	call, isCall := lambdacontext.FromContext(ctx)
	if !isSSM || !isCall {
		return m
	}
	if own, err := arn.Parse(call.InvokedFunctionArn); err == nil {
		m.Store = store.InAccount(own.AccountID)
	}
	return m
}

var errPanic = boundary.Problem{
	What:   "the macro failed by a mistake of its own",
	Remedy: "report it with the lines that the log of its function has for this request",
}

// logReport writes the one line of a request: what was done, never content.
func (h *handler) logReport(ctx context.Context, r transform.Report, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("request", r.RequestID),
		slog.String("account", r.AccountID),
		slog.String("region", r.Region),
		slog.String("environment", r.Environment),
		slog.String("parameter", h.parameter(r.Value)),
		slog.String("boundary", r.Boundary),
		slog.Any("actions", r.Counts()),
		slog.Any("blindSpots", names(r.BlindSpots)),
		slog.Int("blindSpotCount", len(r.BlindSpots)),
		slog.Float64("milliseconds", float64(took.Microseconds())/1000),
	}
	if len(r.Accepted) > 0 {
		attrs = append(attrs, slog.Any("accepted", reasons(r.Accepted)))
	}
	if r.Err == nil {
		h.log.LogAttrs(ctx, slog.LevelInfo, "transformed", attrs...)
		return
	}
	attrs = append(attrs, slog.String("error", transform.Message(r.Err)))
	h.log.LogAttrs(ctx, slog.LevelWarn, "refused", attrs...)
}

// parameter is the name of the parameter that a value was read from, empty if
// none was.
func (h *handler) parameter(key boundary.Key) string {
	if key == (boundary.Key{}) {
		return ""
	}
	return paramstore.Name(h.prefix, key)
}

// maxLogged is how many findings a line names. The line has their number, too.
const maxLogged = 20

func names(findings []rules.Finding) []string {
	return logged(findings, func(f rules.Finding) string { return f.Subject() + " [" + string(f.Code) + "]" })
}

// reasons says why blind spots were accepted, in the words of the template.
func reasons(findings []rules.Finding) []string {
	return logged(findings, func(f rules.Finding) string { return f.Subject() + " [" + string(f.Code) + "]: " + f.Accepted })
}

func logged(findings []rules.Finding, say func(rules.Finding) string) []string {
	shown := make([]string, min(len(findings), maxLogged))
	for i := range shown {
		shown[i] = say(findings[i])
	}
	return shown
}
