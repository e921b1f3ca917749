package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/internal/printable"
	"permissions-boundary-macro/paramstore"
)

func (p *pbm) importCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "write the boundaries that a file has to the store",
		Long: `Import compares a file with the store, shows the difference, and writes it
after a confirmation. FILE is what pbm env export writes, or Amplify's
team-provider-info.json. - is stdin.

Each environment is written to its targets in the project, or to those that
flags name. Environments that are in the store but not in the file are named and
stay as they are, and so does the project file.

What fails stops nothing else; run the command again to complete it. --dry-run
only shows the difference. Without a terminal, writing needs --yes.`,
		Example: `  pbm env import boundaries.json --dry-run
  pbm env import boundaries.json --yes
  pbm env import amplify/team-provider-info.json --profile dev --region eu-west-1`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return p.importFrom(c.Context(), args[0]) },
	}
	p.registerNoVerify(c.Flags())
	return c
}

// importable is the remedy for a file that has nothing to import.
const importable = "pass a file that pbm env export wrote, or Amplify's team-provider-info.json"

// importFile is what a file says about environments.
type importFile struct {
	entries []importEntry // sorted by key
	skipped []string      // environments of Amplify's file that have no boundary
}

// importEntry is a value that a file has for a key.
type importEntry struct {
	key     boundary.Key
	value   boundary.Value
	wrong   error           // why the file has no such value
	amplify boundary.Target // where Amplify has the environment, empty if that is not known
}

func (p *pbm) importFrom(ctx context.Context, path string) error {
	in := input{path: path}
	if path == standardStream {
		in = input{path: "stdin", stdin: interruptible{ctx, p.stdin}}
	}
	file, err := readImport(in)
	if err != nil {
		return err
	}
	j, err := p.project()
	if err != nil {
		return err
	}
	run := &importRun{pbm: p, project: j, path: in.path, file: file, opened: map[string][]*opened{}}
	if err := run.plan(ctx); err != nil {
		return err
	}
	if err := run.agree(ctx); err != nil {
		return err
	}
	return run.write(ctx)
}

// readImport reads a file of either form. What Amplify wrote is known by its shape.
func readImport(in input) (importFile, error) {
	text, err := in.read()
	if errors.Is(err, fs.ErrNotExist) {
		return importFile{}, boundary.Problem{What: "import", Cause: err, Remedy: "create it: pbm env export -o " + printable.Shell(in.path)}
	}
	if err != nil {
		return importFile{}, fmt.Errorf("import: %w", err)
	}
	if file, isAmplify := readAmplify(text); isAmplify {
		return file, nil
	}
	records, err := paramstore.ReadSnapshot(text)
	if err != nil {
		return importFile{}, boundary.Problem{
			What:   "cannot import " + in.path,
			Cause:  err,
			Remedy: importable,
		}
	}
	var file importFile
	for _, r := range records {
		value, err := boundary.Parse(r.Text)
		file.entries = append(file.entries, importEntry{key: r.Key, value: value, wrong: err})
	}
	return file, nil
}

// importRun is one import.
type importRun struct {
	*pbm
	project *project
	path    string
	file    importFile
	opened  map[string][]*opened // the stores of environments that are reached in the same way
	steps   []*importStep
}

// opened is a store with what it has.
type opened struct {
	at      *place
	records []boundary.Record
}

// importStep is what an import does with an entry, in each place that its
// environment is in.
type importStep struct {
	importEntry
	all      []*place // copies of its own
	changes  []change // what happened in each place
	reported bool     // whether the user knows what is wrong
}

