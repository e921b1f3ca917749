package fleettest

import "slices"

// executeChangeSet starts an update. Its other change sets are deleted. The same
// token again is the same execution. Source: CloudFormation API,
// ExecuteChangeSet; texts recorded on AWS and in amazon-chime-sdk-js issue 1089.
func executeChangeSet(r *request, _ *result) error {
	c, err := r.changeSet()
	if err != nil {
		return err
	}
	a, token := r.account, r.form.Get("ClientRequestToken")
	if token != "" && c.executionToken == token {
		return nil
	}
	if err := a.checkExecution(r.Region, c, token); err != nil {
		return err
	}
	c.executionToken = token
	for _, one := range c.hierarchy() {
		if !one.hasFailed {
			a.removeChangeSets(r.Region, one.before.ID, func(other *changeSet) bool { return other != one && other.isListed() })
		}
	}
	a.startUpdate(r.Region, c)
	return nil
}

// checkExecution says why a change set cannot be executed.
func (a *Account) checkExecution(region string, c *changeSet, token string) error {
	status, execution, _ := c.status()
	if status != createComplete {
		return failure{code: "InvalidChangeSetStatus", message: "ChangeSet [" + c.id + "] cannot be executed in its current status of [" + status + "]"}
	}
	if execution != available {
		return failure{code: "InvalidChangeSetStatus", message: "ChangeSet [" + c.id + "] cannot be executed in its current execution status of [" + execution + "]"}
	}
	if c.parent != nil {
		return invalid("Operations on nested change sets must be performed on the root change set [%s]", c.root.id)
	}
	for _, one := range c.hierarchy() {
		if s := a.stack(region, one.before.ID); !one.hasFailed && !slices.Contains(updatable, s.Status) {
			return notUpdatable(s)
		}
	}
	for _, other := range a.stacks[region].changeSets[c.before.ID] {
		if token != "" && other.executionToken == token {
			return failure{code: "TokenAlreadyExistsException", message: "Token [" + token + "] already exists"}
		}
	}
	return nil
}
