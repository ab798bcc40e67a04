package address_test

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
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
		if got := address.NeedsHostNetwork("alpine", ref); got != want {
			t.Errorf("%q: %t", ref, got)
		}
	}
}
