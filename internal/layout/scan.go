package layout

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxFiles bounds the blobs of a tar file.
const maxFiles = 100_000

// scanner reads a tar file once: it reads the documents, records the positions of the blobs, and checks that the file is
// complete.
type scanner struct {
	found map[string][]byte
	spans map[string]span
}

func (s *scanner) file(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	if err := refuseCompressed(f); err != nil {
		return err
	}
	r := tar.NewReader(f)
	for first := true; ctx.Err() == nil; first = false {
		header, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF) && !first:
			return &BrokenError{errors.New("it is cut short: copy it again")}
		case err != nil:
			return fmt.Errorf("it is not a tar archive: %w", err)
		}
		offset, err := f.Seek(0, io.SeekCurrent) // the reader reads no further than it needs
		if err == nil {
			err = s.add(header, r, offset)
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// add handles one entry.
func (s *scanner) add(header *tar.Header, r io.Reader, offset int64) error {
	name := path.Clean("/" + header.Name)[1:]
	if strings.HasPrefix(name, ocispecs.ImageBlobsDir+"/") && header.Typeflag != tar.TypeDir {
		if len(s.spans) == maxFiles {
			return &BrokenError{fmt.Errorf("it has more than %d blobs, the most that are read", maxFiles)}
		}
		s.spans[name] = span{offset: offset, size: header.Size, odd: !isPlain(header)}
		return nil
	}
	if !slices.Contains(layoutFiles, name) {
		return nil
	}
	if _, twice := s.found[name]; twice {
		return &BrokenError{fmt.Errorf("it has two files %s", name)}
	}
	if !isPlain(header) {
		return notRegular(name)
	}
	body, err := readDocument(r)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &BrokenError{fmt.Errorf("it is cut short in %s: %w", name, err)}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.found[name] = body
	return nil
}

// isPlain reports whether an entry is a regular file whose bytes are in the archive as they are: a sparse file is not.
func isPlain(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return false
		}
	}
	return header.Typeflag == tar.TypeReg
}
