package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

const manDir = "../../docs/man"

// manPages returns the manual pages of all commands, by file name. The generated text does not depend on the date.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	root := newRoot(&cli.Env{}, "multiarch")
	docker := &cobra.Command{Use: "docker", DisableAutoGenTag: true}
	docker.AddCommand(root)
	pages := map[string]string{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		cmd.DisableAutoGenTag = true
		// The generator would take these for HTML and for emphasis.
		escape := strings.NewReplacer("<", `\<`, "*", `\*`).Replace
		cmd.Long = escape(cmd.Long)
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = escape(f.Usage) })
		var page bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Date: &time.Time{}, Manual: "docker multiarch"}, &page); err != nil {
			t.Fatal(err)
		}
		pages[strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = strings.Replace(page.String(), `"Jan 0001"`, `""`, 1)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	return pages
}

func TestTheCommandReferenceHasManualPages(t *testing.T) {
	pages := manPages(t)
	if *update {
		if err := os.MkdirAll(manDir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	there, _ := filepath.Glob(filepath.Join(manDir, "*"))
	for _, file := range there {
		if _, ok := pages[filepath.Base(file)]; ok {
			continue
		}
		if !*update {
			t.Errorf("%s is of no command", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, page := range pages {
		file := filepath.Join(manDir, name)
		if *update {
			if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if d := cmp.Diff(string(have), page); d != "" || err != nil {
			t.Errorf("%s is not up to date (%v); write the documents with: make docs\n(-file +command):\n%s", file, err, d)
		}
	}
}
