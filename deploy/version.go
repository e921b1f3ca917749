package deploy

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
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
	Version  string `json:"version"`            // (devel) when it was not built from a module's version
	Revision string `json:"revision,omitempty"` // of the repository
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// build is what the Go command noted when it built pbm.
func build() buildResult {
	b := buildResult{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	noted, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if noted.Main.Version != "" {
		b.Version = noted.Main.Version
	}
	for _, s := range noted.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func (b buildResult) table() [][]string {
	return present([][]string{{"pbm", b.Version}, {"revision", b.Revision}, {"go", b.Go}, {"platform", b.Platform}})
}
