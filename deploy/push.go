package deploy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/transform"
)

// pushOptions are the flags of pbm push.
type pushOptions struct {
	fleetOptions
	planOptions
	runOptions
}

// planOptions are the flags of pbm push that say what to deploy.
type planOptions struct {
	wavesText   string
	waves       push.Waves
	repairDrift bool
	bucket      string
	commands    bool
}

func (p *pbm) pushCommand() *cobra.Command {
	var o pushOptions
	c := &cobra.Command{
		Use:   "push ENVIRONMENT",
		Short: "deploy the stacks again that lag behind a changed boundary",
		Long: `Push plans which stacks of an environment to deploy again, so that their roles
carry its present boundary. It lists what would change, and which stacks it holds
and why. Without --execute it writes nothing to AWS.

With --execute it deploys them in waves, by change sets from the template that each
stack has. It executes a change set only if that changes nothing but boundaries.
After each wave it reads the roles again, and it stops at the first failure. A run
that has stopped, or was killed, is continued with --resume.

It reads accounts and Regions as pbm audit does. A new version of a boundary's
policy needs no push: it takes effect at once.`,
		Example: `  pbm push dev
  pbm push dev --execute --stack 'shop-*'
  pbm push dev --resume`,
		Args:              func(c *cobra.Command, args []string) error { return o.takeArgs(args) },
		ValidArgsFunction: p.completeNames,
		Annotations:       map[string]string{ignoresAnnotation: "store"},
		RunE:              func(c *cobra.Command, _ []string) error { return p.push(c.Context(), o) },
	}
	o.register(c.Flags(), &p.store)
	return c
}

// takeArgs takes the name of an environment. Behind --resume, whose value is optional,
// a run is an argument if a space is in front of it.
func (o *pushOptions) takeArgs(args []string) error {
	if len(args) == 2 && o.resume == resumeLatest && push.IsID(args[1]) {
		o.resume, args = args[1], args[:1]
	}
	if len(args) != 1 {
		return errArgs
	}
	o.environment = args[0]
	return nil
}

// errArgs is the error of arguments that a command does not take.
var errArgs = errors.New("wrong arguments")

func (o *pushOptions) register(flags *pflag.FlagSet, store *storeOptions) {
	o.fleetOptions.register(flags, store, "pbm-pusher")
	o.planOptions.register(flags)
	o.runOptions.register(flags)
}

func (o *planOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.wavesText, "waves", push.DefaultWaves.String(), "how many stacks to deploy before roles are read again, wave by wave")
	flags.BoolVar(&o.repairDrift, "repair-drift", false, "also deploy stacks whose roles somebody changed by hand, and undo that")
	flags.StringVar(&o.bucket, "bucket", "", "bucket for templates longer than 51,200 bytes; ${AWS::AccountId} and ${AWS::Region}\nare replaced")
	flags.BoolVar(&o.commands, "commands", false, "print the commands of the AWS CLI that do the same")
}

func (p *pbm) push(ctx context.Context, o pushOptions) error {
	settings, err := o.check(&p.store)
	if err != nil {
		return err
	}
	if o.commands && (isTyped(o.flags, "json") || isTyped(o.flags, "output") && p.output == outputJSON) {
		return usagef("--commands does not go with JSON: it prints a script")
	}
	if p.dryRun {
		o.execute = false
	}
	o.scope.role.Session = push.PlanSession
	if o.writes() {
		o.scope.role.Session = push.RunSession
		if err := p.confirmTargets(ctx, o); err != nil {
			return err
		}
	}
	accounts, values, err := p.accounts(ctx, o.fleetOptions)
	if err != nil {
		return err
	}
	if o.resumes() {
		return p.resumePush(ctx, o, settings, accounts)
	}
	planned, err := p.planPush(ctx, o, settings, accounts, values)
	if err != nil {
		return err
	}
	if !o.writes() {
		p.tellUnfinished(ctx, o)
	}
	if o.execute {
		return p.executePush(ctx, o, settings, accounts, planned)
	}
	if err := p.showPlan(planned, o); err != nil {
		return err
	}
	return o.verdict(planned)
}

// check finds wrong flags before anything is read.
func (o *pushOptions) check(store *storeOptions) (settings transform.Options, err error) {
	if err := checkName(o.environment); err != nil {
		return settings, err
	}
	if o.waves, err = push.ParseWaves(o.wavesText); err != nil {
		return settings, usagef("%s %w", spelling(o.flags, "waves"), err)
	}
	if err := o.runOptions.check(o.flags, o.commands, isSet(o.flags, "dry-run")); err != nil {
		return settings, err
	}
	return o.fleetOptions.check(store)
}

// verdict is the error of a plan that holds stacks, or that does not have all of them.
func (o *pushOptions) verdict(t planned) error {
	held := len(t.Held())
	switch {
	case t.unread() > 0:
		return fmt.Errorf("%s could not be read completely", counted(t.unread(), "account"))
	case !o.hasFound(t.report):
		return o.noRoles()
	case held > 0:
		return fmt.Errorf("%s held", counted(held, "stack"))
	}
	return nil
}

// noRoles is the error of a plan for an environment whose name may be misspelt.
func (o *pushOptions) noRoles() error {
	problem := boundary.Problem{
		What:   "no stack that was read has roles of environment " + o.environment,
		Remedy: "check the name of the environment, the accounts and Regions, and the settings of the macro; to see which roles there are: " + o.command("pbm audit", o.notOfAudit()...),
	}
	if o.stack != "" {
		problem.What = "no stack that matches " + o.stack + " has roles of environment " + o.environment
	}
	return problem
}

// planned is a plan, and the audit that it is from.
type planned struct {
	push.Plan
	report fleet.Report
}

// unread counts the accounts that were not read completely.
func (t planned) unread() (n int) {
	for _, a := range t.report.Accounts {
		if a.Err != nil {
			n++
		}
	}
	return n
}

// planPush audits an environment, and plans for what the audit found.
func (p *pbm) planPush(ctx context.Context, o pushOptions, settings transform.Options, accounts []fleet.Account, values valuesReader) (planned, error) {
	audit := o.newAudit(settings, values)
	report, err := p.runAudit(ctx, audit, accounts)
	if err != nil {
		return planned{}, err
	}
	report = report.Only(o.isOfEnvironment)
	client, shown := cloudFormationIn(accounts, o.rate), p.newProgress()
	planner := push.Planner{
		Rules: newStackRules(o.macroName, settings), RepairDrift: o.repairDrift, HasBucket: o.bucket != "",
		Client:   func(account, region string) push.Reader { return client(account, region) },
		Progress: func(read, all int) { shown.say("planned for %d of %s", read, counted(all, "stack")) },
	}
	plan, err := planner.Plan(ctx, o.environment, report)
	shown.end()
	return planned{plan, report}, err
}

// cloudFormationIn returns the clients of accounts and Regions, each made once.
func cloudFormationIn(accounts []fleet.Account, rate float64) func(account, region string) *cloudformation.Client {
	var mu sync.Mutex
	clients := map[[2]string]*cloudformation.Client{}
	return func(account, region string) *cloudformation.Client {
		mu.Lock()
		defer mu.Unlock()
		at := [2]string{account, region}
		if clients[at] == nil {
			clients[at] = cloudformation.NewFromConfig(fleet.Limited(configOf(accounts, account), region, rate))
		}
		return clients[at]
	}
}

// configOf is the configuration of one of several accounts.
func configOf(accounts []fleet.Account, id string) aws.Config {
	for _, a := range accounts {
		if a.ID == id && a.Err == nil {
			return a.Config
		}
	}
	return aws.Config{}
}
