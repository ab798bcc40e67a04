//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// skopeo runs an independent tool that reads and copies images and shares no code with ours.
func (s *story) skopeo(args ...string) string {
	s.Helper()
	if _, err := exec.LookPath("skopeo"); err != nil {
		testenv.SkipBecause(s.T, "skopeo is not installed")
	}
	r := s.startProgram("skopeo", call{args: args}).wait()
	if r.code != 0 {
		s.Fatalf("skopeo %s: %s", strings.Join(args, " "), r.err)
	}
	return r.out
}

func digestOf(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

// machines is a Dockerfile whose images name the machine that built them. No other build makes the same.
func (s *story) machines() string {
	return s.dockerfile("FROM $BASE", "RUN uname -m >/machine; echo "+random()+" >/random")
}

// unameOf is the kernel's name for a platform's machine.
var unameOf = map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l"}

func TestAnArchiveHoldsTheVeryIndexThatWasPushed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		archive, folder := filepath.Join(s.dir, "x.tar"), filepath.Join(s.dir, "layout")
		s.mustBuild("--platform", three, "--push", "-t", repo+":v1", "-o", "type=oci,dest="+archive, "-o", "type=oci,tar=false,dest="+folder, s.machines())
		pushed := s.remote(repo, "v1").digest
		for _, name := range []string{"oci-archive:" + archive + ":v1", "oci:" + folder + ":v1"} {
			s.equal(name, digestOf(s.skopeo("inspect", "--raw", name)), pushed)
			copied := s.repo()
			s.skopeo("copy", "-q", "--all", "--dest-tls-verify=false", name, "docker://"+copied+":v1")
			s.equal("the copy of "+name, s.remote(copied, "v1").digest, pushed)
		}
		s.contains("docker manifest inspect", s.mustDocker("manifest", "inspect", "--insecure", repo+":v1"), `"architecture": "arm64"`, `"variant": "v7"`)
		s.contains("imagetools", s.peer("imagetools", "inspect", "--raw", repo+":v1"), `"architecture": "arm64"`)
	})
}

// peer runs docker buildx, with a configuration that is removed with the story.
func (s *story) peer(args ...string) string {
	s.Helper()
	env := []string{"DOCKER_HOST=" + s.host, "BUILDX_CONFIG=" + filepath.Join(s.home, "buildx")}
	r := s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"), call{args: args, env: env}).wait()
	if r.code != 0 {
		s.Fatalf("buildx %s: status %d\n%s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// places puts something at every place that a build may write to; state returns the current content.
func (s *story) places() (flags []string, state func() string) {
	s.Helper()
	repo, name := s.repo(), s.engineName()
	out := filepath.Join(s.dir, "out")
	flags = []string{
		"--push", "--load", "-t", repo + ":v1", "-t", s.registry + "/" + name, "-o", "type=oci,dest=" + filepath.Join(out, "x.tar"),
		"-o", "type=oci,tar=false,dest=" + filepath.Join(out, "layout"), "-o", "type=tar,dest=" + filepath.Join(out, "files.tar"),
		"-o", filepath.Join(out, "files"),
	}
	s.Cleanup(func() {
		s.docker("image", "rm", "-f", repo+":v1", s.registry+"/"+name, repo+":v1-linux-arm64", s.registry+"/"+name+"-linux-arm64")
	})
	return flags, func() string {
		var b strings.Builder
		_ = filepath.WalkDir(out, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			data, _ := os.ReadFile(path) // a folder has no text
			fmt.Fprintln(&b, strings.TrimPrefix(path, out), e.IsDir(), digestOf(string(data)))
			return nil
		})
		fmt.Fprintln(&b, s.remote(repo, "v1").digest, s.mustDocker("image", "inspect", "--format", "{{.Id}}", repo+":v1", s.registry+"/"+name))
		return b.String()
	}
}

func TestAFailedPlatformLeavesEveryOutputAsItWas(t *testing.T) {
	onEachEngine(t, func(s *story) {
		flags, state := s.places()
		s.mustBuild(append(flags, "--platform", twoPlatforms, s.machines())...)
		before := state()
		bad := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN date >/date; [ $TARGETARCH != arm64 ]")
		r := s.build(append(flags, "--platform", twoPlatforms, bad)...)
		s.equal("the status", r.code, 1)
		s.contains("the answer", r.err, "No tag was moved, no file was written.")
		s.equal("what is there", state(), before)
	})
}

func TestAnInterruptedBuildLeavesEveryOutputAsItWas(t *testing.T) {
	onEachEngine(t, func(s *story) {
		flags, state := s.places()
		s.mustBuild(append(flags, "--platform", twoPlatforms, s.machines())...)
		before := state()
		long := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN [ $TARGETARCH = amd64 ] || sleep 3607")
		p := s.start(call{args: s.buildArgs(append(flags, "--platform", twoPlatforms, long)...)})
		s.eventually("the step runs", func() bool { return s.runs("sleep 3607") || !p.left() })
		p.signal(syscall.SIGINT)
		s.equal("the status", p.wait().code, 130)
		s.equal("what is there", state(), before)
	})
}

func TestFilesComeOutAsThePeerWritesThem(t *testing.T) {
	onEachEngine(t, func(s *story) {
		builder := "e2e-peer-" + random()
		s.peer("create", "--name", builder, "--driver-opt", "network=host")
		s.Cleanup(func() { s.peer("rm", builder) })
		dir := s.dockerfile("FROM scratch", "ARG TARGETPLATFORM", "COPY <<EOF /dir/platform", "$TARGETPLATFORM", "EOF", "COPY Dockerfile /")
		for _, platforms := range []string{"linux/arm64", three} {
			ours, theirs := filepath.Join(s.dir, "ours"), filepath.Join(s.dir, "theirs")
			s.mustBuild("--platform", platforms, "-o", ours, "-o", "type=tar,dest="+ours+".tar", dir)
			s.peer("build", "--builder", builder, "--provenance=false", "--platform", platforms, "-o", theirs, dir)
			s.peer("build", "--builder", builder, "--provenance=false", "--platform", platforms, "-o", "type=tar,dest="+theirs+".tar", dir)
			s.equal("the folder for "+platforms, s.listing(ours), s.listing(theirs))
			for _, side := range []string{ours, theirs} {
				s.check(os.MkdirAll(side+".unpacked", 0o755))
				s.startProgram("tar", call{args: []string{"xf", side + ".tar", "-C", side + ".unpacked"}}).wait()
			}
			s.equal("the archive for "+platforms, s.listing(ours+".unpacked"), s.listing(theirs+".unpacked"))
			s.check(os.RemoveAll(ours))
			s.check(os.RemoveAll(theirs))
			s.check(os.RemoveAll(ours + ".unpacked"))
			s.check(os.RemoveAll(theirs + ".unpacked"))
		}
	})
}

// listing returns the content of a folder: paths, rights and contents.
func (s *story) listing(dir string) string {
	s.Helper()
	var b strings.Builder
	s.check(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		data, _ := os.ReadFile(path) // a folder has no text
		fmt.Fprintf(&b, "%s %s %q\n", strings.TrimPrefix(path, dir), info.Mode(), data)
		return nil
	}))
	return b.String()
}

