package index

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAnEntrysPlatformIsCompletedFromTheConfiguration(t *testing.T) {
	win := func(version string, features ...string) platform.Platform {
		return platform.Platform{OS: "windows", Architecture: "amd64", OSVersion: version, OSFeatures: features}
	}
	linux := func(arch, variant string) platform.Platform {
		return platform.Platform{OS: "linux", Architecture: arch, Variant: variant}
	}
	for name, tt := range map[string]struct{ asked, says, want platform.Platform }{
		"nothing is known":                     {linux("arm64", ""), platform.Platform{}, linux("arm64", "")},
		"the same":                             {linux("arm", "v7"), linux("arm", "v7"), linux("arm", "v7")},
		"arm without a variant":                {linux("arm", "v6"), linux("arm", ""), linux("arm", "v6")},
		"arm with another one":                 {linux("arm", "v7"), linux("arm", "v6"), linux("arm", "v6")},
		"arm64's first variant is not written": {linux("arm64", ""), linux("arm64", "v8"), linux("arm64", "")},
		"arm64/v9 without a variant":           {linux("arm64", "v9"), linux("arm64", ""), linux("arm64", "v9")},
		"a base for a later amd64":             {linux("amd64", ""), linux("amd64", "v3"), linux("amd64", "v3")},
		"another spelling":                     {linux("arm64", ""), linux("aarch64", ""), linux("arm64", "")},
		"another machine":                      {linux("arm64", ""), linux("amd64", "v2"), linux("arm64", "")},
		"another system":                       {linux("amd64", ""), win("10.0.1"), linux("amd64", "")},
		"Windows":                              {win(""), win("10.0.20348.1", "win32k"), win("10.0.20348.1", "win32k")},
		"Windows without a version":            {win("10.0.1", "x"), win(""), win("10.0.1", "x")},
		"another version than was asked for":   {win("10.0.1"), win("10.0.2"), win("10.0.2")},
	} {
		got := Child{Platform: tt.asked, ConfigPlatform: tt.says}.entryPlatform()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNoEntryTakesAnothersPlatform(t *testing.T) {
	amd64, v2 := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "amd64", Variant: "v2"}
	image := func(text string) manifest.Image {
		return manifest.Image{Descriptor: ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString(text), Size: 1}}
	}
	descs := Entries(Parts([]Child{{Platform: amd64, ConfigPlatform: v2, Image: image("a")}, {Platform: v2, ConfigPlatform: v2, Image: image("b")}}, nil))
	if _, _, err := manifest.Index(descs, manifest.IndexOptions{}); err != nil || !platform.Equal(*descs[0].Platform, amd64) {
		t.Errorf("%v: %+v", err, descs)
	}
}
