package display

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
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
