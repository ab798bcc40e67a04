package graph

import (
	"testing"

	"github.com/moby/buildkit/solver/pb"
)

func TestSourcesThatMeanAnotherMachineOnEveryMachine(t *testing.T) {
	for where, want := range map[string]bool{
		"http://127.0.0.1:5899/secret":       true,
		"https://127.8.9.1/":                 true,
		"http://localhost":                   true,
		"http://LOCALHOST.:80/x":             true,
		"http://a.localhost/x":               true,
		"http://u:p@localhost/x":             true,
		"http://example.org@127.0.0.1/":      true,
		"http://[::1]:80/":                   true,
		"http://[::ffff:127.0.0.1]/":         true,
		"http://[::ffff:7f00:1]/":            true,
		"http://[::127.0.0.1]/":              true,
		"http://[fe80::1%25eth0]/":           true,
		"http://[::]/":                       true,
		"http://0.0.0.0:80":                  true,
		"http://0/":                          true,
		"http://2130706433/":                 true,
		"http://0x7f000001/":                 true,
		"http://0x7f.1/":                     true,
		"http://017700000001/":               true,
		"http://0177.0.0.1/":                 true,
		"http://127.1/":                      true,
		"http://127.0.1/":                    true,
		"http://169.254.169.254/latest/":     true,
		"http://2852039166/latest":           true,
		"http://[fd00:ec2::254]/":            true,
		"http://100.100.100.200/":            true,
		"http://168.63.129.16/":              true,
		"http://192.0.0.192/":                true,
		"http://[fd20:ce::254]/":             true,
		"http://[fd00:c1::a9fe:a9fe]/":       true,
		"http://[64:ff9b::a9fe:a9fe]/":       true,
		"http://[64:ff9b::101:101]/":         false,
		"http://metadata.google.internal/":   true,
		"http://127%2e0.0.1/":                true,
		"http://１２７.0.0.1/":                  true,
		"http://127。0。0。1/":                  true,
		"git://127.0.0.1:3000/r.git#main":    true,
		"http://127.0.0.1?x":                 true,
		`http://127.0.0.1\@example.org/`:     true,
		"http://example.org/":                false,
		"http://example.org/127.0.0.1":       false,
		"http://127.0.0.1.example.org/":      false,
		"http://localhost.example.org/":      false,
		"http://notlocalhost/":               false,
		"http://10.0.0.1/":                   false,
		"http://192.168.1.1/":                false,
		"http://100.100.100.201/":            false,
		"http://1.2.3.4.5/":                  false,
		"http://buildkit-session/upload":     false,
		"https://github.com/a/b.git":         false,
		"docker-image://localhost:5000/base": false, // registries are the command line's to name
		"local://context":                    false,
	} {
		if _, got := (Step{Kind: Source, Source: where}).Local(); got != want {
			t.Errorf("%s: %t", where, got)
		}
	}
	for full, want := range map[string]bool{"git@127.0.0.1:a/b": true, "ssh://git@localhost/a": true, "https://github.com/a/b": false, "git@github.com:a/b": false} {
		s := Step{Kind: Source, Source: "git://github.com/a/b", Attrs: map[string]string{pb.AttrFullRemoteURL: full}}
		if where, got := s.Local(); got != want || got && where != full {
			t.Errorf("%s: %q %t", full, where, got)
		}
	}
}

func FuzzLocal(f *testing.F) {
	f.Add("http://u@[::ffff:127.0.0.1%25a]:80/x#y")
	f.Add("git@0x7f.1:a")
	f.Fuzz(func(_ *testing.T, where string) {
		_, _ = Step{Kind: Source, Source: "git://x", Attrs: map[string]string{pb.AttrFullRemoteURL: where}}.Local()
		_, _ = Step{Kind: Source, Source: where}.Local()
	})
}
