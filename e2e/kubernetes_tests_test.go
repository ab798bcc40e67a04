//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// withoutEngine makes a client one that has no engine.
const withoutEngine = "DOCKER_HOST=unix:///nowhere.sock"

// programs lists everything in the namespace that was made for tests.
func (s *story) programs() string {
	s.Helper()
	return s.kubectl("get", "pods,networkpolicies,secrets", "-l", "com.docker-multiarch/program", "-o", "name")
}

// runsTest waits until the pod of a build's test runs, and returns its name.
func (s *story) runsTest(build *process) (pod string) {
	s.Helper()
	s.eventually("the test runs", func() bool {
		pod = s.kubectl("get", "pods", "-l", "com.docker-multiarch/program", "--field-selector", "status.phase=Running", "-o", "name")
		return pod != "" || !build.left()
	})
	if pod == "" {
		s.Fatalf("the build has ended\n%s", build.err.String())
	}
	return pod
}

func TestWithoutAnEngineImagesAreTestedInPods(t *testing.T) {
	s := onCluster(t)
	s.emulatesArm()
	s.mustPods()
	s.env = append(s.env, withoutEngine)
	repo := s.repo()
	dir := s.dockerfile("FROM $BASE", "RUN echo "+random()+" >/word")
	s.write("tests.yaml", `
- {name: machine, platforms: linux/arm64, command: [uname, -m], stdout: {equals: aarch64}}
- {name: machine, platforms: linux/amd64, command: [uname, -m], stdout: {equals: x86_64}}
- {name: input, platforms: linux/amd64, command: [sh, -c, 'cat; echo $WORD $(id -u) $PWD >&2; exit 3'], env: {WORD: here}, user: "1000", workdir: /tmp,
   stdin: "said\n", exit: 3, stdout: {contains: [said, here 1000 /tmp]}}
`)
	r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":v1", "--test-file", "tests.yaml", dir)
	s.contains("what is said about the place", r.err, "no engine answers here, so the tests run in pods, in ",
		"up to the cluster's network plugin", "the number of their processes is that of any pod")
	s.equal("the platforms", s.remote(repo, "v1").platforms(), two)
	s.equal("what is left of the tests", s.programs(), "")

	before := s.remote(repo, "v1").digest
	r = s.build("--platform", twoPlatforms, "--push", "-t", repo+":v1", "--test", "linux/arm64:sh -c 'echo wrong >&2; exit 7'", "--test", "linux/amd64:true", s.dockerfile("FROM $BASE", "RUN echo "+random()))
	s.equal("the status of a build whose test fails", r.code, 1)
	s.contains("a test that fails", r.err, "wrong", `exit status 7, expected 0`)
	s.equal("the tag after a test that failed", s.remote(repo, "v1").digest, before)

	r = s.build("--platform", "linux/amd64", "--push", "-t", repo+":v1", "--test", "none", "--test-file", s.limits(), dir)
	s.equal("the status of a build whose tests pass their limits", r.code, 1)
	s.contains("the limits", r.err, `test "slow": it did not end within 2s`, `test "large": the kernel killed it, since it used more than 32MiB of memory`, `test "none": the cluster could not start it: `)
	s.equal("what is left of the tests", s.programs(), "")
	s.refused(s.build("--platform", "linux/amd64", "-o", "type=oci,dest=x.tar", "--test", "true", dir), 1, "which pulls images from a registry", "add --push")
}

// limits is a file of tests that do not keep to their limits.
func (s *story) limits() string {
	s.Helper()
	s.write("limits.yaml", `
- {name: slow, command: [sleep, "60"], timeout: 2s}
- {name: large, command: [sh, -c, 'head -c 200000000 /dev/zero | tail'], memory: 32m}
`)
	return "limits.yaml"
}

