package container

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

const hostContainer = defaultContainer + "-host"

func TestBuildsWithAndWithoutTheHostsNetworkHaveContainersOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := buildkitd.UserConfig{TOML: []byte("debug = true\n"), Files: map[string][]byte{buildkitd.UserDir + "/certs/r/ca.pem": []byte("CA")}}
	w.mustEnsure(t, want{Options: Options{"memory": "1g"}, Config: cfg})
	w.builds.Store(1) // neither waits for the other
	n := w.mustEnsure(t, want{Network: "host"})
	c := w.fake.Named(hostContainer)
	if c == nil || c.HostConfig.NetworkMode != "host" || n.Container != hostContainer || n.Network != "host" || n.HostChosen || len(n.Warnings) > 0 {
		t.Fatalf("%+v", n)
	}
	if c.HostConfig.Memory != 1<<30 || c.HostConfig.Mounts[0].Source != hostContainer+"-state" {
		t.Errorf("memory %d, volume %q", c.HostConfig.Memory, c.HostConfig.Mounts[0].Source)
	}
	toml := string(c.File("/etc/buildkit/buildkitd.toml"))
	if !strings.Contains(toml, "debug = true") || !strings.Contains(toml, "networkMode = 'bridge'") || string(c.File(buildkitd.UserDir+"/certs/r/ca.pem")) != "CA" {
		t.Errorf("the configuration is\n%s", toml)
	}
	plain := w.mustEnsure(t, want{})
	if plain.Container != defaultContainer || plain.Network != "" {
		t.Errorf("a build that does not ask has %+v", plain)
	}
	again := w.mustEnsure(t, want{Options: Options{"network": "host"}})
	if again.Container != hostContainer || !again.HostChosen || w.fake.Named(hostContainer).ID != c.ID {
		t.Errorf("a build that says so has %+v", again)
	}
}

func TestTheBuilderOfAnOlderVersionOnTheHostsNetworkIsFoundUntilABuildWantsItWithout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	w.fake.Set(defaultContainer, func(c *enginetest.Container) {
		c.HostConfig.NetworkMode = "host"
		c.Config.Labels[labelSettings] = strings.Replace(c.Config.Labels[labelSettings], `"schema":1`, `"schema":1,"network":"host"`, 1)
	})
	old := w.only(t)
	if n := w.mustEnsure(t, want{Network: "host"}); n.Container != defaultContainer || n.HostChosen || w.only(t).ID != old.ID {
		t.Errorf("a build that asks has %+v", n)
	}
	n := w.mustEnsure(t, want{})
	if c := w.only(t); n.Network != "" || c.ID == old.ID || c.HostConfig.Mounts[0].Source != old.HostConfig.Mounts[0].Source {
		t.Errorf("a build that does not ask has %+v", n)
	}
	if n := w.mustEnsure(t, want{Network: "host"}); n.Container != hostContainer {
		t.Errorf("a build that asks then has %+v", n)
	}
}

func TestANetworkThatIsGivenToCreateIsThatOfAllBuilds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := Create(t.Context(), w.eng, want{Options: Options{"network": "host"}}.spec(), CreateOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]want{
		"nothing asks": {}, "a tag asks": {Network: "host"}, "what may not ask needs it": {Unasked: errors.New("no")},
	} {
		if n := w.mustEnsure(t, spec); n.Network != "host" || !n.HostChosen || n.Container != w.only(t).Name {
			t.Errorf("%s: %+v", name, n)
		}
	}
	if err := Create(t.Context(), w.eng, want{Options: Options{"network": "bridge"}, BusyWait: -1}.spec(), CreateOptions{Change: true}, nil); err != nil {
		t.Fatal(err)
	}
	if n := w.mustEnsure(t, want{}); n.Network != "bridge" || n.HostChosen {
		t.Errorf("changed: %+v", n)
	}
}

