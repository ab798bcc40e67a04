package container

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
)

// FuzzConfig composes buildkitd.toml from a user's own. What comes out can be read again, and no key of the user's has changed its kind.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("debug = true\n[registry.\"docker.io\"]\n  mirrors = [\"localhost:5000\"]\n[worker.oci]\n  networkMode = \"host\"\n"), "http://mirror.example:5000/x", "10.0.0.0/8")
	f.Add([]byte("registry = 5\nworker = [1]\n[[registry]]\n"), "::", "reg.example:5000")
	f.Add([]byte("[worker]\noci = \"none\"\n"), "", "[::1]:5000")
	f.Fuzz(func(t *testing.T, user []byte, mirror, insecure string) {
		files, _, err := composeConfig(configInput{
			User: user, Insecure: []string{insecure}, Mirrors: []string{mirror}, Bridge: bridgeFor("engine", "builder", ""), GC: true,
			Certs: Certs{"reg.example:5000": {"ca.crt": []byte("x"), "client.cert": []byte("x"), "client.key": []byte("x")}},
		})
		if err != nil {
			return
		}
		composed, err := parseTOML(files[configDir+"/buildkitd.toml"])
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

// FuzzLabels reads the labels of a container, which anybody may have made.
func FuzzLabels(f *testing.F) {
	f.Add(`{"com.docker-multiarch.builder":"default","com.docker-multiarch.node":"0","com.docker-multiarch.settings":"{\"network\":\"host\",\"options\":{\"env.PASSWORD\":\"secret\"}}"}`)
	f.Add(`{"com.docker-multiarch.settings":"[1]","com.docker-multiarch.node":"-7"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var labels map[string]string
		if json.Unmarshal([]byte(text), &labels) != nil {
			return
		}
		st := statusOf("name", labels, container.StateRunning, time.Unix(0, 0))
		if st.Builder != labels[labelBuilder] {
			t.Errorf("builder %q", st.Builder)
		}
		for k, v := range st.Options {
			if strings.HasPrefix(k, "env.") && v != "" && v != "***" {
				t.Errorf("%s=%s is shown", k, v)
			}
		}
		factsFromLabels(labels)
	})
}
