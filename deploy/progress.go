package deploy

import (
	"fmt"
	"io"
	"time"

	"permissions-boundary-macro/fleet"
)

// How often an audit says how far it is: on a terminal it changes a line, and
// elsewhere it writes one.
const (
	progressOnTerminal = 200 * time.Millisecond
	progressElsewhere  = 30 * time.Second
)

// auditProgress says how far an audit is.
type auditProgress struct {
	out        io.Writer
	isTerminal bool
	last       time.Time
	isShown    bool
}

func (p *pbm) newProgress() *auditProgress {
	return &auditProgress{out: p.stderr, isTerminal: isTerminal(p.stderr), last: time.Now()}
}

// tell is called for everything that is read.
func (a *auditProgress) tell(now fleet.Progress) {
	every := progressElsewhere
	if a.isTerminal {
		every = progressOnTerminal
	}
	if time.Since(a.last) < every {
		return
	}
	a.last = time.Now()
	text := fmt.Sprintf("pbm: read %d of %s, %d of %s", now.Accounts, counted(now.AllAccounts, "account"), now.Stacks, counted(now.AllStacks, "stack"))
	if a.isTerminal {
		a.isShown = true
		_, _ = fmt.Fprintf(a.out, "\r%s\x1b[K", text)
		return
	}
	_, _ = fmt.Fprintln(a.out, text)
}

// end removes the line from a terminal.
func (a *auditProgress) end() {
	if a.isShown {
		_, _ = fmt.Fprint(a.out, "\r\x1b[K")
	}
}
