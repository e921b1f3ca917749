package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/transform"
)

// runOptions are the flags of pbm push that say how to deploy.
type runOptions struct {
	execute     bool
	resume      string // the ID of a run, or resumeLatest
	concurrency int
	failures    int
	every       time.Duration
}

// resumeLatest is the value of --resume without one.
const resumeLatest = "latest"

// planFlags say what a run has its plan for when it is resumed.
var planFlags = []string{"waves", "repair-drift", "stack"}

func (o *runOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.execute, "execute", false, "deploy what is planned")
	flags.StringVar(&o.resume, "resume", "", "continue a run that has stopped: --resume=RUN, or the latest one")
	flags.Lookup("resume").NoOptDefVal = resumeLatest
	flags.IntVar(&o.concurrency, "concurrency", 10, "how many stacks to deploy at the same time")
	flags.IntVar(&o.failures, "failures", 0, "how many failures to tolerate before nothing more is begun")
	flags.DurationVar(&o.every, "poll", 5*time.Second, "how often to ask CloudFormation how far it is")
}

// resumes reports whether a run is to be continued.
func (o *runOptions) resumes() bool { return o.resume != "" }

// writes reports whether something is deployed.
func (o *runOptions) writes() bool { return o.execute || o.resumes() }

func (o *runOptions) check(flags *pflag.FlagSet, commands, dryRun bool) error {
	switch {
	case o.resumes() && dryRun:
		return usagef("--dry-run does not go with --resume, which deploys")
	case flags.Changed("resume") && o.resume == "":
		return usagef("%s is empty", spelling(flags, "resume"))
	case o.execute && o.resumes():
		return usagef("--execute and --resume are mutually exclusive")
	case o.writes() && commands:
		return usagef("--commands prints, and does not go with --execute and --resume")
	case o.resumes() && o.resume != resumeLatest && !push.IsID(o.resume):
		return usagef("%s %q is not the ID of a run", spelling(flags, "resume"), clipped(o.resume))
	case o.concurrency < 1:
		return usagef("%s is not a number of stacks", spelling(flags, "concurrency"))
	case o.failures < 0:
		return usagef("%s is negative", spelling(flags, "failures"))
	case o.every <= 0:
		return usagef("%s is not a time", spelling(flags, "poll"))
	}
	for _, name := range planFlags {
		if o.resumes() && isTyped(flags, name) {
			return usagef("--%s does not go with --resume: the run has its plan", name)
		}
	}
	return nil
}

// confirmTargets asks before it goes where only the project says that the environment
// is.
func (p *pbm) confirmTargets(ctx context.Context, o pushOptions) error {
	if o.scope.isMany() {
		return nil
	}
	j, err := p.project()
	if err != nil {
		return err
	}
	c, err := p.choose(j, o.environment)
	if err != nil || c.by == nil {
		return err
	}
	return p.confirmProject(ctx, c.by, o.environment)
}

// journals is the directory of the journals of pushes: beside the project file, or in
// the working directory.
func (p *pbm) journals() (string, error) {
	const name = ".pbm"
	j, err := p.project()
	if err != nil || j == nil {
		return name, err
	}
	return filepath.Join(filepath.Dir(fromWorkingDirectory(j.path)), name), nil
}

// executePush deploys what is planned, after it was confirmed.
func (p *pbm) executePush(ctx context.Context, o pushOptions, settings transform.Options, accounts []fleet.Account, t planned) error {
	ready := t.Ready()
	if p.output == outputText || len(ready) == 0 {
		if err := p.showPlan(t, o); err != nil {
			return err
		}
	}
	if len(ready) == 0 {
		return o.verdict(t)
	}
	dir, err := p.journals()
	if err != nil {
		return err
	}
	unlock, err := push.Lock(ctx, dir, o.environment)
	if err != nil {
		return notJournalled(err)
	}
	defer unlock()
	if err := p.confirmPush(ctx, o, dir, ready); err != nil {
		return err
	}
	run := push.NewID(time.Now(), rand.Uint32())
	journal, err := push.Create(ctx, push.Path(dir, run), push.Header{
		Run: run, Environment: o.environment, Waves: o.waves, Bucket: o.bucket,
	}, t.Stacks)
	if err != nil {
		return notJournalled(err)
	}
	defer journal.Close()
	p.line("", "run "+run+"; its journal is "+push.Path(dir, run))
	if err := p.runPush(ctx, o, settings, accounts, journal, t.remain(&o)); err != nil {
		return err
	}
	return o.verdict(t)
}

// confirmPush has the name of the environment typed. It says if another run is
// unfinished, beside which nothing is deployed unless somebody has read that.
func (p *pbm) confirmPush(ctx context.Context, o pushOptions, dir string, ready []push.Stack) error {
	unfinished, err := unfinishedPush(dir, o)
	if err != nil {
		return err
	}
	if unfinished != nil && !p.canAsk() {
		return *unfinished
	}
	if unfinished != nil {
		p.line("warning: ", unfinished.What)
		p.line("hint: ", unfinished.Remedy)
	}
	return p.confirmDeploying(ctx, o.environment, slices.Concat(o.waves.Split(ready)...), inWaves(o.waves, ready))
}

