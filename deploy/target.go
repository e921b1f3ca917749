package deploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
)

// target is an account and Region that an environment is in, and the profile or
// role that reaches it. Empty fields are left to AWS's own variables and files.
type target struct {
	Account string `json:"account,omitempty"` // what STS said when the target was entered
	Region  string `json:"region,omitempty"`
	Profile string `json:"profile,omitempty"`
	Role    string `json:"role,omitempty"` // ARN of a role that the profile assumes
}

// field is what a name of --target and of results stands for.
type field struct {
	name  string
	value *string
}

func (t *target) fields() []field {
	return []field{{"account", &t.Account}, {"region", &t.Region}, {"profile", &t.Profile}, {"role", &t.Role}}
}

// join writes the fields that are set, each with its name.
func (t target) join(assign, separator string) string {
	var parts []string
	for _, f := range t.fields() {
		if *f.value != "" {
			parts = append(parts, f.name+assign+*f.value)
		}
	}
	return strings.Join(parts, separator)
}

// String is the target in messages.
func (t target) String() string { return t.join(" ", ", ") }

// flag is the --target that names the target.
func (t target) flag() string { return " --target " + printable.Shell(t.join("=", ",")) }

// way is how the target is reached, whatever its Region.
func (t target) way() target {
	t.Region = ""
	return t
}

// session stands for all targets that the same credentials reach: a profile may
// run a program that asks for a second factor, and must do so once.
func (t target) session() target {
	if t.Region != "" {
		t.Region = "any"
	}
	t.Account = ""
	return t
}

// account is the account of the target, empty if it is not known.
func (t target) account() string {
	if role := roleARN.FindStringSubmatch(t.Role); role != nil {
		return role[1]
	}
	return t.Account
}

var (
	regionName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	roleARN    = regexp.MustCompile(`^arn:[a-z][a-z0-9-]*:iam::([0-9]{12}):role/[A-Za-z0-9.,+@=_/-]+$`)
)

// check finds fields that cannot be right.
func (t target) check() error {
	switch {
	case t.Account != "" && boundary.CheckAccountID(t.Account) != nil:
		return fmt.Errorf("account %q is not an account ID of 12 digits", clipped(t.Account))
	case t.Region != "" && !regionName.MatchString(t.Region):
		return fmt.Errorf("region %q is not the name of a Region", clipped(t.Region))
	case t.Role != "" && !roleARN.MatchString(t.Role):
		return fmt.Errorf("role %q is not the ARN of an IAM role", clipped(t.Role))
	case t.Role != "" && t.Account != "" && t.Account != t.account():
		return fmt.Errorf("account %s is not that of role %s", t.Account, t.Role)
	}
	return nil
}

const targetForm = "profile=NAME,region=REGION[,account=ID] or role=ARN,region=REGION[,profile=NAME][,account=ID]"

// parseTarget reads a target as --target takes it.
func parseTarget(text string) (target, error) {
	var t target
	var last *field
	fields := t.fields()
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case i >= 0 && *fields[i].value == "" && value != "":
			last = &fields[i]
			*last.value = value
		case i < 0 && last != nil && last.name == "role":
			*last.value += "," + part // the names of roles may have commas
		default:
			return target{}, fmt.Errorf("%q is not of the form %s", text, targetForm)
		}
	}
	if t.Region == "" || t.Profile == "" && t.Role == "" {
		return target{}, fmt.Errorf("%q is not of the form %s", text, targetForm)
	}
	if err := t.check(); err != nil {
		return target{}, err
	}
	return t, nil
}

// targetList is the value of --target. A variable separates targets by
// semicolons.
type targetList []target

func (l *targetList) String() string { return strings.Join(l.GetSlice(), ";") }

// GetSlice returns the targets as the flag takes each of them.
func (l *targetList) GetSlice() (texts []string) {
	for _, t := range *l {
		texts = append(texts, t.join("=", ","))
	}
	return texts
}

func (l *targetList) Set(text string) error {
	for one := range strings.SplitSeq(text, ";") {
		t, err := parseTarget(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		if slices.Contains(*l, t) {
			return fmt.Errorf("%q is given twice", one)
		}
		*l = append(*l, t)
	}
	return nil
}

func (l *targetList) Type() string { return "target" }

// parseRegions reads Regions as --region takes them. The empty text stands for
// the Region of AWS's own variables and files.
func parseRegions(text string) ([]string, error) {
	regions := strings.Split(text, ",")
	for i, region := range regions {
		switch {
		case text != "" && !regionName.MatchString(region):
			return nil, fmt.Errorf("%q is not the name of a Region", clipped(region))
		case slices.Contains(regions[:i], region):
			return nil, fmt.Errorf("%s is given twice", region)
		}
	}
	return regions, nil
}

// inRegions are targets that are reached alike, in each of several Regions.
func inRegions(way target, regions []string) []target {
	targets := make([]target, len(regions))
	for i, region := range regions {
		targets[i] = way
		targets[i].Region = region
	}
	return targets
}

// areSame reports whether two lists have the same targets, in whatever order.
func areSame(a, b []target) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(t target) bool { return !slices.Contains(b, t) })
}
