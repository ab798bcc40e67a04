package builder

import (
	"context"
	"errors"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAnEarlyProbeIsUsedOnceAndOnlyForItsPlatforms(t *testing.T) {
	asked, _, err := platform.Parse("linux/amd64,linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := platform.Parse("linux/amd64,linux/s390x")
	if err != nil {
		t.Fatal(err)
	}
	answered := func(status emulation.Status, err error) *Ahead {
		return ProbeAhead(t.Context(), func(context.Context, ...platform.Platform) (emulation.Status, error) { return status, err }, asked)
	}

	a := answered(emulation.Status{Kernel: "6.1"}, nil)
	if _, ok := a.take(other); ok {
		t.Error("an answer for platforms that were not asked about")
	}
	if got, ok := a.take(asked); !ok || got.Kernel != "6.1" {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := a.take(asked); ok {
		t.Error("the same answer twice, though something may have changed")
	}
	if _, ok := answered(emulation.Status{}, errors.New("the container has gone")).take(asked); ok {
		t.Error("a failure was given for an answer")
	}
}

func TestOnlyForeignPlatformsAreAskedAboutAhead(t *testing.T) {
	ask := func(ctx context.Context, _ ...platform.Platform) (emulation.Status, error) {
		<-ctx.Done()
		return emulation.Status{}, ctx.Err()
	}
	for name, tt := range map[string]struct {
		asked, native string
		want          bool
	}{
		"none":                             {"", "", false},
		"one, of a node that is not known": {"linux/arm64", "", false},
		"variants of one architecture":     {"linux/amd64/v3,linux/amd64", "", false},
		"several architectures":            {"linux/amd64,linux/arm64", "", true},
		"the node's own":                   {"linux/amd64", "linux/amd64,linux/386", false},
		"one that is not":                  {"linux/arm64", "linux/amd64", true},
	} {
		parse := func(list string) (ps []platform.Platform) {
			if list != "" {
				ps, _, _ = platform.Parse(list)
			}
			return ps
		}
		a := ProbeAhead(t.Context(), ask, parse(tt.asked), parse(tt.native)...)
		if (a != nil) != tt.want {
			t.Errorf("%s: asked: %t, want %t", name, a != nil, tt.want)
		}
		a.Stop()
		if _, ok := a.take(parse(tt.asked)); ok {
			t.Errorf("%s: an answer, though none was waited for", name)
		}
	}
}
