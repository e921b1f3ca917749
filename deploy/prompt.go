package deploy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// canAsk reports whether somebody is there to answer: on a terminal, not in a
// CI job, and not told to take all answers for given.
func (p *pbm) canAsk() bool {
	return !p.yes && isTerminal(p.stdin) && isTerminal(p.stderr) && !inCI()
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// inCI goes by the variable that CI systems set, and the one of Azure Pipelines.
func inCI() bool {
	value := os.Getenv("CI")
	return value != "" && !strings.EqualFold(value, "false") || os.Getenv("TF_BUILD") != ""
}

// errNoAnswer ends a question that is not answered.
var errNoAnswer = errors.New("no answer; nothing was written")

// ask puts a question and reads a line, without white space around it. The
// terminal itself does the editing of the line.
func (p *pbm) ask(ctx context.Context, question string) (string, error) {
	_, _ = fmt.Fprint(p.stderr, printable.Line(question))
	if p.answers == nil {
		p.answers = bufio.NewReader(interruptible{ctx, p.stdin})
	}
	line, err := p.answers.ReadString('\n')
	switch {
	case err == nil:
		return strings.TrimSpace(line), nil
	case errors.Is(err, io.EOF):
		err = errNoAnswer
	case ctx.Err() == nil:
		err = fmt.Errorf("read the answer: %w", err)
	}
	_, _ = fmt.Fprintln(p.stderr)
	return "", err
}

// confirm has the name of an environment typed before something is done to it.
// Refused is the error where nobody can be asked.
func (p *pbm) confirm(ctx context.Context, environment, question string, refused boundary.Problem) error {
	if p.yes || p.dryRun {
		return nil
	}
	if !p.canAsk() {
		return &usageError{refused}
	}
	name, err := p.ask(ctx, question)
	if err != nil {
		return err
	}
	if name != environment {
		return fmt.Errorf("%q is not %q; nothing was written", clipped(name), environment)
	}
	return nil
}

// askBoundary asks for an environment's boundary until the answer can be used
// there. Enter keeps the present one, if there is one.
func (p *pbm) askBoundary(ctx context.Context, key boundary.Key, present *boundary.Value, usable func(boundary.Value) error) (boundary.Value, error) {
	question := fmt.Sprintf("permissions boundary of %s (ARN, policy name, or none): ", described(key))
	if present != nil {
		question = fmt.Sprintf("permissions boundary of %s (ARN, policy name, or none; Enter keeps %s): ", described(key), present)
	}
	for {
		line, err := p.ask(ctx, question)
		if err != nil {
			return boundary.Value{}, err
		}
		if line == "" && present != nil {
			return *present, nil
		}
		value, err := parseAnswer(line)
		if err == nil {
			if err = usable(value); err == nil {
				return value, nil
			}
		}
		if _, wrong := errors.AsType[*usageError](err); !wrong && !errors.Is(err, errUnusable) {
			return boundary.Value{}, err
		}
		p.report(err)
	}
}

// parseAnswer reads a boundary that was typed. Nothing typed is no boundary
// only where a flag says so.
func parseAnswer(line string) (boundary.Value, error) {
	if line == "" {
		return boundary.Value{}, usagef("no value was typed; type none for no boundary")
	}
	return parseBoundary(line)
}
