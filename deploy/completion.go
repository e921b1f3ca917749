package deploy

import (
	"bufio"
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"permissions-boundary-macro/internal/atomicfile"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// Shells complete a word with what pbm __complete answers. It asks nobody over the
// network for a key that was pressed.

// completions says what completes the values of flags, by their names. Files
// complete those that are not listed.
func (p *pbm) completions() map[string]cobra.CompletionFunc {
	choices := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	return map[string]cobra.CompletionFunc{
		"profile":           completeProfiles,
		"region":            completeRegions,
		targetFlagName:      completeTargets,
		"store":             completeStores,
		"output":            completeOutputs,
		"output-format":     choices("json", "yaml"),
		"existing-boundary": choices(string(rules.Replace), string(rules.Keep), string(rules.Reject)),
		"blind-spots":       choices(string(transform.Warn), string(transform.RejectBlindSpots)),

		"environment":         p.completeEnvironments,
		"default-environment": p.completeEnvironments,
		"name":                p.completeEnvironments,

		"account":                cobra.NoFileCompletions,
		"bucket":                 cobra.NoFileCompletions,
		"resume":                 cobra.NoFileCompletions,
		"waves":                  cobra.NoFileCompletions,
		"also":                   cobra.NoFileCompletions,
		"environment-parameters": cobra.NoFileCompletions,
		"exempt":                 cobra.NoFileCompletions,
		"macro-name":             cobra.NoFileCompletions,
		"parameter":              cobra.NoFileCompletions,
		"prefix":                 cobra.NoFileCompletions,
		"stack":                  cobra.NoFileCompletions,
		boundaryFlagName:         cobra.NoFileCompletions,
		forAccountName:           cobra.NoFileCompletions,
	}
}

// registerCompletions has shells complete the flags and arguments of a command and
// of those below it.
func (p *pbm) registerCompletions(c *cobra.Command) {
	all := p.completions()
	register := func(f *pflag.Flag) {
		if complete, listed := all[f.Name]; listed {
			// The error is of a flag that is not there, or was registered before.
			_ = c.RegisterFlagCompletionFunc(f.Name, complete)
		}
	}
	c.PersistentFlags().VisitAll(register)
	c.LocalNonPersistentFlags().VisitAll(register)
	if takesFiles := strings.Contains(c.Use, "PATH") || strings.Contains(c.Use, "FILE"); !takesFiles && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range c.Commands() {
		p.registerCompletions(sub)
	}
}

// completeNames completes the one argument that names an environment.
func (p *pbm) completeNames(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.completeEnvironments(c, args, begun)
}

// completeEnvironments completes the names of the project's environments.
func (p *pbm) completeEnvironments(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	j, err := p.project()
	if err != nil || j == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, 0, len(j.Environments))
	for name := range j.Environments {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeOutputs completes the forms of results that a command has.
func completeOutputs(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return outputsOf(c), cobra.ShellCompDirectiveNoFileComp
}

// completeStores completes ssm, and file: with the JSON files and directories
// behind it.
func completeStores(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	begunPath, isFile := storeFile(begun)
	if !isFile {
		return []string{"ssm", filePrefix}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	dir, _ := filepath.Split(begunPath)
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var stores []string
	for _, entry := range entries {
		switch name := filePrefix + dir + entry.Name(); {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir():
			stores = append(stores, name+"/")
		case filepath.Ext(name) == ".json":
			stores = append(stores, name)
		}
	}
	return stores, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeRegions completes the last of the Regions in a list.
func completeRegions(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return prefixed(begun[:strings.LastIndex(begun, ",")+1], regions), cobra.ShellCompDirectiveNoFileComp
}

// completeTargets completes the last field of a target, whose form is targetForm.
func completeTargets(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	before := begun[:strings.LastIndexAny(begun, ",;")+1]
	name, _, hasValue := strings.Cut(begun[len(before):], "=")
	values := []string{"profile=", "region=", "role=", "account="}
	switch {
	case !hasValue:
	case name == "profile":
		values = prefixed("profile=", profiles())
	case name == "region":
		values = prefixed("region=", regions)
	default:
		values = nil
	}
	return prefixed(before, values), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func prefixed(prefix string, words []string) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = prefix + word
	}
	return all
}

// maxAWSFile is how large the files of AWS's profiles may be, in bytes.
const maxAWSFile = 1 << 20

// completeProfiles completes the names of the profiles in the two files that AWS's
// tools share.
func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return profiles(), cobra.ShellCompDirectiveNoFileComp
}

func profiles() []string {
	var names []string
	for _, section := range sections(cmp.Or(os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename())) {
		kind, name, isTyped := strings.Cut(section, " ")
		switch {
		case isTyped && kind == "profile":
			names = append(names, strings.TrimSpace(name))
		case section == "default":
			names = append(names, section)
		}
	}
	names = append(names, sections(cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename()))...)
	slices.Sort(names)
	return slices.Compact(names)
}

// sections are the names of the sections of an INI file, none if it cannot be read.
func sections(path string) []string {
	text, _, err := atomicfile.Read(path, maxAWSFile)
	if err != nil {
		return nil
	}
	var names []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		rest, isSection := strings.CutPrefix(strings.TrimSpace(lines.Text()), "[")
		name, _, isClosed := strings.Cut(rest, "]")
		if isSection && isClosed {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// regions are the Regions of all partitions. Source: partitions.json of the AWS SDK
// for Go, which does not export them.
var regions = []string{
	"af-south-1",
	"ap-east-1", "ap-east-2",
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
	"ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
	"ca-central-1", "ca-west-1",
	"cn-north-1", "cn-northwest-1",
	"eu-central-1", "eu-central-2", "eu-isoe-west-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
	"eusc-de-east-1",
	"il-central-1",
	"me-central-1", "me-south-1", "me-west-1",
	"mx-central-1",
	"sa-east-1", "sa-west-1",
	"us-east-1", "us-east-2",
	"us-gov-east-1", "us-gov-west-1",
	"us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "us-isof-east-1", "us-isof-south-1",
	"us-west-1", "us-west-2",
}
