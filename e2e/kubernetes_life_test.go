//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// gate is a server that steps of builds ask; each waits until it is let through.
type gate struct {
	*httptest.Server
	arrived chan string // the paths that are asked for
	open    chan struct{}
}

func (s *story) gate() *gate {
	s.Helper()
	g := &gate{arrived: make(chan string, 100), open: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g.arrived <- r.URL.Path
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
	}))
	s.Cleanup(g.CloseClientConnections)
	return g
}

// passes is a Dockerfile whose only step asks the gate, so that its build runs until the gate opens.
func (s *story) passes(g *gate, name string) string {
	s.Helper()
	return s.dockerfile("FROM $BASE", "RUN wget -q -O /dev/null "+g.URL+"/"+name+" && echo "+name+" >/passed")
}

var onNode = regexp.MustCompile(`on node "amd64\.(\d)"`)

func TestTenBuildsAtOnceSpreadOverThePodsAndSurviveTheLossOfOne(t *testing.T) {
	s := onClusterAlone(t)
	s.mustPods("--node", "amd64", "--platform", "linux/amd64", "--driver-opt", "replicas=3", "--driver-opt", "requests.cpu=100m", "--bootstrap") // pods without requests get next to no time on a busy machine
	s.kubectl("wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment", "--all", "--timeout=60s")
	g := s.gate()
	const builds = 10
	processes := make([]*process, builds)
	for i := range processes {
		dir, out := s.passes(g, fmt.Sprint(i)), fmt.Sprintf("out%d", i)
		processes[i] = s.start(call{args: s.buildArgs("--platform", "linux/amd64", "-o", out, "--progress", "plain", "--metadata-file", out+".json", dir)})
	}
	ended := make(chan *process, builds)
	for _, p := range processes {
		go func() { <-p.done; ended <- p }()
	}
	for range builds {
		select {
		case <-g.arrived:
		case p := <-ended:
			s.Fatalf("a build ended before its step: %s", p.wait().err)
		}
	}
	pods := strings.Fields(s.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}"))
	s.kubectl("delete", "pod", pods[0], "--grace-period=1", "--wait=false") // its builds are in the middle of a step
	s.eventually("the pod is gone", func() bool { return s.tryKubectl("", "get", "pod", pods[0]).code != 0 })
	close(g.open)
	on, lost := map[string]int{}, 0
	for i, p := range processes {
		r := p.wait()
		if r.code != 0 {
			s.Fatalf("build %d: status %d\n%s", i, r.code, r.err)
		}
		if m := onNode.FindStringSubmatch(r.err); m == nil {
			s.Errorf("build %d does not say where it is:\n%s", i, r.err)
		} else if on[m[1]]++; m[1] == "0" {
			lost++
			s.contains("a build that has lost its pod", r.err, `was lost during the build: pod/`+pods[0]+": the pod was deleted", "building it again on node")
			s.lacks("the node at the end", s.nodesOf(fmt.Sprintf("out%d.json", i)), "amd64.0")
		}
		s.equal("the file of a build", s.read(filepath.Join(fmt.Sprintf("out%d", i), "passed")), fmt.Sprintln(i))
	}
	s.Logf("builds by pod: %v", on)
	if len(on) != 3 || lost == 0 {
		s.Errorf("ten builds at once were on the pods %v", on)
	}
	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.equal("what is left in the cluster", s.ours(), "")
}

