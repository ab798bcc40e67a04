package layers

import (
	"bytes"
	"encoding/gob"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// cacheVersion is the beginning of an encoded listing. It changes with the encoding, and when the results of package exe or of
// scan change.
const cacheVersion = "docker-multiarch listing 4\n"

// codec compresses listings. It is made once, since making it takes longer than using it. zstd's checksum detects a damaged file.
var codec = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	d, err2 := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*listing.MaxCost))
	if err := errors.Join(err, err2); err != nil {
		panic(err) // only for invalid options, which are constants here
	}
	return e, d
})

// stored is the encoded form of a part of a listing. It has columns, and each executable once, since gob decodes a few long
// values many times as fast as many short ones.
type stored struct {
	Paths  string // separated by NUL, which no path contains
	Links  string // in the same way
	Types  []byte
	Modes  []uint16
	Files  []exe.File
	Bodies []listing.Body
	Exe    []uint32 // for each entry the index in Files, from 1; 0 is none
	Body   []uint32 // the same for Bodies

	// These belong to the whole listing, and are in its first part.
	Hidden, Opaque []string
	Cut            bool
}

// partEntries is the number of entries of a part. It bounds the memory for writing a large listing.
const partEntries = 8192

// encode encodes a listing: its version, and each part as a zstd frame with a gob stream.
func encode(l *listing.Listing) []byte {
	e, _ := codec()
	packed := []byte(cacheVersion)
	for plain := range plainParts(l) {
		packed = e.EncodeAll(plain, packed)
	}
	return packed
}

// plainParts yields the parts of a listing without compression, at least one. Each is valid until the next one.
func plainParts(l *listing.Listing) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var b bytes.Buffer
		for start := 0; start == 0 || start < len(l.Entries); start += partEntries {
			s := columns(l.Entries[start:min(start+partEntries, len(l.Entries))])
			if start == 0 {
				s.Hidden, s.Opaque, s.Cut = l.Hidden, l.Opaque, l.Cut
			}
			b.Reset()
			_ = gob.NewEncoder(&b).Encode(s) // plain values, in memory
			if !yield(b.Bytes()) {
				return
			}
		}
	}
}

func columns(entries []listing.Entry) stored {
	var s stored
	index := map[*exe.File]uint32{nil: 0}
	paths, links := make([]string, len(entries)), make([]string, len(entries))
	for i, e := range entries {
		if _, known := index[e.Exe]; !known {
			s.Files = append(s.Files, *e.Exe)
			index[e.Exe] = uint32(len(s.Files)) //nolint:gosec // listings are bounded
		}
		body := uint32(0)
		if e.Body != nil {
			s.Bodies = append(s.Bodies, *e.Body)
			body = uint32(len(s.Bodies)) //nolint:gosec // listings are bounded
		}
		paths[i], links[i] = e.Path, e.Link
		s.Types, s.Modes = append(s.Types, byte(e.Type)), append(s.Modes, e.Mode)
		s.Exe, s.Body = append(s.Exe, index[e.Exe]), append(s.Body, body)
	}
	s.Paths, s.Links = strings.Join(paths, "\x00"), strings.Join(links, "\x00")
	return s
}

var errNoListing = errors.New("no listing of this version, or a damaged one")

// decode decodes the output of encode.
func decode(b []byte) (*listing.Listing, error) {
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

func decodePlain(plain []byte) (*listing.Listing, error) {
	l := &listing.Listing{}
	for r := bytes.NewReader(plain); ; {
		var s stored
		if err := gob.NewDecoder(r).Decode(&s); err != nil {
			return nil, err
		}
		if err := add(l, s); err != nil {
			return nil, err
		}
		if r.Len() == 0 {
			return l, nil
		}
	}
}

// add adds a part.
func add(l *listing.Listing, s stored) error {
	n := len(s.Types)
	if len(s.Modes) != n || len(s.Exe) != n || len(s.Body) != n || n > 0 && (strings.Count(s.Paths, "\x00") != n-1 || strings.Count(s.Links, "\x00") != n-1) {
		return errNoListing
	}
	l.Hidden, l.Opaque, l.Cut = append(l.Hidden, s.Hidden...), append(l.Opaque, s.Opaque...), l.Cut || s.Cut
	l.Entries = slices.Grow(l.Entries, n)
	for i := range n {
		e := listing.Entry{Type: listing.Type(s.Types[i]), Mode: s.Modes[i] & 0o7777}
		e.Path, s.Paths, _ = strings.Cut(s.Paths, "\x00")
		e.Link, s.Links, _ = strings.Cut(s.Links, "\x00")
		if e.Type < listing.File || e.Type > listing.Other || int(s.Exe[i]) > len(s.Files) || int(s.Body[i]) > len(s.Bodies) {
			return errNoListing
		}
		if at := s.Exe[i]; at > 0 {
			e.Exe = &s.Files[at-1]
		}
		if at := s.Body[i]; at > 0 {
			e.Body = &s.Bodies[at-1]
		}
		l.Entries = append(l.Entries, e)
	}
	return nil
}
