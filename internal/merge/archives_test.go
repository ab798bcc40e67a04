package merge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// kept returns an image of the registry as one of a layout, under names.
func (w *fixture) kept(from string, names ...string) (layout.Image, content.Fetcher) {
	w.t.Helper()
	root, blobs, err := w.client.Source(w.t.Context(), w.name(from))
	if err != nil {
		w.t.Fatal(err)
	}
	img := layout.Image{Root: ocispecs.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size}}
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			w.t.Fatal(err)
		}
		img.Names = append(img.Names, reference.TagNameOnly(named).(reference.NamedTagged))
	}
	return img, blobs
}

// folder adds an image of the registry to a folder.
func (w *fixture) folder(dir, from string, names ...string) {
	w.t.Helper()
	img, blobs := w.kept(from, names...)
	staged, err := layout.StageOCIDir(w.t.Context(), dir, img, blobs)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := staged.Commit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// archive writes an image of the registry to a file.
func (w *fixture) archive(file, from string, names ...string) {
	w.t.Helper()
	img, blobs := w.kept(from, names...)
	f, err := os.Create(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := layout.WriteOCI(w.t.Context(), f, img, blobs, nil); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func TestArchivesAndFoldersAreMergedWithTheirAttestations(t *testing.T) {
	from, to := newFixture(t), newFixture(t)
	t.Chdir(t.TempDir())
	amd, arm, s390x := from.image("app", "linux/amd64", "", manifest.OCI), from.image("app", "linux/arm64", "", manifest.OCI),
		from.image("app", "linux/s390x", "", manifest.OCI)
	from.index("app", "amd", amd, from.attestation("app", amd))
	from.index("app", "arm", arm, from.attestation("app", arm))
	from.index("app", "z", s390x)
	from.archive("amd.tar", "app:amd", "app:amd")
	from.folder("arm", "app:arm", "app:arm")
	from.folder("two", "app:z", "app:z")
	from.folder("two", "app:arm", "app:arm")
	absolute, err := filepath.Abs("two")
	if err != nil {
		t.Fatal(err)
	}
	for tag, words := range map[string][]string{
		"archive-and-folder": {"amd.tar", "arm", "oci-layout://two:z"},
		"paths":              {"./amd.tar", "./arm", "oci-layout://" + absolute + ":z"},
		"names":              {"oci-layout://amd.tar:amd", "oci-layout://two:arm", "oci-layout://two@" + from.tagged("app", "z")},
	} {
		if _, err := to.merge(one(to.name("app:"+tag)), words...); err != nil {
			t.Fatal(err)
		}
		_, index := to.at("app", tag)
		equal(t, tag, []string{"linux/amd64", "linux/arm64", "linux/s390x", "unknown/unknown", "unknown/unknown"}, platforms(index))
		equal(t, "the first image", amd.Digest, index.Manifests[0].Digest)
		equal(t, "its attestation's subject", amd.Digest.String(), index.Manifests[3].Annotations["vnd.docker.reference.digest"])
		for _, m := range index.Manifests {
			if dgst, _ := to.at("app", m.Digest.String()); dgst != m.Digest {
				t.Errorf("%s: the registry has no %s", tag, m.Digest)
			}
		}
	}
}

// tagged returns the digest of a tag.
func (w *fixture) tagged(repo, tag string) string {
	w.t.Helper()
	dgst, _ := w.at(repo, tag)
	return dgst.String()
}

func TestAnArchiveOfSeveralImagesHasToBeToldWhich(t *testing.T) {
	w := newFixture(t)
	t.Chdir(t.TempDir())
	for _, name := range []string{"linux/amd64", "linux/arm64"} {
		tag := strings.TrimPrefix(name, "linux/")
		w.index("app", tag, w.image("app", name, "", manifest.OCI))
		w.folder("two", "app:"+tag, "app:"+tag)
	}
	for name, tt := range map[string]struct {
		word string
		want []string
	}{
		"none is named":        {"two", []string{`"two" holds 2 images`, "app:amd64, ", "app:arm64", "oci-layout://two:NAME"}},
		"none in a layout":     {"oci-layout://two", []string{`"two" holds 2 images`, "oci-layout://two:NAME"}},
		"a name that it lacks": {"oci-layout://two:s390x", []string{`holds no image "s390x"`, "app:amd64", "app:arm64"}},
		"a layout of nothing":  {"oci-layout://none:1", []string{`"none"`, "no such file"}},
		"a file of nothing":    {"./none.tar", []string{`"./none.tar"`, "no such file"}},
		"a folder of nothing":  {".", []string{`"."`, "oci-layout"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := merge.Parse(t.Context(), []string{tt.word})
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
}
