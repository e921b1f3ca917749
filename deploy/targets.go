package deploy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

// choice is where a command finds an environment, and who says so.
type choice struct {
	access
	by      *project // what decides some of it; nil when flags, variables and AWS's own files do
	project *project // nil when there is none
}

// choose says where an environment is: by the flags, else as the project says.
func (p *pbm) choose(j *project, environment string) (choice, error) {
	c := choice{access: p.store.given(), project: j}
	if j == nil || c.Store != "" {
		return c, nil
	}
	known := j.access(environment)
	if file, isFile := storeFile(known.Store); isFile {
		switch {
		case p.store.flags.Changed("store"):
		case p.store.isGiven():
			name, _ := j.decision(environment)
			kept := "environment " + name
			if name == "" {
				kept = "its environments"
			}
			p.line("", fmt.Sprintf("the project keeps %s in %s, but a given profile, Region or target means AWS: using ssm", kept, file))
		default:
			_, err := j.keeps(file)
			return choice{known, j, j}, err
		}
		return c, nil
	}
	targets, err := p.store.among(known.Targets)
	if err != nil {
		return c, fmt.Errorf("environment %s: %w", environment, err)
	}
	c.Targets = targets
	if p.store.leavesOpen(targets) {
		c.by = j
	}
	return c, nil
}

// leavesOpen reports whether flags do not say all of targets.
func (o *storeOptions) leavesOpen(targets []target) bool {
	return !o.isSet(targetFlagName) && slices.ContainsFunc(targets, func(t target) bool {
		return t.Role != "" || t.Profile != "" && !o.flags.Changed("profile") || t.Region != "" && !o.flags.Changed("region")
	})
}

// among are the targets of an environment that flags mean, of those that the
// project knows. A profile or Region that is among them picks its targets;
// another one takes the place of theirs, if they have the rest in common.
func (o *storeOptions) among(known []target) ([]target, error) {
	profile, region := o.flags.Changed("profile"), o.flags.Changed("region")
	switch {
	case len(known) == 0, o.isSet(targetFlagName), profile && region:
		return o.given().Targets, nil
	case profile:
		return o.withProfile(known)
	case region:
		return o.withRegions(known)
	}
	return known, nil
}

func (o *storeOptions) withProfile(known []target) ([]target, error) {
	with := slices.DeleteFunc(slices.Clone(known), func(t target) bool { return t.Profile != o.profile || t.Role != "" })
	if len(with) > 0 {
		return with, nil
	}
	if _, err := onlyWay(known); err != nil {
		return nil, err
	}
	for _, t := range known {
		with = append(with, target{Region: t.Region, Profile: o.profile})
	}
	return with, nil
}

func (o *storeOptions) withRegions(known []target) ([]target, error) {
	var with []target
	for _, region := range o.regions {
		there := slices.DeleteFunc(slices.Clone(known), func(t target) bool { return t.Region != region })
		if len(there) == 0 {
			way, err := onlyWay(known)
			if err != nil {
				return nil, err
			}
			there = inRegions(way, []string{region})
		}
		with = append(with, there...)
	}
	return with, nil
}

// onlyWay is how all of several targets are reached.
func onlyWay(known []target) (target, error) {
	way := known[0].way()
	for _, t := range known {
		if t.way() != way {
			return way, &usageError{boundary.Problem{
				What:   "its targets are reached in different ways (" + access{Targets: known}.String() + ")",
				Remedy: "name the targets that are meant with --" + targetFlagName + ", or with both --profile and --region",
			}}
		}
	}
	return way, nil
}

// toRead opens the stores that have an environment. It says where they are when
// only a project decides that which is not confirmed.
func (p *pbm) toRead(ctx context.Context, j *project, environment string) ([]*place, error) {
	c, err := p.choose(j, environment)
	if err != nil {
		return nil, err
	}
	all := p.open(ctx, c, environment)
	for _, at := range working(all) {
		p.tellUnconfirmed(at)
	}
	return all, nil
}

// placesOf are the targets that flags name, else those of an environment of the
// project, or of all of its environments if none is named. They are open to be
// read.
func (p *pbm) placesOf(ctx context.Context, environment string) ([]*place, error) {
	j, err := p.project()
	if err != nil {
		return nil, err
	}
	names := []string{environment}
	if environment == "" && j != nil && len(j.Environments) > 0 && !p.store.isGiven() {
		names = slices.Sorted(maps.Keys(j.Environments))
	}
	var all []*place
	for _, name := range names {
		places, err := p.toRead(ctx, j, name)
		if err != nil {
			return nil, err
		}
		all = append(all, places...)
	}
	return all, nil
}

func (p *pbm) tellUnconfirmed(at *place) {
	if !at.confirmed {
		p.tellPlace(at)
	}
}

// toWrite opens the stores that have an environment for a command that writes
// there, or writes elsewhere what it reads there.
func (p *pbm) toWrite(ctx context.Context, j *project, environment string) ([]*place, error) {
	c, err := p.choose(j, environment)
	if err != nil {
		return nil, err
	}
	return p.openChosen(ctx, c, environment)
}

// openChosen opens stores. It asks before it goes where only the project says,
// and says where it goes, with the account unless AWS is not to be asked.
func (p *pbm) openChosen(ctx context.Context, c choice, environment string) ([]*place, error) {
	if c.by != nil {
		if err := p.confirmProject(ctx, c.by, environment); err != nil {
			return nil, err
		}
	}
	all := p.open(ctx, c, environment)
	for _, at := range working(all) {
		p.tellPlace(at)
	}
	return all, nil
}