// volumes makes a number of volumes for claims of the cluster's default class.
func (s *story) volumes(n int) {
	s.Helper()
	root := filepath.Join(need(s.T, "MULTIARCH_E2E_KUBERNETES"), "volumes", s.builder)
	s.Cleanup(func() { _ = os.RemoveAll(root) })
	for i := range n {
		name := fmt.Sprintf("%s-%d", s.builder, i)
		s.check(os.MkdirAll(filepath.Join(root, name), 0o755))
		s.applied(fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolume, metadata: {name: %s}, spec: {capacity: {storage: 2Gi}, accessModes: [ReadWriteOnce],
  persistentVolumeReclaimPolicy: Retain, storageClassName: local, claimRef: {namespace: %q, name: state-multiarch-%s-vol-%d}, hostPath: {path: %s/%s}}}`,
			name, s.namespace, s.builder, i, root, name))
		s.Cleanup(func() { s.tryKubectl("", "delete", "persistentvolume", name, "--wait=false") })
	}
}

func TestAVolumeKeepsTheCacheThroughStopsAndChanges(t *testing.T) {
	s := onCluster(t)
	s.builder = "v" + random()
	s.volumes(1)
	s.write("bk.toml", "debug = true\n[registry.\"r.example\"]\nmirrors = [\"m.example\"]\n")
	create := func(words ...string) result {
		return s.pods(append([]string{"--node", "vol"}, words...)...)
	}
	made := create("--platform", "linux/amd64", "--buildkitd-config", filepath.Join(s.dir, "bk.toml"), "--driver-opt", "persistent-volume-claim.requests.storage=1Gi,env.NOTE=kept",
		"--driver-opt", "requests.cpu=10m,limits.memory=1Gi")
	s.equal("the status", made.code, 0)
	dir := s.dockerfile("FROM $BASE", "RUN head -c 16 /dev/urandom | base64 >/chance")
	chance := func() string {
		s.mustBuild("--platform", "linux/amd64", "-o", "out", dir)
		return s.read("out/chance")
	}
	first := chance()
	s.contains("the description", s.mustDocker("multiarch", "builder", "inspect", s.builder), "debug = true", "m.example", "state-multiarch-")
	var set struct {
		Items []struct {
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Resources struct{ Requests, Limits map[string]string }
							Env       []struct{ Name, Value string }
						}
					}
				}
			}
		}
	}
	s.check(json.Unmarshal([]byte(s.kubectl("get", "statefulsets", "-o", "json")), &set))
	container := set.Items[0].Spec.Template.Spec.Containers[0]
	s.equal("the requests", container.Resources.Requests, map[string]string{"cpu": "10m"})
	s.equal("the limits", container.Resources.Limits, map[string]string{"memory": "1Gi"})
	s.equal("the environment", container.Env, "[{NOTE kept}]")

	s.mustDocker("multiarch", "builder", "stop", s.builder)
	s.eventually("no pod runs", func() bool { return s.kubectl("get", "pods", "-o", "name") == "" })
	s.contains("the usage of a stopped builder", s.mustDocker("multiarch", "builder", "du", "--builder", s.builder), "Total:")
	s.equal("the result after a stop", chance(), first)

	s.equal("the status of a change", create("--driver-opt", "limits.memory=2Gi").code, 0)
	s.equal("the result after a change", chance(), first)
	s.equal("the changed limit", s.kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].resources.limits.memory}"), "2Gi")
	s.equal("the status of a change of size", create("--driver-opt", "persistent-volume-claim.requests.storage=2Gi").code, 0)
	r := s.build("--platform", "linux/amd64", "-o", "out", dir)
	s.equal("the status with another size", r.code, 1)
	s.contains("another size", r.err, "its volumes have 1Gi, and its definition wants 2Gi", "kubectl patch persistentvolumeclaim", "builder rm")
	s.equal("the status of the way back", create("--driver-opt", "persistent-volume-claim.requests.storage=1Gi").code, 0)

	s.mustDocker("multiarch", "builder", "rm", "--keep-state", s.builder)
	s.contains("what is left with --keep-state", s.ours(), "persistentvolumeclaim/state-")
	s.lacks("what is left with --keep-state", s.ours(), "statefulset", "pod/", "configmap")
	s.equal("the status", create("--platform", "linux/amd64", "--driver-opt", "persistent-volume-claim.requests.storage=1Gi").code, 0)
	s.equal("the result of the next builder of the name", chance(), first)
	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.equal("what is left in the cluster", s.ours(), "")
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestTheRightsInTheDocumentationSuffice(t *testing.T) {
	s := onCluster(t)
	page, err := os.ReadFile("../docs/kubernetes.md")
	s.check(err)
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		s.Fatalf("docs/kubernetes.md has %d roles", len(blocks))
	}
	s.applied(blocks[0][1])
	s.kubectl("create", "serviceaccount", "ci")
	s.kubectl("create", "rolebinding", "ci", "--role=docker-multiarch", "--serviceaccount="+s.namespace+":ci")
	token := s.kubectl("create", "token", "ci")
	for _, words := range [][]string{{"set-credentials", "ci", "--token=" + token}, {"set-context", "--current", "--user=ci"}} {
		s.kubectl(append([]string{"config"}, words...)...)
	}
	s.refused(s.pods(), 1, "this user may not list the cluster's nodes", `User "system:serviceaccount:`+s.namespace+`:ci" cannot list resource "nodes"`, "--platform")
	s.mustPods("--platform", "linux/amd64")
	repo := s.repo()
	s.mustBuild("--platform", "linux/amd64", "--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN echo yes >/done"))
	s.contains("the doctor", s.docker("multiarch", "doctor", "--builder", s.builder).out, "this user has the rights that builds need", "this user may not look at the cluster's nodes")
	s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), "running")

	test := call{env: []string{withoutEngine}, args: s.buildArgs("--platform", "linux/amd64", "--push", "-t", repo, "--test", "cat /done", s.dockerfile("FROM $BASE", "RUN echo yes >/done"))}
	s.refused(s.run(test), 1, "this user may not run images in pods of ", "create networkpolicies", "docs/kubernetes.md")
	r := s.run(call{env: test.env, args: []string{"multiarch", "doctor", "--builder", s.builder}})
	s.contains("the doctor", r.out, "so images cannot be tested: no engine answers")
	admin := []string{"--kubeconfig", testenv.Setting("MULTIARCH_E2E_KUBECONFIG"), "--namespace", s.namespace}
	s.check(os.WriteFile(filepath.Join(s.dir, "tests-role.yaml"), []byte(blocks[1][1]), 0o600))
	s.kubectl(append(admin, "apply", "--server-side", "-f", "tests-role.yaml")...)
	s.kubectl(append(admin, "create", "rolebinding", "tests", "--role=docker-multiarch-tests", "--serviceaccount="+s.namespace+":ci")...)
	s.mustRun(test)
	s.equal("what is left of the test", s.kubectl(append(admin, "get", "pods,networkpolicies,secrets", "-l", "com.docker-multiarch/program", "-o", "name")...), "")
	s.mustDocker("multiarch", "builder", "stop", s.builder)

	s.kubectl(append(admin, "patch", "role", "docker-multiarch", "--type=json", "-p", `[{"op": "remove", "path": "/rules/4"}]`)...) // pods/exec
	r = s.build("--platform", "linux/amd64", "-o", "out", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
	s.equal("the status without exec", r.code, 1)
	s.contains("a refused exec", r.err, "cannot connect to pod/multiarch-", `cannot create resource "pods/exec"`, "docs/kubernetes.md")
	s.contains("the doctor", s.docker("multiarch", "doctor", "--builder", s.builder).out, "this user may not get pods/exec, create pods/exec")
	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.equal("what is left in the cluster", s.kubectl(append(admin, "get", "deployments,pods,configmaps,secrets", "-l", "com.docker-multiarch/node", "-o", "name")...), "")
}

func TestARootlessPodBuildsWithAConfiguration(t *testing.T) {
	s := onCluster(t)
	s.write("bk.toml", "debug = true\n")
	s.mustPods("--platform", "linux/amd64", "--driver-opt", "rootless=true,limits.memory=1Gi", "--buildkitd-config", filepath.Join(s.dir, "bk.toml"))
	repo := s.repo()
	s.mustBuild("--platform", "linux/amd64", "--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN id -u >/user && cat /proc/self/uid_map >/map"))
	s.equal("the user of a step", s.fileOf(repo, "latest", "", "user"), "0")
	if m := strings.Fields(s.fileOf(repo, "latest", "", "map")); len(m) < 3 || m[1] == "0" {
		s.Errorf("root of a step is root of the machine: %v", m)
	}
	s.equal("privileged containers", s.kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].securityContext.privileged}"), "")
	s.contains("the description", s.mustDocker("multiarch", "builder", "inspect", s.builder), "debug = true", "-rootless")
	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.equal("what is left in the cluster", s.ours(), "")
}
