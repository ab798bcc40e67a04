//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// standIn puts a program on the story's PATH that does what podman and kubectl do when they are asked to run a command in a container:
// it runs the command, beside a node's socket. The words that it gets are in the file NAME.words.
func (s *story) standIn(name string, d *testenv.Daemon) {
	s.Helper()
	bin := filepath.Join(s.home, "bin")
	s.check(os.MkdirAll(bin, 0o755))
	text := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\nwhile [ \"$1\" != buildctl ]; do shift; done\nshift\nexec %s --addr %s \"$@\"\n",
		filepath.Join(s.dir, name+".words"), need(s.T, "MULTIARCH_E2E_BUILDCTL"), d.Address())
	s.check(os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755))
	s.env = append(s.env, "PATH="+bin+":"+need(s.T, "MULTIARCH_E2E_SSH")+":"+os.Getenv("PATH"))
}

// makes checks that the story's builder makes images on a node.
func (s *story) makes(d *testenv.Daemon) {
	s.Helper()
	repo := s.repo()
	s.mustBuild("--push", "-t", repo, s.where())
	if text := s.fileOf(repo, "latest", "", "where"); d != nil && !isOn(text, d) {
		s.Errorf("it was built on %s", text)
	}
}

func TestARemoteBuildKitIsReachedByEveryKindOfAddress(t *testing.T) {
	s := besideOn(t)
	unix, arm := s.bareUnix(), s.bareArm()
	s.standIn("podman", unix)
	s.standIn("kubectl", unix)
	s.mustBuildIn(sharedBuilder, "-o", "first", s.where()) // so that its container runs
	socket := strings.TrimPrefix(unix.Address(), "unix://")
	for _, c := range []struct {
		address, words string // the words are those that a program is given
		on             *testenv.Daemon
	}{
		{address: unix.Address(), on: unix},
		{address: "ssh://elsewhere" + socket, on: unix},
		{address: "ssh://root@elsewhere" + socket, on: unix},
		{address: "podman-container://one", words: "exec -i one buildctl dial-stdio", on: unix},
		{address: "kube-pod://one?context=here&namespace=there&container=that", words: "--context=here --namespace=there exec --container=that -i one -- buildctl dial-stdio", on: unix},
		{address: "docker-container://" + containerOf(sharedBuilder)},
		{address: "docker-container://" + containerOf(sharedBuilder) + "?context=near"},
		{address: arm.Address(), on: arm},
	} {
		t.Run(c.address, func(t *testing.T) {
			s := s.in(t)
			s.farm()
			if c.on == arm {
				s.remoteNode("only", arm)
			} else {
				s.node("only", "--driver", "remote", c.address)
			}
			s.makes(c.on)
			if c.words != "" {
				program := map[bool]string{true: "podman", false: "kubectl"}[strings.HasPrefix(c.address, "podman")]
				s.contains("what "+program+" is asked", s.read(program+".words"), c.words)
			}
			s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder, "remote", "running")
			s.mustDocker("multiarch", "builder", "rm", s.builder)
			s.lacks("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder)
		})
	}
}

// mustBuildIn is mustBuild in another builder.
func (s *story) mustBuildIn(builder string, args ...string) {
	s.Helper()
	other := *s
	other.builder = builder
	other.mustBuild(args...)
}

func TestAnAddressIsUsedWithoutABuilder(t *testing.T) {
	s := besideOn(t)
	unix := s.bareUnix()
	s.builder = unix.Address()
	s.makes(unix)
	repo := s.repo()
	s.mustRun(call{args: []string{"multiarch", "build", "--push", "-t", repo, s.where()}, env: []string{"BUILDKIT_HOST=" + unix.Address()}})
	if text := s.fileOf(repo, "latest", "", "where"); !isOn(text, unix) {
		s.Errorf("it was built on %s", text)
	}
	r := s.run(call{args: []string{"multiarch", "build", "--push", "-t", repo, s.where()}, env: []string{"BUILDKIT_HOST=" + s.unreachable()}})
	s.refused(r, 1, "BUILDKIT_HOST", "127.0.0.1")
}

func TestABuilderElsewhereNeedsNoEngineHere(t *testing.T) {
	s := besideOn(t)
	d := s.bareUnix()
	silent := "tcp://" + s.listen(func(net.Listener) {}) // connections are accepted, and nothing more
	for name, engine := range map[string]string{"none": "unix://" + s.dir + "/none.sock", "a silent one": silent} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			s.env = append(s.env, "DOCKER_HOST="+engine)
			s.farm()
			s.node("only", "--driver", "remote", "--driver-opt", "network=host", d.Address())
			s.makes(d)
			s.contains("the plan", s.plan(s.where()).out, "native")
			s.mustBuild("-o", "type=oci,dest=image.tar", s.where())
			s.mustDocker("multiarch", "verify", "image.tar")
			s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder, "running")
			s.refused(s.build("--load", "-t", "app", s.where()), 1, engine)
		})
	}
}

