package guard

import (
	"cmp"
	"slices"
	"strings"
)

// Limits of AWS in characters, see Policy.Size. SCPs are divided as if the one of
// before May 2026 still applied, which leaves room for white space.
const (
	partOfSCP        = 5120
	maxSCP           = 10_240
	maxManagedPolicy = 6144
)

// Names of the policies, which end with the environment and a number.
const (
	scpName      = "permissions-boundary-guard"
	deployerName = "permissions-boundary-deployer"
)

// Keys of conditions.
const (
	boundaryKey  = "iam:PermissionsBoundary"
	policyKey    = "iam:PolicyARN"
	principalKey = "aws:PrincipalArn"
)

// everything is the resource of a statement about all resources.
var everything = []string{"*"}

// SCP returns service control policies: they deny what would leave a role or user
// without a boundary, to all but the exempt principals. They allow nothing, so
// they go beside FullAWSAccess. All parts must be attached; each is below 5,120
// characters, or 10,240 if it is one statement that cannot be divided. SCPs apply neither to service-linked roles nor to the management
// account.
func (s Scope) SCP() ([]Policy, error) {
	boundaries, err := s.boundaries()
	if err != nil {
		return nil, err
	}
	exempt := s.exempt()
	denials := append(s.denials(boundaries, s.protectedPolicies(boundaries)), Statement{
		Sid:      "DenyLeaving", // an account that left, or whose SCPs are off, has none
		Effect:   "Deny",
		Action:   []string{"organizations:DisablePolicyType", "organizations:LeaveOrganization"},
		Resource: everything,
	})
	for i := range denials {
		denials[i] = denials[i].except(exempt)
	}
	return pack(s.named(scpName), partOfSCP, maxSCP, denials)
}

// Deployer returns managed policies for the roles that deploy stacks: what they
// need for the macro and for bound roles, and the denials of the SCP, with nobody
// exempt. All parts must be attached; each is below 6,144 characters.
func (s Scope) Deployer() ([]Policy, error) {
	boundaries, err := s.boundaries()
	if err != nil {
		return nil, err
	}
	name := s.named(deployerName)
	protected := append(s.protectedPolicies(boundaries), "arn:*:iam::*:policy/"+name+"-*")
	statements := s.denials(boundaries, protected)
	statements = append(statements, Statement{
		Sid:       "DenyDetaching",
		Effect:    "Deny",
		Action:    []string{"iam:DetachGroupPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy"},
		Resource:  everything,
		Condition: Condition{"ArnLike": {policyKey: protected}},
	})
	return pack(name, maxManagedPolicy, maxManagedPolicy, append(statements, s.permissions(boundaries)...))
}

func (s Scope) named(name string) string {
	if s.Name == "" {
		return name
	}
	return name + "-" + s.Name
}

// exempt are the principals that the SCP is not about. They are also what it protects:
// anyone who could create or change one would be exempt.
func (s Scope) exempt() []string {
	all := slices.Concat(AWSPrincipals, s.Exempt)
	slices.Sort(all)
	return slices.Compact(all)
}

// except exempts principals from a denial.
func (s Statement) except(principals []string) Statement {
	operator := map[string][]string{principalKey: principals}
	for key, values := range s.Condition["ArnNotLike"] {
		operator[key] = values
	}
	s.Condition = Condition{"ArnNotLike": operator}
	return s
}

// denials are the statements that all policies share.
//
// DenyUnbound rests on iam:PermissionsBoundary. In requests that set a boundary it
// is that boundary, in the others the one that the role or user has. It is absent
// without a boundary, and a negated operator such as ArnNotLike then holds.
// ArnNotLike, not StringNotLike: it compares ARNs part by part, so the colons that
// the path of a policy may contain cannot imitate a boundary. Source: Service
// Authorization Reference, "Actions, resources, and condition keys for AWS
// Identity and Access Management".
//
// Groups have no such key, and give policies to members without a boundary.
func (s Scope) denials(boundaries, protected []string) []Statement {
	return []Statement{
		{
			Sid:    "DenyUnbound",
			Effect: "Deny",
			Action: []string{
				"iam:AttachRolePolicy",
				"iam:AttachUserPolicy",
				"iam:CreateRole",
				"iam:CreateUser",
				"iam:PutRolePermissionsBoundary",
				"iam:PutRolePolicy",
				"iam:PutUserPermissionsBoundary",
				"iam:PutUserPolicy",
				"iam:UpdateAssumeRolePolicy",
			},
			Resource:  everything,
			Condition: Condition{"ArnNotLike": {boundaryKey: boundaries}},
		},
		{
			Sid:      "DenyUnbinding",
			Effect:   "Deny",
			Action:   []string{"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"},
			Resource: everything,
		},
		{
			Sid:      "DenyGroups",
			Effect:   "Deny",
			Action:   []string{"iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:PutGroupPolicy"},
			Resource: everything,
		},
		{
			Sid:       "DenyPlatform",
			Effect:    "Deny",
			NotAction: harmless,
			Resource:  slices.Concat(protected, s.installation(), s.exemptEntities(), outside),
		},
	}
}