// plan compares each entry with the stores that have its environment, and reports
// what cannot be written.
func (r *importRun) plan(ctx context.Context) error {
	for _, entry := range r.file.entries {
		s := &importStep{importEntry: entry}
		r.steps = append(r.steps, s)
		if s.wrong != nil {
			continue
		}
		stores, err := r.open(ctx, s.key.Environment)
		if err != nil {
			return err
		}
		for _, store := range stores {
			s.all = append(s.all, store.forKey(s.key))
		}
		each(ctx, r.pbm, s.all, func(ctx context.Context, at *place) (done, error) { return done{}, r.compare(ctx, s, at) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	r.reportFailures()
	return nil
}

// open opens the stores of an environment and reads them, once for all
// environments that are reached in the same way.
func (r *importRun) open(ctx context.Context, environment string) ([]*opened, error) {
	c, err := r.choose(r.project, environment)
	if err != nil {
		return nil, err
	}
	if known, isOpen := r.opened[c.String()]; isOpen {
		if c.by != nil {
			err = r.confirmProject(ctx, c.by, environment)
		}
		return known, err
	}
	all, err := r.openChosen(ctx, c, environment)
	if err != nil {
		return nil, err
	}
	listed := inEach(ctx, r.pbm, all, func(ctx context.Context, at *place) ([]boundary.Record, error) { return at.List(ctx) })
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var stores []*opened
	for i, at := range all {
		if at.failure != nil {
			at.reported = true
			r.reportOf(at.label(), at.failure)
		}
		stores = append(stores, &opened{at: at, records: listed[i]})
	}
	r.opened[c.String()] = stores
	return stores, nil
}

// forKey is a copy of the place for a key, with its record.
func (o *opened) forKey(key boundary.Key) *place {
	at := *o.at
	at.environment = key.Environment
	for _, record := range o.records {
		if record.Key == key {
			at.record = record
		}
	}
	return &at
}

// compare finds out what is to be done with an entry in a place, and whether it can
// be.
func (r *importRun) compare(ctx context.Context, s *importStep, at *place) error {
	if err := s.checkAmplify(ctx, at); err != nil {
		return err
	}
	if at.planValue(s.value); at.plan == unchanged {
		return nil
	}
	return r.verify(ctx, at, s.key, s.value)
}

// checkAmplify compares where Amplify has an environment with where its boundary
// is written. In another account it would be the boundary of other stacks.
func (s *importStep) checkAmplify(ctx context.Context, at *place) error {
	if !at.inAWS() || s.amplify == (boundary.Target{}) {
		return nil
	}
	caller, err := at.identify(ctx) // also with --no-verify
	if err != nil {
		return err
	}
	account, region := s.amplify.AccountID, s.amplify.Region
	if account != "" && account != caller.AccountID {
		return boundary.Problem{
			What:   fmt.Sprintf("Amplify has the environment in account %s, and this is account %s", account, caller.AccountID),
			Remedy: "import it with credentials of account " + account + ", such as --profile NAME; what is imported already stays as it is",
		}
	}
	if region != "" && region != at.Region {
		at.note("warning: ", fmt.Sprintf("%s: Amplify has the environment in %s, and its boundary is written to %s, where only stacks of %[3]s find it", s.key, region, at.Region))
	}
	return nil
}

// unbinds reports whether a step takes a boundary away. An override of none takes
// away that of its environment.
func (s *importStep) unbinds() bool {
	isUpdate := func(at *place) bool { return at.plan == updated }
	return s.value.IsNone() && (s.key.IsOverride() || slices.ContainsFunc(toChange(s.all), isUpdate))
}

// agree asks before anything is written: for the name of each environment that
// loses its boundary, and once about the rest.
func (r *importRun) agree(ctx context.Context) error {
	changing := slices.DeleteFunc(slices.Clone(r.steps), func(s *importStep) bool { return len(toChange(s.all)) == 0 })
	r.warn(changing)
	if len(changing) == 0 || r.yes || r.dryRun {
		return nil
	}
	if !r.canAsk() {
		return &usageError{boundary.Problem{
			What:   fmt.Sprintf("importing %s has not been confirmed: %s", r.path, countedChanges(changing)),
			Remedy: "pass --yes to write, or --dry-run to show the difference",
		}}
	}
	r.tellPlan(changing)
	var rest []*importStep
	for _, s := range changing {
		if !s.unbinds() {
			rest = append(rest, s)
			continue
		}
		question := fmt.Sprintf("type the name of the environment to remove the boundary of %s: ", described(s.key))
		if err := r.confirm(ctx, s.key.Environment, question, boundary.Problem{}); err != nil {
			return err
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return r.confirm(ctx, "yes", "type yes to write "+countedChanges(rest)+": ", boundary.Problem{})
}

// countedChanges says how many values steps change.
func countedChanges(steps []*importStep) string {
	n := 0
	for _, s := range steps {
		n += len(toChange(s.all))
	}
	return counted(n, "change")
}

// warn warns about values that take boundaries away, or limit nothing.
func (r *importRun) warn(changing []*importStep) {
	for _, s := range changing {
		r.warnLimitless(s.value)
		if s.unbinds() {
			r.warnNone(s.key, toChange(s.all))
		}
	}
}

// tellPlan says what is about to be written.
func (r *importRun) tellPlan(changing []*importStep) {
	for _, s := range changing {
		for _, at := range toChange(s.all) {
			present := ""
			if at.plan == updated {
				present = showValue(at.record.Text).text() + " -> "
			}
			r.line("", fmt.Sprintf("%s %s: %s%s", at.plan.planned, s.nameIn(at), present, s.value))
		}
	}
}

// nameIn names the step's key in a place.
func (s *importStep) nameIn(at *place) string {
	if len(s.all) == 1 {
		return s.key.String()
	}
	return s.key.String() + " in " + at.label()
}

// write writes what differs and shows the result. Overrides are written before
// their environment's own value, which would take effect in their accounts
// otherwise, and so is not written where one of them failed.
func (r *importRun) write(ctx context.Context) error {
	for i, s := range slices.Backward(r.steps) {
		if !s.key.IsOverride() {
			s.holdBack(r.steps[i+1:])
		}
		s.write(ctx, r.pbm)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.reportFailures()
	result, err := r.result()
	if err != nil {
		return err
	}
	if err := r.show(result); err != nil {
		return err
	}
	r.tellRest(result)
	return r.completed(result)
}

// holdBack keeps an environment's own value from being written where one of its
// overrides failed. Steps are sorted by key.
func (s *importStep) holdBack(later []*importStep) {
	for _, override := range later {
		if override.key.Environment != s.key.Environment {
			return
		}
		for _, at := range toChange(s.all) {
			isFailed := func(other *place) bool { return other.failure != nil && other.String() == at.String() }
			if override.wrong != nil || slices.ContainsFunc(override.all, isFailed) {
				at.failure = boundary.Problem{
					What:   fmt.Sprintf("not written, because it would take effect in account %s, whose override failed", override.key.Account),
					Remedy: "correct that first",
				}
			}
		}
	}
}

// write writes an entry where it differs.
func (s *importStep) write(ctx context.Context, p *pbm) {
	if s.wrong != nil {
		s.changes = []change{{Environment: s.key.Environment, ForAccount: s.key.Account, Action: failed, DryRun: p.dryRun, Error: s.wrong.Error()}}
		return
	}
	s.changes = inEach(ctx, p, s.all, func(ctx context.Context, at *place) (change, error) {
		return p.applyTo(ctx, at, s.key, s.value, func(ctx context.Context, at *place) (boundary.Record, error) {
			return at.put(ctx, s.key, s.value)
		})
	})
	for i, at := range s.all {
		if at.failure == nil {
			continue
		}
		c := p.failedChange(at, s.key)
		if c.Version = at.record.Version; c.Version != 0 {
			c.Previous = showValue(at.record.Text).Value
		}
		s.changes[i] = c
	}
}

// reportFailures reports each failure once.
func (r *importRun) reportFailures() {
	for _, s := range r.steps {
		if s.wrong != nil && !s.reported {
			s.reported = true
			r.reportOf(s.key.String(), boundary.Problem{
				What: "its entry in " + r.path + " is malformed", Cause: s.wrong, Remedy: "correct the file",
			})
		}
		for _, at := range s.all {
			if at.failure != nil && !at.reported {
				at.reported = true
				r.reportOf(s.nameIn(at), at.failure)
			}
		}
	}
}

// completed is the end of an import: what failed is left to another run. A file
// with nothing to import is hardly the one that was meant.
func (r *importRun) completed(result importResult) error {
	failures := 0
	for _, c := range result.Changes {
		if c.Action == failed {
			failures++
		}
	}
	switch {
	case len(result.Changes) == 0 && len(result.Skipped) == 0:
		return boundary.Problem{What: "there are no boundaries in " + r.path, Remedy: importable}
	case failures == 0:
		return nil
	}
	remedy := "correct that, then complete it: run the same command again"
	if r.dryRun {
		remedy = "correct that, and run the same command again"
	}
	return boundary.Problem{
		What:   fmt.Sprintf("%d of %s failed", failures, counted(len(result.Changes), "value")),
		Remedy: remedy,
	}
}

// importResult is the result of pbm env import.
type importResult struct {
	DryRun    bool                `json:"dryRun"`
	Changes   []change            `json:"changes"`
	NotInFile []environmentResult `json:"notInFile"` // of the stores
	Skipped   []string            `json:"skipped"`   // environments of Amplify's file without a boundary
}

func (r *importRun) result() (importResult, error) {
	result := importResult{DryRun: r.dryRun, Changes: []change{}, NotInFile: []environmentResult{}, Skipped: append([]string{}, r.file.skipped...)}
	inFile := map[boundary.Key]bool{}
	for _, s := range r.steps {
		inFile[s.key] = true
		result.Changes = append(result.Changes, s.changes...)
	}
	for _, stores := range r.opened {
		for _, store := range stores {
			isInFile := func(record boundary.Record) bool { return inFile[record.Key] }
			rest, err := store.at.results(r.project, slices.DeleteFunc(slices.Clone(store.records), isInFile))
			if err != nil {
				return result, err
			}
			result.NotInFile = append(result.NotInFile, rest...)
		}
	}
	slices.SortFunc(result.NotInFile, func(a, b environmentResult) int {
		return cmp.Or(a.key().Compare(b.key()), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	return result, nil
}

func (i importResult) table() [][]string {
	if len(i.Changes) == 0 {
		return nil
	}
	rows := [][]string{{"ENVIRONMENT", "ACCOUNT", "REGION", "ACTION", "PERMISSIONS BOUNDARY", "PREVIOUS", "VERSION"}}
	for _, c := range i.Changes {
		key := boundary.Key{Environment: c.Environment, Account: c.ForAccount}
		row := []string{key.String(), dash(c.Account), dash(c.Region), c.Action, "-", "-", "-"}
		if c.Value != nil {
			row[4] = *c.Value
		}
		if c.Previous != nil && c.Action != unchanged.done {
			row[5] = *c.Previous
		}
		if c.Version != 0 {
			row[6] = fmt.Sprint(c.Version)
		}
		rows = append(rows, row)
	}
	return rows
}

// tellRest says what the table leaves open.
func (r *importRun) tellRest(result importResult) {
	if len(result.Skipped) > 0 {
		if len(result.Changes) == 0 {
			r.line("", "there are no boundaries in "+r.path)
		}
		r.line("", "skipped, because Amplify has no boundary for them: "+strings.Join(result.Skipped, ", "))
	}
	var kept []string
	for _, e := range result.NotInFile {
		kept = append(kept, e.key().String())
	}
	if kept = slices.Compact(kept); len(kept) > 0 {
		r.line("", "not in "+r.path+", and left as they are: "+strings.Join(kept, ", "))
	}
	if r.dryRun {
		r.line("", "dry run: nothing was written")
		return
	}
	var changed []*place
	for _, s := range r.steps {
		changed = append(changed, toChange(s.all)...)
	}
	r.tellEffect("the environments that changed", changed)
}
