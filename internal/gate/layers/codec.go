package layers

import (
	"bytes"
	"encoding/gob"
	"errors"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// cacheVersion is the beginning of an encoded listing. It changes with the encoding, and when package exe or scan find other things.
const cacheVersion = "docker-multiarch listing 3\n"

// codec is how listings are compressed; made once, since that takes longer than to use it. zstd's checksum tells a damaged file.
var codec = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	d, err2 := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*maxListing))
	if err := errors.Join(err, err2); err != nil {
		panic(err) // of the options, which are constants
	}
	return e, d
})

// stored is how a listing is written: in columns, and each executable once, since gob reads a few long values many times as fast as many
// short ones.
type stored struct {
	Paths  string // with a NUL between them, which no path has
	Links  string // likewise
	Types  []byte
	Modes  []uint16
	Files  []exe.File
	Bodies []Body
	Exe    []uint32 // of each entry the place in Files, from 1; 0 is none
	Body   []uint32 // likewise in Bodies

	Hidden, Opaque []string
	Cut            bool
}

// encode writes a listing.
func (l *Listing) encode() []byte {
	e, _ := codec()
	return e.EncodeAll(l.plain(), []byte(cacheVersion))
}

// plain writes a listing without compression.
func (l *Listing) plain() []byte {
	s := stored{Hidden: l.Hidden, Opaque: l.Opaque, Cut: l.Cut}
	index := map[*exe.File]uint32{nil: 0}
	paths, links := make([]string, len(l.Entries)), make([]string, len(l.Entries))
	for i, e := range l.Entries {
		if _, known := index[e.Exe]; !known {
			s.Files = append(s.Files, *e.Exe)
			index[e.Exe] = uint32(len(s.Files)) //nolint:gosec // of a listing that is bounded
		}
		body := uint32(0)
		if e.Body != nil {
			s.Bodies = append(s.Bodies, *e.Body)
			body = uint32(len(s.Bodies)) //nolint:gosec // likewise
		}
		paths[i], links[i] = e.Path, e.Link
		s.Types, s.Modes = append(s.Types, byte(e.Type)), append(s.Modes, e.Mode)
		s.Exe, s.Body = append(s.Exe, index[e.Exe]), append(s.Body, body)
	}
	s.Paths, s.Links = strings.Join(paths, "\x00"), strings.Join(links, "\x00")
	var b bytes.Buffer
	_ = gob.NewEncoder(&b).Encode(s) // plain values, in memory
	return b.Bytes()
}

var errNoListing = errors.New("no listing of this version, or a damaged one")

// decode reads what encode wrote.
func decode(b []byte) (*Listing, error) {
	packed, ok := bytes.CutPrefix(b, []byte(cacheVersion))
	if !ok {
		return nil, errNoListing
	}
	_, d := codec()
	plain, err := d.DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	return decodePlain(plain)
}

func decodePlain(plain []byte) (*Listing, error) {
	var s stored
	if err := gob.NewDecoder(bytes.NewReader(plain)).Decode(&s); err != nil {
		return nil, err
	}
	n := len(s.Types)
	if len(s.Modes) != n || len(s.Exe) != n || len(s.Body) != n || n > 0 && (strings.Count(s.Paths, "\x00") != n-1 || strings.Count(s.Links, "\x00") != n-1) {
		return nil, errNoListing
	}
	l := &Listing{Hidden: s.Hidden, Opaque: s.Opaque, Cut: s.Cut, Entries: make([]Entry, n)}
	for i := range l.Entries {
		e := Entry{Type: Type(s.Types[i]), Mode: s.Modes[i] & 0o7777}
		e.Path, s.Paths, _ = strings.Cut(s.Paths, "\x00")
		e.Link, s.Links, _ = strings.Cut(s.Links, "\x00")
		if e.Type < File || e.Type > Other || int(s.Exe[i]) > len(s.Files) || int(s.Body[i]) > len(s.Bodies) {
			return nil, errNoListing
		}
		if at := s.Exe[i]; at > 0 {
			e.Exe = &s.Files[at-1]
		}
		if at := s.Body[i]; at > 0 {
			e.Body = &s.Bodies[at-1]
		}
		l.Entries[i] = e
	}
	return l, nil
}
