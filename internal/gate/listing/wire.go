package listing

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// This is the encoding in which a listing leaves a node: numbers as varints, texts behind their length, compressed. It is written by hand
// since a program with a general encoder, which needs reflection, is much larger.

// wireVersion is the beginning of an encoded listing.
const wireVersion = "docker-multiarch listing from a node 1\n"

// MaxWire bounds an encoded listing, in bytes.
const MaxWire = 16 << 20

// ErrWire is the error of Decode.
var ErrWire = errors.New("not a listing")

// wire writes or reads the values of a listing in their order, so that there is one description of it.
type wire interface {
	number(*uint64)
	text(*string)
	// count is number for a length. A length that is read is at most the number of bytes that follow, and at most most.
	count(n, most int) int
}

// Encode encodes a listing.
func (l *Listing) Encode() []byte {
	var w wireWriter
	l.pass(&w)
	packed := bytes.NewBufferString(wireVersion)
	z, _ := flate.NewWriter(packed, flate.BestCompression) // the level is valid, and a buffer takes everything
	_, _ = z.Write(w)
	_ = z.Close()
	return packed.Bytes()
}

// Decode decodes the output of Encode. Anything else is [ErrWire], also a listing that Scan does not make: one whose paths are not in order,
// or not clean.
func Decode(b []byte) (*Listing, error) {
	packed, ok := bytes.CutPrefix(b, []byte(wireVersion))
	if !ok || len(b) > MaxWire {
		return nil, ErrWire
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), 2*MaxCost+1))
	if err != nil || len(plain) > 2*MaxCost {
		return nil, ErrWire
	}
	l, r := &Listing{}, &wireReader{rest: string(plain)}
	if l.pass(r); r.bad || r.rest != "" || !l.valid() {
		return nil, ErrWire
	}
	return l, nil
}

// pass passes the values of a listing. Equal executables are one value.
func (l *Listing) pass(w wire) {
	flag(w, &l.Cut)
	texts(w, &l.Hidden)
	texts(w, &l.Opaque)
	files, index := l.files()
	list(w, &files, func(f **exe.File) {
		if *f == nil {
			*f = &exe.File{}
		}
		passFile(w, *f)
	})
	list(w, &l.Entries, func(e *Entry) {
		w.text(&e.Path)
		number(w, &e.Type)
		number(w, &e.Mode)
		w.text(&e.Link)
		at := index[e.Exe]
		if w.number(&at); at > 0 && at <= uint64(len(files)) {
			e.Exe = files[at-1]
		} else if at > 0 {
			e.Type = 0 // not valid
		}
		passBody(w, &e.Body)
	})
}

// files returns each executable of the entries once, and their indexes from 1; that of nil is 0.
func (l *Listing) files() (files []*exe.File, index map[*exe.File]uint64) {
	index = map[*exe.File]uint64{nil: 0}
	for _, e := range l.Entries {
		if _, known := index[e.Exe]; !known {
			files = append(files, e.Exe)
			index[e.Exe] = uint64(len(files))
		}
	}
	return files, index
}

func passFile(w wire, f *exe.File) {
	format := string(f.Format)
	w.text(&format)
	f.Format = exe.Format(format)
	for _, s := range []*string{&f.Machine, &f.Float, &f.ABI, &f.Interpreter, &f.Kind} {
		w.text(s)
	}
	texts(w, &f.Args)
	number(w, &f.Bits)
	number(w, &f.Level)
	flag(w, &f.BigEndian)
}

// These say what a body has.
const (
	noBody = iota
	hasScript
	hasDynamic
)

func passBody(w wire, b **Body) {
	var what uint64
	switch {
	case *b == nil:
	case (*b).Dynamic != nil:
		what = hasDynamic
	default:
		what = hasScript
	}
	if w.number(&what); what == noBody {
		return
	}
	if *b == nil {
		*b = &Body{}
	}
	if what == hasScript {
		w.text(&(*b).Script)
		return
	}
	if (*b).Dynamic == nil {
		(*b).Dynamic = &exe.Dynamic{}
	}
	d := (*b).Dynamic
	texts(w, &d.Needed)
	for _, s := range []*string{&d.Soname, &d.RPath, &d.RunPath} {
		w.text(s)
	}
}

// valid reports whether Scan could have made the listing.
func (l *Listing) valid() bool {
	for i, e := range l.Entries {
		if i > 0 && l.Entries[i-1].Path >= e.Path || e.Path == "" || e.Path != Clean(e.Path) || e.Type < File || e.Type > Other || e.Mode > 0o7777 {
			return false
		}
	}
	return isSorted(l.Hidden) && isSorted(l.Opaque) && l.Cost() <= MaxCost
}

func isSorted(paths []string) bool {
	for i, p := range paths {
		if i > 0 && paths[i-1] > p || p != Clean(p) {
			return false
		}
	}
	return true
}

// list passes a list. pass gets each element in turn.
func list[T any](w wire, l *[]T, pass func(*T)) {
	for i := range w.count(len(*l), MaxCost/entryCost) {
		if i == len(*l) {
			var zero T
			*l = append(*l, zero)
		}
		pass(&(*l)[i])
	}
}

func texts(w wire, l *[]string) { list(w, l, w.text) }

func number[N uint8 | uint16 | int | Type](w wire, n *N) {
	v := uint64(*n)
	w.number(&v)
	if *n = N(v); uint64(*n) != v {
		var none N
		*n = none // not valid for a type; no reader trusts the others
	}
}

func flag(w wire, b *bool) {
	var v uint64
	if *b {
		v = 1
	}
	w.number(&v)
	*b = v == 1
}

// wireWriter is a wire that writes.
type wireWriter []byte

func (w *wireWriter) number(n *uint64) { *w = binary.AppendUvarint(*w, *n) }

func (w *wireWriter) count(n, _ int) int {
	v := uint64(n) //nolint:gosec // a length
	w.number(&v)
	return n
}

func (w *wireWriter) text(s *string) {
	w.count(len(*s), 0)
	*w = append(*w, *s...)
}

// wireReader is a wire that reads. Once something is wrong all values are zero.
type wireReader struct {
	rest string
	bad  bool
}

func (r *wireReader) number(n *uint64) {
	v, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.bad, r.rest, *n = true, "", 0
		return
	}
	*n, r.rest = v, r.rest[size:]
}

func (r *wireReader) count(_, most int) int {
	var n uint64
	if r.number(&n); n > uint64(min(len(r.rest), most)) { //nolint:gosec // lengths
		r.bad, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *wireReader) text(s *string) {
	n := r.count(0, len(r.rest))
	*s, r.rest = strings.Clone(r.rest[:n]), r.rest[n:]
}
