package deploy

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/transform"
)

// pushOptions are the flags of pbm push.
type pushOptions struct {
	fleetOptions
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
and why. It writes nothing to AWS.

It reads accounts and Regions as pbm audit does. A new version of a boundary's
policy needs no push: it takes effect at once.`,
		Example: `  pbm push dev
  pbm push dev --stack 'shop-*' --all-regions
  pbm push dev --commands > push.sh`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		Annotations:       map[string]string{ignoresAnnotation: readOnly + ", store"},
		RunE: func(c *cobra.Command, args []string) error {
			o.environment = args[0]
			return p.push(c.Context(), o)
		},
	}
	o.registerPush(c.Flags(), &p.store)
	return c
}

func (o *pushOptions) registerPush(flags *pflag.FlagSet, store *storeOptions) {
	o.fleetOptions.register(flags, store)
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
	accounts, values, err := p.accounts(ctx, o.fleetOptions)
	if err != nil {
		return err
	}
	planned, err := p.planPush(ctx, o, settings, accounts, values)
	if err != nil {
		return err
	}
	return p.showPlan(planned, o)
}

// check finds wrong flags before anything is read.
func (o *pushOptions) check(store *storeOptions) (settings transform.Options, err error) {
	if err := checkName(o.environment); err != nil {
		return settings, err
	}
	if o.waves, err = push.ParseWaves(o.wavesText); err != nil {
		return settings, usagef("%s %w", spelling(o.flags, "waves"), err)
	}
	return o.fleetOptions.check(store)
}

// planned is a plan, and the audit that it is from.
type planned struct {
	push.Plan
	report fleet.Report
}

// planPush audits an environment, and plans for what the audit found.
func (p *pbm) planPush(ctx context.Context, o pushOptions, settings transform.Options, accounts []fleet.Account, values valuesReader) (planned, error) {
	audit := o.newAudit(settings, values)
	report, err := p.runAudit(ctx, audit, accounts)
	if err != nil {
		return planned{}, err
	}
	report = report.Only(o.isOfEnvironment)
	shown := p.newProgress()
	planner := push.Planner{
		Rules: newStackRules(o.macroName, settings), RepairDrift: o.repairDrift, HasBucket: o.bucket != "",
		Client:   func(account, region string) push.Reader { return cloudFormationIn(accounts, o.rate)(account, region) },
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
		if a.ID == id {
			return a.Config
		}
	}
	return aws.Config{}
}
