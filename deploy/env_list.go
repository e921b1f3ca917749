package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) listCommand() *cobra.Command {
	var details bool
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "list the environments and their boundaries",
		Long: `List shows the environments of the store, and those that the project keeps in
other accounts, Regions and files. With --profile, --region or --store it shows
only that store. NAME/ACCOUNT is the override of an environment for an account.`,
		Annotations: map[string]string{ignoresAnnotation: readOnly},
		Args:        cobra.NoArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return p.list(c.Context(), details) },
	}
	c.Flags().BoolVar(&details, "details", false, "also show versions, times, parameters and Regions (JSON always has them)")
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
	at, err := p.toRead(ctx, j, name)
	if err != nil {
		return err
	}
	if p.store.isGiven() { // of a project's own, listRest tells
		if err := at.mustExist(); err != nil {
			return err
		}
	}
	all, err := p.listPlace(ctx, j, at)
	if err != nil {
		return err
	}
	rest, failures := p.listRest(ctx, j, all)
	all = append(all, rest...)
	slices.SortFunc(all, func(a, b environmentResult) int { return a.key().Compare(b.key()) })
	if err := p.show(environmentList{Environments: all, details: details}); err != nil {
		return err
	}
	if len(all) == 0 && failures == 0 {
		p.line("", "there are no environments")
		p.line("hint: ", at.command("add one: pbm env add NAME"))
	}
	if failures == 0 {
		return malformed(all)
	}
	if err := malformed(all); err != nil {
		p.report(err)
	}
	return fmt.Errorf("environments that could not be read: %d", failures)
}

// mustExist keeps a path that is misspelled from passing for an empty store.
func (at *place) mustExist() error {
	if at.inAWS() {
		return nil
	}
	if _, err := os.Stat(at.file); !errors.Is(err, fs.ErrNotExist) {
		return nil // reading it says what is wrong
	}
	return boundary.Problem{
		What:   "there is no file " + at.file,
		Remedy: at.command("correct --store, or add an environment: pbm env add NAME"),
	}
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
		if p.isElsewhere(j, at, r.Key.Environment) {
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
	if j == nil || p.store.isGiven() {
		return false
	}
	_, known := j.Environments[environment]
	how := j.access(environment)
	return known && how != at.access && how != access{}
}

// listRest reads the project's environments that are not listed: those in
// other places, and those that are gone. It counts those that it cannot read,
// and reports them, once what is wrong with several.
func (p *pbm) listRest(ctx context.Context, j *project, listed []environmentResult) (all []environmentResult, failures int) {
	if j == nil || p.store.isGiven() {
		return nil, 0
	}
	reported := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(j.Environments)) {
		isListed := func(e environmentResult) bool { return e.key() == boundary.Key{Environment: name} }
		if slices.ContainsFunc(listed, isListed) {
			continue
		}
		found, err := p.lookElsewhere(ctx, j, name)
		if err == nil {
			all = append(all, found...)
			continue
		}
		if failures++; !reported[err.Error()] {
			reported[err.Error()] = true
			p.report(err)
		}
	}
	return all, failures
}

// lookElsewhere reads an environment of the project and its overrides.
func (p *pbm) lookElsewhere(ctx context.Context, j *project, environment string) ([]environmentResult, error) {
	at, err := p.toRead(ctx, j, environment)
	if err != nil {
		return nil, err
	}
	e, err := p.lookAll(ctx, at, j, environment)
	if err != nil {
		return nil, err
	}
	overrides := e.Overrides
	e.Overrides = nil
	return append([]environmentResult{e}, overrides...), nil
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
	inFiles := l.details && slices.ContainsFunc(l.Environments, func(e environmentResult) bool { return e.File != "" })
	if l.details {
		rows[0] = append(rows[0], "VERSION", "MODIFIED", "PARAMETER", "REGION", "PROFILE")
	}
	if inFiles {
		rows[0] = append(rows[0], "FILE")
	}
	for _, e := range l.Environments {
		mark := "  "
		if e.Current {
			mark = "* "
		}
		row := []string{mark + e.key().String(), e.text()}
		if l.details {
			row = append(row, fmt.Sprint(e.Version), dash(timeText(e.Modified)), dash(e.Parameter), dash(e.Region), dash(e.Profile))
		}
		if inFiles {
			row = append(row, dash(e.File))
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
