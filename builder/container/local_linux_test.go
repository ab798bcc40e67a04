package container

import (
	"os"
	"strings"
	"testing"
)

func TestTheShortcutIsNotTakenToAnotherProcess(t *testing.T) {
	_, err := dialLocal(t.Context(), strings.Repeat("ab", 32), os.Getpid())
	if err == nil || !strings.Contains(err.Error(), "is not container abababababab") {
		t.Errorf("got %v", err)
	}
	if lockedLocally(strings.Repeat("ab", 32), os.Getpid()) {
		t.Error("it counts as in use")
	}
	if onThisKernel(strings.Repeat("ab", 32), os.Getpid()) {
		t.Error("it counts as near")
	}
}

func TestTheShortcutIsForEnginesOfThisMachineOnly(t *testing.T) {
	for _, host := range []string{"tcp://10.0.0.1:2376", "http://docker.example.com", "npipe:////./pipe/docker_engine", ""} {
		if localEngine(host) {
			t.Errorf("it would be tried for %q", host)
		}
	}
}
