// Package sam has what the SAM translator knows of IAM policies: its policy templates,
// the managed policies of AWS that a template may name without their path, and the
// policies that connectors give to roles.
//
// [Embedded] returns what is compiled in. It is generated from the PyPI package
// aws-sam-translator, the code that AWS runs: see generate, and LICENSE and NOTICE for
// the license of the data.
package sam

//go:generate go run ./generate 1.115.0

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the data
	"encoding/json"
	"fmt"
	"sync"
)

// Translator is what a version of the SAM translator knows. It is immutable.
type Translator struct {
	Version         string
	PolicyTemplates map[string]PolicyTemplate // by name
	// ManagedPolicies are paths and names of AWS's managed policies, such as
	// service-role/AWSLambdaRole, by name.
	ManagedPolicies map[string]string
	// Connectors are those that SAM has, by the CloudFormation types of source and
	// destination.
	Connectors map[string]map[string]Connector
	// Connectables are the types of resources that connectors are between, by
	// CloudFormation's names.
	Connectables map[string]Connectable
}

// PolicyTemplate makes the document of an inline policy.
type PolicyTemplate struct {
	Parameters []string // all are required
	// Document is JSON with CloudFormation's intrinsic functions, in which
	// {"Ref": PARAMETER} stands for the value of a parameter.
	Document json.RawMessage
}

// Connector is a connector between resources of two types. Without access it makes no
// policy of a role.
type Connector struct {
	OfSource, OfDestination bool              // whose role gets the policy
	Access                  map[string]Access // by permission: Read, Write
}

// Access is what one of a connector's permissions grants.
type Access struct {
	// Statement is a list in JSON. Text such as %{Destination.Arn} stands for a
	// property of the source or the destination.
	Statement json.RawMessage
}

// Connectable says how a connector finds out about a resource of a type.
type Connectable struct {
	// Arn and Name are what yields them: JSON in which %{logicalId} stands for the
	// logical ID, or nil.
	Arn, Name json.RawMessage
	Role      string // property with the role's ARN, empty if there is none
}

//go:embed sam.json.gz
var embedded []byte

// Embedded returns what is compiled in.
var Embedded = sync.OnceValue(func() *Translator {
	t, err := read(embedded)
	if err != nil {
		panic(fmt.Errorf("the embedded data of the SAM translator: %w", err)) // a test reads it
	}
	return t
})

func read(compressed []byte) (*Translator, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	t := &Translator{}
	if err := json.NewDecoder(unzip).Decode(t); err != nil {
		return nil, err
	}
	return t, nil
}
