package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/moby/buildkit/session/upload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
)

// spoolURL is the URL that the builder requests from a session to get the spooled context. BuildKit's http source recognizes the host.
const spoolURL = "http://buildkit-session/" + spoolName

const spoolName = "context"

// spool is a temporary directory that is made when first needed.
type spool struct {
	root   string
	delete func()
}

func (s *spool) dir() (string, error) {
	if s.root == "" {
		root, remove, err := inuse.TempDir()
		if err != nil {
			return "", err
		}
		s.root, s.delete = root, remove
	}
	return os.MkdirTemp(s.root, "")
}

func (s *spool) file(name string, r io.Reader) (string, error) {
	dir, err := s.dir()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	return f.Name(), errors.Join(err, f.Close())
}

func (s *spool) remove() {
	if s.root != "" {
		s.delete()
	}
}

// archiveHead is enough for the magic numbers and for one tar header.
const archiveHead = 1024

func peekArchive(r io.Reader) (head []byte, rest io.Reader, err error) {
	buf := bufio.NewReaderSize(r, archiveHead)
	head, err = buf.Peek(archiveHead)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return head, buf, err
}

// isArchive reports whether BuildKit would unpack data that begins with head as a context: a tar, plain or compressed by gzip, bzip2, xz or
// zstd.
func isArchive(head []byte) bool {
	for _, magic := range []string{"BZh", "\x1f\x8b\x08", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	_, err := tar.NewReader(bytes.NewReader(head)).Next()
	return err == nil
}

// spoolServer answers a solve's request for the spooled context from the file, as often as it is asked. BuildKit's own uploadprovider hands
// out its reader once, so a second platform, or a retry, would get nothing.
type spoolServer struct{ file string }

func (s spoolServer) Register(server *grpc.Server) { upload.RegisterUploadServer(server, s) }

func (s spoolServer) Pull(stream upload.Upload_PullServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	if p := md.Get("urlpath"); len(p) == 0 || path.Base(p[0]) != spoolName {
		return errors.New("no such upload")
	}
	f, err := os.Open(s.file)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			if err := stream.SendMsg(&upload.BytesMessage{Data: buf[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
