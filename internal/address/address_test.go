package address_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

func TestHostsAreReadAsResolversReadThem(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"10.1": "10.0.0.1", "0x7f.1": "127.0.0.1", "017700000001": "127.0.0.1", "4294967295": "255.255.255.255", "1.2.3.4.": "1.2.3.4",
		"::1": "::1", "::": "::", "fe80::1%eth0": "fe80::1", "::ffff:1.2.3.4": "1.2.3.4", "::1.2.3.4": "1.2.3.4", "64:ff9b::102:304": "1.2.3.4",
		"2002:102:304::5": "1.2.3.4", "fd00::1": "fd00::1",
		"4294967296": "", "256.1.1.1": "", "1.2.3.4.5": "", "1..2": "", "reg.example": "", "": "", "1.2.65536": "", "08.1": "",
	} {
		addr, ok := address.FromHost(host)
		if got := addr.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s, %v", host, got, ok)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"169.254.169.254": true, "fe80::1%eth0": true, "::ffff:169.254.1.2": true, "64:ff9b::a9fe:a9fe": true, "2002:a83f:8110::": true,
		"100.100.100.200": true, "168.63.129.16": true, "fd00:ec2::254": true, "192.0.0.192": true,
		"100.100.100.201": false, "127.0.0.1": false, "::1": false, "10.0.0.1": false, "fd00::1": false,
	} {
		if got := address.IsMetadata(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestIsLoopbackIsByNameAndAddress(t *testing.T) {
	t.Parallel()
	want := map[string]bool{
		"localhost": true, "localhost:5000": true, "LOCALHOST:5000": true, "127.0.0.1:5000": true, "127.8.9.1": true, "[::1]:5000": true, "[::1]": true,
		"docker.io": false, "localhost.example:5000": false, "10.0.0.1:5000": false, "registry": false, "[2001:db8::1]:5000": false,
	}
	got := map[string]bool{}
	for host := range want {
		got[host] = address.IsLoopback(host)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIsSocket(t *testing.T) {
	for text, want := range map[string]bool{
		"unix:///run/buildkit/buildkitd.sock": true, "npipe:////./pipe/docker_engine": true,
		"tcp://127.0.0.1:1234": false, "ssh://localhost": false, "docker-container://bk": false, "kube-pod://bk": false, "": false,
	} {
		if got := address.IsSocket(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
