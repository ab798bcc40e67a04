package builder

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"default": true, "a.b-c_1": true, "": false, "-x": false, "a/b": false, "a b": false, strings.Repeat("x", 65): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTooOld(t *testing.T) {
	for have, want := range map[string]bool{
		"v0.19.9": true, "v0.20.0": false, "v0.33.1": false, "v1.0.0": false, "0.12.0": true, "v0.20.0-rc1": false,
		"v0.0.0+unknown": false, "": false, "nonsense": false,
	} {
		if got := TooOld(have, MinVersion); got != want {
			t.Errorf("%q: %t", have, got)
		}
	}
}

func TestWhenADiskIsNearlyFull(t *testing.T) {
	for d, want := range map[Disk]bool{
		{}: false, {250e9, 60e9}: false, {250e9, 20e9}: false, {250e9, 9e9}: true, {4e12, 50e9}: false, {20e9, 3e9}: false, {20e9, 1e9}: true, {20e9, 0}: true,
	} {
		if d.NearlyFull() != want {
			t.Errorf("%+v: %t", d, !want)
		}
	}
}
