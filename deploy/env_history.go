package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/boundary"
)

func (p *pbm) historyCommand() *cobra.Command {
	var of accountFlag
	c := &cobra.Command{
		Use:   "history [NAME]",
		Short: "show the versions of an environment's boundary",
		Long: `History shows the versions of an environment's boundary, oldest first. SSM
keeps the last 100.`,
		Annotations:       map[string]string{ignoresAnnotation: readOnly},
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE:              func(c *cobra.Command, args []string) error { return p.history(c.Context(), args, of) },
	}
	of.register(c.Flags(), "show the override for this account")
	return c
}

func (p *pbm) history(ctx context.Context, args []string, of accountFlag) error {
	j, key, err := p.namedKey(args, of)
	if err != nil {
		return err
	}
	all, err := p.toRead(ctx, j, key.Environment)
	if err != nil {
		return err
	}
	read := each(ctx, p, all, func(ctx context.Context, at *place) (environmentHistory, error) {
		return at.history(ctx, key)
	})
	switch {
	case len(read) == 0:
	case len(all) == 1:
		err = p.show(read[0])
	default:
		err = p.show(targetHistories{key.Environment, key.Account, read})
	}
	if err != nil {
		return err
	}
	return p.failed(all)
}

func (at *place) history(ctx context.Context, key boundary.Key) (environmentHistory, error) {
	records, err := at.History(ctx, key)
	if err != nil {
		return environmentHistory{}, at.orSpelled(ctx, key.Environment, err)
	}
	h := environmentHistory{Environment: key.Environment, ForAccount: key.Account, location: at.location(key)}
	for _, r := range records {
		h.Versions = append(h.Versions, version{
			Version: r.Version, shown: showValue(r.Text), Modified: optionalTime(r.Modified), ModifiedBy: r.ModifiedBy,
		})
	}
	return h, nil
}

// environmentHistory is the result of pbm env history.
type environmentHistory struct {
	Environment string `json:"environment"`
	ForAccount  string `json:"forAccount,omitempty"` // of an override
	location
	Versions []version `json:"versions"`
}

type version struct {
	Version int64 `json:"version"`
	shown
	Modified   *time.Time `json:"modified"`
	ModifiedBy string     `json:"modifiedBy,omitempty"`
}

func (h environmentHistory) table() [][]string {
	rows := [][]string{{"VERSION", "PERMISSIONS BOUNDARY OF " + boundary.Key{Environment: h.Environment, Account: h.ForAccount}.String(), "MODIFIED", "MODIFIED BY"}}
	for _, v := range h.Versions {
		rows = append(rows, v.row())
	}
	return rows
}

func (v version) row() []string {
	return []string{fmt.Sprint(v.Version), v.text(), dash(timeText(v.Modified)), dash(v.ModifiedBy)}
}

// targetHistories are the histories of an environment in several targets.
type targetHistories struct {
	Environment string               `json:"environment"`
	ForAccount  string               `json:"forAccount,omitempty"`
	Targets     []environmentHistory `json:"targets"`
}

func (l targetHistories) table() [][]string {
	rows := [][]string{{"ACCOUNT", "REGION", "VERSION", "PERMISSIONS BOUNDARY OF " + boundary.Key{Environment: l.Environment, Account: l.ForAccount}.String(), "MODIFIED", "MODIFIED BY"}}
	for _, h := range l.Targets {
		for _, v := range h.Versions {
			rows = append(rows, append([]string{dash(h.Account), dash(h.Region)}, v.row()...))
		}
	}
	return rows
}
