package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"permissions-boundary-macro/fleet/push"
	"permissions-boundary-macro/internal/printable"
)

// script is the commands of the AWS CLI that deploy stacks as a push does, for a
// shell. Run as it is, it creates change sets and shows their changes: those that
// execute them are comments, because the CLI has no gate.
type script struct {
	push.Plan
	bucket    string
	changeSet string // the name of all change sets
	hints     push.Commands
}

func (t script) render() []byte {
	var out bytes.Buffer
	out.WriteString("set -eu\n")
	for _, s := range t.Ready() {
		fmt.Fprintf(&out, "\n# %s\n", printable.Line(fmt.Sprintf("account %s, Region %s, stack %s: %s", s.Account, s.Region, s.Name, roleNames(s))))
		for _, command := range t.commands(s) {
			out.WriteString(command + "\n")
		}
	}
	for _, s := range t.Held() {
		held := heldOf(s, t.hints)
		fmt.Fprintf(&out, "\n# %s\n", printable.Line(fmt.Sprintf("account %s, Region %s, stack %s is held, %s: %s", s.Account, s.Region, s.Name, held.Code, held.Reason)))
		fmt.Fprintf(&out, "# hint: %s\n", printable.Line(held.Remedy))
	}
	return out.Bytes()
}

func (t script) commands(s push.Stack) []string {
	file := s.Name + ".template"
	onChangeSet := func(operation string) string { return s.AWSCommand(operation) + " --change-set-name " + t.changeSet }
	form := "text" // YAML; JSON comes as an object
	if s.Template.IsJSON {
		form = "json"
	}
	all := []string{
		s.AWSCommand("get-template") + " --template-stage Original --query TemplateBody --output " + form + " > " + printable.Shell(file),
	}
	template := " --template-body " + printable.Shell("file://"+file)
	if s.Template.NeedsBucket() {
		bucket := push.BucketIn(t.bucket, s)
		all = append(all, "aws s3 cp "+printable.Shell(file)+" "+printable.Shell("s3://"+bucket+"/"+file))
		template = " --template-url " + printable.Shell(push.ObjectURL(bucket, s.Region, file))
	}
	create := onChangeSet("create-change-set") + template
	for _, option := range optionsOf(s) {
		create += " " + option
	}
	return append(
		all, create,
		onChangeSet("wait change-set-create-complete"),
		onChangeSet("describe-change-set")+" --include-property-values --query Changes",
		"# read the changes: execute only if PermissionsBoundary of the roles changes, and nothing else",
		"# "+onChangeSet("execute-change-set"),
		"# "+s.AWSCommand("wait stack-update-complete"),
		"# else: "+onChangeSet("delete-change-set"),
	)
}

// optionsOf are the options that keep everything but the boundary as it is.
func optionsOf(s push.Stack) []string {
	var options []string
	option := func(name string, values ...string) {
		words := []string{"--" + name}
		for _, value := range values {
			words = append(words, printable.Shell(value))
		}
		options = append(options, strings.Join(words, " "))
	}
	var kept []string
	for _, name := range s.Template.Parameters {
		kept = append(kept, "ParameterKey="+name+",UsePreviousValue=true")
	}
	if len(kept) > 0 {
		option("parameters", kept...)
	}
	if capabilities := texts(s.Template.Capabilities); len(capabilities) > 0 {
		option("capabilities", capabilities...)
	}
	if len(s.Template.Tags) > 0 {
		option("tags", asJSON(tagsOf(s.Template.Tags)))
	}
	if len(s.Template.NotificationARNs) > 0 {
		option("notification-arns", s.Template.NotificationARNs...)
	}
	if r := s.Template.Rollback; r != nil && len(r.RollbackTriggers) > 0 {
		option("rollback-configuration", asJSON(rollbackOf(*r)))
	}
	if s.HasNested {
		option("include-nested-stacks")
	}
	if s.HasDrifted() {
		option("deployment-mode", string(types.DeploymentModeRevertDrift))
	}
	return options
}

func tagsOf(tags []types.Tag) []map[string]string {
	var all []map[string]string
	for _, t := range tags {
		all = append(all, map[string]string{"Key": aws.ToString(t.Key), "Value": aws.ToString(t.Value)})
	}
	return all
}

func rollbackOf(r types.RollbackConfiguration) map[string]any {
	triggers := []map[string]string{}
	for _, t := range r.RollbackTriggers {
		triggers = append(triggers, map[string]string{"Arn": aws.ToString(t.Arn), "Type": aws.ToString(t.Type)})
	}
	all := map[string]any{"RollbackTriggers": triggers}
	if r.MonitoringTimeInMinutes != nil {
		all["MonitoringTimeInMinutes"] = *r.MonitoringTimeInMinutes
	}
	return all
}

func asJSON(value any) string {
	text, _ := json.Marshal(value) // texts and numbers can be
	return string(text)
}
