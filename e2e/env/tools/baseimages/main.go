// Command baseimages makes the images that the end-to-end tests build on, and pushes them:
//
//	baseimages REGISTRY FOLDER
//
// FOLDER holds a static busybox for each platform, as linux-arm-v7/busybox, and in the file applets the paths that
// become links to it, one a line. REGISTRY/base/busybox:1 becomes an OCI index of one image per platform, in the order
// of their names, and REGISTRY/base/amd64only:1 the image for linux/amd64 alone. The same files give the same digests:
// every time is the epoch.
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: baseimages REGISTRY FOLDER")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(registry, folder string) error {
	binaries, err := filepath.Glob(filepath.Join(folder, "*", "busybox"))
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, binary := range binaries {
		platform, err := v1.ParsePlatform(strings.ReplaceAll(filepath.Base(filepath.Dir(binary)), "-", "/"))
		if err != nil {
			return err
		}
		img, err := image(platform, binary, filepath.Join(folder, "applets"))
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: platform}})
		if platform.Architecture == "amd64" {
			if err := push(registry+"/base/amd64only:1", func(ref name.Reference) error { return remote.Write(ref, img) }); err != nil {
				return err
			}
		}
	}
	return push(registry+"/base/busybox:1", func(ref name.Reference) error { return remote.WriteIndex(ref, index) })
}

func push(to string, write func(name.Reference) error) error {
	ref, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	return write(ref)
}

// image is one layer with a shell, and what a small system needs to know of its users.
func image(platform *v1.Platform, binary, applets string) (v1.Image, error) {
	files, err := layerTar(binary, applets)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "busybox"}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	config.Config.Cmd = []string{"sh"}
	img, err = mutate.ConfigFile(img, config)
	return plainImage{img}, err
}

// plainImage keeps the index free of artifact types, which published images' indexes do not have.
type plainImage struct{ v1.Image }

func (plainImage) ArtifactType() (string, error) { return "", nil }

func layerTar(binary, applets string) ([]byte, error) {
	busybox, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	links, err := os.ReadFile(applets)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	var failed error
	add := func(header tar.Header, content string) {
		if failed != nil {
			return
		}
		header.ModTime, header.Size, header.Format = time.Unix(0, 0), int64(len(content)), tar.FormatPAX
		if failed = w.WriteHeader(&header); failed == nil {
			_, failed = io.WriteString(w, content)
		}
	}
	for _, dir := range []string{"bin", "etc", "home", "root", "run", "sbin", "usr", "usr/bin", "usr/sbin", "var"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, "")
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, "")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, string(busybox))
	for _, link := range strings.Fields(string(links)) {
		if link != "bin/busybox" {
			add(tar.Header{Typeflag: tar.TypeSymlink, Name: link, Linkname: "/bin/busybox", Mode: 0o777}, "")
		}
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644},
		"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "etc/group", Mode: 0o644}, "root:x:0:\nnobody:x:65534:\n")
	if failed != nil {
		return nil, fmt.Errorf("layer of %s: %w", binary, failed)
	}
	return buf.Bytes(), w.Close()
}
