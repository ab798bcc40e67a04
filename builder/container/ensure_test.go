package container

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/stringid"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

const defaultContainer = "docker-multiarch-default-0"

func TestTheFirstEnsureMakesABuilder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.mustEnsure(t, want{
		ToolVersion: "v9", Options: Options{"memory": "1g", "env.A": "b"}, AddHosts: []string{"r:1.2.3.4"},
		Certs: buildkitd.Certs{"r": {"ca.crt": []byte("CA")}}, Proxies: map[string]string{"HTTP_PROXY": "http://p"},
	})
	if n.Version != "v0.33.1" || len(n.Platforms) != 2 || n.NCPU != 4 || n.Container != defaultContainer || n.Image != DefaultImage {
		t.Errorf("the node is %+v", n)
	}
	c := w.only(t)
	if c.Name != defaultContainer || c.Starts != 1 {
		t.Errorf("container %q was started %d times", c.Name, c.Starts)
	}
	delete(c.Config.Labels, labelSettings)
	wantLabels := map[string]string{
		labelBuilder: "default", labelNode: "0", labelDriver: "docker-container", labelImage: DefaultImage,
		labelImageID: "sha256:stable", labelVersion: "v0.33.1", labelBridge: "true", labelTool: "v9",
	}
	if d := cmp.Diff(wantLabels, c.Config.Labels); d != "" {
		t.Error(d)
	}
	h := c.HostConfig
	if !h.Privileged || h.Memory != 1<<30 || h.RestartPolicy.Name != "unless-stopped" || h.Init == nil || !*h.Init || h.UsernsMode != "" {
		t.Errorf("the host configuration is %+v", h)
	}
	if d := cmp.Diff([]string{"r:1.2.3.4"}, h.ExtraHosts); d != "" {
		t.Error(d)
	}
	if m := h.Mounts[0]; m.Source != defaultContainer+"-state" || m.Target != "/var/lib/buildkit" {
		t.Errorf("the mount is %+v", m)
	}
	env := strings.Join(c.Config.Env, " ")
	if !strings.Contains(env, "http_proxy=http://p") || !strings.Contains(env, "A=b") {
		t.Errorf("the environment is %s", env)
	}
	if string(c.File("/etc/buildkit/certs/r/ca.crt")) != "CA" || c.File("/etc/buildkit/buildkitd.toml") == nil {
		t.Error("files are missing in the container")
	}
}

func TestAHealthyBuilderCostsOneInspection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	before := len(w.fake.Calls())
	w.mustEnsure(t, want{})
	count := map[string]int{}
	for _, c := range w.fake.Calls()[before:] {
		count[c]++
	}
	if count["GET /containers/"+defaultContainer+"/json"] != 1 {
		t.Errorf("the calls are %v", count)
	}
}

func TestEightFirstEnsuresEndWithOneBuilder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, n, err := ensure(t.Context(), w.eng, want{}.spec(), nil)
			if err == nil {
				err = n.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if c := w.only(t); c.Name != defaultContainer {
		t.Errorf("the container is %q", c.Name)
	}
}

func TestABuilderThatDoesNotRunIsStarted(t *testing.T) {
	for _, state := range []container.ContainerState{container.StateExited, container.StatePaused} {
		w := newWorld(t)
		w.mustEnsure(t, want{})
		id := w.only(t).ID
		w.fake.Set(defaultContainer, func(c *enginetest.Container) { c.Status = state })
		w.mustEnsure(t, want{})
		if c := w.only(t); c.ID != id || c.Status != container.StateRunning {
			t.Errorf("%s: the container is %s, %s", state, stringid.TruncateID(c.ID), c.Status)
		}
	}
}

func TestAChangedBuilderIsReplacedOnItsVolumeAndKeepsItsSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := buildkitd.UserConfig{TOML: []byte("debug = true\n"), Files: map[string][]byte{buildkitd.UserDir + "/certs/r/ca.pem": []byte("CA")}}
	w.mustEnsure(t, want{Options: Options{"memory": "1g"}, Config: cfg})
	old := w.only(t)
	w.mustEnsure(t, want{Options: Options{"cpu-shares": "2"}})
	c := w.only(t)
	if c.ID == old.ID || c.HostConfig.CPUShares != 2 {
		t.Errorf("it has %d shares", c.HostConfig.CPUShares)
	}
	if c.HostConfig.Memory != 1<<30 || c.HostConfig.Mounts[0].Source != old.HostConfig.Mounts[0].Source {
		t.Errorf("memory %d, volume %q", c.HostConfig.Memory, c.HostConfig.Mounts[0].Source)
	}
	if toml := string(c.File("/etc/buildkit/buildkitd.toml")); !strings.Contains(toml, "debug = true") {
		t.Errorf("the configuration is\n%s", toml)
	}
	if string(c.File(buildkitd.UserDir+"/certs/r/ca.pem")) != "CA" {
		t.Error("the user's files are lost")
	}
	if w.mustEnsure(t, want{}); w.only(t).ID != c.ID {
		t.Error("a build that needs less replaces the builder")
	}
}

