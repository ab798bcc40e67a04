package buildkitd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProxyEnv(t *testing.T) {
	for name, c := range map[string]struct {
		user   map[string]string
		engine map[string]string
		want   map[string]string
	}{
		"none":                         {},
		"only exceptions are no proxy": {user: map[string]string{"no_proxy": "x"}},
		"the engine's": {
			engine: map[string]string{"HTTP_PROXY": "http://e", "NO_PROXY": "corp", "HTTPS_PROXY": ""},
			want: map[string]string{
				"HTTP_PROXY": "http://e", "http_proxy": "http://e",
				"NO_PROXY": "corp,localhost,127.0.0.1,::1", "no_proxy": "corp,localhost,127.0.0.1,::1",
			},
		},
		"the user's before the engine's": {
			user:   map[string]string{"http_proxy": "http://u", "NO_PROXY": "localhost", "OTHER": "x"},
			engine: map[string]string{"HTTP_PROXY": "http://e"},
			want: map[string]string{
				"HTTP_PROXY": "http://u", "http_proxy": "http://u",
				"NO_PROXY": "localhost,127.0.0.1,::1", "no_proxy": "localhost,127.0.0.1,::1",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, ProxyEnv(c.user, c.engine)); d != "" {
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
	write(t, filepath.Join(dir, "r", "ca.crt"), strings.Repeat("x", MaxFile+1))
	if _, _, err := LoadCerts(dir); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestLoadConfigTakesItsFilesAlong(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ca.pem"), "CA")
	write(t, filepath.Join(dir, "k", "key.pem"), "K")
	write(t, filepath.Join(dir, "cert.pem"), "C")
	file := filepath.Join(dir, "toml")
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

func TestParseFlags(t *testing.T) {
	got, err := ParseFlags(`--debug --oci-worker-labels 'a=b c'`)
	if d := cmp.Diff([]string{"--debug", "--oci-worker-labels", "a=b c"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, bad := range []string{"--config /x", "--root=/x", "--addr tcp://:1", "debug", `--x "`} {
		if _, err := ParseFlags(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestEntitlementsOfTheUsersDoNotTakeTheHostsNetworkAway(t *testing.T) {
	host := flagEntitlement + "=network.host"
	for _, tt := range []struct{ flags, want []string }{
		{nil, nil},
		{[]string{"--debug"}, []string{"--debug"}},
		{[]string{flagEntitlement + "=security.insecure"}, []string{flagEntitlement + "=security.insecure", host}},
		{[]string{flagEntitlement, "security.insecure"}, []string{flagEntitlement, "security.insecure", host}},
		{[]string{flagEntitlement, "security.insecure", flagEntitlement, "network.host"}, []string{flagEntitlement, "security.insecure", flagEntitlement, "network.host"}},
	} {
		if d := cmp.Diff(tt.want, DaemonFlags(tt.flags)); d != "" {
			t.Errorf("%q: %s", tt.flags, d)
		}
	}
}
