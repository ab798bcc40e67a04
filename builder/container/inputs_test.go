package container

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

func TestParseOptions(t *testing.T) {
	got, err := ParseOptions("network=host,memory=4g", `"env.NO_PROXY=a,b",cpu-quota=50`, "memory=2g", "")
	if err != nil {
		t.Fatal(err)
	}
	want := Options{"network": "host", "memory": "2g", "env.NO_PROXY": "a,b", "cpu-quota": "50"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"memori=4g":                   `unknown driver option "memori": did you mean "memory"?`,
		"default-load=true":           `driver option "default-load": invalid value "true": it is always false: a build loads its result on request only`,
		"allow-untrusted-image=false": "it is always true",
		"env.=x":                      `unknown driver option "env."`,
		"memory=lots":                 `driver option "memory": invalid value "lots": not a size such as 512m or 4g`,
		"cpu-shares=1.5":              `not a whole number`,
		"restart-policy=never":        `not one of no, always, unless-stopped, on-failure[:<count>]`,
		"restart-policy=no:3":         `not one of`,
		"restart-policy=on-failure:x": `"x" is not a number of attempts`,
		"network":                     `driver option "network" is not of the form key=value`,
		`"network=host`:               `driver option`,
	} {
		if _, err := ParseOptions(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

func TestOptionsReachTheContainer(t *testing.T) {
	o, err := ParseOptions("memory=1k,memory-swap=-1,cpu-quota=1,cpu-period=2,cpu-shares=3,cpuset-cpus=0-1,cpuset-mems=0,cgroup-parent=/x,restart-policy=on-failure:4,env.A=b")
	if err != nil {
		t.Fatal(err)
	}
	var c container.Config
	var h container.HostConfig
	if err := o.apply(&c, &h); err != nil {
		t.Fatal(err)
	}
	want := container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 4}}
	want.Memory, want.MemorySwap, want.CPUQuota, want.CPUPeriod, want.CPUShares = 1024, -1, 1, 2, 3
	want.CpusetCpus, want.CpusetMems, want.CgroupParent = "0-1", "0", "/x"
	if d := cmp.Diff(want, h); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"A=b"}, c.Env); d != "" {
		t.Error(d)
	}
}

func TestAWantedNetworkOrImageMayBeAnOption(t *testing.T) {
	w := requestedSettings(want{Network: "host", Options: Options{"network": "mine", "image": "i", "memory": "1g"}}.spec(), engine.Info{})
	if w.Network != "mine" || w.Image != "i" || len(w.Options) != 1 {
		t.Errorf("got %+v", w)
	}
}
