package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Project writes templates into a directory, half of them in YAML, of 1 to 40
// resources, every fifth of which is a role. All list the macro. It returns how
// many bytes they have.
func Project(dir string, templates int) (bytes int64, err error) {
	for i := range templates {
		resources := 1 + i*7%40
		path, text := fmt.Sprintf("stack-%d.json", i), indented(resources)
		if i%2 == 0 {
			path, text = fmt.Sprintf("stack-%d.yaml", i), yaml(resources)
		}
		path = filepath.Join(dir, fmt.Sprintf("team-%d", i%100), path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return 0, err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return 0, err
		}
		bytes += int64(len(text))
	}
	return bytes, nil
}

// indented is a template in JSON as people write it, a line for each member.
func indented(resources int) string {
	var b strings.Builder
	b.WriteString("{\n  \"Transform\": \"PermissionsBoundaryMacro\",\n  \"Resources\": {\n")
	for i := range resources {
		if i > 0 {
			b.WriteString(",\n")
		}
		if i%5 == 0 {
			fmt.Fprintf(&b, `    "Role%d": {
      "Type": "AWS::IAM::Role",
      "Properties": {
        "AssumeRolePolicyDocument": {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Effect": "Allow",
              "Principal": { "Service": "lambda.amazonaws.com" },
              "Action": "sts:AssumeRole"
            }
          ]
        }
      }
    }`, i)
			continue
		}
		fmt.Fprintf(&b, `    "Queue%d": {
      "Type": "AWS::SQS::Queue",
      "Properties": {
        "VisibilityTimeout": 300,
        "RedrivePolicy": {
          "deadLetterTargetArn": { "Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:dead-%d" },
          "maxReceiveCount": 5
        }
      }
    }`, i, i)
	}
	b.WriteString("\n  }\n}\n")
	return b.String()
}

// yaml is the same template in YAML.
func yaml(resources int) string {
	var b strings.Builder
	b.WriteString("Transform: PermissionsBoundaryMacro\nResources:\n")
	for i := range resources {
		if i%5 == 0 {
			fmt.Fprintf(&b, `  Role%d:
    Type: AWS::IAM::Role
    Properties: # assumed by functions
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: lambda.amazonaws.com}
            Action: sts:AssumeRole
`, i)
			continue
		}
		fmt.Fprintf(&b, `  Queue%d:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 300
      RedrivePolicy:
        deadLetterTargetArn: !Sub arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:dead-%d
        maxReceiveCount: 5
`, i, i)
	}
	return b.String()
}
