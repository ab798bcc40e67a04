package merge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// layoutPrefix marks an OCI layout, as in docker buildx's build contexts: oci-layout://PATH[:NAME][@DIGEST].
const layoutPrefix = "oci-layout://"

// Argument is one input in the user's spelling, and its kind.
type Argument struct {
	// Text is the original text.
	Text string
	refs []reference.Named // a name, or the names of the metadata, all with the same digest

	archive       *layout.Archive
	root          ocispecs.Descriptor // in the archive
	buildMetadata *buildMetadata      // of a metadata file
}

// Names returns the input's names in registries. An archive has none.
func (w Argument) Names() []reference.Named { return w.refs }

// Parse recognises the words by the files on disk: metadata files and archives by their content. Everything else is a name. It
// refuses metadata of several repositories or of several runs. It sends no request to a registry.
func Parse(ctx context.Context, texts []string) ([]Argument, error) {
	words := make([]Argument, len(texts))
	for i, text := range texts {
		var err error
		if words[i], err = parse(ctx, text); err != nil {
			return nil, err
		}
	}
	return words, oneOrigin(words)
}

func parse(ctx context.Context, text string) (Argument, error) {
	if path, ok := strings.CutPrefix(text, layoutPrefix); ok {
		return openLayout(ctx, text, path)
	}
	if info, err := os.Stat(text); err == nil && (info.Mode().IsRegular() || isLayout(text) || isPath(text)) {
		if info.Mode().IsRegular() && isJSON(text) {
			return readMetadata(text)
		}
		return openArchive(ctx, text, text, "")
	} else if err != nil && isPath(text) {
		return Argument{}, reason(text, err)
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return Argument{}, fmt.Errorf("%q is neither a file nor an image name: %w", text, err)
	}
	return Argument{Text: text, refs: []reference.Named{reference.TagNameOnly(named)}}, nil
}

// isPath reports whether a word is spelled like a path, and not like a name.
func isPath(text string) bool {
	ext := filepath.Ext(text)
	return ext == ".json" || ext == ".tar" || filepath.IsAbs(text) || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || text == "."
}

func isLayout(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ocispecs.ImageLayoutFile))
	return err == nil
}

// isJSON reports whether a file is metadata, and not an archive, whose first bytes are a file's name.
func isJSON(name string) bool {
	if filepath.Ext(name) == ".json" {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // opened for reading
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	return bytes.HasPrefix(bytes.TrimSpace(head[:n]), []byte("{"))
}

func openLayout(ctx context.Context, text, path string) (Argument, error) {
	path, dgst, _ := strings.Cut(path, "@")
	name := dgst
	if i := strings.LastIndex(path, ":"); i > strings.LastIndexAny(path, `/\`) {
		if dgst == "" {
			name = path[i+1:]
		}
		path = path[:i]
	}
	if dgst != "" {
		if _, err := digest.Parse(dgst); err != nil {
			return Argument{}, fmt.Errorf("%q: digest %q: %w", text, dgst, err)
		}
	}
	return openArchive(ctx, text, path, name)
}

func openArchive(ctx context.Context, text, path, name string) (Argument, error) {
	archive, err := layout.Open(ctx, path)
	if err != nil {
		return Argument{}, err
	}
	img, err := archive.Pick(name)
	if err != nil && name == "" {
		return Argument{}, fmt.Errorf("%w: %s%s:NAME", err, layoutPrefix, path)
	}
	if err != nil {
		return Argument{}, err
	}
	root := ocispecs.Descriptor{MediaType: img.Root.MediaType, Digest: img.Root.Digest, Size: img.Root.Size}
	return Argument{Text: text, archive: archive, root: root}, nil
}

func reason(name string, err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%q: %w", name, err)
}
