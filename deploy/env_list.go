package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) listCommand() *cobra.Command {
	var details bool
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "list the environments and their boundaries",
		Long: `List shows the environments of the store, and those that the project has in
other accounts, Regions and files, a row for each target. With --profile,
--region, --target or --store it shows only those stores.`,
		Annotations: map[string]string{ignoresAnnotation: readOnly},
		Args:        cobra.NoArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return p.list(c.Context(), details) },
	}
	c.Flags().BoolVar(&details, "details", false, "also show versions, times, parameters and profiles (JSON always has them)")
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
	stores, err := p.toRead(ctx, j, name)
	if err != nil {
		return err
	}
	if p.store.isGiven() { // of a project's own, listRest tells
		for _, at := range working(stores) {
			if err := at.mustExist(); err != nil {
				return err
			}
		}
	}
	all := []environmentResult{}
	for _, listed := range each(ctx, p, stores, func(ctx context.Context, at *place) ([]environmentResult, error) {
		return p.listPlace(ctx, j, at)
	}) {
		all = append(all, listed...)
	}
	if len(stores) == 1 && stores[0].failure != nil {
		return stores[0].failure
	}
	rest, failures := p.listRest(ctx, j, stores, all)
	all = append(all, rest...)
	_ = p.failed(stores) // reports each; they are among the failures
	slices.SortStableFunc(all, func(a, b environmentResult) int { return a.key().Compare(b.key()) })
	if err := p.show(environmentList{Environments: all, details: details}); err != nil {
		return err
	}
	if len(all) == 0 && failures == nil {
		p.line("", "there are no environments")
		p.line("hint: ", stores[0].command("add one: pbm env add NAME"))
	}
	if failures == nil {
		return malformed(all)
	}
	if err := malformed(all); err != nil {
		p.report(err)
	}
	return failures
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
	isElsewhere := func(r boundary.Record) bool {
		return !p.store.isGiven() && !j.elsewhere(r.Key.Environment, []*place{at}).isEmpty() // flags mean this place
	}
	return at.results(j, slices.DeleteFunc(records, isElsewhere))
}

// listRest reads the project's environments that are not listed: in targets
// other than the listed stores, or gone. It reports what it cannot read, and its
// error counts that, with the stores that failed.
func (p *pbm) listRest(ctx context.Context, j *project, stores []*place, listed []environmentResult) ([]environmentResult, error) {
	if j == nil || p.store.isGiven() {
		return nil, unread(0, stores)
	}
	missing, reported := 0, map[any]bool{} // by store, or by the text of an error
	var rest []*place
	for _, name := range slices.Sorted(maps.Keys(j.Environments)) {
		c, err := p.choose(j, name)
		if err != nil {
			if missing++; !reported[err.Error()] {
				reported[err.Error()] = true
				p.report(err)
			}
			continue
		}
		isListed := func(at *place) bool { return isListed(at, stores, listed) }
		rest = append(rest, slices.DeleteFunc(p.places(c, name), isListed)...)
	}
	p.connect(ctx, rest)
	for _, at := range working(rest) {
		p.tellUnconfirmed(at)
	}
	all := flattened(each(ctx, p, rest, func(ctx context.Context, at *place) (environmentResult, error) {
		return at.lookAll(ctx, j, boundary.Key{Environment: at.environment})
	}))
	for _, at := range rest {
		switch {
		case at.failure == nil:
			continue
		case errors.Is(at.failure, boundary.ErrUnknown):
			missing++
		case reported[at.key()]:
			continue
		default:
			reported[at.key()] = true
		}
		label := ""
		if at.several {
			label = at.label()
		}
		p.reportOf(label, at.failure)
	}
	return all, unread(missing, append(slices.Clone(stores), rest...))
}

// unread says how many environments are missing, and how many targets failed, nil
// if none.
func unread(missing int, all []*place) error {
	targets, failed := map[storeKey]bool{}, map[storeKey]bool{}
	for _, at := range all {
		targets[at.key()] = true
		if at.failure != nil && !errors.Is(at.failure, boundary.ErrUnknown) {
			failed[at.key()] = true
		}
	}
	var counts []string
	if missing > 0 {
		counts = append(counts, fmt.Sprintf("environments that could not be read: %d", missing))
	}
	if len(failed) > 0 {
		counts = append(counts, fmt.Sprintf("%d of %s failed", len(failed), counted(len(targets), "target")))
	}
	if counts == nil {
		return nil
	}
	return errors.New(strings.Join(counts, "; "))
}

// storeKey tells stores apart.
type storeKey struct {
	file string
	target
}

func (at *place) key() storeKey { return storeKey{at.file, at.target} }

// isListed reports whether a place is one of the stores, and its environment was
// found there, or the store failed.
func isListed(at *place, stores []*place, listed []environmentResult) bool {
	return slices.ContainsFunc(stores, func(store *place) bool {
		isSame := store.inAWS() == at.inAWS() && filepath.Clean(store.file) == filepath.Clean(at.file) && store.isTarget(at.target)
		return isSame && (store.failure != nil || slices.ContainsFunc(listed, func(e environmentResult) bool {
			own := boundary.Key{Environment: at.environment}
			return e.key() == own && e.location == store.location(own)
		}))
	})
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
	rows := [][]string{{"  ENVIRONMENT", "ACCOUNT", "REGION", "PERMISSIONS BOUNDARY"}}
	if l.details {
		rows[0] = append(rows[0], "VERSION", "MODIFIED", "PARAMETER", "PROFILE")
	}
	inRoles := l.details && slices.ContainsFunc(l.Environments, func(e environmentResult) bool { return e.Role != "" })
	if inRoles {
		rows[0] = append(rows[0], "ROLE")
	}
	inFiles := l.details && slices.ContainsFunc(l.Environments, func(e environmentResult) bool { return e.File != "" })
	if inFiles {
		rows[0] = append(rows[0], "FILE")
	}
	for _, e := range l.Environments {
		mark := "  "
		if e.Current {
			mark = "* "
		}
		row := []string{mark + e.key().String(), dash(e.Account), dash(e.Region), e.text()}
		if l.details {
			row = append(row, fmt.Sprint(e.Version), dash(timeText(e.Modified)), dash(e.Parameter), dash(e.Profile))
		}
		if inRoles {
			row = append(row, dash(e.Role))
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
