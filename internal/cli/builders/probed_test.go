package builders

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// silentShell runs nothing.
type silentShell struct{}

func (silentShell) Run(context.Context, string) ([]byte, error) { return nil, errors.New("asked") }

func TestTheOutcomeOfAProbeIsShownAgainForAWhile(t *testing.T) {
	p := probed{dir: t.TempDir()}
	n := &builder.Node{ID: "id", Version: "v1", Platforms: []platform.Platform{{OS: "linux", Architecture: "amd64"}}, Abilities: builder.Abilities{Shell: silentShell{}}}
	remember := func(age time.Duration) {
		data, err := json.Marshal(outcome{time.Now().Add(-age), emulation.Status{Machine: "x86_64", Archs: []emulation.Support{{Arch: "arm64", Ran: true}}}})
		if err != nil {
			t.Fatal(err)
		}
		p.folder().Put(p.key(n), data)
	}
	asked := func() bool {
		status, err := p.status(t.Context(), n)
		if err == nil && (status.Machine != "x86_64" || len(status.Archs) != 1 || !status.Archs[0].Ran) {
			t.Errorf("got %+v", status)
		}
		return err != nil
	}
	if !asked() {
		t.Error("nothing was asked at first")
	}
	if remember(probeHolds / 2); asked() {
		t.Error("the outcome is not remembered")
	}
	for _, age := range []time.Duration{probeHolds, -time.Hour} {
		if remember(age); !asked() {
			t.Errorf("an outcome of %s ago is shown", age)
		}
	}
	remember(0)
	if n.Platforms = append(n.Platforms, platform.Platform{OS: "linux", Architecture: "arm64"}); !asked() {
		t.Error("the outcome is that of other platforms")
	}
}
