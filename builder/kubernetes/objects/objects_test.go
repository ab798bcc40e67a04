package objects

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var update = flag.Bool("update", false, "write the golden files")

func endpoint(t *testing.T, platforms string, options map[string]string) builder.Endpoint {
	t.Helper()
	var ps []platform.Platform
	var err error
	if platforms != "" {
		if ps, _, err = platform.Parse(platforms); err != nil {
			t.Fatal(err)
		}
	}
	return builder.Endpoint{Builder: "farm", Node: "arm64", Platforms: ps, Options: options}
}

func compose(t *testing.T, e builder.Endpoint, s buildkitd.Settings) Node {
	t.Helper()
	opt, err := Parse(e.Options)
	if err != nil {
		t.Fatal(err)
	}
	s.Config, s.Flags = e.Config, e.Flags
	n, err := Compose(Input{Endpoint: e, Options: opt, Settings: s, Tool: "v1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// everything is all options that can be together.
var everything = map[string]string{
	"image": "registry.example/bk@sha256:" + strings.Repeat("a", 64), "namespace": "ci", "replicas": "3", "timeout": "5m", "loadbalance": "random",
	"requests.cpu": "500m", "requests.memory": "1Gi", "requests.ephemeral-storage": "2Gi", "limits.cpu": "2", "limits.memory": "4Gi",
	"nodeselector": "pool=build,disk=ssd", "annotations": "a=b", "labels": "team=x", "serviceaccount": "builder", "schedulername": "own",
	"tolerations":      "key=dedicated,operator=Equal,value=ci,effect=NoSchedule;operator=Exists,effect=NoExecute,tolerationSeconds=60",
	"imagepullsecrets": "one,two", "priorityclass": "high", "safe-to-evict": "true",
	"affinity":        `{"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}`,
	"topologyspread":  "- {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}",
	"securitycontext": "readOnlyRootFilesystem: false",
	"qemu.install":    "true", "qemu.image": "registry.example/binfmt:1", "qemu.limits.memory": "64Mi",
	"persistent-volume-claim.requests.storage": "10Gi", "storageclass": "fast", "env.TOKEN": "t", "default-load": "false",
}

func TestGolden(t *testing.T) {
	for name, n := range map[string]Node{
		"plain": compose(t, endpoint(t, "linux/arm64", nil), buildkitd.Settings{}),
		"everything": compose(t, builder.Endpoint{
			Builder: "farm", Node: "arm64", Options: everything, Flags: []string{"--debug"},
			Config: buildkitd.UserConfig{
				TOML:  []byte("[registry.\"r.example\"]\nca = [\"/etc/buildkit/user/certs/r.example/ca.pem\"]\n"),
				Files: map[string][]byte{"/etc/buildkit/user/certs/r.example/ca.pem": []byte("CA")},
			},
		}, buildkitd.Settings{
			Certs: buildkitd.Certs{"s.example": {"ca.crt": []byte("S")}}, Proxies: map[string]string{"HTTP_PROXY": "http://proxy:3128"},
			AddHosts: []string{"r.example:10.0.0.7"},
		}),
		"rootless": compose(t, endpoint(t, "linux/amd64,linux/386", map[string]string{
			"rootless": "true", "persistent-volume-claim.requests.storage": "5G", "network": "host",
		}), buildkitd.Settings{}),
		"memory": compose(t, endpoint(t, "linux/amd64,linux/arm64", map[string]string{"buildkit-root-volume-memory": "2Gi"}), buildkitd.Settings{}),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, n.JSON())
		})
	}
}

// golden compares objects with those in a file.
func golden(t *testing.T, name string, objects []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, objects, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("it differs from %s; -update writes it\n%s", file, got.String())
	}
}