func TestWithoutPluginsTheHostsNetworkIsUsedWithAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plugins = false
	n := w.mustEnsure(t, want{Network: "host"})
	if len(n.Warnings) != 1 || !strings.Contains(n.Warnings[0], "RUN steps see the host's network") {
		t.Errorf("the warnings are %q", n.Warnings)
	}
	if toml := string(w.only(t).File("/etc/buildkit/buildkitd.toml")); strings.Contains(toml, "bridge") {
		t.Errorf("the configuration is\n%s", toml)
	}
}

func TestABuilderInUseIsNotReplaced(t *testing.T) {
	for name, use := range map[string]func(w *world){
		"1 running build":     func(w *world) { w.builds.Store(1) },
		"2 connected clients": func(w *world) { w.clients.Store(2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustEnsure(t, want{})
			id := w.only(t).ID
			use(w)
			_, err := w.ensure(t, want{Options: Options{"memory": "1g"}})
			if !errors.As(err, new(*InUseError)) {
				t.Fatalf("got %v", err)
			}
			for _, part := range []string{`builder "default"`, "option memory: none → 1g", name} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
			if c := w.only(t); c.ID != id || c.Status != container.StateRunning {
				t.Error("it was touched")
			}
		})
	}
}

func TestABuilderIsReplacedAsSoonAsItsBuildHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	id := w.only(t).ID
	w.builds.Store(1)
	time.AfterFunc(100*time.Millisecond, func() { w.builds.Store(0) })
	w.mustEnsure(t, want{Options: Options{"memory": "1g"}, BusyWait: time.Minute})
	if w.only(t).ID == id {
		t.Error("it was not replaced")
	}
}

