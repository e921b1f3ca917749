package deploy

import (
	"runtime"

	"github.com/spf13/cobra"

	"permissions-boundary-macro/internal/release"
)

func (p *pbm) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "show the version of pbm",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{ignoresAnnotation: storeFlags + ", " + readOnly},
		RunE:        func(*cobra.Command, []string) error { return p.show(build()) },
	}
}

// buildResult is the result of pbm version.
type buildResult struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func build() buildResult {
	b := release.Current()
	return buildResult{b.Version, b.Commit, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

func (b buildResult) table() [][]string {
	return present([][]string{{"pbm", b.Version}, {"commit", b.Commit}, {"go", b.Go}, {"platform", b.Platform}})
}
