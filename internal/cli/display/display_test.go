package display

import (
	"bytes"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/progress"
)

func TestProgressModes(t *testing.T) {
	for _, tt := range []struct{ flag, quiet, env, want string }{
		{"auto", "", "", "auto"},
		{"auto", "", "plain", "plain"},
		{"tty", "", "plain", "tty"},
		{"none", "", "", "quiet"},
		{"auto", "q", "plain", "quiet"},
		{"quiet", "q", "", "quiet"},
	} {
		w := &cli.Env{LookupEnv: func(string) (string, bool) { return tt.env, tt.env != "" }}
		got, err := Mode(w, Flags{Mode: tt.flag}, tt.quiet != "")
		if err != nil || string(got) != tt.want {
			t.Errorf("%+v: got %s, %v", tt, got, err)
		}
	}
}

func TestTheHintAboutSharedCacheMountsNamesTheFlag(t *testing.T) {
	var out bytes.Buffer
	w := &cli.Env{Streams: cli.Streams{Err: &out}, LookupEnv: func(string) (string, bool) { return "", false }}
	d, err := New(t.Context(), w, Options{Mode: progress.Plain})
	if err != nil {
		t.Fatal(err)
	}
	d.Note(diag.Diagnostic{Check: buildcache.CheckMounts, Severity: diag.Note, Message: "the platforms share their cache mounts"})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	clitest.Contains(t, out.String(), "share their cache mounts (--cache-mounts=isolated gives each its own")
}
