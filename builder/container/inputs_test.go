package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

func TestNeedsHostNetwork(t *testing.T) {
	for ref, want := range map[string]bool{
		"localhost:5000/app:1":                true,
		"127.0.0.1:5000/app":                  true,
		"127.1.2.3:80/team/app":               true,
		"[::1]:5000/app":                      true,
		"localhost/app":                       true,
		"localhost:5000":                      true,
		"127.0.0.1:5000":                      true,
		"docker.io/library/busybox":           false,
		"busybox":                             false,
		"user/localhost":                      false,
		"ghcr.io/me/app":                      false,
		"192.168.1.2:5000/app":                false,
		"localhost.example.com:5000/app":      false,
		"":                                    false,
		"localhost:5000/App With Bad Letters": true,
	} {
		if got := NeedsHostNetwork("alpine", ref); got != want {
			t.Errorf("%q: %t", ref, got)
		}
	}
}

func TestParseOptions(t *testing.T) {
	got, err := ParseOptions("network=host,memory=4g", `"env.NO_PROXY=a,b",cpu-quota=50`, "memory=2g", "")
	if err != nil {
		t.Fatal(err)
	}
	want := Options{"network": "host", "memory": "2g", "env.NO_PROXY": "a,b", "cpu-quota": "50"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"memori=4g":                   `unknown driver option "memori": known are allow-untrusted-image, cgroup-parent, cpu-period`,
		"default-load=true":           `driver option "default-load": invalid value "true": it is always false: a build with --load`,
		"allow-untrusted-image=false": "it is always true",
		"env.=x":                      `unknown driver option "env."`,
		"memory=lots":                 `driver option "memory": invalid value "lots": not a size such as 512m or 4g`,
		"cpu-shares=1.5":              `not a whole number`,
		"restart-policy=never":        `not one of no, always, unless-stopped, on-failure[:<count>]`,
		"restart-policy=no:3":         `not one of`,
		"restart-policy=on-failure:x": `"x" is not a number of attempts`,
		"network":                     `driver option "network" is not of the form key=value`,
		`"network=host`:               `driver option`,
	} {
		if _, err := ParseOptions(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

func TestOptionsReachTheContainer(t *testing.T) {
	o, err := ParseOptions("memory=1k,memory-swap=-1,cpu-quota=1,cpu-period=2,cpu-shares=3,cpuset-cpus=0-1,cpuset-mems=0,cgroup-parent=/x,restart-policy=on-failure:4,env.A=b")
	if err != nil {
		t.Fatal(err)
	}
	var c container.Config
	var h container.HostConfig
	if err := o.apply(&c, &h); err != nil {
		t.Fatal(err)
	}
	want := container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 4}}
	want.Memory, want.MemorySwap, want.CPUQuota, want.CPUPeriod, want.CPUShares = 1024, -1, 1, 2, 3
	want.CpusetCpus, want.CpusetMems, want.CgroupParent = "0-1", "0", "/x"
	if d := cmp.Diff(want, h); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"A=b"}, c.Env); d != "" {
		t.Error(d)
	}
}

func TestAWantedNetworkOrImageMayBeAnOption(t *testing.T) {
	w := wanted(Spec{Network: "host", Options: Options{"network": "mine", "image": "i", "memory": "1g"}}, engine.Info{})
	if w.Network != "mine" || w.Image != "i" || len(w.Options) != 1 {
		t.Errorf("got %+v", w)
	}
}

