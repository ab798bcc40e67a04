package buildkitd

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComposeConfig(t *testing.T) {
	for name, c := range map[string]struct {
		in    Input
		toml  string
		files []string
		notes []string
	}{
		"nothing but the entitlement": {
			toml: `insecure-entitlements = ['network.host']
`,
		},
		"loopback networks need no section": {
			in: Input{Insecure: []string{"127.0.0.0/8", "::1/128"}},
			toml: `insecure-entitlements = ['network.host']
`,
		},
		"a network of registries cannot be said": {
			in: Input{Insecure: []string{"10.0.0.0/8"}},
			toml: `insecure-entitlements = ['network.host']
`,
			notes: []string{"the engine trusts the registries in 10.0.0.0/8 without verification; BuildKit can trust single hosts only:" +
				" if builds use any, name them in the builder's BuildKit configuration"},
		},
		"insecure registries, mirrors and a bridge": {
			in: Input{
				Insecure: []string{"reg.example:5000"},
				Mirrors:  []string{"https://mirror.example/", "http://cache.local:5001/hub"},
				Bridge:   &Bridge{"dma1", "10.200.1.0/24"},
			},
			toml: `insecure-entitlements = ['network.host']

[registry]
[registry.'cache.local:5001']
http = true

[registry.'docker.io']
mirrors = ['mirror.example', 'cache.local:5001/hub']

[registry.'reg.example:5000']
http = true
insecure = true

[worker]
[worker.oci]
bridgeName = 'dma1'
bridgeSubnet = '10.200.1.0/24'
networkMode = 'bridge'
`,
		},
		"certificates, also of a registry on loopback": {
			in: Input{Certs: Certs{
				"localhost:5001": {"ca.crt": []byte("CA")},
				"reg.example":    {"client.cert": []byte("C"), "client.key": []byte("K"), "lonely.cert": []byte("L"), "root.crt": []byte("R")},
			}},
			toml: `insecure-entitlements = ['network.host']

[registry]
[registry.'localhost:5001']
ca = ['/etc/buildkit/certs/localhost_5001/ca.crt']
http = false

[registry.'reg.example']
ca = ['/etc/buildkit/certs/reg.example/root.crt']

[[registry.'reg.example'.keypair]]
cert = '/etc/buildkit/certs/reg.example/client.cert'
key = '/etc/buildkit/certs/reg.example/client.key'
`,
			files: []string{
				"/etc/buildkit/certs/localhost_5001/ca.crt", "/etc/buildkit/certs/reg.example/client.cert",
				"/etc/buildkit/certs/reg.example/client.key", "/etc/buildkit/certs/reg.example/root.crt",
			},
		},
		"Docker Hub has one name for BuildKit": {
			in: Input{Certs: Certs{"registry-1.docker.io": {"ca.crt": []byte("CA")}}},
			toml: `insecure-entitlements = ['network.host']

[registry]
[registry.'docker.io']
ca = ['/etc/buildkit/certs/registry-1.docker.io/ca.crt']
`,
			files: []string{"/etc/buildkit/certs/registry-1.docker.io/ca.crt"},
		},
		"the user's file has the last word": {
			in: Input{
				User: []byte(`debug = true
insecure-entitlements = ["security.insecure"]
[worker.oci]
networkMode = "host"
[registry."reg.example:5000"]
http = false
ca = ["/x"]
`),
				Insecure: []string{"reg.example:5000"},
				Certs:    Certs{"reg.example:5000": {"ca.crt": []byte("CA")}},
				Bridge:   &Bridge{"dma1", "10.200.1.0/24"},
			},
			toml: `debug = true
insecure-entitlements = ['security.insecure']

[registry]
[registry.'reg.example:5000']
ca = ['/x']
http = false
insecure = true

[worker]
[worker.oci]
networkMode = 'host'
`,
			files: []string{"/etc/buildkit/certs/reg.example_5000/ca.crt"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			files, notes, err := Compose(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.toml, string(files["/etc/buildkit/buildkitd.toml"])); d != "" {
				t.Error(d)
			}
			delete(files, "/etc/buildkit/buildkitd.toml")
			if d := cmp.Diff(c.files, slices.Sorted(maps.Keys(files))); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.notes, notes); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestComposeConfigSaysTheLineOfBadTOML(t *testing.T) {
	_, _, err := Compose(Input{User: []byte("debug = true\nroot = \n")})
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}

func TestBridgesOfTwoBuildersAndOfTwoEnginesDiffer(t *testing.T) {
	seen := map[Bridge]string{}
	for _, engine := range []string{"A", "B"} {
		for _, name := range []string{"default", "other"} {
			for _, s := range []string{"", "-host"} {
				b := *BridgeFor(engine, name+s)
				if other, ok := seen[b]; ok {
					t.Errorf("%s/%s%s has the bridge of %s", engine, name, s, other)
				}
				if len(b.Name) > 15 {
					t.Errorf("%q is too long for an interface", b.Name)
				}
				seen[b] = engine + "/" + name
			}
		}
	}
	if d := cmp.Diff(*BridgeFor("A", "default"), *BridgeFor("A", "default")); d != "" {
		t.Error(d)
	}
}
