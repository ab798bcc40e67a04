//go:build e2e

// Package e2e holds the promises of docker multiarch as stories: each test is an obligation, named as one, and runs on both kinds
// of engine (one that keeps images in the classic store, one that keeps them in containerd's).
//
// A story runs the docker CLI with the plugin, as a user does, with a HOME and a DOCKER_CONFIG of its own, and then checks the
// registry, the engine and its folder. It checks the program's output only where the output is the promise.
//
// The addresses of the engines, the registry and the rest are read from the environment variables MULTIARCH_E2E_*, else from the
// file that e2e/env/up.sh leaves. A story that lacks something is skipped with the reason; with MULTIARCH_E2E_REQUIRED=1 it
// fails.
//
// Most stories of a run share a builder on each engine. Those that change a builder have one of their own, those that kill or fill an engine
// have an engine of their own, and those that remove the kernel's emulators run before all others.
package e2e

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// TestMain sets these before any story.
var (
	pluginFile    string // the plugin, built from this working copy as the Makefile does
	sharedBuilder string // name of the builder that most stories use
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "multiarch-e2e-")
	if err == nil {
		pluginFile, err = buildPlugin(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sharedBuilder = "e2e-" + random()
	for _, kind := range engineKinds {
		makeShared(testenv.Setting(kind.variable), dir)
	}
	// Stories wait for engines more than they compute.
	_ = flag.Set("test.parallel", "4") // the flag exists
	code := m.Run()
	stopBareNodes()
	for _, kind := range engineKinds {
		removeBuilder(testenv.Setting(kind.variable), sharedBuilder)
	}
	_ = os.RemoveAll(dir) // a left-over temporary folder is not a failure
	os.Exit(code)
}

func buildPlugin(dir string) (string, error) {
	file := filepath.Join(dir, "docker-multiarch")
	out, err := exec.Command("go", "build", "-tags", "grpcnotrace", "-o", file, "../cmd/docker-multiarch").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("the plugin does not build: %w\n%s", err, out)
	}
	return file, nil
}

// makeShared makes the builder that most stories use. The base images of stories are in a registry on loopback, and a Dockerfile
// that names one cannot put a builder on the host's network by itself.
func makeShared(host, dir string) {
	if host == "" {
		return
	}
	cmd := exec.Command(pluginFile, "builder", "create", "--name", sharedBuilder, "--driver-opt", "network=host")
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+host, "DOCKER_CONFIG="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the builder of the stories at %s: %v\n%s", host, err, out) // the stories will report it
	}
}

// removeBuilder uses the engine's own means, so that it works also when ours do not.
func removeBuilder(host, name string) {
	if host == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	label := "label=com.docker-multiarch.builder=" + name
	out, _ := exec.CommandContext(ctx, "docker", "-H", host, "ps", "-aq", "--filter", label).Output()
	for _, id := range strings.Fields(string(out)) {
		_ = exec.CommandContext(ctx, "docker", "-H", host, "rm", "-f", id).Run() // best effort, here and below
	}
	_ = exec.CommandContext(ctx, "docker", "-H", host, "volume", "rm", "-f", volumeOf(containerOf(name)), volumeOf(hostContainerOf(name))).Run()
}

func containerOf(builder string) string { return "docker-multiarch-" + builder + "-0" }

// hostContainerOf returns the builder's container for builds that ask for the host's network, as those that push to a registry on
// loopback do.
func hostContainerOf(builder string) string { return containerOf(builder) + "-host" }

func volumeOf(container string) string { return container + "-state" }

// need returns a setting that the story requires.
func need(t *testing.T, name string) string {
	t.Helper()
	value := testenv.Setting(name)
	if value == "" {
		testenv.SkipBecause(t, name+" is not set: bring the environment up with e2e/env/up.sh")
	}
	return value
}

func random() string { return strings.ToLower(rand.Text()[:8]) }
