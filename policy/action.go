package policy

import (
	"slices"
	"strings"

	"permissions-boundary-macro/policy/catalogue"
)

// actions are those of the catalogue.
type actions struct {
	list     []action
	services map[string][2]int // where those of a service begin and end
	formats  []pattern
}

// action is an action of the catalogue.
type action struct {
	name    string
	pattern pattern // the name in lower case, as the names of actions are case-insensitive
	formats []int   // of the resources that requests are about
}

// ofFormats stands for a statement in the IDs of formats.
const ofFormats = -1

// withoutResource are the formats of what IAM is asked about if a request is about
// no resource: the character * by itself, or, as in AWS's policies for
// s3:ListAllMyBuckets, in an ARN of the service.
var withoutResource = []int{0, 1}

// unlistedFormats are the formats of resources that requests of an action are about,
// but that the Service Authorization Reference, and so the catalogue, lacks. By action,
// in lower case.
var unlistedFormats = map[string][]string{
	// Of the transforms and macros of the template, in the account aws or their own:
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
	"cloudformation:createchangeset": {transformFormat},
	"cloudformation:createstack":     {transformFormat},
	"cloudformation:updatestack":     {transformFormat},
	// Of all log groups, with empty names of the group and the stream, as in the
	// message with which IAM denies it:
	// https://github.com/hashicorp/terraform-provider-aws/issues/8804
	"logs:describeloggroups": {"arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}:log-stream:${LogStreamName}"},
	// Of a text message: https://github.com/zappa/Zappa/issues/791
	"sns:publish": {"+${PhoneNumber}"},
}

const transformFormat = "arn:${Partition}:cloudformation:${Region}:${Account}:transform/${TransformName}"

func readActions(c *catalogue.Catalogue, facts Facts) actions {
	all := actions{services: map[string][2]int{}, formats: []pattern{
		{symbols: []symbol{'*'}},
		{symbols: []symbol{'a', 'r', 'n', ':', anyInName, ':', anyInName, ':', anyInName, ':', anyInName, ':', '*'}},
	}}
	numbers := map[string]int{}
	for i, a := range c.Actions {
		lower := strings.ToLower(a.Name)
		service, _, _ := strings.Cut(lower, ":")
		read := action{name: a.Name, pattern: syntax{}.pattern(lower)}
		if a.WithoutResource {
			read.formats = append(read.formats, withoutResource...)
		}
		for _, format := range slices.Concat(a.Resources, unlistedFormats[lower]) {
			number, known := numbers[format]
			if !known {
				number = len(all.formats)
				p := facts.format(format)
				p.id = patternID{statement: ofFormats, number: number}
				all.formats = append(all.formats, p)
				numbers[format] = number
			}
			read.formats = append(read.formats, number)
		}
		all.list = append(all.list, read)
		if span, known := all.services[service]; known {
			all.services[service] = [2]int{span[0], i + 1}
		} else {
			all.services[service] = [2]int{i, i + 1}
		}
	}
	return all
}

// candidates are the numbers from which to which the actions are that a pattern
// may match.
func (a actions) candidates(p pattern) (from, to int) {
	service := make([]rune, 0, 32)
	for _, s := range p.symbols {
		switch {
		case s == ':':
			span := a.services[string(service)]
			return span[0], span[1]
		case !s.isLiteral():
			return 0, len(a.list)
		}
		service = append(service, rune(s))
	}
	return 0, len(a.list)
}

// matched are the numbers of the actions that a pattern surely matches.
func (a actions) matched(p pattern) []int {
	var numbers []int
	for i, to := a.candidates(p); i < to; i++ {
		if covers(p, a.list[i].pattern) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// match returns how the patterns match each action.
func (a actions) match(p patterns) []match {
	matches := make([]match, len(a.list))
	for _, pattern := range p.list {
		for i, to := a.candidates(pattern); i < to; i++ {
			matches[i] = matches[i].or(pattern.match(target{named: a.list[i].pattern}))
		}
	}
	for i, m := range matches {
		matches[i] = m.inverse(p.except)
	}
	return matches
}
