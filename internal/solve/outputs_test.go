package solve

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
)

// unpacked returns the files of an archive, in order, with their contents.
func unpacked(t *testing.T, r io.Reader) (files []string) {
	t.Helper()
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, h.Name+"="+string(data))
	}
}

// everyOutput requests one output of each kind below dir, with something already present at each destination.
func (w *harness) everyOutput(dir string) *bytes.Buffer {
	w.t.Helper()
	write(w.t, dir, "image.tar", "before")
	write(w.t, dir, "files.tar", "before")
	write(w.t, dir, "files/linux_amd64/hello", "before")
	write(w.t, dir, "files/mine", "mine")
	stdout := &bytes.Buffer{}
	w.env.Stdout = stdout
	w.req.Outputs.List = []sink.Output{
		sink.Archive{Dest: filepath.Join(dir, "image.tar"), Names: w.req.Tags},
		sink.Archive{Dest: filepath.Join(dir, "layout"), Folder: true, Names: w.req.Tags},
		sink.Archive{Dest: filepath.Join(dir, "docker.tar"), Docker: true, Names: w.req.Tags},
		sink.Files{Dest: filepath.Join(dir, "files")},
		sink.Files{Tar: true, Dest: filepath.Join(dir, "files.tar")},
		sink.Files{Tar: true, Dest: "-"},
	}
	return stdout
}

