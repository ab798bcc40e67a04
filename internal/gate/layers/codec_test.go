package layers

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// large returns the listing of a layer of 20,000 files, typical of a distribution's base image with a language.
func large() *listing.Listing {
	l := &listing.Listing{Hidden: []string{"etc/gone"}, Opaque: []string{"var/cache"}}
	program := &exe.File{Format: exe.ELF, Machine: "arm64", Bits: 64, Kind: exe.Executable, Interpreter: "/lib/ld-linux-aarch64.so.1"}
	library := &exe.File{Format: exe.ELF, Machine: "arm64", Bits: 64, Kind: "shared"}
	script := &exe.File{Format: exe.Script, Interpreter: "/bin/sh"}
	for i := range 20_000 {
		e := listing.Entry{Path: fmt.Sprintf("usr/lib/python3.12/site-packages/package%03d/module_%08x.py", i/40, uint32(i*2654435761)), Type: listing.File, Mode: 0o644}
		switch {
		case i%40 == 0:
			e = listing.Entry{Path: fmt.Sprintf("usr/lib/python3.12/site-packages/package%03d", i/40), Type: listing.Dir, Mode: 0o755}
		case i%40 == 1:
			e.Exe, e.Body = program, &listing.Body{Dynamic: &exe.Dynamic{Needed: []string{"libc.so.6", "libm.so.6"}}}
		case i%40 == 2:
			e.Exe, e.Body = library, &listing.Body{Dynamic: &exe.Dynamic{Soname: fmt.Sprintf("libx%d.so", i), Needed: []string{"libc.so.6"}}}
		case i%200 == 3:
			e.Exe, e.Body = script, &listing.Body{Script: "#!/bin/sh\nset -e\nexec /usr/bin/python3 -m " + fmt.Sprint(i) + " \"$@\"\n"}
		case i%40 == 4:
			e.Type, e.Mode, e.Link = listing.Symlink, 0o777, "../module.py"
		}
		l.Entries = append(l.Entries, e)
	}
	return l
}

func TestALargeListingIsKeptWhole(t *testing.T) {
	l := large()
	got, err := decode(encode(l))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkListing(b *testing.B) {
	l := large()
	packed := encode(l)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			_ = encode(l)
		}
		b.ReportMetric(float64(len(packed)), "size")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decode(packed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
