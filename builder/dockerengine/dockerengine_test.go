package dockerengine

import (
	"context"
	"errors"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/moby/api/types/system"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

// daemon is as much of a BuildKit as a connection needs.
type daemon struct {
	controlapi.UnimplementedControlServer
	version string
}

func (d daemon) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{ID: "w", BuildkitVersion: &apitypes.BuildkitVersion{Version: d.version}}}}, nil
}

// driver returns a driver for an engine of either kind of store, whose BuildKit has a version.
func driver(t *testing.T, containerd bool, version string) Driver {
	t.Helper()
	fake := &enginetest.Engine{Info: system.Info{OSType: "linux", NCPU: 4, ServerVersion: "29.0.0"}, BuildKit: daemon{version: version}}
	if fake.Store.Containerd = containerd; containerd {
		fake.Info.DriverStatus = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
	}
	api := fake.Start(t)
	return Driver{Engine: func(string) (*engine.Engine, error) { return engine.New(api), nil }}
}

func TestTheBuildKitInsideAnEngine(t *testing.T) {
	t.Parallel()
	d := driver(t, true, "v0.34.2-moby")
	n, err := d.Connect(t.Context(), builder.Endpoint{Builder: "b"}, builder.Spec{Host: builder.HostNetwork{Requested: true}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if n.ID != "w" || n.Version != "v0.34.2-moby" || n.CPUs != 4 || !n.OnHost || n.HostChosen || !n.LocalImages || !n.Near || n.Engine == nil || n.Engine.Helper(t.Context()) != "" {
		t.Errorf("got %+v", n)
	}
	if why := n.Why(t.Context()); !strings.Contains(why.Error(), `builder "b" was lost during the build: the engine at unix://`) {
		t.Error(why)
	}
}

func TestWhatAnEnginesBuildKitCannotDoIsRefused(t *testing.T) {
	t.Parallel()
	permission := errors.New("may not")
	config := buildkitd.UserConfig{TOML: []byte("debug = true")}
	good := driver(t, true, "v0.34.2-moby")
	for name, tt := range map[string]struct {
		d    Driver
		e    builder.Endpoint
		want builder.Spec
		err  string
	}{
		"a classic store":   {driver(t, false, ""), builder.Endpoint{}, builder.Spec{}, "does not have the containerd image store"},
		"an old engine":     {driver(t, true, "v0.12.5-moby"), builder.Endpoint{}, builder.Spec{}, "the BuildKit of Docker Engine 29.0.0 is v0.12.5-moby, and v0.20.0 or newer is needed"},
		"flags":             {good, builder.Endpoint{Flags: []string{"--debug"}}, builder.Spec{}, "it takes neither flags of buildkitd nor a configuration file"},
		"an option":         {good, builder.Endpoint{Options: map[string]string{"memory": "4g"}}, builder.Spec{}, `driver option "memory": the BuildKit inside a Docker Engine is configured by the engine`},
		"another network":   {good, builder.Endpoint{Options: map[string]string{"network": "x"}}, builder.Spec{}, `driver option network: "x" is not possible`},
		"an image":          {good, builder.Endpoint{}, builder.Spec{Image: "bk:1"}, `it has no use for the image "bk:1"`},
		"a configuration":   {good, builder.Endpoint{}, builder.Spec{Daemon: buildkitd.Settings{Config: config}}, "it has no use for a configuration file"},
		"a host's registry": {good, builder.Endpoint{}, builder.Spec{Host: builder.HostNetwork{PermissionErr: permission}}, "may not"},
	} {
		if _, err := tt.d.Connect(t.Context(), tt.e, tt.want, nil); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, tt.err)
		}
	}
	if opts, err := good.ParseOptions("network=host"); err != nil || opts["network"] != "host" {
		t.Errorf("%v, %v", opts, err)
	}
}
