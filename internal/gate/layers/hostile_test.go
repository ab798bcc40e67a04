package layers_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// flood writes a tar of very many entries.
func flood(w *io.PipeWriter, count int, name func(i int) string) {
	buffered := bufio.NewWriterSize(w, 1<<20)
	tw := tar.NewWriter(buffered)
	for i := range count {
		if tw.WriteHeader(&tar.Header{Name: name(i), Typeflag: tar.TypeReg, Format: tar.FormatGNU}) != nil {
			break // the reader has stopped
		}
	}
	w.CloseWithError(errors.Join(tw.Close(), buffered.Flush()))
}

func TestAFloodOfEntriesIsCutOff(t *testing.T) {
	long := strings.Repeat("long name/", 200)
	for name, test := range map[string]struct {
		count int
		name  func(i int) string
	}{
		"long names":      {3000, func(i int) string { return fmt.Sprint(long, i) }},
		"very long names": {10, func(i int) string { return strings.Repeat("x", 900<<10) + fmt.Sprint(i) }},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			go flood(w, test.count, test.name)
			l, err := listing.Scan(t.Context(), r, 4<<20)
			if err != nil || !l.Cut {
				t.Fatalf("%v", err)
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > 30<<20 {
				t.Errorf("%d MiB", m.HeapAlloc>>20)
			}
			runtime.KeepAlive(l)
		})
	}
}

// A sparse file declares any length, and takes almost no space.
func TestAFileThatIsAllHolesIsNotReadToItsHeaders(t *testing.T) {
	head := exetest.ELF{Machine: elf.EM_AARCH64, Interp: "/x"}.Bytes()[:64]
	binary.LittleEndian.PutUint64(head[32:], 1<<60) // the program headers
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for range 100 {
		sparse := "1\n0\n64\n"
		body := append([]byte(sparse), make([]byte, 512-len(sparse))...)
		h := tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: int64(len(body) + len(head)), Format: tar.FormatPAX}
		raw := paxFile(t, h, map[string]string{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "app", "GNU.sparse.realsize": "2305843009213693952"})
		b.Write(raw)
		b.Write(body)
		b.Write(append(head, make([]byte, 512-len(head))...))
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := listing.Scan(t.Context(), &b, 1<<20)
	if err != nil || len(l.Entries) != 1 || l.Entries[0].Path != "app" || l.Entries[0].Exe == nil || l.Entries[0].Exe.Machine != "arm64" {
		t.Errorf("%+v, %v", l, err)
	}
}

// paxFile returns the header of a file with records that archive/tar refuses to write.
func paxFile(t *testing.T, h tar.Header, records map[string]string) []byte {
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(records)) {
		line := " " + k + "=" + records[k] + "\n"
		n := len(line)
		for n != len(fmt.Sprint(n))+len(line) {
			n = len(fmt.Sprint(n)) + len(line)
		}
		text.WriteString(fmt.Sprint(n) + line)
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	x := tar.Header{Name: "pax", Typeflag: tar.TypeReg, Size: int64(text.Len()), Format: tar.FormatUSTAR}
	if err := tw.WriteHeader(&x); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write([]byte(text.String())); err != nil {
		t.Fatal(err)
	}
	if err := tw.Flush(); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	raw[156] = 'x' // the writer refuses this type
	sum(raw[:512])
	var file bytes.Buffer
	h.Format = tar.FormatUSTAR
	if err := tar.NewWriter(&file).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	return append(raw, file.Bytes()...)
}

// sum writes a header's checksum.
func sum(header []byte) {
	copy(header[148:156], "        ")
	total := 0
	for _, c := range header {
		total += int(c)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", total))
}

func FuzzDecode(f *testing.F) {
	l, err := listOf(f, layerOf(f, dir("usr"), file("usr/app"), program("amd64"), link("app", "usr/app"), file(".wh.x")), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(layers.Plain(l))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := layers.DecodePlain(b); err == nil {
			if _, err := layers.DecodePlain(layers.Plain(l)); err != nil {
				t.Error(err)
			}
		}
	})
}
