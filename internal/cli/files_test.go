package cli

import "testing"

func TestStreamsHaveNamesOfTheirOwn(t *testing.T) {
	for name, want := range map[string]bool{
		"/dev/stdout": true, "/dev/fd/3": true, "/dev/./fd/3": true, "/proc/self/fd/1": true, "/proc/12/fd/1": true,
		"/dev/shm/x": false, "/dev/mqueue/x": false, "/dev/cdrom": false, "/proc/self/cwd": false, "fd/1": false, "dev/stdout": false,
	} {
		if got := isStream(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
