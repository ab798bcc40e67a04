package gate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// cacheVersion is the beginning of an encoded listing. It changes with the encoding, and when package exe or scan find other things.
const cacheVersion = "docker-multiarch listing 2\n"

// codec is how listings are compressed; made once, since that takes longer than to use it. zstd's checksum tells a damaged file.
var codec = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	d, err2 := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*maxListing))
	if err := errors.Join(err, err2); err != nil {
		panic(err) // of the options, which are constants
	}
	return e, d
})

var types = []Type{File, Dir, Symlink, Hardlink, Other}

// encode writes a listing.
func (l *Listing) encode() []byte {
	e, _ := codec()
	return e.EncodeAll(l.plain(), []byte(cacheVersion))
}

// plain writes a listing without compression. Each path is what differs from the one before, which is most of the saving; JSON takes ten
// times as long to read.
func (l *Listing) plain() (b []byte) {
	var files []*exe.File
	index := map[*exe.File]int{}
	for _, e := range l.Entries {
		if e.Exe != nil && index[e.Exe] == 0 {
			files = append(files, e.Exe)
			index[e.Exe] = len(files)
		}
	}
	text, _ := json.Marshal(files) //nolint:errchkjson // plain values
	b = appendText(b, string(text))
	b = binary.AppendUvarint(b, uint64(len(l.Entries)))
	total, last := 0, ""
	for _, e := range l.Entries {
		total += len(e.Path)
	}
	b = binary.AppendUvarint(b, uint64(total))
	for _, e := range l.Entries {
		same := sharedPrefix(last, e.Path)
		b = binary.AppendUvarint(b, uint64(same)) //nolint:gosec // a length
		b = appendText(b, e.Path[same:])
		b = append(b, byte(slices.Index(types, e.Type))) //nolint:gosec // one of a few
		b = binary.AppendUvarint(b, uint64(e.Mode))
		b = appendText(b, e.Link)
		b = binary.AppendUvarint(b, uint64(index[e.Exe])) //nolint:gosec // an index
		b = e.Body.append(b)
		last = e.Path
	}
	for _, list := range [][]string{l.Hidden, l.Opaque} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendText(b, s)
		}
	}
	if l.Cut {
		return append(b, 1)
	}
	return append(b, 0)
}

// The kinds of bodies in an encoded listing.
const (
	noBody = iota
	dynamicBody
	scriptBody
)

func (body *Body) append(b []byte) []byte {
	switch {
	case body == nil:
		return append(b, noBody)
	case body.Dynamic == nil:
		return appendText(append(b, scriptBody), body.Script)
	}
	d := body.Dynamic
	b = appendText(appendText(appendText(append(b, dynamicBody), d.Soname), d.RPath), d.RunPath)
	b = binary.AppendUvarint(b, uint64(len(d.Needed)))
	for _, name := range d.Needed {
		b = appendText(b, name)
	}
	return b
}

func (r *reader) body() *Body {
	switch r.byte() {
	case noBody:
		return nil
	case scriptBody:
		return &Body{Script: string(r.bytes())}
	case dynamicBody:
		d := &exe.Dynamic{Soname: string(r.bytes()), RPath: string(r.bytes()), RunPath: string(r.bytes())}
		d.Needed = r.texts()
		return &Body{Dynamic: d}
	}
	r.bad = true
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func sharedPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
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
	r := reader{b: plain}
	var files []*exe.File
	if err := json.Unmarshal(r.bytes(), &files); err != nil {
		return nil, err
	}
	l := &Listing{Entries: r.entries(files)}
	l.Hidden, l.Opaque = r.texts(), r.texts()
	l.Cut = r.byte() == 1
	if r.bad || len(r.b) > 0 {
		return nil, errNoListing
	}
	return l, nil
}

// A reader takes values from the front. What it returns once it is bad means nothing.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) entries(files []*exe.File) []Entry {
	const least = 7 // bytes of an entry
	count, total := r.number(), r.number()
	if count > len(r.b)/least || total > maxListing {
		r.bad = true
		return nil
	}
	entries, ends := make([]Entry, 0, count), make([]int, 0, count)
	paths := make([]byte, 0, total) // all become one string, since so many small ones take longer to make than to read
	var path []byte
	for range count {
		same := r.number()
		if same > len(path) || r.bad {
			r.bad = true
			return nil
		}
		path = append(path[:same], r.bytes()...)
		paths = append(paths, path...)
		ends = append(ends, len(paths))
		kind := int(r.byte())
		var e Entry
		e.Mode = uint16(r.number() & 0o7777)
		e.Link = string(r.bytes())
		file := r.number()
		e.Body = r.body()
		if kind >= len(types) || file > len(files) || len(paths) > total {
			r.bad = true
			return nil
		}
		if e.Type = types[kind]; file > 0 {
			e.Exe = files[file-1]
		}
		entries = append(entries, e)
	}
	all, start := string(paths), 0
	for i, end := range ends {
		entries[i].Path = all[start:end]
		start = end
	}
	return entries
}

func (r *reader) texts() (list []string) {
	for range r.count() {
		list = append(list, string(r.bytes()))
	}
	return list
}

// count is the length of a list, each of whose elements takes a byte at least.
func (r *reader) count() int {
	if n := r.number(); n <= len(r.b) {
		return n
	}
	r.bad = true
	return 0
}

func (r *reader) number() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > 1<<40 {
		r.bad = true
		r.b = nil
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.count()
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}
