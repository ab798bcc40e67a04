//go:build e2e

package e2e

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestADistributionWithLibrariesOfANarrowerMachineRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	s := newStory(t, engineKinds[0].variable)
	roots := need(t, "MULTIARCH_E2E_DEBIAN") // amd64 with libraries for the 386, arm64 with some for arm
	file := s.dockerfile("FROM scratch", "ARG TARGETARCH", "ADD $TARGETARCH.tar /", `ENTRYPOINT ["bash"]`) + "/Dockerfile"
	repo := s.repo()
	s.mustBuild("--verify=strict", "--platform", twoPlatforms, "-f", file, "--push", "-t", repo, "--metadata-file", "meta", roots)
	var m metadata
	s.check(json.Unmarshal([]byte(s.read("meta")), &m))
	for _, p := range m.Multiarch.Platforms {
		s.equal("the verdict for "+p.Platform, p.Verify.Verdict, "ok")
		s.equal("the findings for "+p.Platform, len(p.Verify.Findings), 0)
		if p.Verify.Files < 300 {
			s.Errorf("only %d programs and libraries for %s were seen", p.Verify.Files, p.Platform)
		}
	}
	s.lacks("what verify says", s.mustLook("verify", "--executables=strict", repo), "FINDING")
}

// toolchains returns folders and files of this machine that have caused false alarms elsewhere: compilers with tests for many
// machines, and their emulators.
func toolchains(t *testing.T) (paths []string) {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	emulators, _ := filepath.Glob("/usr/bin/qemu-a*")
	for _, path := range append(emulators, strings.TrimSpace(string(goroot)), "/usr/lib/gcc", filepath.Dir(need(t, "MULTIARCH_E2E_BUILDCTL"))) {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestThisMachinesOwnToolchainsRaiseNoAlarmThatIsNotTrue(t *testing.T) {
	t.Parallel()
	s := newStory(t, engineKinds[0].variable)
	blobs := filepath.Join(s.folder(nil), "blobs", "sha256")
	s.check(os.MkdirAll(blobs, 0o755))
	layer := s.layerOf(blobs, toolchains(t))
	write := func(v any) handmadeLayer {
		data, err := json.Marshal(v)
		s.check(err)
		s.write(filepath.Join(blobs, fmt.Sprintf("%x", sum(string(data)))), string(data))
		return handmadeLayer{"application/vnd.oci.image.config.v1+json", digestOf(string(data)), int64(len(data))}
	}
	config := write(map[string]any{"os": "linux", "architecture": runtime.GOARCH, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}}})
	image := write(map[string]any{"schemaVersion": 2, "mediaType": ociManifest, "config": config, "layers": []handmadeLayer{layer}})
	image.MediaType = ociManifest
	root := filepath.Dir(filepath.Dir(blobs))
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []handmadeLayer{image}})
	s.check(err)
	s.write(filepath.Join(root, "index.json"), string(index))
	s.write(filepath.Join(root, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)

	r, peak := s.peakOf("verify", "--format", "json", root)
	s.equal("the status", r.code, 0)
	if peak > mostMemory {
		s.Errorf("it took %d MiB", peak>>20)
	}
	var answer struct{ Findings []gateFinding }
	s.check(json.Unmarshal([]byte(r.out), &answer))
	for _, f := range answer.Findings {
		// Go's tests contain programs for other machines, and the findings about them are correct.
		if f.Severity != "note" && !strings.Contains(f.Path, "/testdata/") {
			s.Errorf("%s: %s", f.short(), f.Message)
		}
	}
}

// layerOf writes paths of this machine into an archive that is named after its content.
func (s *story) layerOf(dir string, paths []string) handmadeLayer {
	s.Helper()
	name := filepath.Join(dir, "new")
	f, err := os.Create(name)
	s.check(err)
	digest := sha256.New()
	t := tar.NewWriter(io.MultiWriter(f, digest))
	for _, path := range paths {
		s.check(filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return archiveOne(t, path)
		}))
	}
	s.check(errors.Join(t.Close(), f.Close()))
	info, err := os.Stat(name)
	if err == nil {
		err = os.Rename(name, filepath.Join(dir, fmt.Sprintf("%x", digest.Sum(nil))))
	}
	s.check(err)
	return handmadeLayer{"application/vnd.oci.image.layer.v1.tar", fmt.Sprintf("sha256:%x", digest.Sum(nil)), info.Size()}
}

func archiveOne(t *tar.Writer, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = strings.TrimPrefix(path, "/")
	if err := t.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(t, f)
	return err
}
