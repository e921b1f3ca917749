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
	at, err := p.toRead(ctx, j, key.Environment)
	if err != nil {
		return err
	}
	records, err := at.History(ctx, key)
	if err != nil {
		return at.orSpelled(ctx, key.Environment, err)
	}
	h := environmentHistory{Environment: key.Environment, ForAccount: key.Account, location: at.location(key)}
	for _, r := range records {
		h.Versions = append(h.Versions, version{
			Version: r.Version, shown: showValue(r.Text), Modified: optionalTime(r.Modified), ModifiedBy: r.ModifiedBy,
		})
	}
	return p.show(h)
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
		rows = append(rows, []string{fmt.Sprint(v.Version), v.text(), dash(timeText(v.Modified)), dash(v.ModifiedBy)})
	}
	return rows
}