func TestAForbiddenRequestForTheHostsNetworkIsRefusedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	no := errors.New("Dockerfile:1: no")
	if _, err := w.ensure(t, want{Unasked: no}); !errors.Is(err, no) || err.Error() != no.Error() {
		t.Errorf("got %v", err)
	}
	if n := len(w.fake.Containers()); n != 0 {
		t.Errorf("%d containers were made", n)
	}
	w.mustEnsure(t, want{Network: "host"})
	w.mustEnsure(t, want{})
	if _, err := w.ensure(t, want{Unasked: no}); !errors.Is(err, no) {
		t.Errorf("beside a container on the host's network: %v", err)
	}
	w.mustEnsure(t, want{Unasked: no, Options: Options{"network": "mine"}})
	mirror := buildkitd.UserConfig{TOML: []byte("[registry.\"docker.io\"]\nmirrors = [\"localhost:5000\"]\n")}
	if n := w.mustEnsure(t, want{Unasked: no, Config: mirror}); n.Network != "host" {
		t.Errorf("with a mirror that asks it is on %q", n.Network)
	}
}

func TestStopRemoveAndExistsAreAboutBothContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	w.mustEnsure(t, want{Network: "host"})
	if found, err := stop(t.Context(), w.eng, named("default")); !found || err != nil {
		t.Error(found, err)
	}
	for _, c := range w.fake.Containers() {
		if c.Status != container.StateExited {
			t.Errorf("%s is %s", c.Name, c.Status)
		}
	}
	if err := Create(t.Context(), w.eng, want{Flags: []string{"--debug"}}.spec(), CreateOptions{Change: true}, nil); err != nil {
		t.Fatal(err)
	}
	all, err := inspect(t.Context(), w.eng, named("default"), builder.Whole)
	if err != nil || len(all) != 2 || len(all[0].Flags) != 1 || len(all[1].Flags) != 1 || all[0].Network != "" || all[1].Network != "host" || !all[1].OnHost {
		t.Errorf("changed: %+v, %v", all, err)
	}
	if found, err := remove(t.Context(), w.eng, named("default"), false, nil); !found || err != nil {
		t.Error(found, err)
	}
	if n, v := len(w.fake.Containers()), w.fake.Volumes(); n != 0 || len(v) != 0 {
		t.Errorf("%d containers and the volumes %q are left", n, v)
	}
	w.mustEnsure(t, want{Network: "host"})
	if found, err := Exists(t.Context(), w.eng, named("default")); !found || err != nil {
		t.Error(found, err)
	}
	if err := Create(t.Context(), w.eng, want{}.spec(), CreateOptions{}, nil); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
}

func TestTheReasonForTheHostsNetworkIsReported(t *testing.T) {
	t.Parallel()
	mirror := buildkitd.UserConfig{TOML: []byte("[registry.\"docker.io\"]\nmirrors = [\"localhost:5000/hub\"]\n")}
	for name, c := range map[string]struct {
		spec want
		want string
	}{
		"a tag":    {want{Network: "host", NetworkFor: "-t localhost:5000/app"}, "creating, on the host's network: -t localhost:5000/app asks for it"},
		"the flag": {want{Options: Options{"network": "host"}}, "creating, on the host's network: the driver option network=host asks for it"},
		"a mirror": {want{Config: mirror}, "creating, on the host's network: the mirror localhost:5000/hub in BuildKit's configuration asks for it"},
		"nothing":  {want{}, "creating"},
	} {
		w := newWorld(t)
		said := w.said(t, c.spec)
		if said[0] != `builder "default": `+c.want {
			t.Errorf("%s: it is said %q", name, said)
		}
	}
}

func TestAMirrorOnLoopbackIsForThoseWhoReachIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Info = system.Info{ID: "E", OSType: "linux", RegistryConfig: registryConfig("http://localhost:5000/", "https://mirror.example/")}
	said := strings.Join(w.said(t, want{}), "\n")
	toml := string(w.only(t).File("/etc/buildkit/buildkitd.toml"))
	if !strings.Contains(said, "the engine's mirror http://localhost:5000/ is not used") || strings.Contains(said, "mirror.example") {
		t.Errorf("it is said\n%s", said)
	}
	if strings.Contains(toml, "localhost:5000") || !strings.Contains(toml, "mirror.example") {
		t.Errorf("the configuration is\n%s", toml)
	}
	if said := w.said(t, want{}); len(said) > 0 {
		t.Errorf("the next build says %q", said)
	}
	w.mustEnsure(t, want{Network: "host"})
	if toml := string(w.fake.Named(hostContainer).File("/etc/buildkit/buildkitd.toml")); !strings.Contains(toml, "localhost:5000") {
		t.Errorf("the configuration on the host's network is\n%s", toml)
	}
}

