package push

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/fleet"
)

// check finds out whether a stack can be deployed again as it is.
type check struct {
	client    Reader
	rules     Rules
	own       string // the name of the change sets of the run, empty for none
	hasBucket bool   // for templates of any length
}

// source is what a stack is deployed with again.
type source struct {
	Template
	body     string
	forecast Forecast
}

// source reads what a stack is deployed with again, or why it is held. As much of the
// source as was read before that comes with it.
func (c check) source(ctx context.Context, s Stack, described types.Stack) (of source, hold *Hold, err error) {
	if hold := holdOf(described); hold != nil {
		return of, hold, nil
	}
	if of.body, err = template(ctx, c.client, s, types.TemplateStageOriginal, nil); err != nil {
		return of, nil, err
	}
	if of.forecast, err = c.rules.Foresee(of.body, fleet.StackOf(described, s.Account, s.Region), s.Boundary); err != nil {
		return of, unread(err), nil
	}
	of.Template = templateOf(described, of.body, of.forecast)
	if of.NeedsBucket() && !c.hasBucket {
		return of, held(BodyTooLarge), nil
	}
	if apart := parametersApart(described, of.forecast.Parameters); len(apart) > 0 {
		return of, held(Parameters, apart...), nil
	}
	hold, err = c.foreign(ctx, s)
	return of, hold, err
}

// foreign holds a stack that has change sets of others: the execution of one deletes
// them. Source: CloudFormation API, ExecuteChangeSet.
func (c check) foreign(ctx context.Context, s Stack) (*Hold, error) {
	names, err := foreignChangeSets(ctx, c.client, s, c.own)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return held(ForeignChangeSet, names...), nil
}

// unread is the hold of a stack that cannot be read.
func unread(err error) *Hold {
	if errors.Is(err, fleet.ErrGone) {
		return held(StackStatus, string(types.StackStatusDeleteComplete))
	}
	hold := held(StackUnread)
	hold.Said, hold.remedy = err.Error(), boundary.Remedy(err)
	return hold
}

var (
	stackSetInstance = regexp.MustCompile(`^StackSet-.+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	productName      = regexp.MustCompile(`^SC-[0-9]{12}-pp-[A-Za-z0-9]+$`)
)

// productTag begins the tags that Service Catalog sets.
const productTag = "aws:servicecatalog:"

// updatable are the statuses in which a stack takes an update, after which its
// template is what was deployed. ROLLBACK_COMPLETE is of a stack that was never
// created. Source: CloudFormation user guide, stack status codes.
var updatable = []types.StackStatus{
	types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
	types.StackStatusImportComplete, types.StackStatusImportRollbackComplete,
}

// holdOf says whether what DescribeStacks tells of a stack keeps it from being
// deployed.
func holdOf(s types.Stack) *Hold {
	isProduct := func(t types.Tag) bool { return strings.HasPrefix(aws.ToString(t.Key), productTag) }
	switch name := aws.ToString(s.StackName); {
	case stackSetInstance.MatchString(name):
		return held(StackSetInstance)
	case productName.MatchString(name), slices.ContainsFunc(s.Tags, isProduct):
		return held(ServiceCatalog)
	case !slices.Contains(updatable, s.StackStatus):
		return held(StackStatus, string(s.StackStatus))
	}
	return nil
}

// parametersApart are the names of parameters that the stack has and the template
// does not declare, or the other way round. Those cannot be kept by name.
func parametersApart(s types.Stack, declared []string) []string {
	var apart []string
	has := map[string]bool{}
	for _, p := range s.Parameters {
		name := aws.ToString(p.ParameterKey)
		has[name] = true
		if !slices.Contains(declared, name) {
			apart = append(apart, name)
		}
	}
	for _, name := range declared {
		if !has[name] {
			apart = append(apart, name)
		}
	}
	return apart
}
