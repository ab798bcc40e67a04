package main

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildcmd"
)

// flagTable returns the flags of docs/build-flags.md with the table's word for each: same, better, not, or ours.
func flagTable(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../docs/build-flags.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)`(?:, `-.`)? \\| (\\w+) \\| ?(.*)\\|$").FindAllStringSubmatch(string(data), -1) {
		name, status, why := row[1], row[2], row[3]
		if table[name] != "" {
			t.Errorf("--%s stands there twice", name)
		}
		if !slices.Contains([]string{"same", "better", "not", "ours"}, status) || status != "same" && why == "" {
			t.Errorf("--%s is %q, %q", name, status, why)
		}
		table[name] = status
	}
	return table
}

// A story compares with the peer's own flags, since it has to run the peer.
func TestTheTableOfFlagsHasEveryFlagOfBuild(t *testing.T) {
	table := flagTable(t)
	cmd := buildcmd.New(&cli.Env{})
	cmd.InitDefaultHelpFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if table[f.Name] == "" {
			t.Errorf("--%s is not in docs/build-flags.md", f.Name)
		}
		delete(table, f.Name)
	})
	for name := range table {
		t.Errorf("docs/build-flags.md has --%s, which build does not have", name)
	}
}
