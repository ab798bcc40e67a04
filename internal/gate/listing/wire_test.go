package listing_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layerstest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// layer is a layer with everything that a listing can have.
func layer(t testing.TB) []byte {
	t.Helper()
	return layerstest.Tar(t,
		layerstest.Dir("usr"), layerstest.File("usr/app"), exetest.Program("arm64", "/lib/ld-linux-aarch64.so.1"), layerstest.File("usr/start"), layerstest.Script("#!/bin/sh -e"),
		layerstest.File("usr/other"), exetest.Program("arm64", ""), layerstest.File("usr/third"), exetest.Program("arm64", ""), layerstest.File("run.py"), layerstest.Script("#!/usr/bin/python3"),
		layerstest.File("win.exe"), exetest.PE(0x8664, 3, false), layerstest.Link("usr/link", "/abs/../\xffx"), layerstest.Hardlink("usr/hard", "/usr/app"), layerstest.Mode(layerstest.File("usr/data"), 0o4755),
		layerstest.File("usr/.wh.gone"), layerstest.File("etc/.wh.a"), layerstest.File("opt/.wh..wh..opq"),
	)
}

func scanned(t testing.TB, b []byte, most int) *listing.Listing {
	t.Helper()
	l, err := listing.Scan(t.Context(), bytes.NewReader(b), most)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAListingIsTheSameBehindTheWire(t *testing.T) {
	large := &listing.Listing{}
	program := &exe.File{Format: exe.ELF, Machine: "riscv64", Bits: 64, Float: "double", Kind: exe.Executable, Level: 3, BigEndian: true}
	for i := range 5_000 {
		e := listing.Entry{Path: fmt.Sprintf("usr/lib/%06d", i), Type: listing.File, Mode: 0o644}
		if i%3 == 0 {
			e.Exe, e.Body = program, &listing.Body{Dynamic: &exe.Dynamic{Needed: []string{"libc.so.6"}, Soname: fmt.Sprint(i), RPath: "/r", RunPath: "$ORIGIN"}}
		}
		large.Entries = append(large.Entries, e)
	}
	for name, l := range map[string]*listing.Listing{
		"nothing": scanned(t, layerstest.Tar(t), listing.MaxCost), "all kinds": scanned(t, layer(t), listing.MaxCost), "cut off": scanned(t, layer(t), 700), "large": large,
	} {
		got, err := listing.Decode(l.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(l, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if size := len(large.Encode()); size > 40_000 {
		t.Errorf("5,000 files take %d bytes", size)
	}
}

// version is the beginning of what Encode returns.
func version(t testing.TB) []byte {
	t.Helper()
	line, _, _ := bytes.Cut((&listing.Listing{}).Encode(), []byte("\n"))
	return append(line, '\n')
}

func TestWhatScanDoesNotMakeIsNoListing(t *testing.T) {
	entry := func(paths ...string) (l listing.Listing) {
		for _, p := range paths {
			l.Entries = append(l.Entries, listing.Entry{Path: p, Type: listing.File})
		}
		return l
	}
	kind := entry("a")
	kind.Entries[0].Type = 9
	hidden := listing.Listing{Hidden: []string{"b", "a"}}
	climbing := listing.Listing{Opaque: []string{"../a"}}
	for name, l := range map[string]listing.Listing{
		"an order": entry("b", "a"), "twice": entry("a", "a"), "no path": entry(""), "a path that leads out": entry("../a"), "an absolute path": entry("/a"), "a kind": kind,
		"removed paths without order": hidden, "an opaque folder that leads out": climbing,
	} {
		if got, err := listing.Decode(l.Encode()); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	whole := scanned(t, layer(t), listing.MaxCost).Encode()
	for name, b := range map[string][]byte{
		"nothing": nil, "a version alone": version(t), "another version": append([]byte("docker-multiarch listing from a node 0\n"), whole[len(version(t)):]...), "cut off": whole[:len(whole)-9],
	} {
		if got, err := listing.Decode(b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A node may send a few bytes that unpack to very many.
func TestABombIsNoListing(t *testing.T) {
	b := bytes.NewBuffer(version(t))
	w, err := flate.NewWriter(b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := func() []byte {
		begin := b.Len()
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(b.Bytes()[begin:])
	}
	zeros()
	again := zeros() // behind zeros, so that it can be repeated
	for range 2 * listing.MaxCost >> 20 {
		b.Write(again)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := listing.Decode(b.Bytes()); err == nil {
		t.Error("it is one")
	}
}

func FuzzDecode(f *testing.F) {
	plain := func(l *listing.Listing) []byte { return l.Encode()[len(version(f)):] }
	f.Add(plain(scanned(f, layer(f), listing.MaxCost)))
	f.Add(plain(&listing.Listing{Cut: true}))
	begin := version(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := listing.Decode(append(bytes.Clone(begin), b...))
		if err != nil {
			return
		}
		again, err := listing.Decode(l.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, again); diff != "" {
			t.Error(diff)
		}
	})
}