// open opens the stores that were chosen for an environment.
func (p *pbm) open(ctx context.Context, c choice, environment string) []*place {
	all := p.places(c, environment)
	p.connect(ctx, all)
	refuseTwice(all)
	return all
}

// places are the stores that were chosen for an environment, before they are
// open.
func (p *pbm) places(c choice, environment string) []*place {
	var all []*place
	if file, isFile := storeFile(c.Store); isFile {
		all = append(all, p.openFile(file))
	}
	for _, t := range c.Targets {
		all = append(all, &place{target: t, prefix: p.store.prefix, given: p.store.leadingTo(t, len(c.Targets) > 1)})
	}
	for _, at := range all {
		at.environment, at.several, at.project, at.by = environment, len(all) > 1, c.project, c.by
		at.confirmed = c.by == nil || c.by.isConfirmed(environment)
	}
	return all
}

// connect opens stores, and finds out which account each target leads to.
func (p *pbm) connect(ctx context.Context, all []*place) {
	for _, at := range all {
		if _, known := p.sessions[at.session()]; !known {
			if p.sessions == nil {
				p.sessions = map[target]func() (aws.Config, error){}
			}
			p.sessions[at.session()] = sync.OnceValues(func() (aws.Config, error) { return load(ctx, at.target) })
		}
	}
	each(ctx, p, all, func(ctx context.Context, at *place) (done, error) {
		if !at.inAWS() {
			return done{}, nil
		}
		if err := at.connect(p.sessions[at.session()]); err != nil {
			return done{}, err
		}
		return done{}, p.checkAccount(ctx, at)
	})
}

// openOnly opens the one store for a stack: that of the account, if an
// environment is in several.
func (p *pbm) openOnly(ctx context.Context, c choice, environment, account string) (*place, error) {
	if account != "" && len(c.Targets) > 1 {
		c.Targets = slices.DeleteFunc(slices.Clone(c.Targets), func(t target) bool { return t.account() != account })
	}
	if c.Store == "" && len(c.Targets) != 1 {
		return nil, boundary.Problem{
			What:   fmt.Sprintf("environment %s is in several accounts or Regions", environment),
			Remedy: "name the one that the stack deploys to: --region REGION, --profile NAME, or --account ID",
		}
	}
	at := p.open(ctx, c, environment)[0]
	return at, at.failure
}

// done is what a step on a target has to say, beside its error.
type done = struct{}

// checkAccount finds out which account a target leads to, and refuses another
// one than the target is known to be in. With --no-verify it asks only where
// there is something to compare: an account, or other targets.
func (p *pbm) checkAccount(ctx context.Context, at *place) error {
	want := at.Account
	if p.noVerify && want == "" && !at.several {
		return nil
	}
	caller, err := at.identify(ctx)
	if err != nil {
		return err
	}
	if want != "" && caller.AccountID != want {
		return boundary.Problem{
			What: fmt.Sprintf("environment %s is in account %s, but %s leads to account %s", at.environment, want, at.credentials(), caller.AccountID),
			Remedy: "use credentials of account " + want + "; if the environment has moved: pbm env checkout " + at.environment +
				" --profile NAME --region REGION",
		}
	}
	at.Account = caller.AccountID
	at.Store = at.Store.(*paramstore.SSM).Of(caller.AccountID)
	return nil
}

// credentials are those of the target, in messages.
func (t target) credentials() string {
	profile := cmp.Or(t.Profile, ambientProfile())
	switch {
	case t.Role != "":
		return "role " + t.Role
	case profile != "":
		return "profile " + profile
	}
	return "the default credentials"
}

// refuseTwice refuses a target that is another one under a different name: both
// would write to the same parameter.
func refuseTwice(all []*place) {
	for i, at := range all {
		for _, other := range working(all[:i]) {
			if at.failure == nil && at.inAWS() && at.account() != "" && at.label() == other.label() {
				at.failure = boundary.Problem{
					What:   fmt.Sprintf("%s and %s lead to the same account and Region", other.credentials(), at.credentials()),
					Remedy: "name each account and Region once",
				}
			}
		}
	}
}

// label names a place among several: account and Region, as far as they are
// known.
func (at *place) label() string {
	if !at.inAWS() {
		return at.file
	}
	switch account := at.account(); {
	case account != "":
		return strings.TrimSpace(account + " " + at.Region)
	case at.Region == "":
		return at.credentials()
	}
	return at.credentials() + ", Region " + at.Region
}

// tellPlace says, once, which store a command works on, and that a project
// decided so.
func (p *pbm) tellPlace(at *place) {
	text := "store: " + at.String()
	if at.by != nil {
		text += ", as " + fromWorkingDirectory(at.by.path) + " says"
	}
	if !slices.Contains(p.told, text) {
		p.told = append(p.told, text)
		p.line("", text)
	}
}

// String is the place in messages.
func (at *place) String() string {
	if !at.inAWS() {
		return "file " + at.file
	}
	var parts []string
	if account := at.account(); account != "" {
		parts = append(parts, "account "+account)
	}
	parts = append(parts, "Region "+at.Region)
	if at.Profile != "" {
		parts = append(parts, "profile "+at.Profile)
	}
	if at.Role != "" {
		parts = append(parts, "role "+at.Role)
	}
	return "ssm " + at.prefix + " in " + strings.Join(parts, ", ")
}
