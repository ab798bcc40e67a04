//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
)

// crossCase is a folder of testdata/cross: a context whose Dockerfile has the expected results in comments.
//
//	# platform: PLATFORM             that it is built for
//	# platforms: PLATFORM,...        that the full matrix builds it for; all of crossPlatforms if it is not given
//	# with: FLAG...                  more flags of the build
//	# moved: STAGE,...               stages that run on the builder's own platform
//	# stays: STAGE CHECK             a stage that is emulated, and why
//	# prints: TEXT                   the output of the image when it is run
//
// Its arguments BARE, PRIMED, ... are images of package golang, and BASE is the base image.
type crossCase struct {
	name, dir, text string
	platforms       []string
	with            []string
	moved           []string
	stays           [][2]string
	run             []string // the command that the image is run with
	prints          string
}

// crossPlatforms are those that are emulated.
var crossPlatforms = []string{"linux/arm64", "linux/arm/v7", "linux/riscv64"}

// fullMatrix reports whether every case is built for every platform.
func fullMatrix() bool { return os.Getenv("MULTIARCH_E2E_CROSS") == "full" }

func crossCases(t *testing.T) []crossCase {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", "cross", "*", "Dockerfile"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var cases []crossCase
	for _, name := range found {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := filepath.Abs(filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		c := crossCase{name: filepath.Base(dir), dir: dir, text: string(data)}
		one, all := "", crossPlatforms
		for line := range strings.Lines(c.text) {
			comment, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
			key, value, colon := strings.Cut(comment, ": ")
			switch {
			case !ok || !colon:
			case key == "platform":
				one = value
			case key == "platforms":
				all = strings.Split(value, ",")
			default:
				c.read(key, value)
			}
		}
		if c.platforms = all; !fullMatrix() {
			c.platforms = []string{one}
		}
		cases = append(cases, c)
	}
	if fullMatrix() {
		cases = append(cases, serviceCase(t))
	}
	return cases
}

// serviceCase is a real service, which takes minutes to compile under emulation.
func serviceCase(t *testing.T) crossCase {
	t.Helper()
	dir := t.TempDir()
	if err := golang.Service(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return crossCase{
		name: "service", dir: dir, text: string(text), platforms: crossPlatforms, moved: []string{"build"}, run: []string{"-once"}, prints: "40 kinds of things",
	}
}

func (c *crossCase) read(key, value string) {
	switch key {
	case "with":
		c.with = strings.Fields(value)
	case "moved":
		c.moved = strings.Split(value, ",")
	case "stays":
		stage, check, _ := strings.Cut(value, " ")
		c.stays = append(c.stays, [2]string{stage, check})
	case "prints":
		c.prints = value
	}
}

// words returns the arguments of the build, except its outputs.
func (c crossCase) words(s *story, platform string) []string {
	s.Helper()
	words := []string{"--platform", platform, "--build-arg", "BASE=" + s.base}
	for _, target := range []string{golang.Bare, golang.Primed, golang.Compiler, golang.Older, golang.Differs, golang.OnBuild, noNative} {
		if arg := strings.ToUpper(target); strings.Contains(c.text, "ARG "+arg+"\n") {
			words = append(words, "--build-arg", arg+"="+s.golang(target))
		}
	}
	for _, word := range c.with {
		words = append(words, strings.ReplaceAll(word, "src=", "src="+c.dir+"/"))
	}
	return append(words, c.dir)
}

// archived builds the case into an archive whose bytes depend only on the content of the image.
func (c crossCase) archived(s *story, platform, archive string, flags ...string) result {
	s.Helper()
	out := []string{"--progress", "plain", "-o", "type=oci,rewrite-timestamp=true,dest=" + archive}
	return s.mustRun(call{args: s.buildArgs(append(append(out, flags...), c.words(s, platform)...)...), env: []string{"SOURCE_DATE_EPOCH=1700000000"}, patience: 15 * time.Minute})
}

// emulated returns the archive of the case's emulated build, in a builder without other builds. The result for the same input is
// a fact, which is cached between runs under a name for all inputs: context, toolchain, base, emulator and BuildKit.
func (c crossCase) emulated(s *story, platform string, fresh bool) string {
	s.Helper()
	cache, err := cacheDir()
	s.check(err)
	archive := filepath.Join(cache, "emulated", c.name+"-"+c.key(s, platform)+".tar")
	if _, err := os.Stat(archive); err == nil && !fresh {
		return archive
	}
	s.check(os.MkdirAll(filepath.Dir(archive), 0o755))
	partial := archive + "." + random()
	r := c.archived(s, platform, partial, "--cross=off")
	s.Logf("%s for %s, emulated: %.1f s", c.name, platform, r.took.Seconds())
	s.check(os.Rename(partial, archive))
	return archive
}

// key returns a name for all inputs of the case's emulated build.
func (c crossCase) key(s *story, platform string) string {
	s.Helper()
	sum := sha256.New()
	words := strings.ReplaceAll(strings.Join(c.words(s, platform), " "), c.dir, "") // wherever it is
	buildkit := s.mustDocker("image", "inspect", "-f", `{{or (index .Config.Labels "docker-multiarch.e2e") .Id}}`, "moby/buildkit:buildx-stable-1")
	fmt.Fprintln(sum, words, s.emulator(platform), buildkit)
	repo, tag := s.base[:strings.LastIndex(s.base, ":")], s.base[strings.LastIndex(s.base, ":")+1:]
	fmt.Fprintln(sum, s.remote(repo, tag).digest)
	s.check(filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, _ := filepath.Rel(c.dir, path) // path is below dir
		fmt.Fprintf(sum, "%s\n%s\n", name, s.read(path))
		return nil
	}))
	return fmt.Sprintf("%.12x", sum.Sum(nil))
}

// emulator returns the kernel's emulator for the platform's programs. If there is none, it is installed.
func (s *story) emulator(platform string) string {
	s.Helper()
	s.mustDocker("multiarch", "emulators", "install", platform)
	var status struct {
		Platforms []struct{ Runs, QEMU string }
	}
	s.check(json.Unmarshal([]byte(s.mustDocker("multiarch", "emulators", "status", "--format", "json", platform)), &status))
	s.equal("the platforms of the status", len(status.Platforms), 1)
	return fmt.Sprint(status.Platforms)
}

// archiveImage returns the one image of an archive: its digest, and the files of its layers.
func (s *story) archiveImage(archive string) (digest string, content files) {
	s.Helper()
	all := files{}
	s.check(untar(strings.NewReader(s.read(archive)), all))
	of := func(name string) (r remote) {
		s.check(json.Unmarshal([]byte(all[name]), &r))
		return r
	}
	blob := func(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }
	r := of("index.json")
	for len(r.Manifests) > 0 {
		digest = r.Manifests[0].Digest
		r = of(blob(digest))
	}
	content = files{}
	for _, layer := range r.Layers {
		s.check(untar(strings.NewReader(all[blob(layer.Digest)]), content))
	}
	return digest, content
}

// sameImage compares two archives.
func (s *story) sameImage(got, want string) bool {
	s.Helper()
	digest, made := s.archiveImage(got)
	wanted, expected := s.archiveImage(want)
	for _, name := range sortedKeys(expected) {
		if made[name] != expected[name] {
			s.Logf("%s: %d bytes, not the same as the %d of emulation", name, len(made[name]), len(expected[name]))
		}
	}
	return digest == wanted
}