func TestWhatIsWrongWithOptionsIsSaid(t *testing.T) {
	for options, want := range map[string]string{
		"replica=3":                            `unknown driver option "replica": did you mean "replicas"?`,
		"replicas=0":                           `driver option replicas: "0" is no number of pods, 1 or more`,
		"rootless=perhaps":                     `driver option rootless: "perhaps" is neither true nor false`,
		"timeout=fast":                         `driver option timeout: "fast" is no duration`,
		"loadbalance=best":                     `driver option loadbalance: "best" is neither sticky nor random`,
		"network=bridge":                       `driver option network: "bridge" is not possible`,
		"requests.cpu=many":                    `driver option requests.cpu: "many" is no amount such as 500m, 2 or 4Gi`,
		"requests.cpu=2|limits.cpu=1500m":      "driver options requests.cpu=2 and limits.cpu=1500m contradict each other",
		"requests.memory=1Gi|limits.memory=1G": "driver options requests.memory=1Gi and limits.memory=1G contradict each other",
		"qemu.limits.cpu=1":                    "driver options qemu.* have no effect without qemu.install=true",
		"qemu.install=true|qemu.requests.cpu=2|qemu.limits.cpu=1": "driver options qemu.requests.cpu=2 and qemu.limits.cpu=1 contradict each other",
		"storageclass=fast": "driver option storageclass has no effect without persistent-volume-claim.requests.storage",
		"persistent-volume-claim.requests.storage=1Gi|buildkit-root-volume-memory=1Gi": "contradict each other: the cache is on a volume, or in memory",
		"rootless=true|securitycontext=privileged: true":                               "driver options rootless=true and securitycontext contradict each other",
		"nodeselector=pool":                         `driver option nodeselector: "pool" is not of the form KEY=VALUE`,
		"labels=com.docker-multiarch/node=x":        "com.docker-multiarch/node is a name that docker multiarch uses itself",
		"tolerations=taint=x":                       `driver option tolerations: "taint" is none of key, operator, value`,
		"tolerations=key=a,operator=Exists,value=b": "the operator Exists has no value",
		"tolerations=tolerationSeconds=soon":        `tolerationSeconds: "soon" is no number`,
		"affinity=[]":                               "driver option affinity: it is no YAML or JSON of the right kind",
		"topologyspread={}":                         "driver option topologyspread: it is no YAML or JSON of the right kind",
		"affinity={":                                "driver option affinity: it is no YAML or JSON",
		"default-load=true":                         "driver option default-load: it is always false",
		"imagepullsecrets=,":                        "driver option imagepullsecrets: it names no secret",
		"image=":                                    `driver option image: "" is no name of an image`,
		"image=Bad:Image:Name":                      `driver option image: "Bad:Image:Name" is no name of an image`,
		"qemu.install=true|qemu.image=A b":          `driver option qemu.image: "A b" is no name of an image`,
		"namespace=Wrong_Name":                      `driver option namespace: "Wrong_Name" is no name of an object in a cluster`,
		"serviceaccount=-":                          `driver option serviceaccount: "-" is no name of an object in a cluster`,
		"imagepullsecrets=good,b@d":                 `driver option imagepullsecrets: "b@d" is no name of an object in a cluster`,
	} {
		given := map[string]string{}
		for word := range strings.SplitSeq(options, "|") {
			k, v, _ := strings.Cut(word, "=")
			given[k] = v
		}
		if _, err := Parse(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", options, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, e := range []builder.Endpoint{
		{Builder: "farm", Node: "arm64"},
		{Builder: "farm-arm64"},
		{Builder: "farm", Node: "Arm64"},
		{Builder: "a_b", Node: "c"},
		{Builder: "a.b", Node: "c"},
		{Builder: "a-b", Node: "c"},
		{Builder: "a", Node: "b-c"},
		{Builder: "___", Node: "x"},
		{Builder: strings.Repeat("x", 64), Node: strings.Repeat("y", 64)},
		{Builder: strings.Repeat("x", 64), Node: strings.Repeat("y", 63)},
		{},
	} {
		name := Name(e)
		if other, twice := seen[name]; twice {
			t.Errorf("%s and %s are both %s", e, other, name)
		}
		seen[name] = e.String()
		if len(name) > maxName || strings.Trim(name, "-abcdefghijklmnopqrstuvwxyz0123456789") != "" || strings.HasSuffix(name, "-") {
			t.Errorf("%s: %q is no name of a workload", e, name)
		}
	}
	if got := Name(builder.Endpoint{Builder: "farm", Node: "arm64"}); got != "multiarch-farm-arm64" {
		t.Errorf("got %s", got)
	}
}

func TestOnlyWhatTheNodeIsCountsAsAChange(t *testing.T) {
	plain := compose(t, endpoint(t, "linux/arm64", nil), buildkitd.Settings{})
	proxied := compose(t, endpoint(t, "linux/arm64", nil), buildkitd.Settings{Proxies: map[string]string{"https_proxy": "http://p:1"}})
	if plain.Hash != proxied.Hash || plain.ClientHash != "" || proxied.ClientHash == "" || plain.PodHash == proxied.PodHash {
		t.Errorf("a client's proxy: %+v, %+v", plain, proxied)
	}
	for option, value := range map[string]string{"replicas": "2", "image": "bk:2", "env.A": "b", "limits.cpu": "2", "priorityclass": "high"} {
		if changed := compose(t, endpoint(t, "linux/arm64", map[string]string{option: value}), buildkitd.Settings{}); changed.Hash == plain.Hash {
			t.Errorf("%s is no change", option)
		}
	}
	same := compose(t, endpoint(t, "linux/arm64", map[string]string{"timeout": "9m", "loadbalance": "random", "namespace": "n"}), buildkitd.Settings{})
	if same.Hash != plain.Hash {
		t.Error("options of this client alone are a change")
	}
}

func TestPodsAreWhereTheirPlatformsAreNative(t *testing.T) {
	for platforms, want := range map[string]string{
		"linux/arm64": "arm64", "linux/arm64,linux/arm/v7": "arm64", "linux/arm/v7": "arm", "linux/386": "amd64", "linux/amd64,linux/386": "amd64",
		"linux/amd64,linux/arm64": "", "": "",
	} {
		e := endpoint(t, platforms, nil)
		c := composer{Input: Input{Endpoint: e}}
		if got := c.nodeSelector(); got[optPlatform] != want || got[optOS] != "linux" {
			t.Errorf("%s: %v", platforms, got)
		}
	}
	emulating := composer{Input: Input{Endpoint: endpoint(t, "linux/arm64", nil), Options: Options{qemu: true}}}
	if got := emulating.nodeSelector(); got[optPlatform] != "" {
		t.Errorf("with emulators: %v", got)
	}
}

func TestMachinesAreChosenAsTheSchedulerDoes(t *testing.T) {
	o, err := Parse(map[string]string{"nodeselector": "pool=build", "tolerations": "key=ci,value=yes,effect=NoSchedule;key=any,operator=Exists"})
	if err != nil {
		t.Fatal(err)
	}
	for taint, want := range map[Taint]bool{
		{"ci", "yes", "NoSchedule"}: true, {"ci", "no", "NoSchedule"}: false, {"ci", "yes", "NoExecute"}: false, {"any", "x", "NoExecute"}: true,
		{"other", "", "NoSchedule"}: false, {"other", "", "PreferNoSchedule"}: true,
	} {
		if got := o.Tolerates(taint); got != want {
			t.Errorf("%s: %t", taint, got)
		}
	}
	if !o.Selects(map[string]string{"pool": "build", "x": "y"}) || o.Selects(map[string]string{"pool": "web"}) {
		t.Error("the node selector is not followed")
	}
}

func TestSizes(t *testing.T) {
	for _, pair := range [][2]string{{"1Gi", "1024Mi"}, {"1G", "1e9"}, {"500m", "0.5"}, {"2", "2000m"}, {"1E3", "1k"}} {
		if !SameSize(pair[0], pair[1]) {
			t.Errorf("%s is not %s", pair[0], pair[1])
		}
	}
	if SameSize("1Gi", "1G") || SameSize("x", "x") {
		t.Error("different sizes are the same")
	}
}
