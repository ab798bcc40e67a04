package container

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAProbeIsRememberedAsLongAsTheHandlersAreTheSame(t *testing.T) {
	t.Parallel()
	amd64, arm64 := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "arm64"}
	both := []platform.Platform{amd64, arm64}
	status := func(mode emulation.Mode) emulation.Status {
		return emulation.Status{Archs: []emulation.Support{{Arch: "amd64", Mode: emulation.Native}, {Arch: "arm64", Mode: mode}}}
	}
	p := probes{t.TempDir()}
	p.put("now", both, status(emulation.Emulated))
	if got, ok := p.recall("now", both); !ok || got.Mode(arm64) != emulation.Emulated || got.Mode(amd64) != emulation.Native {
		t.Errorf("%+v, %t", got, ok)
	}
	for name, recalled := range map[string]bool{
		"other handlers": func() bool { _, ok := p.recall("later", both); return ok }(),
		"more platforms": func() bool {
			_, ok := p.recall("now", append(both, platform.Platform{OS: "linux", Architecture: "s390x"}))
			return ok
		}(),
		"unknown handlers": func() bool { p.put("", both, status(emulation.Emulated)); _, ok := p.recall("", both); return ok }(),
		"a program that did not run": func() bool {
			p.put("broken", both, status(emulation.None))
			_, ok := p.recall("broken", both)
			return ok
		}(),
		"handlers that could not be read": func() bool {
			unseen := status(emulation.Emulated)
			unseen.HandlersUnknown = "no rights"
			p.put("unseen", both, unseen)
			_, ok := p.recall("unseen", both)
			return ok
		}(),
	} {
		if recalled {
			t.Errorf("%s: there is an answer", name)
		}
	}
}
