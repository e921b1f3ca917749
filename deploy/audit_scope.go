package deploy

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
	"permissions-boundary-macro/paramstore"
)

// auditScope says which accounts and Regions to read, beside the flags that all
// commands have.
type auditScope struct {
	organization bool
	unit         string
	accounts     string // path of a file
	role         fleet.AssumeRole
	hub          bool
	allRegions   bool
}

func (s *auditScope) register(flags *pflag.FlagSet, role string) {
	flags.BoolVar(&s.allRegions, "all-regions", false, "all Regions that each account has enabled")
	flags.BoolVar(&s.organization, "organization", false, "all accounts of the organization")
	flags.StringVar(&s.unit, "ou", "", "the accounts of this organizational unit, and of those in it")
	flags.StringVar(&s.accounts, "accounts", "", "the accounts in this file: IDs, separated by white space; # begins a comment")
	flags.StringVar(&s.role.Name, "role", role, "role to assume in each of these accounts")
	flags.StringVar(&s.role.ExternalID, "external-id", "", "external ID to assume the role with")
	flags.BoolVar(&s.hub, "hub", false, "these accounts use the macro of the account that pbm starts in, with its values")
}

// isMany reports whether accounts are given, instead of targets.
func (s *auditScope) isMany() bool { return s.organization || s.unit != "" || s.accounts != "" }

var (
	roleName = regexp.MustCompile(`^([A-Za-z0-9.,+@=_-]+/)*[A-Za-z0-9.,+@=_-]+$`)
	unitID   = regexp.MustCompile(`^(ou|r)-[a-z0-9-]+$`)
)

func (s *auditScope) check(store *storeOptions) error {
	for _, name := range []string{"role", "external-id", "hub"} {
		if !s.isMany() && isTyped(store.flags, name) {
			return usagef("--%s needs --organization, --ou or --accounts", name)
		}
	}
	given := 0
	for name, isSet := range map[string]bool{"organization": s.organization, "ou": s.unit != "", "accounts": s.accounts != ""} {
		if !store.flags.Changed(name) {
			continue
		}
		if given++; !isSet {
			return usagef("%s is empty", spelling(store.flags, name))
		}
	}
	switch {
	case given > 1:
		return usagef("--organization, --ou and --accounts are mutually exclusive")
	case s.isMany() && store.isSet(targetFlagName):
		return usagef("--%s does not go with --organization, --ou or --accounts", targetFlagName)
	case s.allRegions && isTyped(store.flags, "region"):
		return usagef("--all-regions and --region are mutually exclusive")
	case s.unit != "" && !unitID.MatchString(s.unit):
		return usagef("--ou %q is not the ID of an organizational unit or root", clipped(s.unit))
	case !roleName.MatchString(s.role.Name):
		return usagef("--role %q is not the name of a role", clipped(s.role.Name))
	}
	return nil
}

// valuesReader lists the boundary values of an account and Region.
type valuesReader = func(context.Context, aws.Config) ([]boundary.Record, error)

// accounts are those to read, and where their boundary values are.
func (p *pbm) accounts(ctx context.Context, o fleetOptions) ([]fleet.Account, valuesReader, error) {
	if o.scope.isMany() {
		return p.manyAccounts(ctx, o.scope)
	}
	all, err := p.auditPlaces(ctx, o.environment)
	if err != nil {
		return nil, nil, err
	}
	return accountsOfPlaces(all, o.scope.allRegions), p.valuesOfAccount, nil
}

// valuesOfAccount lists the values of the account that the configuration is of.
func (p *pbm) valuesOfAccount(ctx context.Context, cfg aws.Config) ([]boundary.Record, error) {
	return paramstore.NewSSM(ssm.NewFromConfig(cfg), p.store.prefix).List(ctx)
}

// auditPlaces are those of an environment, or of all, that are in AWS.
func (p *pbm) auditPlaces(ctx context.Context, environment string) ([]*place, error) {
	all, err := p.placesOf(ctx, environment)
	if err != nil {
		return nil, err
	}
	var inAWS []*place
	for _, at := range all {
		if at.inAWS() {
			inAWS = append(inAWS, at)
		} else {
			p.line("", "environment "+at.environment+" is in a file, and is not audited: "+at.file)
		}
	}
	if len(inAWS) == 0 {
		return nil, boundary.Problem{
			What:   "the project keeps its environments in files, so there is no account to audit",
			Remedy: "name one with --profile, --region or --target",
		}
	}
	return inAWS, nil
}

