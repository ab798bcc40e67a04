package container

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestListShowsBuildersAndNoUnfinishedContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{Name: "b", Network: "host"})
	w.mustEnsure(t, want{Name: "b"})
	w.mustEnsure(t, want{Name: "a"})
	w.fake.Set("docker-multiarch-a-0", func(c *enginetest.Container) { c.Status = container.StateExited })
	for name, labels := range map[string]map[string]string{
		"docker-multiarch-a-0-1234":      {labelBuilder: "a"},
		"docker-multiarch-a-0-host-1234": {labelBuilder: "a"},
		"somebody":                       nil,
	} {
		opt := client.ContainerCreateOptions{Config: &container.Config{Image: DefaultImage, Labels: labels}, Name: name}
		if _, err := w.eng.CreateContainer(t.Context(), opt); err != nil {
			t.Fatal(err)
		}
	}
	got, err := List(t.Context(), w.eng)
	if err != nil {
		t.Fatal(err)
	}
	want := []builder.Status{
		{Builder: "a", Container: "docker-multiarch-a-0", State: "exited", Volume: "docker-multiarch-a-0-state"},
		{Builder: "b", Container: "docker-multiarch-b-0", State: "running", Volume: "docker-multiarch-b-0-state"},
		{Builder: "b", Container: "docker-multiarch-b-0-host", State: "running", Network: "host", Volume: "docker-multiarch-b-0-host-state", OnHost: true},
	}
	for i := range want {
		want[i].Driver, want[i].Image, want[i].BuildKit = "docker-container", DefaultImage, "v0.33.1"
		want[i].Options = map[string]string{}
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(builder.Status{}, "Created")); d != "" {
		t.Error(d)
	}
}

func TestInspectTellsAllAndNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.builds.Store(2)
	w.mustEnsure(t, want{
		Network: "host", Options: Options{"memory": "1g", "env.TOKEN": "secret"}, ToolVersion: "v9",
		Proxies: map[string]string{"HTTP_PROXY": "http://u:secret@p"}, Certs: buildkitd.Certs{"r": {"ca.crt": []byte("CA")}},
		Config: buildkitd.UserConfig{TOML: []byte("debug = true\n")},
	})
	all, err := inspect(t.Context(), w.eng, named("default"), builder.Whole)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	got := all[0]
	if len(got.Platforms) != 2 || got.Builds != 2 || got.RunNetwork != "bridge" || got.BuildKit != "v0.33.1" || !got.UserConfig || got.Tool != "v9" {
		t.Errorf("got %+v", got)
	}
	if got.Proxies["HTTP_PROXY"] != "http://u:xxxxx@p" {
		t.Errorf("the proxies are %v", got.Proxies)
	}
	if d := cmp.Diff(map[string]string{"memory": "1g", "env.TOKEN": "***"}, got.Options); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"r"}, got.CertHosts); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&builder.Usage{Total: 130, Reclaimable: 30}, got.Usage); d != "" {
		t.Error(d)
	}
	if len(got.GCPolicy) != 1 || got.Disk == nil || got.Disk.Free != 400<<10 || !strings.Contains(got.Config, "debug = true") {
		t.Errorf("garbage collection is %v, the disk %v, the configuration\n%s", got.GCPolicy, got.Disk, got.Config)
	}
	if all, err := inspect(t.Context(), w.eng, named("other"), builder.Whole); len(all) > 0 || err != nil {
		t.Error(all, err)
	}
}

func TestRemoveTakesTheVolumeUnlessItIsToStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{})
	left := client.ContainerCreateOptions{
		Config: &container.Config{Image: DefaultImage, Labels: map[string]string{labelBuilder: "default"}}, Name: defaultContainer + "-dead",
	}
	if _, err := w.eng.CreateContainer(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if found, err := remove(t.Context(), w.eng, named("default"), true, nil); !found || err != nil {
		t.Fatal(found, err)
	}
	if n := len(w.fake.Containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	// The volume still exists: removing it counts as found.
	for _, want := range []bool{true, false} {
		if found, err := remove(t.Context(), w.eng, named("default"), false, nil); found != want || err != nil {
			t.Errorf("found %t, %v", found, err)
		}
	}
}

func TestStopStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if found, err := stop(t.Context(), w.eng, named("default")); found || err != nil {
		t.Error(found, err)
	}
	w.mustEnsure(t, want{})
	if found, err := stop(t.Context(), w.eng, named("default")); !found || err != nil {
		t.Error(found, err)
	}
	if c := w.only(t); c.Status != container.StateExited {
		t.Errorf("it is %s", c.Status)
	}
}