func TestEveryOutputHasTheSameFinishedImages(t *testing.T) {
	w := newHarness(t, copiesOnly)
	dir := t.TempDir()
	stdout := w.everyOutput(dir)
	rep := w.mustRun()

	for _, name := range []string{"image.tar", "layout"} {
		a, err := layout.Open(t.Context(), filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.Images[0].Root.Digest != rep.Target.Digest || w.tagged("app:v1") != rep.Target.Digest.String() {
			t.Errorf("%s holds %s, the tag names %s, and the report %s", name, a.Images[0].Root.Digest, w.tagged("app:v1"), rep.Target.Digest)
		}
	}
	want := map[string]string{
		"files/linux_amd64/hello": "linux/amd64", "files/linux_arm_v7/hello": "linux/arm/v7", "files/linux_arm64/hello": "linux/arm64", "files/mine": "mine",
	}
	got := testkit.Tree(t, dir)
	for name := range got {
		if !strings.HasPrefix(name, "files/") {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	archive, err := os.Open(filepath.Join(dir, "files.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	wantTar := []string{
		"linux_amd64/=", "linux_amd64/hello=linux/amd64", "linux_arm_v7/=", "linux_arm_v7/hello=linux/arm/v7", "linux_arm64/=", "linux_arm64/hello=linux/arm64",
	}
	for name, r := range map[string]io.Reader{"files.tar": archive, "stdout": stdout} {
		if diff := cmp.Diff(wantTar, unpacked(t, r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(rep.Written) != 5 {
		t.Errorf("written: %q", rep.Written)
	}
}

func TestAFailedPlatformLeavesEveryOutputAsItWas(t *testing.T) {
	for name, breaks := range map[string]func(*harness){
		"a step fails": func(w *harness) { w.Run = failing("exit code: 1", "linux/arm64") },
		"a push fails": func(w *harness) { w.Push = failing("failed to push", "linux/arm64") },
		"the tag cannot be written": func(w *harness) {
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On("PUT", "/manifests/v1"), Do: faultregistry.Answer(403, "DENIED", "tags are immutable")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			dir := t.TempDir()
			stdout := w.everyOutput(dir)
			before := testkit.Tree(t, dir)
			breaks(w)
			if _, err := w.run(); err == nil {
				t.Fatal("it succeeded")
			}
			if diff := cmp.Diff(before, testkit.Tree(t, dir)); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			if name == "a step fails" && stdout.Len() > 0 {
				t.Errorf("standard output got %q", stdout)
			}
		})
	}
}

func TestASinglePlatformHasNoFolderOfItsOwnUnlessAskedFor(t *testing.T) {
	yes := true
	for _, tt := range []struct {
		split *bool
		want  string
	}{{nil, "hello"}, {&yes, "linux_arm64/hello"}} {
		w := newHarness(t, copiesOnly)
		dir := t.TempDir()
		w.platforms("linux/arm64")
		w.req.Tags, w.req.Outputs.List = nil, []sink.Output{sink.Files{Dest: filepath.Join(dir, "not", "there"), Split: tt.split}}
		rep := w.mustRun()
		if diff := cmp.Diff(map[string]string{"not/there/" + tt.want: "linux/arm64"}, testkit.Tree(t, dir)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if rep.Target.Digest != "" {
			t.Errorf("nobody wanted an image, and there is %s", rep.Target.Digest)
		}
	}
}

func TestAFolderThatIsToBeEmptiedKeepsNothingElse(t *testing.T) {
	w := newHarness(t, copiesOnly)
	dir := t.TempDir()
	write(t, dir, "old/file", "x")
	w.platforms("linux/amd64")
	w.req.Tags, w.req.Outputs.List = nil, []sink.Output{sink.Files{Dest: dir, Delete: true}}
	w.mustRun()
	if diff := cmp.Diff(map[string]string{"hello": "linux/amd64"}, testkit.Tree(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALinkAndADeviceStayWhatTheyAre(t *testing.T) {
	dir := t.TempDir()
	target := write(t, dir, "real", "before")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	w := newHarness(t, copiesOnly)
	w.req.Tags, w.req.Outputs.List = nil, []sink.Output{sink.Archive{Dest: link}, sink.Archive{Dest: os.DevNull}}
	w.mustRun()
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s is %v, %v", os.DevNull, info, err)
	}
	if data, _ := os.ReadFile(target); string(data) == "before" {
		t.Error("the file that the link names was not written")
	}
}

func TestALinkToNothingAndTheRightsOfAFileStay(t *testing.T) {
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link"), write(t, dir, "file", "before") // readable and writable by its owner only
	if err := os.Symlink("sub/../target", link); err != nil {
		t.Fatal(err)
	}
	w := newHarness(t, copiesOnly)
	w.req.Tags, w.req.Outputs.List = nil, []sink.Output{sink.Archive{Dest: link}, sink.Archive{Dest: file}}
	w.mustRun()
	if info, err := os.Lstat(filepath.Join(dir, "target")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link names %v, %v", info, err)
	}
	if to, err := os.Readlink(link); to != "sub/../target" {
		t.Errorf("the link is %q, %v", to, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

func TestWhatIsStagedIsNoPartOfABuildContext(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Tags, w.req.Outputs.List = nil, []sink.Output{sink.Files{Dest: w.req.Source.ContextDir}}
	w.mustRun()
	files := slices.Sorted(func(yield func(string) bool) {
		for name := range testkit.Tree(t, w.req.Source.ContextDir) {
			if !yield(name) {
				return
			}
		}
	})
	want := []string{"Dockerfile", "hello", "linux_amd64/hello", "linux_arm64/hello", "linux_arm_v7/hello"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range w.Solves() {
		for _, e := range s.Opt.Exports {
			if !strings.HasPrefix(strings.TrimPrefix(e.OutputDir, w.req.Source.ContextDir+"/"), sink.StagePrefix) {
				t.Errorf("exported to %q", e.OutputDir)
			}
		}
	}
}

func TestAnnotationsAreWrittenWhereTheyAreAskedFor(t *testing.T) {
	w := newHarness(t, copiesOnly)
	arm := w.req.Platforms[1]
	w.req.Annotations = index.Annotations{
		{Level: index.OnManifest, Key: "all", Value: "1"},
		{Level: index.OnManifest, Platform: &arm, Key: "all", Value: "arm"},
		{Level: index.OnManifestDescriptor, Key: "entry", Value: "2"},
		{Level: index.OnIndex, Key: "index", Value: "3"},
		{Level: index.OnIndexDescriptor, Key: "root", Value: "4"},
		{Level: index.OnIndex, Key: "index", Value: "5"},
	}
	dest := filepath.Join(t.TempDir(), "x.tar")
	w.req.Outputs.List = []sink.Output{sink.Archive{Dest: dest, Names: w.req.Tags}}
	w.mustRun()
	index, _ := w.index("app:v1")
	if diff := cmp.Diff(map[string]string{"index": "5"}, index.Annotations); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	for i, m := range index.Manifests {
		if diff := cmp.Diff(map[string]string{"entry": "2"}, m.Annotations); diff != "" {
			t.Errorf("entry (-want +got):\n%s", diff)
		}
		want := []string{`"all":"1"`, `"all":"1"`, `"all":"arm"`}[i]
		img, err := w.env.Registry.Child(t.Context(), w.req.Tags[0], m.Digest)
		if err != nil || !strings.Contains(string(img.Body), want) {
			t.Errorf("%s: %s lacks %s: %v", m.Platform.Architecture, img.Body, want, err)
		}
	}
	archive, err := layout.Open(t.Context(), dest)
	if err != nil {
		t.Fatal(err)
	}
	if archive.Images[0].Root.Annotations["root"] != "4" {
		t.Errorf("the root is annotated %v", archive.Images[0].Root.Annotations)
	}
}

func TestOneImageBecomesAnIndexWhereAnAnnotationNeedsOne(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.platforms("linux/amd64")
	w.req.Annotations = index.Annotations{{Level: index.OnIndex, Key: "a", Value: "b"}}
	w.mustRun()
	if index, _ := w.index("app:v1"); len(index.Manifests) != 1 || index.Annotations["a"] != "b" {
		t.Errorf("got %+v", index)
	}
}