// accountsOfPlaces are the accounts that places are in, each with the Regions of
// its places.
func accountsOfPlaces(all []*place, allRegions bool) []fleet.Account {
	var accounts []fleet.Account
	for _, at := range all {
		i := slices.IndexFunc(accounts, func(a fleet.Account) bool { return a.ID == at.account() && a.Err == nil && at.failure == nil })
		switch {
		case i < 0:
			accounts = append(accounts, fleet.Account{ID: cmp.Or(at.account(), at.label()), Config: at.config, Err: at.failure})
			i = len(accounts) - 1
			fallthrough
		case !allRegions && !slices.Contains(accounts[i].Regions, at.Region):
			accounts[i].Regions = append(accounts[i].Regions, at.Region)
		}
		if allRegions {
			accounts[i].Regions = nil
		}
	}
	return accounts
}

// manyAccounts are the accounts of an organization, a unit or a file, with
// credentials of a role in each.
func (p *pbm) manyAccounts(ctx context.Context, s auditScope) ([]fleet.Account, valuesReader, error) {
	base, err := p.base(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids, err := s.list(ctx, base.config)
	if err != nil {
		return nil, nil, err
	}
	regions := p.store.regions
	switch {
	case s.allRegions:
		regions = nil
	case !p.store.flags.Changed("region"):
		regions = []string{base.Region}
	}
	accounts := make([]fleet.Account, len(ids))
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	for i, id := range ids {
		group.Go(func() error {
			accounts[i] = fleet.Account{ID: id, Regions: regions, Config: base.config}
			if id != base.account() { // whose credentials are there
				accounts[i] = fleet.Assume(ctx, base.config, id, s.role, regions)
			}
			return nil
		})
	}
	_ = group.Wait() // the accounts have the errors
	if s.hub {
		return accounts, p.valuesOf(base.config), ctx.Err()
	}
	return accounts, p.valuesOfAccount, ctx.Err()
}

// base is the account that pbm starts in.
func (p *pbm) base(ctx context.Context) (*place, error) {
	way := target{Profile: p.store.profile, Region: p.store.regions[0]}
	at := p.open(ctx, choice{access: access{Targets: []target{way}}}, "")[0]
	return at, at.failure
}

// presentValues lists values as they are at each call, also those of the account that
// others use the macro of.
func (p *pbm) presentValues(ctx context.Context, s auditScope) (valuesReader, error) {
	if !s.hub {
		return p.valuesOfAccount, nil
	}
	base, err := p.base(ctx)
	if err != nil {
		return nil, err
	}
	return p.valuesWith(base.config), nil
}

// valuesWith lists the values of one account for all others.
func (p *pbm) valuesWith(hub aws.Config) valuesReader {
	return func(ctx context.Context, cfg aws.Config) ([]boundary.Record, error) {
		there := cfg.Copy()
		there.Credentials = hub.Credentials
		return p.valuesOfAccount(ctx, there)
	}
}

// valuesOf is valuesWith that reads each Region once.
func (p *pbm) valuesOf(hub aws.Config) valuesReader {
	type answer struct {
		records []boundary.Record
		err     error
	}
	var mu sync.Mutex
	known := map[string]func() answer{}
	list := p.valuesWith(hub)
	return func(ctx context.Context, cfg aws.Config) ([]boundary.Record, error) {
		mu.Lock()
		read, found := known[cfg.Region]
		if !found {
			read = sync.OnceValue(func() answer {
				records, err := list(ctx, cfg)
				return answer{records, err}
			})
			known[cfg.Region] = read
		}
		mu.Unlock()
		a := read()
		return a.records, a.err
	}
}

// list lists the accounts' IDs.
func (s *auditScope) list(ctx context.Context, cfg aws.Config) ([]string, error) {
	switch {
	case s.accounts != "":
		return readAccounts(s.accounts)
	case s.unit != "":
		return fleet.AccountsBelow(ctx, organizations.NewFromConfig(cfg), s.unit)
	}
	return fleet.AllAccounts(ctx, organizations.NewFromConfig(cfg))
}

// readAccounts reads a file of account IDs.
func readAccounts(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the accounts: %w", err)
	}
	var ids []string
	line := 0
	for content := range strings.Lines(string(text)) {
		line++
		content, _, _ = strings.Cut(content, "#")
		for id := range strings.FieldsSeq(content) {
			if boundary.CheckAccountID(id) != nil {
				return nil, usagef("%s, line %d: %q is not an account ID of 12 digits", path, line, clipped(id))
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil, usagef("%s names no account", path)
	}
	return ids, nil
}
