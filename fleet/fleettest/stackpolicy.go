package fleettest

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// stackPolicyStatement is a statement of a stack policy.
type stackPolicyStatement struct {
	Effect                string
	Action, NotAction     any // text, or a list of it
	Resource, NotResource any
	Condition             map[string]map[string]any
}

// denial is the reason that a stack policy gives for refusing a change, empty if
// it allows it. A policy allows only what it says, and denials win. Change sets
// cannot override it. Source: the user guide, "Prevent updates to stack
// resources"; the text is that of events on AWS.
func denial(policy string, ch change) string {
	if policy == "" {
		return ""
	}
	var p struct{ Statement []stackPolicyStatement }
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return "Error validating stack policy: Invalid stack policy"
	}
	action := map[string]string{"Modify": "Update:Modify", "Remove": "Update:Delete"}[ch.action]
	if ch.replacement == "True" {
		action = "Update:Replace"
	}
	if action == "" {
		return "" // what is new has no policy
	}
	allowed := false
	for i, s := range p.Statement {
		if !s.applies(action, ch) {
			continue
		}
		if s.Effect == "Deny" {
			return fmt.Sprintf("Action denied by stack policy: Statement [#%d] does not allow [%s] for resource [LogicalResourceId/%s];", i+1, action, ch.logicalID)
		}
		allowed = true
	}
	if !allowed {
		return "Action not allowed by stack policy"
	}
	return ""
}

func (s stackPolicyStatement) applies(action string, ch change) bool {
	if types, isConditional := s.Condition["StringEquals"]["ResourceType"]; isConditional && !slices.Contains(texts(types), ch.kind) {
		return false
	}
	return matchesOneOf(s.Action, s.NotAction, action) && matchesOneOf(s.Resource, s.NotResource, "LogicalResourceId/"+ch.logicalID)
}

// matchesOneOf reports whether text matches a pattern, or, where there are no
// patterns, none of the others.
func matchesOneOf(patterns, others any, text string) bool {
	matches := func(pattern string) bool {
		ok, _ := path.Match(strings.ReplaceAll(pattern, "/", ":"), strings.ReplaceAll(text, "/", ":"))
		return ok
	}
	if patterns != nil {
		return slices.ContainsFunc(texts(patterns), matches)
	}
	return !slices.ContainsFunc(texts(others), matches)
}

// texts are a text, or those of a list.
func texts(value any) []string {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var all []string
	for _, element := range list {
		all = append(all, fmt.Sprint(element))
	}
	return all
}