func TestProxyEnv(t *testing.T) {
	for name, c := range map[string]struct {
		user map[string]string
		info engine.Info
		want map[string]string
	}{
		"none":                         {},
		"only exceptions are no proxy": {user: map[string]string{"no_proxy": "x"}},
		"the engine's": {
			info: engine.Info{HTTPProxy: "http://e", NoProxy: "corp"},
			want: map[string]string{
				"HTTP_PROXY": "http://e", "http_proxy": "http://e",
				"NO_PROXY": "corp,localhost,127.0.0.1,::1", "no_proxy": "corp,localhost,127.0.0.1,::1",
			},
		},
		"the user's before the engine's": {
			user: map[string]string{"http_proxy": "http://u", "NO_PROXY": "localhost", "OTHER": "x"},
			info: engine.Info{HTTPProxy: "http://e"},
			want: map[string]string{
				"HTTP_PROXY": "http://u", "http_proxy": "http://u",
				"NO_PROXY": "localhost,127.0.0.1,::1", "no_proxy": "localhost,127.0.0.1,::1",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, proxyEnv(c.user, c.info)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMaskProxyHidesPasswords(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"http://proxy:3128":       "http://proxy:3128",
		"http://u:secret@proxy":   "http://u:xxxxx@proxy",
		"http://u:se%zzcret@host": "http://u:xxxxx@host",
		"u:secret@proxy:3128":     "u:xxxxx@proxy:3128",
		"http://u:se/c@ret@host":  "http://u:xxxxx@host",
		"http://u@proxy:3128":     "http://u@proxy:3128",
		"localhost,127.0.0.1,::1": "localhost,127.0.0.1,::1",
	} {
		if got := MaskProxy(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoadCertsTakesTheLaterDirectorysFiles(t *testing.T) {
	system, home := t.TempDir(), t.TempDir()
	write(t, filepath.Join(system, "r:5000", "ca.crt"), "system")
	write(t, filepath.Join(system, "r:5000", "client.key"), "key")
	write(t, filepath.Join(system, "r:5000", "README"), "no certificate")
	write(t, filepath.Join(system, "stray.crt"), "not in a registry's directory")
	write(t, filepath.Join(home, "r:5000", "ca.crt"), "home")
	write(t, filepath.Join(home, "other", "x.cert"), "x")

	got, notes, err := LoadCerts(system, home, filepath.Join(home, "none"))
	if err != nil || notes != nil {
		t.Fatal(notes, err)
	}
	want := Certs{
		"r:5000": {"ca.crt": []byte("home"), "client.key": []byte("key")},
		"other":  {"x.cert": []byte("x")},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadCertsRefusesAFileThatIsNoCertificate(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "r", "ca.crt"), strings.Repeat("x", maxCertFile+1))
	if _, _, err := LoadCerts(dir); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestLoadConfigTakesItsFilesAlong(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ca.pem"), "CA")
	write(t, filepath.Join(dir, "k", "key.pem"), "K")
	write(t, filepath.Join(dir, "cert.pem"), "C")
	file := filepath.Join(dir, "buildkitd.toml")
	write(t, file, `debug = true
[registry."r:1"]
ca = ["ca.pem"]
insecre = true
[[registry."r:1".keypair]]
key = "k/key.pem"
cert = "`+filepath.ToSlash(filepath.Join(dir, "cert.pem"))+`"
`)
	got, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	want := UserConfig{
		TOML: []byte(`debug = true

[registry]
[registry.'r:1']
ca = ['/etc/buildkit/user/certs/r_1/ca.pem']
insecre = true

[[registry.'r:1'.keypair]]
cert = '/etc/buildkit/user/certs/r_1/cert.pem'
key = '/etc/buildkit/user/certs/r_1/key.pem'
`),
		Files: map[string][]byte{
			"/etc/buildkit/user/certs/r_1/ca.pem":   []byte("CA"),
			"/etc/buildkit/user/certs/r_1/key.pem":  []byte("K"),
			"/etc/buildkit/user/certs/r_1/cert.pem": []byte("C"),
		},
		Notes: []string{file + `: BuildKit may not know the key "insecre" of registry "r:1"; it knows mirrors, http, insecure, ca, keypair, tlsconfigdir`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	for name, c := range map[string]struct{ toml, want string }{
		"bad TOML":       {"debug = \n", "line 1"},
		"a missing file": {"[registry.r]\nca = [\"nowhere.pem\"]\n", `registry "r"`},
		"a bad list":     {"[registry.r]\nca = [1]\n", "ca is not a list of file names"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "b.toml")
			write(t, file, c.toml)
			if _, err := LoadConfig(file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is accepted")
	}
}

func TestStackTracesAreLeftOutOfLogs(t *testing.T) {
	log := "level=info msg=hello\nbuildkitd: invalid network mode: \"x\"\n1234 v0.33.1\nmain.main\n\t/src/main.go:12\nruntime.goexit\n\t/src/asm.s:1\n"
	got := withoutTraces(strings.Split(log, "\n"))
	want := []string{"level=info msg=hello", `buildkitd: invalid network mode: "x"`, "1234 v0.33.1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"default": true, "a.b-c_1": true, "": false, "-x": false, "a/b": false, "a b": false, strings.Repeat("x", 65): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOfAWrongFlagTheComplaintIsKeptOnly(t *testing.T) {
	log := "Incorrect Usage: flag provided but not defined: -x\n\nNAME:\n   buildkitd - build daemon\n   --help, -h  show help\n"
	if got := withoutManual(strings.Split(log, "\n")); len(got) != 1 || !strings.Contains(got[0], "not defined: -x") {
		t.Errorf("%q", got)
	}
	if got := withoutManual([]string{"a", "b"}); len(got) != 2 {
		t.Errorf("%q", got)
	}
}
