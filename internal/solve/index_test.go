package solve

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestTheIndexHasTheVersionOfTheBaseSystem(t *testing.T) {
	w := newHarness(t, "FROM base\nCOPY hello /\n")
	w.platforms("linux/amd64,windows/amd64,windows(10.0.17763.1)/amd64")
	w.Image = func(_ string, p platform.Platform) (platform.Platform, error) {
		if p.OS == "windows" && p.OSVersion == "" {
			p.OSVersion, p.OSFeatures = "10.0.20348.2113", []string{"win32k"}
		}
		return p, nil
	}
	w.mustRun()
	index, _ := w.index("app:v1")
	var got []platform.Platform
	for _, m := range index.Manifests {
		got = append(got, *m.Platform)
	}
	want := []platform.Platform{
		{OS: "linux", Architecture: "amd64"},
		{OS: "windows", Architecture: "amd64", OSVersion: "10.0.17763.1"},
		{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.2113", OSFeatures: []string{"win32k"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