// outside is what the rule rests on outside of the installation: SCPs, which a
// delegated administrator of the organization's policies can change, and the
// providers through which users of IAM Identity Center assume its roles: with other
// metadata, anyone could be any of them. Its service-linked role sets them, which SCPs
// do not apply to. Source: IAM Identity Center User Guide, "Using service-linked roles
// for IAM Identity Center".
var outside = []string{
	"arn:*:iam::*:saml-provider/AWSSSO_*",
	"arn:*:organizations::*:policy/*/service_control_policy/*",
}

// exemptEntities are the exempt principals that somebody could create or change. The
// root user is neither, and no resource of a policy.
func (s Scope) exemptEntities() []string {
	return slices.DeleteFunc(s.exempt(), func(arn string) bool { return strings.HasSuffix(arn, ":root") })
}

// harmless are the actions on what is protected that stay allowed: reading, using
// the macro, and assuming roles, which their trust policies decide about. The
// function itself writes its log.
var harmless = []string{
	"cloudformation:Describe*",
	"cloudformation:Detect*",
	"cloudformation:Get*",
	"cloudformation:List*",
	"cloudwatch:Describe*",
	"cloudwatch:List*",
	"iam:Generate*",
	"iam:Get*",
	"iam:List*",
	"iam:Simulate*",
	"lambda:Get*",
	"lambda:InvokeFunction",
	"lambda:List*",
	"logs:CreateLogStream",
	"logs:Describe*",
	"logs:FilterLogEvents",
	"logs:Get*",
	"logs:List*",
	"logs:PutLogEvents",
	"logs:Start*",
	"organizations:Describe*",
	"organizations:List*",
	"ssm:Get*",
	"ssm:List*",
	"sts:*",
}

// installation is what the macro consists of: the boundary values, and what its
// stack, those whose names begin with its name and a hyphen, and the stacks of its
// spokes create. The registration of the macro has no
// ARN and no action of its own: CloudFormation changes it with the stack that has
// it. Sources: template.yaml, deploy/spoke.yaml.
func (s Scope) installation() []string {
	return []string{
		"arn:*:ssm:*:*:parameter" + s.Prefix + "/*",
		"arn:*:lambda:*:*:function:" + s.Stack + "-*",
		"arn:*:logs:*:*:log-group:" + s.Stack + "-*",
		"arn:*:cloudwatch:*:*:alarm:" + s.Stack + "-*",
		"arn:*:cloudformation:*:*:stack/" + s.Stack + "/*",
		"arn:*:cloudformation:*:*:stack/" + s.Stack + "-*",
		"arn:*:cloudformation:*:*:stack/StackSet-" + s.Stack + "-*",
		"arn:*:cloudformation:*:*:stackset/" + s.Stack + ":*",
		"arn:*:cloudformation:*:*:stackset/" + s.Stack + "-*",
		"arn:*:iam::*:role/" + s.Stack + "-*",
	}
}

// permissions are what deployers need for the macro and for roles.
func (s Scope) permissions(boundaries []string) []Statement {
	return []Statement{
		{
			Sid:      "RunTheMacro",
			Effect:   "Allow",
			Action:   []string{"lambda:InvokeFunction"},
			Resource: []string{"arn:*:lambda:*:" + cmp.Or(s.FunctionAccount, "*") + ":function:" + s.Stack + "-*:live"},
		},
		{
			Sid:    "ChangeBoundRoles",
			Effect: "Allow",
			Action: []string{
				"iam:AttachRolePolicy",
				"iam:CreateRole",
				"iam:PutRolePermissionsBoundary",
				"iam:PutRolePolicy",
				"iam:UpdateAssumeRolePolicy",
			},
			Resource:  everything,
			Condition: Condition{"ArnLike": {boundaryKey: boundaries}},
		},
		{
			Sid:    "ReadTagAndDeleteAnyRole",
			Effect: "Allow",
			Action: []string{
				"iam:DeleteRole",
				"iam:DeleteRolePolicy",
				"iam:DetachRolePolicy",
				"iam:GetRole",
				"iam:GetRolePolicy",
				"iam:ListAttachedRolePolicies",
				"iam:ListRolePolicies",
				"iam:TagRole",
				"iam:UntagRole",
				"iam:UpdateRole",
				"iam:UpdateRoleDescription",
			},
			Resource: everything,
		},
	}
}
