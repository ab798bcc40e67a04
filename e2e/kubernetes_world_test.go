//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// onCluster is a story on the cluster of the environment, in a namespace and with a builder of its own. Its cluster has two nodes, of which
// the second counts as arm64.
func onCluster(t *testing.T) *story {
	t.Helper()
	t.Parallel()
	return onClusterAlone(t)
}

// onClusterAlone is onCluster while no other story runs: pods are the first to get no time on a busy machine.
func onClusterAlone(t *testing.T) *story {
	t.Helper()
	s := newStory(t, "MULTIARCH_E2E_CLASSIC")
	s.joinCluster()
	return s
}

// joinCluster gives the story a kubeconfig and a namespace. Everything in it goes with the story.
func (s *story) joinCluster() {
	s.Helper()
	if testenv.Setting("MULTIARCH_E2E_KUBERNETES") == "none" {
		s.Skip("the environment of a machine that has an engine of its own has no cluster")
	}
	admin, program := need(s.T, "MULTIARCH_E2E_KUBECONFIG"), need(s.T, "MULTIARCH_E2E_KUBECTL")
	s.builder = "e2e-" + random()
	s.namespace = s.builder
	kubeconfig := filepath.Join(s.home, "kubeconfig")
	data, err := os.ReadFile(admin)
	s.check(err)
	s.check(os.WriteFile(kubeconfig, data, 0o600))
	s.env = append(s.env, "PATH="+program+":"+os.Getenv("PATH"), "KUBECONFIG="+kubeconfig)
	s.kubectl("create", "namespace", s.namespace)
	name := s.namespace
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(program, "kubectl"), "--kubeconfig", admin, "delete", "namespace", name, "--wait=false")
		if out, err := cmd.CombinedOutput(); err != nil {
			s.Logf("the namespace stays: %v\n%s", err, out)
		}
	})
	s.kubectl("config", "set-context", "--current", "--namespace", s.namespace)
}

// kubectl runs kubectl, which has to succeed, as the story's user.
func (s *story) kubectl(args ...string) string {
	s.Helper()
	r := s.tryKubectl("", args...)
	if r.code != 0 {
		s.Fatalf("kubectl %s: status %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return strings.TrimSpace(r.out)
}

func (s *story) tryKubectl(input string, args ...string) result {
	s.Helper()
	return s.startProgram(filepath.Join(need(s.T, "MULTIARCH_E2E_KUBECTL"), "kubectl"), call{args: args, stdin: strings.NewReader(input)}).wait()
}

// applied makes objects in the story's namespace.
func (s *story) applied(yaml string) {
	s.Helper()
	if r := s.tryKubectl(yaml, "apply", "--server-side", "-f", "-"); r.code != 0 {
		s.Fatalf("kubectl apply: %s", r.err)
	}
}

// pods is a builder in the cluster: without words about nodes, one of each architecture. Registries of stories are on loopback.
func (s *story) pods(words ...string) result {
	s.Helper()
	return s.docker(append([]string{"multiarch", "builder", "create", "--name", s.builder, "--driver", "kubernetes", "--driver-opt", "network=host"}, words...)...)
}

func (s *story) mustPods(words ...string) result {
	s.Helper()
	r := s.pods(words...)
	if r.code != 0 {
		s.Fatalf("builder create: status %d\n%s", r.code, r.err)
	}
	return r
}

// ours lists everything in the namespace that the builder has made.
func (s *story) ours() string {
	s.Helper()
	return s.kubectl("get", "deployments,statefulsets,replicasets,pods,configmaps,secrets,persistentvolumeclaims", "-l", "com.docker-multiarch/node", "-o", "name")
}
