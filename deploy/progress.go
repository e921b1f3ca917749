package deploy

import (
	"fmt"
	"io"
	"time"

	"permissions-boundary-macro/fleet"
)

// How often a command says how far it is: on a terminal it changes a line, and
// elsewhere it writes one.
const (
	progressOnTerminal = 200 * time.Millisecond
	progressElsewhere  = 30 * time.Second
)

// progress says how far a command is.
type progress struct {
	out        io.Writer
	isTerminal bool
	last       time.Time
	isShown    bool
}

func (p *pbm) newProgress() *progress {
	return &progress{out: p.stderr, isTerminal: isTerminal(p.stderr), last: time.Now()}
}

// tell is called for everything that an audit reads.
func (a *progress) tell(now fleet.Progress) {
	a.say("read %d of %s, %d of %s", now.Accounts, counted(now.AllAccounts, "account"), now.Stacks, counted(now.AllStacks, "stack"))
}

// say says how far a command is, now and then.
func (a *progress) say(format string, args ...any) {
	every := progressElsewhere
	if a.isTerminal {
		every = progressOnTerminal
	}
	if time.Since(a.last) < every {
		return
	}
	a.last = time.Now()
	text := "pbm: " + fmt.Sprintf(format, args...)
	if a.isTerminal {
		a.isShown = true
		_, _ = fmt.Fprintf(a.out, "\r%s\x1b[K", text)
		return
	}
	_, _ = fmt.Fprintln(a.out, text)
}

// end removes the line from a terminal.
func (a *progress) end() {
	if a.isShown {
		_, _ = fmt.Fprint(a.out, "\r\x1b[K")
	}
}
