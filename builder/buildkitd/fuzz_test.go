package buildkitd

import (
	"testing"
)

// FuzzConfig composes a configuration from the user's TOML. The result must be readable, and no key of
// the user may change its type.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("debug = true\n[registry.\"docker.io\"]\n  mirrors = [\"localhost:5000\"]\n[worker.oci]\n  networkMode = \"host\"\n"), "http://mirror.example:5000/x", "10.0.0.0/8")
	f.Add([]byte("registry = 5\nworker = [1]\n[[registry]]\n"), "::", "reg.example:5000")
	f.Add([]byte("[worker]\noci = \"none\"\n"), "", "[::1]:5000")
	f.Fuzz(func(t *testing.T, user []byte, mirror, insecure string) {
		files, _, err := Compose(Input{
			User: user, Insecure: []string{insecure}, Mirrors: []string{mirror}, Bridge: BridgeFor("engine", "builder"), GC: true,
			Certs: Certs{"reg.example:5000": {"ca.crt": []byte("x"), "client.cert": []byte("x"), "client.key": []byte("x")}},
		})
		if err != nil {
			return
		}
		composed, err := parseTOML(files[Dir+"/buildkitd.toml"])
		if err != nil {
			t.Fatalf("what was composed cannot be read: %v", err)
		}
		own, err := parseTOML(user)
		if err != nil {
			t.Fatal(err)
		}
		for key := range own {
			if _, ok := composed[key]; !ok {
				t.Errorf("the user's key %q is lost", key)
			}
		}
	})
}
