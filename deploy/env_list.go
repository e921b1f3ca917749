package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (p *pbm) listCommand() *cobra.Command {
	var details bool
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "list the environments and their boundaries",
		Long: `List shows the environments of the store, and those that the project has in
other accounts, Regions and files. With --profile, --region or --store it shows
only those that are there.`,
		Annotations: map[string]string{ignoresAnnotation: readOnly},
		Args:        cobra.NoArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return p.list(c.Context(), details) },
	}
	c.Flags().BoolVar(&details, "details", false, "show versions, times, parameters and Regions, too (JSON always has them)")
	return c
}

func (p *pbm) list(ctx context.Context, details bool) error {
	j, err := p.project()
	if err != nil {
		return err
	}
	name, err := current(j)
	if err != nil {
		return err
	}
	at, err := p.store.open(ctx, p.store.accessOf(j, name))
	if err != nil {
		return err
	}
	all, err := p.listPlace(ctx, j, at)
	if err != nil {
		return err
	}
	elsewhere, failures := p.listElsewhere(ctx, j, at)
	all = append(all, elsewhere...)
	slices.SortFunc(all, func(a, b environmentResult) int { return strings.Compare(a.Environment, b.Environment) })
	if err := p.show(environmentList{Environments: all, details: details}); err != nil {
		return err
	}
	if len(all) == 0 && failures == 0 {
		p.line("", "there is no environment")
		p.line("hint: ", at.command("add one: pbm env add NAME"))
	}
	if failures > 0 {
		return fmt.Errorf("environments that could not be read: %d", failures)
	}
	return nil
}

// listPlace lists what is in a store, without those of its environments that
// the project has elsewhere under the same name.
func (p *pbm) listPlace(ctx context.Context, j *project, at *place) ([]environmentResult, error) {
	records, err := at.List(ctx)
	if err != nil {
		return nil, err
	}
	all := []environmentResult{}
	for _, r := range records {
		if p.isElsewhere(j, at, r.Environment) {
			continue
		}
		e, err := at.environment(j, r)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// isElsewhere reports whether the project reaches an environment in another
// way than this place is reached. Flags say that this place is meant.
func (p *pbm) isElsewhere(j *project, at *place, environment string) bool {
	flags := p.store.flags
	if j == nil || flags.Changed("profile") || flags.Changed("region") || flags.Changed("store") {
		return false
	}
	_, known := j.Environments[environment]
	how := j.access(environment)
	return known && how != at.access && how != access{}
}

// listElsewhere reads the project's environments in other places. It reports
// those that it cannot read, and counts them.
func (p *pbm) listElsewhere(ctx context.Context, j *project, here *place) (all []environmentResult, failures int) {
	if j == nil {
		return nil, 0
	}
	for _, name := range slices.Sorted(maps.Keys(j.Environments)) {
		if !p.isElsewhere(j, here, name) {
			continue
		}
		e, err := p.look(ctx, j, name)
		if err != nil {
			p.report(err)
			failures++
			continue
		}
		all = append(all, e)
	}
	return all, failures
}

// environmentList is the result of pbm env list.
type environmentList struct {
	Environments []environmentResult `json:"environments"`

	details bool
}

func (l environmentList) table() [][]string {
	if len(l.Environments) == 0 {
		return nil
	}
	rows := [][]string{{"  ENVIRONMENT", "PERMISSIONS BOUNDARY"}}
	if l.details {
		rows[0] = append(rows[0], "VERSION", "MODIFIED", "PARAMETER", "REGION", "PROFILE")
	}
	for _, e := range l.Environments {
		mark := "  "
		if e.Current {
			mark = "* "
		}
		row := []string{mark + e.Environment, e.text()}
		if l.details {
			row = append(row, fmt.Sprint(e.Version), dash(timeText(e.Modified)), dash(e.Parameter), dash(e.Region), dash(e.Profile))
		}
		rows = append(rows, row)
	}
	return rows
}

// dash stands where there is nothing, so that columns can be counted.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
