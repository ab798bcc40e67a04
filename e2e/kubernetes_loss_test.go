//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// awaits waits until a step of a build asks the gate.
func (g *gate) awaits(build *process) {
	build.s.Helper()
	select {
	case <-g.arrived:
	case <-build.done:
		build.s.Fatalf("the build has ended\n%s", build.err.String())
	}
}

// killed ends a program of the environment's cluster at once. again starts it as it was.
func (s *story) killed(name string) (again func()) {
	s.Helper()
	run := filepath.Join(filepath.Dir(need(s.T, "MULTIARCH_E2E_KUBERNETES")), "run")
	data, err := os.ReadFile(filepath.Join(run, name+".pid"))
	s.check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	s.check(err)
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	s.check(err)
	args := strings.Split(string(bytes.TrimRight(words, "\x00")), "\x00")
	s.check(syscall.Kill(pid, syscall.SIGKILL))
	running := false
	again = func() {
		if running {
			return
		}
		log, err := os.OpenFile(filepath.Join(run, name+".log"), os.O_APPEND|os.O_WRONLY, 0)
		s.check(err)
		defer log.Close()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, &syscall.SysProcAttr{Setsid: true}
		s.check(cmd.Start())
		running = true
		s.check(os.WriteFile(filepath.Join(run, name+".pid"), fmt.Append(nil, cmd.Process.Pid), 0o644))
		go func() { _ = cmd.Wait() }() // it outlives the story, most of the time
	}
	s.Cleanup(again)
	return again
}

// It is alone: the cluster is that of other stories.
func TestABuildGoesOnThroughTheFaultsOfItsCluster(t *testing.T) {
	s := onClusterAlone(t)
	s.mustPods("--node", "amd64", "--platform", "linux/amd64", "--bootstrap")
	pod := s.kubectl("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")
	g := s.gate()
	dir := s.dockerfile("FROM $BASE", "RUN head -c 16 /dev/urandom | base64 >/first", "RUN wget -q -O /dev/null "+g.URL+" && cp /first /passed")
	build := s.start(call{args: s.buildArgs("--platform", "linux/amd64", "-o", "out", dir)})
	g.awaits(build)

	s.killed("kube-apiserver")()
	g.awaits(build)
	s.contains("a restart of the API server", build.err.String(), `node "amd64" was lost during the build: pod/`+pod, "answers again; going on with linux/amd64: finished steps are in its cache")

	start := s.killed("kubelet-a")
	const away = "the kubelet of the cluster's node 127.0.0.11 does not answer"
	s.eventually("the build says that the kubelet is gone", func() bool { return strings.Contains(build.err.String(), away) || !build.left() })
	start()
	g.awaits(build)
	s.equal("how often the build went on with its cache", strings.Count(build.err.String(), "finished steps are in its cache"), 2)

	s.Cleanup(func() { s.kubectl("uncordon", "127.0.0.11") })
	s.kubectl("drain", "127.0.0.11", "--pod-selector=com.docker-multiarch/node", "--delete-emptydir-data", "--timeout=60s")
	s.eventually("the next pod finds no machine", func() bool {
		return s.kubectl("get", "pods", "-o", `jsonpath={.items[*].status.conditions[?(@.reason=="Unschedulable")].reason}`) == "Unschedulable"
	})
	s.kubectl("uncordon", "127.0.0.11")
	g.awaits(build)
	close(g.open)
	r := build.wait()
	s.equal("the status", r.code, 0)
	s.contains("a drained machine", r.err, "pod/"+pod+": the pod was evicted: EvictionByEvictionAPI", `node "amd64" answers again, but its cache is lost; building linux/amd64 from the first step on`)
	s.equal("the file of the build", len(s.read("out/passed")), 25)
	s.Logf("it took %s", r.took)
}

func TestAPodThatRunsOutOfMemoryIsNamedAndUsedAgain(t *testing.T) {
	s := onCluster(t)
	s.mustPods("--node", "amd64", "--platform", "linux/amd64", "--driver-opt", "limits.memory=256Mi")
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 1 {
			fmt.Fprint(w, "enough")
		}
	}))
	defer server.Close()
	dir := s.dockerfile("FROM $BASE", "RUN --mount=type=tmpfs,target=/mem [ -n \"$(wget -q -O - "+server.URL+")\" ] || head -c 300000000 /dev/zero >/mem/zeros")
	r := s.build("--platform", "linux/amd64", "-o", "out", dir)
	s.equal("the status", r.code, 0)
	s.contains("a pod without memory", r.err, "was lost during the build: pod/multiarch-", "its container ran out of memory; trying for", "answers again; going on with linux/amd64: finished steps are in its cache")
}
