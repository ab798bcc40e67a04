package objects

import (
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

const image = "registry.example/app@sha256:1"

func TestGoldenPrograms(t *testing.T) {
	for name, tt := range map[string]struct {
		options map[string]string
		program Program
	}{
		"program": {nil, Program{
			Name: "p", Image: image, Platform: platform.Platform{OS: "linux", Architecture: "arm64"}, Memory: 1 << 30, Lasts: 11 * time.Minute,
		}},
		"program-everything": {
			map[string]string{
				"nodeselector": "pool=build,kubernetes.io/arch=amd64", "tolerations": "key=dedicated,operator=Exists", "imagepullsecrets": "one",
				"schedulername": "own", "priorityclass": "high", "limits.memory": "64Mi", "network": "host", "serviceaccount": "builder",
			},
			Program{
				Name: "p", Image: image, Platform: platform.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, Machines: []string{"m1", "m2"},
				Command: []string{"sh", "-c"}, Args: []string{"echo $HOME $(HOME) $$"}, Env: []string{"A=$(B)=c", "B="}, User: "1000:0", Workdir: "/w",
				Network: HostNetwork, Memory: 256 << 20, Stdin: true, Lasts: 12 * time.Minute, Login: []byte(`{"auths":{}}`),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			opt, err := Parse(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			got, err := opt.Program(tt.program)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
		})
	}
}

func TestAUserOfAProgramIsANumber(t *testing.T) {
	for user, valid := range map[string]bool{"": true, "0": true, "1000:1000": true, "app": false, "1000:": false, "-1": false, "1000:app": false} {
		if _, err := (Options{}).Program(Program{User: user}); (err == nil) != valid {
			t.Errorf("%q: %v", user, err)
		}
	}
}
