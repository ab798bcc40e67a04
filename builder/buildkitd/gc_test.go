package buildkitd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// gcRules returns the rules that Compose writes for a configuration of the user.
func gcRules(t *testing.T, user string) []map[string]any {
	t.Helper()
	in := Input{GC: true}
	if user != "" {
		in.User = []byte(user)
	}
	files, _, err := Compose(in)
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct {
		Worker struct {
			OCI struct {
				Policy []map[string]any `toml:"gcpolicy"`
			} `toml:"oci"`
		} `toml:"worker"`
	}
	if err := toml.Unmarshal(files["/etc/buildkit/buildkitd.toml"], &cfg); err != nil {
		t.Fatal(err)
	}
	return cfg.Worker.OCI.Policy
}

func TestTheCacheIsCappedAtHalfTheDiskAndAtFiftyGigabytes(t *testing.T) {
	rules := gcRules(t, "")
	limits := map[any]bool{}
	for _, r := range rules {
		if r["all"] == true {
			limits[r["maxUsedSpace"]] = true
			if r["minFreeSpace"] != "10%" || r["reservedSpace"] != "5GB" {
				t.Errorf("a rule is %v", r)
			}
		}
	}
	if d := cmp.Diff(map[any]bool{"50%": true, "50GB": true}, limits); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{
		"filters":      []any{"type==source.local", "type==exec.cachemount", "type==source.git.checkout"},
		"keepDuration": "168h", "maxUsedSpace": "5GB",
	}, rules[0]); d != "" {
		t.Error(d)
	}
}

func TestTheUsersOwnWordAboutGarbageCollectionStands(t *testing.T) {
	for _, user := range []string{
		"[worker.oci]\ngc = false\n", "[worker.oci]\ngckeepstorage = '9GB'\n", "[worker.oci]\nmaxUsedSpace = '9GB'\n",
		"[worker.oci]\nMinFreeSpace = '9GB'\n", "[worker.oci]\nreservedSpace = '9GB'\n", "[[worker.oci.gcpolicy]]\nall = true\n",
	} {
		if n := len(gcRules(t, user)); n > 1 {
			t.Errorf("%s: there are %d rules", user, n)
		}
	}
	if n := len(gcRules(t, "[worker.oci]\nmax-parallelism = 2\n")); n < 2 {
		t.Error("a configuration that says nothing about it has no cap")
	}
}
