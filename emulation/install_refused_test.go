package emulation

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

func TestInstallLeavesAHandlerInTheWayAndNamesIt(t *testing.T) {
	arm64, _ := Lookup("arm64")
	tests := []struct {
		name string
		in   Handler
		want string
	}{
		{"without flag F", Handler{Name: "qemu-aarch64", Enabled: true, Interpreter: "/usr/bin/q", Flags: "OC", Magic: arm64.Magic(), Mask: arm64.Mask()}, "lacks flag F"},
		{"disabled", Handler{Name: "qemu-aarch64", Interpreter: "/usr/bin/q", Flags: "OCF", Magic: arm64.Magic(), Mask: arm64.Mask()}, "disabled"},
		{"of another name", Handler{Name: "rosetta", Enabled: true, Interpreter: "/r", Flags: "OC", Magic: arm64.Magic(), Mask: arm64.Mask()}, "rosetta"},
		{"with the name alone", Handler{Name: "qemu-aarch64", Enabled: true, Interpreter: "/usr/bin/q", Flags: "OCF", Magic: []byte("MZ"), Mask: []byte{255, 255}}, "does not match its programs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := x86()
			k.handlers = []Handler{tt.in}
			k.images[DefaultImage], k.images[helper] = binfmtImage, hostWith("arm64")
			_, err := Install(t.Context(), options(k, "arm64"))
			m := missing(t, err)
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.in.Interpreter) {
				t.Errorf("error %v", err)
			}
			if len(k.ran)+len(k.pulled)+len(m.Attempts) != 0 || len(k.handlers) != 1 {
				t.Errorf("ran %v, pulled %v", k.ran, k.pulled)
			}
		})
	}
}

func TestInstallRefusesAnEngineThatCannot(t *testing.T) {
	for name, info := range map[string]engine.Info{"rootless": {Rootless: true}, "user namespace": {UserNS: true}} {
		t.Run(name, func(t *testing.T) {
			k := x86()
			k.images[DefaultImage] = binfmtImage
			opt := options(k, "arm64")
			opt.Engine = info
			_, err := Install(t.Context(), opt)
			refused, ok := errors.AsType[*PrivilegeError](err)
			if !ok || refused.Rootless != info.Rootless || refused.Image != DefaultImage || !cmp.Equal(missing(t, err).Platforms, plat("arm64")) {
				t.Fatalf("got %v", err)
			}
			if len(k.ran)+len(k.pulled) != 0 {
				t.Errorf("ran %v, pulled %v", k.ran, k.pulled)
			}
		})
	}
}

func TestInstallKeepsTheErrorsOfItsSources(t *testing.T) {
	k := x86()
	k.images[helper] = hostWith()
	k.pullErr = engine.ErrUnreachable
	_, err := Install(t.Context(), options(k, "arm64"))
	if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), DefaultImage) {
		t.Errorf("got %v", err)
	}

	k.runErr = errors.New("privileged containers are not allowed")
	_, err = Install(t.Context(), options(k, "arm64"))
	refused, ok := errors.AsType[*PrivilegeError](err)
	if !errors.Is(err, k.runErr) || !ok || refused.Err == nil || len(missing(t, err).Attempts) != 1 {
		t.Errorf("got %v", err)
	}
	if want := "right to install emulators: " + k.runErr.Error(); !strings.Contains(err.Error(), want) {
		t.Errorf("%q is not in %v", want, err)
	}
}