// inWaves says of a push that does not deploy all stacks how far it goes.
func inWaves(waves push.Waves, stacks []push.Stack) string {
	later := waves.Left(stacks)
	if later == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s; %d more not included in --waves)", counted(len(waves.Split(stacks)), "wave"), later)
}

func (p *pbm) confirmDeploying(ctx context.Context, environment string, stacks []push.Stack, which string) error {
	question := fmt.Sprintf("type %s to deploy %s in %s%s: ", environment, counted(len(stacks), "stack"), inAccounts(stacks), which)
	err := p.confirm(ctx, environment, question, boundary.Problem{
		What:   "a push needs a confirmation",
		Remedy: "run it on a terminal, or confirm with --yes",
	})
	if err != nil {
		return &usageError{err}
	}
	return nil
}

// unfinishedPush says that a run of an environment is unfinished, nil if none is.
func unfinishedPush(dir string, o pushOptions) (*boundary.Problem, error) {
	path, err := push.Unfinished(dir, o.environment)
	if err != nil {
		return nil, notJournalled(err)
	}
	if path == "" {
		return nil, nil
	}
	run := push.RunOf(path)
	return &boundary.Problem{
		What:   "run " + run + " of " + o.environment + " is unfinished",
		Remedy: "continue or end it first: " + o.Push("--resume="+run),
	}, nil
}

// tellUnfinished warns in front of a plan of a run that is unfinished, or under way.
func (p *pbm) tellUnfinished(ctx context.Context, o pushOptions) {
	dir, err := p.journals()
	if err != nil {
		return // a plan needs no journal
	}
	unfinished, err := unfinishedPush(dir, o)
	switch {
	case err != nil:
		p.line("warning: ", err.Error())
	case unfinished == nil:
	case isUnderWay(ctx, dir, o.environment):
		p.line("warning: ", "another push of "+o.environment+" is under way, and may deploy stacks of this plan")
		p.line("hint: ", "plan again when it has ended")
	default:
		p.line("warning: ", unfinished.What)
		p.line("hint: ", unfinished.Remedy)
	}
}

// isUnderWay reports whether another pbm has the lock of an environment's pushes.
func isUnderWay(ctx context.Context, dir, environment string) bool {
	unlock, err := push.Lock(ctx, dir, environment)
	if err == nil {
		unlock()
	}
	return errors.Is(err, atomicfile.ErrLocked)
}

// inAccounts names the only account of stacks, or counts several.
func inAccounts(stacks []push.Stack) string {
	var ids []string
	for _, s := range stacks {
		ids = append(ids, s.Account)
	}
	if ids = slices.Compact(ids); len(ids) == 1 {
		return "account " + ids[0]
	}
	return counted(len(ids), "account")
}

func notJournalled(err error) error {
	if boundary.Remedy(err) != "" {
		return err
	}
	return boundary.Problem{
		What:   "the journal of the push cannot be used",
		Cause:  err,
		Remedy: "correct that, or move the file away; a push deploys nothing without a journal",
	}
}

// resumePush continues a run from its journal.
func (p *pbm) resumePush(ctx context.Context, o pushOptions, settings transform.Options, accounts []fleet.Account) error {
	dir, err := p.journals()
	if err != nil {
		return err
	}
	path := push.Path(dir, o.resume)
	if o.resume == resumeLatest {
		if path, err = push.Unfinished(dir, o.environment); err != nil {
			return notJournalled(err)
		}
		if path == "" {
			return boundary.Problem{
				What:   "no unfinished push of " + o.environment + " in " + dir,
				Remedy: "a run that has ended is done; an unfinished one has its journal in the directory in which it was started",
			}
		}
	}
	unlock, err := push.Lock(ctx, dir, o.environment)
	if err != nil {
		return notJournalled(err)
	}
	defer unlock()
	journal, err := push.Open(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return boundary.Problem{What: "no push " + o.resume + " in " + dir, Remedy: "run it in the directory in which the push was started: its journal is there"}
	}
	if err != nil {
		return notJournalled(err)
	}
	defer journal.Close()
	if err := checkResumed(journal, o, accounts); err != nil {
		return err
	}
	o.bucket = cmp.Or(o.bucket, journal.Bucket)
	if journal.HasEnded() {
		p.line("", "run "+journal.Run+" has ended")
	} else if err := p.confirmResumed(ctx, o, accounts, journal); err != nil {
		return err
	}
	return p.runPush(ctx, o, settings, accounts, journal, "")
}

