package container

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestCreateMakesABuilderThatDoesNotRunYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spec := want{Name: "b", Flags: []string{"--debug"}, Platforms: []ocispecs.Platform{{OS: "linux", Architecture: "arm64"}}, Network: "host"}
	if err := Create(t.Context(), w.eng, spec.spec(), CreateOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	c := w.only(t)
	if c.Name != "docker-multiarch-b-0" || c.Status != container.StateCreated {
		t.Errorf("container %s is %s", c.Name, c.Status)
	}
	if d := cmp.Diff([]string{"--config", "/etc/buildkit/buildkitd.toml", "--debug"}, c.Config.Cmd); d != "" {
		t.Error(d)
	}
	all, err := inspect(t.Context(), w.eng, named("b"), builder.Whole)
	if err != nil || len(all) != 1 || !cmp.Equal(all[0].Fixed, []string{"linux/arm64"}) || !cmp.Equal(all[0].Flags, []string{"--debug"}) {
		t.Errorf("%+v, %v", all, err)
	}
	// A build finds the builder satisfactory and starts it.
	if w.mustEnsure(t, want{Name: "b"}); w.only(t).ID != c.ID || w.only(t).Status != container.StateRunning {
		t.Error("the first build made another")
	}
}

func TestCreateRefusesANameThatIsTakenUnlessItIsToBeChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{Name: "b", Options: Options{"memory": "1g"}})
	spec := want{Name: "b", Flags: []string{"--debug"}, BusyWait: -1}
	if err := Create(t.Context(), w.eng, spec.spec(), CreateOptions{Start: true}, nil); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
	if err := Create(t.Context(), w.eng, spec.spec(), CreateOptions{Start: true, Change: true}, nil); err != nil {
		t.Fatal(err)
	}
	if c := w.only(t); c.HostConfig.Memory != 1<<30 || len(c.Config.Cmd) != 3 || c.Status != container.StateRunning {
		t.Errorf("it has %d bytes and runs %q", c.HostConfig.Memory, c.Config.Cmd)
	}
}

func TestABuilderThatCannotStartIsNotLeftBehindByCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crash.Store(true)
	if err := Create(t.Context(), w.eng, want{}.spec(), CreateOptions{Start: true}, nil); err == nil {
		t.Error("it was made")
	}
	if n, v := len(w.fake.Containers()), w.fake.Volumes(); n != 0 || len(v) != 0 {
		t.Errorf("%d containers and the volumes %q are left", n, v)
	}
	w.crash.Store(false)
	w.mustEnsure(t, want{})
	if _, err := remove(t.Context(), w.eng, named("default"), true, nil); err != nil {
		t.Fatal(err)
	}
	w.crash.Store(true)
	if err := Create(t.Context(), w.eng, want{}.spec(), CreateOptions{Start: true}, nil); err == nil {
		t.Error("it was made")
	}
	if d := cmp.Diff([]string{defaultContainer + "-state"}, w.fake.Volumes()); d != "" {
		t.Errorf("a cache that was kept: %s", d)
	}
}

func TestAStoppedBuilderIsOpenedAndStoppedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, found, err := Open(t.Context(), w.eng, named("default"), OpenOptions{}); found || err != nil {
		t.Error(found, err)
	}
	w.mustEnsure(t, want{Options: Options{"memory": "1g"}, Certs: buildkitd.Certs{"r": {"ca.crt": []byte("CA")}}})
	id := w.only(t).ID
	for state, after := range map[container.ContainerState]container.ContainerState{
		container.StateExited: container.StateExited, container.StateCreated: container.StateExited, container.StateRunning: container.StateRunning,
	} {
		w.fake.Set(id, func(c *enginetest.Container) { c.Status = state })
		o, found, err := Open(t.Context(), w.eng, named("default"), OpenOptions{})
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if c := w.only(t); c.ID != id || c.Status != container.StateRunning {
			t.Errorf("open from %s: it is %s", state, c.Status)
		}
		if d, err := o.Disk(t.Context()); err != nil || d != (builder.Disk{Total: 1000 << 10, Free: 400 << 10}) {
			t.Errorf("the disk is %+v, %v", d, err)
		}
		if err := o.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if c := w.only(t); c.Status != after {
			t.Errorf("closed after %s: it is %s", state, c.Status)
		}
	}
}

func TestABuilderThatIsInUseAgainIsNotStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	w.fake.Set(w.only(t).ID, func(c *enginetest.Container) { c.Status = container.StateExited })
	o, _, err := Open(t.Context(), w.eng, named("default"), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.builds.Store(1)
	if err := o.Close(t.Context()); err != nil || w.only(t).Status != container.StateRunning {
		t.Errorf("it is %s, %v", w.only(t).Status, err)
	}
}

func TestParseDF(t *testing.T) {
	got, err := parseDF("Filesystem           1024-blocks    Used Available Capacity Mounted on\n/dev/vda 263174212 30112000 65872000  32% /var/lib/buildkit\n")
	if want := (builder.Disk{Total: 263174212 << 10, Free: 65872000 << 10}); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "df: no such file", "a\nb c", "h\nfs x 1 y 1% /"} {
		if _, err := parseDF(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestABridgeOfABuilderThatDoesNotRunIsRemovedFromItsHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{Network: "host"})
	if _, err := stop(t.Context(), w.eng, named("default")); err != nil {
		t.Fatal(err)
	}
	before := len(w.fake.Calls())
	if _, err := remove(t.Context(), w.eng, named("default"), false, nil); err != nil {
		t.Fatal(err)
	}
	created := 0
	for _, call := range w.fake.Calls()[before:] {
		if call == "POST /containers/create" {
			created++
		}
	}
	if created != 1 || len(w.fake.Containers()) != 0 {
		t.Errorf("%d helpers, and %d containers are left", created, len(w.fake.Containers()))
	}
}