func TestATestInAPodHasAPolicyAndIsRemovedByAnInterrupt(t *testing.T) {
	s := onCluster(t)
	s.mustPods("--platform", "linux/amd64")
	s.env = append(s.env, withoutEngine)
	repo := s.repo()
	dir := s.dockerfile("FROM $BASE", "RUN echo "+random())
	build := s.start(call{args: s.buildArgs("--platform", "linux/amd64", "--push", "-t", repo, "--test", "sleep 50", dir)})
	pod := s.runsTest(build)
	name := strings.TrimPrefix(pod, "pod/")
	s.contains("what was made for the test", s.programs(), "networkpolicy.networking.k8s.io/"+name)
	s.equal("the policy", s.kubectl("get", "networkpolicy", name, "-o", "jsonpath={.spec.podSelector.matchLabels} {.spec.policyTypes} {.spec.ingress}{.spec.egress}"),
		fmt.Sprintf(`{"com.docker-multiarch/program":%q} ["Ingress","Egress"]`, name))
	s.contains("the image of the test", s.kubectl("get", pod, "-o", "jsonpath={.spec.containers[0].image}"), repo+"@sha256:")
	s.equal("the memory of the test", s.kubectl("get", pod, "-o", "jsonpath={.spec.containers[0].resources.limits}"), `{"memory":"1073741824"}`)
	build.signal(syscall.SIGINT)
	r := build.wait()
	s.equal("the status of a build that is interrupted", r.code, 130)
	s.equal("what is left of the test", s.programs(), "")
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
}

func TestAPodOfTheClusterBuildsWithItsServiceAccount(t *testing.T) {
	s := onCluster(t)
	page, err := os.ReadFile("../docs/kubernetes.md")
	s.check(err)
	s.applied(yamlBlock.FindAllStringSubmatch(string(page), -1)[0][1])
	s.kubectl("create", "serviceaccount", "ci")
	s.kubectl("create", "rolebinding", "ci", "--role=docker-multiarch", "--serviceaccount="+s.namespace+":ci")
	repo := s.repo()
	programs := s.folder(files{"context/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	kubectl, err := filepath.EvalSymlinks(filepath.Join(need(s.T, "MULTIARCH_E2E_KUBECTL"), "kubectl"))
	s.check(err)
	for name, file := range map[string]string{"docker-multiarch": pluginFile, "kubectl": kubectl} {
		data, err := os.ReadFile(file)
		s.check(err)
		s.check(os.WriteFile(filepath.Join(programs, name), data, 0o755))
	}
	server := strings.TrimPrefix(s.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"), "https://")
	host, port, _ := strings.Cut(server, ":")
	// The API's own service has no address here, since nothing serves the cluster's services.
	s.applied(fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: client}, spec: {serviceAccountName: ci, hostNetwork: true, restartPolicy: Never, nodeSelector: {kubernetes.io/arch: amd64},
  volumes: [{name: programs, hostPath: {path: %s}}], containers: [{name: client, image: "moby/buildkit:buildx-stable-1", imagePullPolicy: Never, workingDir: /programs,
  volumeMounts: [{name: programs, mountPath: /programs}], command: [/bin/sh, -ec], args: [%q],
  env: [{name: KUBERNETES_SERVICE_HOST, value: %q}, {name: KUBERNETES_SERVICE_PORT, value: %q}, {name: PATH, value: "/programs:/bin:/usr/bin"}, {name: HOME, value: /tmp}]}]}}`,
		programs, "docker-multiarch builder create --name "+s.builder+" --driver kubernetes --driver-opt network=host --platform linux/amd64\n"+
			"for i in 1 2; do docker-multiarch build --builder "+s.builder+" --platform linux/amd64 --push -t "+repo+" context; done\n"+
			"docker-multiarch builder rm "+s.builder, host, port))
	s.kubectl("wait", "--for=jsonpath={.status.containerStatuses[0].state.terminated}", "pod/client", "--timeout=120s")
	s.contains("what the client says", s.kubectl("logs", "client"), "creating deployment/multiarch-", "(unchanged)")
	s.equal("the status of the client", s.kubectl("get", "pod", "client", "-o", "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"), "0")
	s.equal("whether the image is there", s.exists(repo, "latest"), true)
	s.equal("what is left in the cluster", s.ours(), "")
}
