package deploy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/transform/template"
)

// Amplify CLI (Gen 1) keeps what its environments have in AWS in
// team-provider-info.json:
//
//	{"dev": {"awscloudformation": {"PermissionsBoundaryPolicyArn": "arn:...", "Region": "...", "StackId": "arn:...", ...}, "categories": {...}}}
//
// Source: amplify-cli, permissionsBoundaryState.ts, s9-onSuccess.ts, jsonUtilities.ts.
// pbm reads it as Amplify does: names are case-sensitive, and other members do not
// matter. Amplify would also read the comments of Hjson, but writes none.

// amplifyEnvironment is an environment of Amplify, by the names of what it has in
// AWS.
type amplifyEnvironment map[string]json.RawMessage

// readAmplify reads the text of a team-provider-info.json. It reports false for
// other texts: in this one, an environment has an object awscloudformation. Some
// editors put a byte order mark in front, which Amplify reads, too.
func readAmplify(text []byte) (importFile, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimPrefix(text, []byte(template.ByteOrderMark)), &members) != nil {
		return importFile{}, false
	}
	var read importFile
	isAmplify := false
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var providers map[string]json.RawMessage
		if json.Unmarshal(members[name], &providers) != nil || providers == nil {
			continue // not an environment
		}
		var e amplifyEnvironment
		if json.Unmarshal(providers["awscloudformation"], &e) == nil && e != nil {
			isAmplify = true
		}
		value, given, err := e.boundary()
		if !given {
			read.skipped = append(read.skipped, name)
			continue
		}
		read.entries = append(read.entries, importEntry{
			key:     boundary.Key{Environment: name},
			value:   value,
			wrong:   cmp.Or(boundary.CheckEnvironment(name), err),
			amplify: e.home(),
		})
	}
	return read, isAmplify
}

// boundary returns the permissions boundary of an environment, if it has one. As
// with Amplify an empty one is none.
func (e amplifyEnvironment) boundary() (value boundary.Value, given bool, err error) {
	text := e["PermissionsBoundaryPolicyArn"]
	if len(text) == 0 || slices.Contains([]string{`null`, `""`}, string(text)) {
		return boundary.Value{}, false, nil
	}
	value, err = boundary.Parse(e.text("PermissionsBoundaryPolicyArn"))
	if err == nil && value.IsNone() {
		err = errors.New("not the ARN of a policy")
	}
	return value, true, err
}

// home is where Amplify has the environment, as far as the file says.
func (e amplifyEnvironment) home() boundary.Target {
	stack, _ := arn.Parse(e.text("StackId")) // without one, the account is not known
	return boundary.Target{AccountID: stack.AccountID, Region: cmp.Or(e.text("Region"), stack.Region)}
}

// text is a member that is a string, empty if it is not one.
func (e amplifyEnvironment) text(name string) string {
	var text string
	if json.Unmarshal(e[name], &text) != nil {
		return ""
	}
	return text
}