func TestAnArchiveGoesToStandardOutput(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.machines()
		for _, words := range []string{"type=oci", "type=tar", "type=docker,dest=-", "-"} {
			r := s.mustBuild("--platform", twoPlatforms, "-o", words, dir)
			list := s.startProgram("tar", call{args: []string{"tf", "-"}, stdin: strings.NewReader(r.out)}).wait()
			s.contains(words, list.out, map[string]string{"type=oci": "index.json", "type=docker,dest=-": "manifest.json"}[words])
			if list.code != 0 {
				s.Errorf("%s: %s", words, list.err)
			}
		}
	})
}

func TestAPushByDigestMovesNoTag(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder() // only the output names the registry on this machine
		repo := s.repo()
		r := s.mustBuild("-q", "--platform", twoPlatforms, "-o", "type=image,push-by-digest=true,name-canonical=true,push=true,name="+repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		name, digest, _ := strings.Cut(strings.TrimSpace(r.out), "@")
		s.equal("the name", name, repo)
		s.equal("the platforms", s.remote(repo, digest).platforms(), []string{"linux/amd64", "linux/arm64"})
		if _, body := s.get(repo, "tags/list"); bytes.Contains(body, []byte(`"latest"`)) {
			s.Errorf("there is a tag: %s", body)
		}
	})
}

func TestAPipeThatBreaksFailsTheBuildAndMovesNoTag(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		full := filepath.Join(s.dir, "full")
		s.check(os.Symlink("/dev/full", full))
		began := time.Now()
		r := s.build("--platform", twoPlatforms, "--push", "-t", repo, "-o", "type=oci,dest="+full, s.machines())
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "no space left on device", full)
		s.equal("the tag", s.exists(repo, "latest"), false)
		if time.Since(began) > patience {
			s.Error("it took too long")
		}
	})
}

func TestAReaderThatGoesAwayEndsTheBuildAndLeavesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(16 << 20)})
		line := "docker " + strings.Join(s.buildArgs("--platform", twoPlatforms, "-o", filepath.Join(s.dir, "out"), "-o", "-", dir), " ")
		r := s.startProgram("bash", call{args: []string{"-c", "set -o pipefail; " + line + " | head -c 1000 >/dev/null"}}).wait()
		if r.code == 0 {
			s.Error("the build says that it has succeeded")
		}
		left, err := filepath.Glob(filepath.Join(s.dir, ".docker-multiarch-stage-*"))
		s.check(err)
		s.equal("what was staged", left, "[]")
		if _, err := os.Stat(filepath.Join(s.dir, "out")); err == nil {
			s.Error("the other output has its name")
		}
	})
}
