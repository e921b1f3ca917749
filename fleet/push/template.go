package push

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Template is what the stack is deployed with again, apart from its text. Values of
// parameters are not part of it: CloudFormation keeps them.
type Template struct {
	IsJSON           bool
	Size             int // in bytes
	Parameters       []string
	Capabilities     []types.Capability
	Tags             []types.Tag
	NotificationARNs []string
	Rollback         *types.RollbackConfiguration
}

// maxBody is the longest template that a call takes, in bytes; a longer one goes
// through a bucket. Source: CloudFormation API, CreateChangeSet, TemplateBody.
const maxBody = 51_200

// NeedsBucket reports whether the template is too long for a call.
func (t Template) NeedsBucket() bool { return t.Size > maxBody }

// templateOf is what a stack is deployed with again.
func templateOf(s types.Stack, original string, f Forecast) Template {
	t := Template{
		IsJSON: f.IsJSON, Size: len(original), Capabilities: s.Capabilities,
		NotificationARNs: s.NotificationARNs,
	}
	if r := s.RollbackConfiguration; r != nil && (len(r.RollbackTriggers) > 0 || r.MonitoringTimeInMinutes != nil) {
		t.Rollback = r
	}
	for _, p := range s.Parameters {
		t.Parameters = append(t.Parameters, aws.ToString(p.ParameterKey))
	}
	for _, tag := range s.Tags {
		// Those of AWS itself stay, and cannot be given.
		if !strings.HasPrefix(aws.ToString(tag.Key), "aws:") {
			t.Tags = append(t.Tags, tag)
		}
	}
	return t
}
