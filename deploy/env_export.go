package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
	"permissions-boundary-macro/paramstore"
)

func (p *pbm) exportCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "export",
		Short: "write the boundaries of all environments to a file",
		Long: `Export writes the present boundaries of all environments of a store, and their
overrides, as JSON: to stdout, or to the file that -o names. Equal values give
equal files, so the file can be kept in a repository.

pbm env import writes such a file to a store, and --store file:PATH uses it as
one.`,
		Example: `  pbm env export -o boundaries.json
  pbm env export --profile prod --region eu-west-1 -o boundaries.json`,
		Annotations: map[string]string{outputsAnnotation: outputText},
		Args:        cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("out") && out == "" {
				return usagef("--out is empty; - is stdout")
			}
			return p.export(c.Context(), out)
		},
	}
	c.Flags().StringVarP(&out, "out", "o", standardStream, "write to a file; - is stdout")
	return c
}

func (p *pbm) export(ctx context.Context, out string) error {
	var present []byte
	if out != standardStream {
		var err error
		if present, err = p.overwritable(out); err != nil {
			return err
		}
	}
	records, err := p.exported(ctx)
	if err != nil {
		return err
	}
	text, err := paramstore.Snapshot(records)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if out == standardStream {
		return p.print(text)
	}
	if err := p.writeFile(out, present, text); err != nil || p.dryRun {
		return err
	}
	p.line("", "exported "+counted(len(records), "boundary value")+" to "+out)
	return nil
}

// exported are the records of the store that is meant. One that is malformed may be
// a secret, and without it the environment would seem to be gone, so nothing is
// exported.
func (p *pbm) exported(ctx context.Context) ([]boundary.Record, error) {
	j, err := p.project()
	if err != nil {
		return nil, err
	}
	name, err := current(j)
	if err != nil {
		return nil, err
	}
	at, err := p.toExport(ctx, j, name)
	if err != nil {
		return nil, err
	}
	if err := at.mustExist(); err != nil {
		return nil, err
	}
	records, err := at.List(ctx)
	if err != nil {
		return nil, err
	}
	all, err := at.results(j, records)
	if err != nil {
		return nil, err
	}
	p.tellElsewhere(j, at)
	return records, malformed(all)
}

// toExport opens the one store that has an environment. What is exported may be
// imported elsewhere.
func (p *pbm) toExport(ctx context.Context, j *project, environment string) (*place, error) {
	all, err := p.toWrite(ctx, j, environment)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, &usageError{boundary.Problem{
			What:   "each account and Region has a store of its own, and several are meant",
			Remedy: "name one with --profile and --region, or --" + targetFlagName,
		}}
	}
	return all[0], all[0].failure
}

// tellElsewhere names the project's environments that are not in a store.
func (p *pbm) tellElsewhere(j *project, at *place) {
	if j == nil || p.store.isGiven() {
		return
	}
	here := func(environment string) bool { return j.elsewhere(environment, []*place{at}).isEmpty() }
	if elsewhere := slices.DeleteFunc(slices.Sorted(maps.Keys(j.Environments)), here); len(elsewhere) > 0 {
		p.line("warning: ", "not exported, because the project has them elsewhere: "+strings.Join(elsewhere, ", "))
		p.line("hint: ", "export their stores to other files: name each with --profile and --region, or --store")
	}
}

// overwritable returns what is in a file that an export may replace: an earlier
// export, or nothing.
func (p *pbm) overwritable(path string) ([]byte, error) {
	text, err := presentIn(path)
	if err != nil || len(text) == 0 || p.yes {
		return text, err
	}
	records, err := paramstore.ReadSnapshot(text)
	if err != nil {
		return nil, notOverwritten(path+" is not an export of environments", err)
	}
	if slices.ContainsFunc(records, func(r boundary.Record) bool { return r.Version > 1 }) {
		return nil, notOverwritten(path+" is a file store with a history, which an export does not have", nil)
	}
	return text, nil
}

// presentIn returns what is in a file that is to be written, empty if there is none or
// it is a device or a pipe.
func presentIn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, nil
	}
	return input{path: path}.read()
}

func notOverwritten(what string, cause error) error {
	return &usageError{boundary.Problem{
		What:   what,
		Cause:  cause,
		Remedy: "name another file, or pass --yes to overwrite it",
	}}
}
