package listing

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/starter"
)

const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"

	// MaxCost bounds a listing in bytes of paths and entries. It allows a layer of half a million files and more.
	MaxCost    = 64 << 20
	entryCost  = 64
	fileCost   = 1000 // of an exe.File and its key while the layer is read
	bodyCost   = 128  // of a Body, and neededCost of each name in it
	neededCost = 16
	// maxText bounds the kept text of a shell's script, and maxTexts that of all scripts of a layer, in bytes.
	maxText, maxTexts = 32 << 10, 2 << 20
	// peekSize is the number of bytes that are read of each file to recognise executables.
	peekSize = 64
	// These bound how far headers are followed into a file, and into all files of a layer. A sparse file may declare any length.
	maxAhead, maxAheadInAll = 64 << 20, 4 << 30
	// maxDeepInAll bounds the search for libraries' names. The rest of maxAheadInAll is for headers.
	maxDeepInAll = maxAheadInAll / 2
)

// Scan lists a layer from its tar stream, up to a cost of about most bytes: [MaxCost]. It looks only at the beginnings of files.
func Scan(ctx context.Context, r io.Reader, most int) (*Listing, error) {
	s := scanner{most: most, tar: tar.NewReader(r), files: map[key]*exe.File{}}
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		header, err := s.tar.Next()
		if errors.Is(err, io.EOF) {
			return s.finish(), nil
		}
		if err != nil {
			return nil, err
		}
		if err := s.add(header); err != nil {
			return nil, fmt.Errorf("%q: %w", header.Name, err)
		}
	}
}

type scanner struct {
	tar     *tar.Reader
	listing Listing
	files   map[key]*exe.File // equal ones once
	cost    int
	ahead   int64 // bytes that were read of files beyond peekSize
	most    int
	head    [peekSize]byte
	reader  exe.Reader
	text    []byte // of the current script
	texts   int    // bytes of scripts that were kept
}

func (s *scanner) add(h *tar.Header) error {
	p := Clean(h.Name)
	if dir, base := Parent(p), path.Base(p); strings.HasPrefix(base, whiteout) {
		s.whiteout(dir, base)
		return nil
	}
	e := Entry{Path: p, Mode: uint16(h.Mode & 0o7777)}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		e.Type = File
		if err := s.examine(&e); err != nil {
			return err
		}
	case tar.TypeDir:
		e.Type = Dir
	case tar.TypeSymlink:
		e.Type, e.Link = Symlink, h.Linkname
	case tar.TypeLink:
		e.Type, e.Link = Hardlink, Clean(h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		e.Type = Other
	}
	if tooLong(e.Path) || tooLong(e.Link) {
		s.listing.Cut = true
	} else if s.reserve(len(e.Path) + len(e.Link)) {
		s.listing.Entries = append(s.listing.Entries, e)
	}
	return nil
}

// examine records whether a file is an executable.
func (s *scanner) examine(e *Entry) error {
	n, err := io.ReadFull(s.tar, s.head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	rest := io.LimitedReader{R: s.tar, N: min(maxAhead, maxAheadInAll-s.ahead)}
	allowed := rest.N
	head, whole, err := s.scriptText(s.head[:n], &rest)
	if err != nil {
		return err
	}
	f, d, ok, err := s.read(head, &rest)
	s.ahead += allowed - rest.N
	if err != nil || !ok {
		return err
	}
	k := keyOf(f)
	if s.files[k] == nil && s.reserve(fileCost+len(f.Interpreter)+len(k.args)) {
		s.files[k] = &f
	}
	e.Exe = s.files[k]
	s.keep(e, d, head, whole)
	return nil
}

// scriptText reads a script up to the bound. whole means that the text is complete.
func (s *scanner) scriptText(head []byte, rest io.Reader) (text []byte, whole bool, err error) {
	if !bytes.HasPrefix(head, []byte("#!")) {
		return head, false, nil
	}
	if s.text == nil {
		s.text = make([]byte, maxText+1)
	}
	n := copy(s.text, head)
	more, err := io.ReadFull(rest, s.text[n:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return s.text[:n+more], n+more <= maxText, err
}

// read reads a file's machine and, within the bound, its libraries.
func (s *scanner) read(head []byte, rest io.Reader) (exe.File, *exe.Dynamic, bool, error) {
	if s.ahead < maxDeepInAll {
		return s.reader.Read(head, rest)
	}
	f, ok, err := exe.Read(head, rest)
	return f, nil, ok, err
}

// keep keeps a file's libraries or script.
func (s *scanner) keep(e *Entry, d *exe.Dynamic, text []byte, whole bool) {
	var body Body
	switch {
	case e.Exe == nil:
		return
	case d != nil && e.Exe.Kind != exe.Object:
		body.Dynamic = d
	case whole && startsImages(e.Path) && starter.ShellOf(*e.Exe) != "" && s.texts+len(text) <= maxTexts:
		body.Script = string(text)
		s.texts += len(text)
	default:
		return
	}
	if s.reserve(body.size()) {
		e.Body = &body
	}
}

// startsImages reports whether an image may start the script at a path. A base image has hundreds of others, which installed its
// packages.
func startsImages(path string) bool {
	for _, dir := range []string{"var/lib/dpkg/", "usr/share/", "etc/init.d/"} {
		if strings.HasPrefix(path, dir) {
			return false
		}
	}
	return true
}

// A key has all fields of an exe.File in comparable form.
type key struct {
	format                                 exe.Format
	machine, float, abi, interpreter, kind string
	args                                   string
	bits, level                            int
	bigEndian                              bool
}

func keyOf(f exe.File) key {
	return key{
		format: f.Format, machine: f.Machine, float: f.Float, abi: f.ABI, interpreter: f.Interpreter, kind: f.Kind,
		args: strings.Join(f.Args, "\x00"), bits: f.Bits, level: f.Level, bigEndian: f.BigEndian,
	}
}

func (s *scanner) whiteout(dir, base string) {
	switch {
	case base == opaqueWhiteout:
		if s.reserve(len(dir)) {
			s.listing.Opaque = append(s.listing.Opaque, dir)
		}
	case strings.HasPrefix(base, whiteout+whiteout): // metadata of AUFS
	default:
		if hidden := path.Join(dir, base[len(whiteout):]); s.reserve(len(hidden)) {
			s.listing.Hidden = append(s.listing.Hidden, hidden)
		}
	}
}

// reserve reports whether there is room for another entry, and counts it.
func (s *scanner) reserve(size int) bool {
	if s.cost += size + entryCost; s.cost <= s.most {
		return true
	}
	s.listing.Cut = true
	return false
}

// finish sorts the entries. Of entries with the same path the last one stays.
func (s *scanner) finish() *Listing {
	l := &s.listing
	slices.SortStableFunc(l.Entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	kept := l.Entries[:0]
	for i, e := range l.Entries {
		if i+1 < len(l.Entries) && l.Entries[i+1].Path == e.Path || e.Path == "" {
			continue
		}
		kept = append(kept, e)
	}
	clear(l.Entries[len(kept):])
	l.Entries = slices.Clip(kept)
	slices.Sort(l.Hidden)
	slices.Sort(l.Opaque)
	return l
}

// tooLong reports whether a path is longer or deeper than a kernel accepts or an author would write.
func tooLong(path string) bool { return len(path) >= MaxPath || strings.Count(path, "/") > MaxDepth }

// Clean returns a path within the image. Nothing leads out of its root, which is "".
func Clean(name string) string { return path.Clean("/" + name)[1:] }
