package podtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
)

func TestATestIsAProgramWithItsLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		test smoke.Test
		want kubernetes.Program
	}{
		"the image's own command": {smoke.Test{}, kubernetes.Program{Timeout: smoke.DefaultTimeout, Program: objects.Program{Memory: smoke.DefaultMemory}}},
		"everything": {
			smoke.Test{
				Entrypoint: []string{"sh", "-c"}, Command: []string{"x"}, Env: []string{"A=b"}, User: "1", Workdir: "/w", Stdin: []byte("in"), Network: "default",
				Timeout: time.Second, Memory: 64 << 20,
			},
			kubernetes.Program{Input: []byte("in"), Timeout: time.Second, Program: objects.Program{
				Command: []string{"sh", "-c"}, Args: []string{"x"}, Env: []string{"A=b"}, User: "1", Workdir: "/w", Network: objects.PodNetwork, Memory: 64 << 20,
			}},
		},
		"no entrypoint": {
			smoke.Test{Entrypoint: []string{}, Command: []string{"x", "y"}, Network: "host"},
			kubernetes.Program{Timeout: smoke.DefaultTimeout, Program: objects.Program{
				Command: []string{"x", "y"}, Network: objects.HostNetwork, Memory: smoke.DefaultMemory,
			}},
		},
	} {
		if got, err := program(tt.test); err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, cmp.Diff(tt.want, got))
		}
	}
}

func TestWhatAPodCannotDoIsSaidBeforeTheClusterIsAsked(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	e := builder.Endpoint{Builder: "farm", Driver: kubernetes.DriverName, Address: "kubernetes://?namespace=ci"}
	open := (&Clusters{}).Opener(e, nil)
	for want, test := range map[string]smoke.Test{
		`test "t" cannot run in a cluster, and no engine answers here: a cluster has no network "mine"`: {Network: "mine"},
		"numbers, such as 1000 or 1000:1000, and not \"app\"":                                           {User: "app"},
		"needs a command": {Entrypoint: []string{}},
	} {
		test.Name = "t"
		if _, err := open(t.Context(), []smoke.Test{test}, nil); err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, kubectl.ErrMissing) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	said := 0
	if _, err := open(t.Context(), []smoke.Test{{}}, func(diag.Diagnostic) { said++ }); !errors.Is(err, kubectl.ErrMissing) || said > 0 {
		t.Errorf("without kubectl: %v, said %d", err, said)
	}
}