func TestImages(t *testing.T) {
	noNet := errors.New("no route to host")
	for name, c := range map[string]struct {
		version string
		images  map[string]string
		pull    func(w *world) error // nil: a pull is an error
		spec    want
		err     []string // parts; nil: success
	}{
		"a local image is used and nothing pulled": {version: "v0.20.0", images: map[string]string{DefaultImage: "sha256:1"}},
		"an image that is missing is pulled": {version: "v0.20.0", pull: func(w *world) error {
			w.fake.Images[DefaultImage] = "sha256:2"
			return nil
		}},
		"a missing image that cannot be pulled": {
			pull: func(*world) error { return noNet },
			err:  []string{`does not have the builder image "moby/buildkit:buildx-stable-1"`, "no route to host"},
		},
		"an old image is replaced by a pull": {
			version: "v0.11.0", images: map[string]string{DefaultImage: "sha256:1"},
			pull: func(w *world) error {
				w.fake.Images[DefaultImage], w.version = "sha256:2", "v0.21.0"
				return nil
			},
		},
		"an old image that cannot be replaced": {
			version: "v0.11.0", images: map[string]string{DefaultImage: "sha256:1"},
			pull: func(*world) error { return noNet },
			err:  []string{"has BuildKit v0.11.0, the builder needs v0.20.0 or newer", "no route to host"},
		},
		"an image that is old in the registry too": {
			version: "v0.11.0", images: map[string]string{DefaultImage: "sha256:1"},
			pull: func(*world) error { return nil },
			err:  []string{"has BuildKit v0.11.0, also after a pull"},
		},
		"an image without BuildKit": {
			images: map[string]string{"busybox:1": "sha256:1"}, spec: want{Image: "busybox:1"},
			err: []string{`image "busybox:1" is not a BuildKit image`, "buildkitd: not found"},
		},
		"a development build": {version: "v0.0.0+unknown", images: map[string]string{DefaultImage: "sha256:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.version = c.version
			w.fake.Images = map[string]string{}
			for ref, id := range c.images {
				w.fake.Images[ref], w.fake.Origins[id] = id, []string{trust.Repository(ref)}
			}
			w.fake.Pull = func(string) error {
				if c.pull == nil {
					t.Error("the image is pulled")
					return nil
				}
				return c.pull(w)
			}
			_, err := w.ensure(t, c.spec)
			if (err != nil) != (c.err != nil) {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.err {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
		})
	}
}

func TestABuildKitThatEndsIsExplainedAndTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crash.Store(true)
	_, err := w.ensure(t, want{})
	if err == nil || !strings.Contains(err.Error(), "BuildKit ended with status 1; the end of its log:\n  the last words") {
		t.Errorf("got %v", err)
	}
	if n := len(w.fake.Containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	w.crash.Store(false)
	w.mustEnsure(t, want{})
}

func TestABuildKitThatHasJustEndedIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	w.ends.Store(1)
	w.mustEnsure(t, want{})
	w.ends.Store(100)
	if _, err := w.ensure(t, want{}); err == nil || !strings.Contains(err.Error(), "BuildKit ended with status 137") {
		t.Errorf("got %v", err)
	}
	w.ends.Store(0)
	w.mustEnsure(t, want{})
}

func TestACancelledEnsureLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	_, _, err := ensure(ctx, w.eng, want{}.spec(), func(line string) {
		if strings.Contains(line, "creating") {
			cancel(why)
		}
	})
	if err == nil {
		t.Fatal("it went on")
	}
	if n := len(w.fake.Containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

func TestAForeignContainerIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.eng.CreateContainer(t.Context(), client.ContainerCreateOptions{Image: DefaultImage, Name: defaultContainer}); err != nil {
		t.Fatal(err)
	}
	_, eerr := w.ensure(t, want{})
	_, serr := stop(t.Context(), w.eng, named("default"))
	_, rerr := remove(t.Context(), w.eng, named("default"), false, nil)
	for _, err := range []error{eerr, serr, rerr} {
		if err == nil || !strings.Contains(err.Error(), "not made by docker multiarch") {
			t.Errorf("got %v", err)
		}
	}
	if c := w.only(t); c.Status != container.StateCreated {
		t.Errorf("it is %s", c.Status)
	}
}

func TestEnsureRefusesBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.ensure(t, want{Name: "a/b"}); err == nil || !strings.Contains(err.Error(), `invalid builder name "a/b"`) {
		t.Errorf("got %v", err)
	}
	w.fake.Info.OSType = "windows"
	if _, err := w.ensure(t, want{}); err == nil || !strings.Contains(err.Error(), "windows") {
		t.Errorf("got %v", err)
	}
	none, err := client.New(client.WithHost("unix://" + filepath.Join(t.TempDir(), "none.sock")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ensure(t.Context(), engine.New(none), want{}.spec(), nil); !errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestAnEngineThatRefusesAPrivilegedContainerIsToldFromOthers(t *testing.T) {
	t.Parallel()
	create := func(_ *world, r *http.Request) bool {
		return r.URL.Path == "/containers/create" && strings.HasPrefix(r.URL.Query().Get("name"), defaultContainer)
	}
	start := func(w *world, r *http.Request) bool {
		c := w.fake.Named(defaultContainer)
		return c != nil && r.URL.Path == "/containers/"+c.ID+"/start"
	}
	for name, tt := range map[string]struct {
		what    func(*world, *http.Request) bool
		status  int
		message string
		refused bool
	}{
		"a plugin":          {create, http.StatusForbidden, "authorization denied by plugin opa", true},
		"a user namespace":  {create, http.StatusBadRequest, "privileged mode is incompatible with user namespaces", true},
		"the runtime":       {start, http.StatusInternalServerError, "OCI runtime create failed: unable to apply caps: operation not permitted", true},
		"another reason":    {create, http.StatusInternalServerError, "no space left", false},
		"another one later": {start, http.StatusInternalServerError, "no space left", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fake.Info.DriverStatus, w.fake.Store.Containerd = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}, true
			image := digest.FromString("stable").String()
			w.fake.Have(DefaultImage, image)
			w.fake.Origins[image] = []string{"docker.io/moby/buildkit"}
			w.fake.Answer = func(answer http.ResponseWriter, r *http.Request) bool {
				if !tt.what(w, r) {
					return false
				}
				answer.Header().Set("Content-Type", "application/json")
				answer.WriteHeader(tt.status)
				_, _ = fmt.Fprintf(answer, `{"message": %q}`, tt.message)
				return true
			}
			_, err := w.ensure(t, want{})
			refused, ok := errors.AsType[*PrivilegeError](err)
			if err == nil || !strings.Contains(err.Error(), tt.message) || ok != tt.refused || ok && !refused.Own {
				t.Errorf("got %v", err)
			}
			if left := len(w.fake.Containers()) + len(w.fake.Volumes()); tt.refused && left > 0 {
				t.Errorf("%d things are left on the engine", left)
			}
		})
	}
}

func TestANodeRunsScripts(t *testing.T) {
	n := newWorld(t).mustEnsure(t, want{})
	if out, err := n.Run(t.Context(), "echo"); string(out) != "echo" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := n.Run(t.Context(), "fail"); err == nil || !strings.Contains(err.Error(), "status 2: no such thing") {
		t.Errorf("got %v", err)
	}
}

func TestANodesConnectionEndsWithTheNode(t *testing.T) {
	n := newWorld(t).mustEnsure(t, want{})
	if err := errors.Join(n.Close(), n.Close()); err != nil {
		t.Error(err)
	}
	if _, err := n.Client().Info(t.Context()); status.Code(err) != codes.Canceled {
		t.Errorf("a closed node: %v", err)
	}
}