func TestContainersAreMadeOnEnginesByEveryKindOfAddress(t *testing.T) {
	s := besideOn(t)
	for _, endpoint := range []string{"near", "secure", "far", s.host, s.farHost()} {
		t.Run(endpoint, func(t *testing.T) {
			s := s.in(t)
			s.farm()
			s.containerNode("only", endpoint)
			name := s.engineName()
			s.mustBuild("--platform", twoPlatforms, "--load", "-t", name, "--test", "cat /machine", s.machines())
			s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder, "docker-container", "running")
			s.mustDocker("multiarch", "builder", "stop", s.builder)
			s.mustBuild("-o", "again", s.where())
			s.mustDocker("multiarch", "builder", "rm", s.builder)
			for _, host := range []string{s.host, s.other()} {
				s.equal("the containers at "+host, s.mustDocker("-H", host, "ps", "-aq", "--filter", "name="+s.builder), "")
				s.equal("the volumes at "+host, s.mustDocker("-H", host, "volume", "ls", "-q", "--filter", "name="+s.builder), "")
			}
		})
	}
}

func TestTheBuildKitInsideAnEngineBuildsAndAClassicStoreIsRefused(t *testing.T) {
	s := besideOn(t)
	s.node("inside", "--driver", "docker", "--driver-opt", "network=host", "near")
	name, second := s.engineName(), s.engineName()
	label := "story=" + random()
	s.mustBuild("--label", label, "--load", "-t", name, s.dockerfile("FROM $BASE", "RUN echo first >/file"))
	s.mustBuild("--label", label, "--load", "-t", second, s.dockerfile("FROM "+name, "RUN cat /file >/copy"))
	s.equal("the file of a local base", s.mustDocker("run", "--rm", second, "cat", "/copy"), "first")
	s.farm()
	s.node("first", "--driver", "docker", "--driver-opt", "network=host", "--platform", "linux/amd64", "near")
	s.remoteNode("second", s.bareArm(), "--platform", "linux/arm64")
	repo, dir := s.repo(), s.machines()
	push := []string{"--label", label, "--platform", twoPlatforms, "--push", "-t", repo, "--metadata-file", "meta.json", dir}
	s.contains("the first push", s.mustBuild(push...).err, "pushing layers")
	s.equal("the nodes", s.nodesOf("meta.json"), eachOnItsOwn)
	s.lacks("a push that is remembered", s.mustBuild(push...).err, "pushing layers")
	s.equal("the platforms", s.remote(repo, "latest").platforms(), two)
	images := func(filters ...string) []string {
		return strings.Fields(s.mustDocker(append([]string{"image", "ls", "-a", "-q", "--filter", "label=" + label}, filters...)...))
	}
	s.equal("the number of images", len(images()), 2)
	s.equal("the images without a name", joined(images("--filter", "dangling=true")), "[]")
	s.refused(s.build("--cache-to", "type=s3,region=x,bucket=y", "-o", "x", s.where()), 1, "s3")

	s.farm()
	r := s.addNode("inside", "--driver", "docker", "--driver-opt", "network=host", "far")
	if r.code == 0 {
		r = s.build("-o", "x", s.where())
	}
	s.equal("the status with a classic store", r.code, 1)
	s.contains("the error", r.err, "containerd", "docker-container")
}

// withoutPrivileges is the address of the story's engine behind a proxy that refuses privileged containers, as an authorization plugin does.
func (s *story) withoutPrivileges() string {
	s.Helper()
	socket := strings.TrimPrefix(s.host, "unix://")
	engine := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
		FlushInterval: -1,
	}
	return "tcp://" + s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), `"Privileged":true`) {
				http.Error(w, `{"message": "authorization denied by plugin e2e"}`, http.StatusForbidden)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		engine.ServeHTTP(w, r)
	}))
}

func TestAnEngineThatRefusesPrivilegesOffersTheBuildKitInsideIt(t *testing.T) {
	s := besideOn(t)
	address := s.withoutPrivileges()
	s.node("only", "--driver", "docker-container", "--driver-opt", "network=host", address)
	r := s.build("-o", "x", s.where())
	s.refused(r, 1, "authorization denied by plugin e2e", "docker multiarch builder create --name inside --driver docker --use "+address)
	s.equal("the containers of the builder", s.mustDocker("ps", "-aq", "--filter", "name="+s.builder), "")
	s.farm()
	s.node("inside", "--driver", "docker", "--driver-opt", "network=host", address)
	name := s.engineName()
	s.mustBuild("--load", "-t", name, s.dockerfile("FROM $BASE", "RUN echo inside >/file"))
	s.equal("the file", s.mustDocker("run", "--rm", name, "cat", "/file"), "inside")
	r = s.build("--platform", "linux/mips64le", "-o", "y", s.dockerfile("FROM $BASE", "RUN true"))
	s.refused(r, 1, "node inside ("+address+") cannot run programs for linux/mips64le", "Hint: ", "qemu-user-static")
}