// confirmResumed asks before a run that is resumed begins with more stacks. It will not
// if the environment has another boundary now.
func (p *pbm) confirmResumed(ctx context.Context, o pushOptions, accounts []fleet.Account, journal *push.Journal) error {
	ahead := slices.DeleteFunc(slices.Clone(journal.Stacks), func(s push.Stack) bool { return journal.Last(s.ID).State != "" })
	expected, err := p.expectedIn(ctx, o, accounts)
	if err != nil {
		return err
	}
	moved, err := expected.HasMoved(ctx, ahead)
	if err != nil {
		return err
	}
	if len(ahead) > 0 && !moved {
		for _, s := range journal.Stacks {
			if last := journal.Last(s.ID); last.State.IsFailure() {
				p.line("warning: ", fmt.Sprintf("the run stopped at stack %s: %s %s", s.Name, last.State, last.Said))
			}
		}
		if err := p.confirmDeploying(ctx, journal.Environment, ahead, " that run "+journal.Run+" has not begun"); err != nil {
			return err
		}
	}
	p.line("", "continuing run "+journal.Run)
	return nil
}

// expectedIn returns what tells the boundary that the environment has now in an account
// and Region.
func (p *pbm) expectedIn(ctx context.Context, o pushOptions, accounts []fleet.Account) (push.Expected, error) {
	values, err := p.presentValues(ctx, o.scope)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, account, region string) (string, error) {
		records, err := values(ctx, fleet.Limited(configOf(accounts, account), region, o.rate))
		if err != nil {
			return "", err
		}
		return fleet.Expected(o.environment, boundary.TargetOf(account, region), records)
	}, nil
}

// checkResumed refuses to continue a run elsewhere than it was.
func checkResumed(journal *push.Journal, o pushOptions, accounts []fleet.Account) error {
	if journal.Environment != o.environment {
		return usagef("run %s is a push of environment %s", journal.Run, journal.Environment)
	}
	for _, s := range journal.Stacks {
		i := slices.IndexFunc(accounts, func(a fleet.Account) bool { return a.ID == s.Account })
		if i < 0 { // it may be one that cannot be reached
			i = slices.IndexFunc(accounts, func(a fleet.Account) bool { return a.Err != nil })
		}
		switch {
		case i >= 0 && accounts[i].Err != nil:
			return accounts[i].Err
		case i < 0:
			return &usageError{boundary.Problem{
				What:   fmt.Sprintf("run %s has stacks in account %s, which is not among the accounts that are named", journal.Run, s.Account),
				Remedy: "name the accounts as for the run: --profile, --target, --organization, --ou or --accounts",
			}}
		}
	}
	return nil
}

// runPush deploys the stacks of a journal, and shows what became of them, and which
// roles remain as they are.
func (p *pbm) runPush(ctx context.Context, o pushOptions, settings transform.Options, accounts []fleet.Account, journal *push.Journal, remain string) error {
	expected, err := p.expectedIn(ctx, o, accounts)
	if err != nil {
		return err
	}
	client := cloudFormationIn(accounts, o.rate)
	shown := p.newPushProgress()
	run := push.Run{
		Journal: journal, Rules: newStackRules(o.macroName, settings), Commands: &o,
		Client: func(account, region string) push.CloudFormation { return client(account, region) },
		Boundaries: func(ctx context.Context, account string) (map[string]string, error) {
			cfg := configOf(accounts, account)
			return fleet.Boundaries(ctx, iam.NewFromConfig(fleet.Limited(cfg, cfg.Region, o.rate)))
		},
		Expected:    expected,
		Concurrency: o.concurrency, Failures: o.failures, Every: o.every, Progress: shown.tell,
	}
	if o.bucket != "" {
		run.Bucket = func(account, region string) push.Bucket {
			name := push.BucketIn(o.bucket, push.Stack{Account: account, Region: region})
			return push.Bucket{Name: name, Account: account, Region: region, Client: s3.NewFromConfig(fleet.Limited(configOf(accounts, account), region, o.rate))}
		}
	}
	p.resume = o.Push("--resume=" + journal.Run)
	tellEnd := context.AfterFunc(ctx, func() { p.tellStop(journal) })
	outcomes, err := run.Execute(ctx)
	tellEnd()
	shown.end()
	result := pushed{
		pushOptions: &o, run: journal.Run, remain: remain,
		outcomes: outcomes, hasEnded: journal.HasEnded(),
	}
	if failed := p.showPushed(result); failed != nil || err != nil {
		return errors.Join(err, failed)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return result.verdict()
}

// tellStop says at once what an interruption of a run leads to.
func (p *pbm) tellStop(journal *push.Journal) {
	n := 0
	for _, s := range journal.Stacks {
		if journal.Last(s.ID).State == push.Executing {
			n++
		}
	}
	if n == 0 {
		p.line("", "interrupted: begins nothing more; deletes its change sets")
		return
	}
	p.line("", "interrupted: begins nothing more; waits for "+counted(n, "deployment")+"; Ctrl-C again leaves that to CloudFormation")
}