func TestAConfigurationWithAMirrorOnLoopbackIsForTheSideThatReachesIt(t *testing.T) {
	t.Parallel()
	mirror := buildkitd.UserConfig{TOML: []byte("[registry.\"docker.io\"]\nmirrors = [\"http://127.0.0.1:5000\"]\n")}
	w := newWorld(t)
	if n := w.mustEnsure(t, want{Config: mirror}); n.Container != hostContainer || n.HostChosen {
		t.Errorf("%+v", n)
	}
	w.mustEnsure(t, want{})
	if toml := string(w.fake.Named(defaultContainer).File("/etc/buildkit/buildkitd.toml")); strings.Contains(toml, "127.0.0.1") {
		t.Errorf("the configuration of the other is\n%s", toml)
	}
	w = newWorld(t)
	if err := Create(t.Context(), w.eng, want{Config: mirror}.spec(), CreateOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if n := w.mustEnsure(t, want{}); n.Container != defaultContainer || n.Network != "host" || n.HostChosen {
		t.Errorf("of create: %+v", n)
	}
}

func TestWhereTheBridgeCannotBeSetUpBuildKitStartsWithout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Logged = "buildkitd: CNI setup error: plugin type=\"buildkit-cni-bridge\" failed (add): exec: \"iptables\": not found"
	w.crashesWithBridge = true
	said := strings.Join(w.said(t, want{Network: "host"}), "\n")
	if !strings.Contains(said, "starting without BuildKit's bridge network, which cannot be set up on its host: CNI setup error") {
		t.Errorf("it is said\n%s", said)
	}
	n := w.mustEnsure(t, want{Network: "host"})
	if len(n.Warnings) != 1 || !strings.Contains(n.Warnings[0], "RUN steps see the host's network") || strings.Contains(n.Warnings[0], "image") {
		t.Errorf("the warnings are %q", n.Warnings)
	}
	if toml := string(w.only(t).File("/etc/buildkit/buildkitd.toml")); strings.Contains(toml, "bridge") {
		t.Errorf("the configuration is\n%s", toml)
	}
	w.crashesWithBridge = false
	w.mustEnsure(t, want{Network: "host", Options: Options{"memory": "1g"}})
	if n := w.mustEnsure(t, want{Network: "host"}); len(n.Warnings) > 0 {
		t.Errorf("a later container, which could have it, has the warnings %q", n.Warnings)
	}
}

func TestTheNameServersOfSystemdResolvedAreThereForRUN(t *testing.T) {
	t.Parallel()
	for _, folders := range [][]string{nil, {resolvedDir}} {
		w := newWorld(t)
		w.fake.Folders = folders
		w.mustEnsure(t, want{Network: "host"})
		w.mustEnsure(t, want{})
		mounted := func(name string) (found []string) {
			for _, m := range w.fake.Named(name).HostConfig.Mounts[1:] {
				found = append(found, m.Source+":"+m.Target)
			}
			return found
		}
		want := folders
		if len(folders) > 0 {
			want = []string{resolvedDir + ":" + resolvedDir}
		}
		if d := cmp.Diff(want, mounted(hostContainer)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string(nil), mounted(defaultContainer)); d != "" {
			t.Errorf("without the host's network: %s", d)
		}
	}
}

func TestABuilderStartsThoughSystemdResolvedHasGone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world){
		"the engine says so at the start": func(w *world) { w.fake.LateMounts = true },
		"it was there at first": func(w *world) {
			w.fake.Folders = []string{resolvedDir}
			w.mustEnsure(t, want{Network: "host"})
			w.fake.Set(w.fake.Named(hostContainer).ID, func(c *enginetest.Container) { c.Status = container.StateExited })
			w.fake.Folders = nil
		},
	} {
		w := newWorld(t)
		change(w)
		w.mustEnsure(t, want{Network: "host"})
		if c := w.fake.Named(hostContainer); c.Status != container.StateRunning || len(c.HostConfig.Mounts) != 1 {
			t.Errorf("%s: it is %s, with %v", name, c.Status, c.HostConfig.Mounts)
		}
	}
}
