package platform_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestNormalizeTakesValuesFromElsewhere(t *testing.T) {
	type p = platform.Platform
	tests := map[string]struct{ in, want p }{
		"the zero platform stays zero": {},
		"a missing system is linux": {
			in: p{Architecture: "arm64"}, want: p{OS: "linux", Architecture: "arm64"},
		},
		"the engine's name of a machine": {
			in: p{OS: "linux", Architecture: "x86_64"}, want: p{OS: "linux", Architecture: "amd64"},
		},
		"the engine's name of a 32-bit ARM machine": {
			in: p{OS: "linux", Architecture: "armv7l"}, want: p{OS: "linux", Architecture: "arm", Variant: "v7"},
		},
		"the default variant in an index": {
			in: p{OS: "linux", Architecture: "arm64", Variant: "v8"}, want: p{OS: "linux", Architecture: "arm64"},
		},
		"ARM without a variant": {
			in: p{OS: "linux", Architecture: "arm"}, want: p{OS: "linux", Architecture: "arm", Variant: "v7"},
		},
		"a word for an architecture with its variant": {
			in: p{OS: "linux", Architecture: "armhf"}, want: p{OS: "linux", Architecture: "arm", Variant: "v7"},
		},
		"an attestation's platform stays as it is": {
			in: p{OS: "unknown", Architecture: "unknown"}, want: p{OS: "unknown", Architecture: "unknown"},
		},
		"a variant that nobody knows stays as it is": {
			in: p{OS: "linux", Architecture: "amd64", Variant: "v9"}, want: p{OS: "linux", Architecture: "amd64", Variant: "v9"},
		},
		"the version of a system stays as it is": {
			in: p{OS: "windows", OSVersion: "10.0.1", Architecture: "amd64"}, want: p{OS: "windows", OSVersion: "10.0.1", Architecture: "amd64"},
		},
		"features are sorted and each is there once": {
			in:   p{OS: "windows", OSFeatures: []string{"b", "a", "b"}, Architecture: "amd64"},
			want: p{OS: "windows", OSFeatures: []string{"a", "b"}, Architecture: "amd64"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := platform.Normalize(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(got, platform.Normalize(got)); diff != "" {
				t.Errorf("the second time differs (-first +second):\n%s", diff)
			}
		})
	}
}

func TestNormalizeLeavesItsArgumentAlone(t *testing.T) {
	in := platform.Platform{OS: "windows", OSFeatures: []string{"b", "a"}, Architecture: "amd64"}
	platform.Normalize(in).OSFeatures[0] = "changed"
	if diff := cmp.Diff([]string{"b", "a"}, in.OSFeatures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFormatOfNoPlatform(t *testing.T) {
	if got := platform.Format(platform.Platform{}); got != "unknown" {
		t.Errorf("got %q", got)
	}
}

func TestSpellingsOfOnePlatformAreEqual(t *testing.T) {
	a := platform.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	b := platform.Platform{OS: "linux", Architecture: "aarch64"}
	if !platform.Equal(a, b) {
		t.Error("linux/arm64/v8 and linux/aarch64 differ")
	}
	for _, other := range []platform.Platform{
		{OS: "linux", Architecture: "arm"},
		{OS: "windows", Architecture: "arm64"},
		{OS: "linux", Architecture: "arm64", Variant: "v9"},
		{OS: "linux", Architecture: "arm64", OSVersion: "6"},
		{OS: "linux", Architecture: "arm64", OSFeatures: []string{"sve"}},
	} {
		if platform.Equal(a, other) {
			t.Errorf("linux/arm64 equals %s", platform.Format(other))
		}
	}
}

func TestCompareIsOneOrderHoweverPlatformsAreShuffled(t *testing.T) {
	want := []string{
		"darwin/arm64",
		"linux/386",
		"linux/amd64", "linux/amd64/v2", "linux/amd64/v3",
		"linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8",
		"linux/arm64", "linux/arm64/v8.2", "linux/arm64/v9",
		"linux/ppc64le/power9", "linux/ppc64le/power10",
		"linux/s390x",
		"windows/amd64", "windows(+win32k)/amd64", "windows/arm64",
		"windows(10.0.9200)/amd64", "windows(10.0.17763)/amd64", "windows(10.0.17763.1)/amd64",
	}
	ps, _, err := platform.Parse(want...)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range ps {
		shuffled := slices.Concat(ps[cut:], ps[:cut])
		slices.Reverse(shuffled)
		slices.SortFunc(shuffled, platform.Compare)
		if diff := cmp.Diff(want, names(shuffled)); diff != "" {
			t.Fatalf("cut at %d (-want +got):\n%s", cut, diff)
		}
	}
}

func TestCompareTellsPaddedNumbersApart(t *testing.T) {
	a := platform.Platform{OS: "freebsd", OSVersion: "1.01", Architecture: "amd64"}
	b := platform.Platform{OS: "freebsd", OSVersion: "1.1", Architecture: "amd64"}
	if platform.Compare(a, b) >= 0 || platform.Compare(b, a) <= 0 {
		t.Error("1.01 is not before 1.1")
	}
}

func TestContainsAndFormatAllTakePlatformsAsEqualAndFormatDo(t *testing.T) {
	ps := []platform.Platform{{OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}}
	if !platform.Contains(ps, platform.Platform{OS: "linux", Architecture: "aarch64", Variant: "v8"}) || platform.Contains(ps, platform.Platform{OS: "linux", Architecture: "amd64"}) {
		t.Error("it is there in another spelling, or is not there")
	}
	if diff := cmp.Diff([]string{"linux/arm64", "linux/arm/v7"}, platform.FormatAll(ps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
