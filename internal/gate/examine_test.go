package gate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
)

const (
	musl   = "/lib/ld-musl-aarch64.so.1"
	glibc  = "/lib/ld-linux-aarch64.so.1"
	refuse = "refused"
	ok     = "ok"
	warn   = "warned"
)

func TestAnEntrypointMatchesTheImagesMachine(t *testing.T) {
	distribution := layerOf(t, // usrmerge, as in Debian
		link("bin", "usr/bin"), link("lib", "usr/lib"), dir("usr"), dir("usr/bin"), dir("usr/lib"),
		file("usr/bin/dash"), dynamic("arm64", glibc), link("usr/bin/sh", "dash"), file("usr/bin/env"), dynamic("arm64", glibc),
		file("usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"), program("arm64"), link("usr/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu/ld-linux-aarch64.so.1"))
	armhf := "/lib/ld-linux-armhf.so.3"
	soft := exetest.ForArch("arm")
	soft.Flags, soft.Interp = 0x05000200, armhf
	for name, test := range map[string]struct {
		image image
		want  []string
	}{
		"static":             {image{added: [][]byte{layerOf(t, file("app"), program("arm64"))}, entrypoint: []string{"/app"}}, []string{ok}},
		"wrong":              {image{added: [][]byte{layerOf(t, file("app"), program("amd64"))}, entrypoint: []string{"/app"}}, []string{refuse, "error entrypoint-machine /app"}},
		"wrong, from Cmd":    {image{added: [][]byte{layerOf(t, file("app"), program("amd64"))}, cmd: []string{"/app"}}, []string{refuse, "error entrypoint-machine /app"}},
		"wrong through PATH": {image{added: [][]byte{layerOf(t, file("usr/local/bin/app"), program("s390x"))}, cmd: []string{"app"}}, []string{refuse, "error entrypoint-machine /usr/local/bin/app"}},
		"wrong through its own PATH": {
			image{added: [][]byte{layerOf(t, file("opt/app"), program("s390x"))}, cmd: []string{"app"}, env: []string{"A=b", "PATH=:relative:/usr/bin:/opt"}},
			[]string{refuse, "error entrypoint-machine /opt/app"},
		},
		"wrong in the working folder": {
			image{added: [][]byte{layerOf(t, file("srv/bin/app"), program("386"))}, cmd: []string{"./bin/app"}, dir: "/srv"},
			[]string{refuse, "error entrypoint-machine /srv/bin/app"},
		},
		"wrong behind links": {
			image{added: [][]byte{layerOf(t, link("app", "../../opt/./current/../current/app"), link("opt/current", "/opt/v2"), file("opt/v2/app"), program("amd64"))}, cmd: []string{"/app"}},
			[]string{refuse, "error entrypoint-machine /opt/v2/app"},
		},
		"wrong behind a hard link": {
			image{added: [][]byte{layerOf(t, file("data/app"), program("amd64"), hardlink("app", "data/app"))}, cmd: []string{"/app"}},
			[]string{refuse, "error entrypoint-machine /data/app"},
		},
		"wrong Mach-O": {image{added: [][]byte{layerOf(t, file("app"), macho())}, cmd: []string{"/app"}}, []string{refuse, "error entrypoint-machine /app"}},
		"script":       {image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("start"), script("#!/bin/sh"))}, cmd: []string{"/start"}}, []string{ok}},
		"script whose interpreter is wrong": {
			image{added: [][]byte{layerOf(t, file("start"), script("#!/opt/awk -f"), file("opt/awk"), program("amd64"))}, cmd: []string{"/start"}},
			[]string{refuse, "error interpreter-machine /opt/awk"},
		},
		"script for env, whose interpreter is wrong": {
			image{
				base: [][]byte{distribution}, cmd: []string{"/start"},
				added: [][]byte{layerOf(t, file("start"), script("#!/usr/bin/env -S python3 -u"), file("usr/bin/python3"), program("amd64"))},
			},
			[]string{refuse, "error interpreter-machine /usr/bin/python3"},
		},
		"script for env, in words that only env knows": {
			image{base: [][]byte{distribution}, cmd: []string{"/start"}, added: [][]byte{layerOf(t, file("start"), script("#!/usr/bin/env -S \"a b\" ${C}"))}},
			[]string{ok},
		},
		"script for env, without its interpreter": {
			image{base: [][]byte{distribution}, cmd: []string{"/start"}, added: [][]byte{layerOf(t, file("start"), script("#!/usr/bin/env bash -e"))}},
			[]string{refuse, "error interpreter-missing /start"},
		},
		"script for env, behind a shell that may set PATH": {
			image{
				base: [][]byte{distribution}, cmd: []string{"sh", "-c", "PATH=/opt/bin exec /start"},
				added: [][]byte{layerOf(t, file("start"), script("#!/usr/bin/env perl"))},
			},
			[]string{ok},
		},
		"the right one earlier in PATH, in the base": {
			image{
				base: [][]byte{layerOf(t, file("usr/local/bin/app"), program("arm64"))}, cmd: []string{"app"},
				added: [][]byte{layerOf(t, file("usr/bin/app"), program("amd64"))},
			},
			[]string{warn, "warning machine /usr/bin/app"},
		},
		"script for a script": {
			image{added: [][]byte{layerOf(t, file("start"), script("#!/second"), file("second"), script("#!/third"), file("third"), program("amd64"))}, cmd: []string{"/start"}},
			[]string{refuse, "error interpreter-machine /third"},
		},
		"script for itself": {image{added: [][]byte{layerOf(t, file("start"), script("#!/start"))}, cmd: []string{"/start"}}, []string{ok}},
		"script without its interpreter": {
			image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("start"), script("#!/bin/bash"))}, cmd: []string{"/start"}},
			[]string{refuse, "error interpreter-missing /start"},
		},
		"script from Windows": {
			image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("start"), script("#!/bin/sh\r"))}, cmd: []string{"/start"}},
			[]string{refuse, "error script-line-ends /start"},
		},
		"text":       {image{added: [][]byte{layerOf(t, file("start"), script("echo"))}, cmd: []string{"/start"}}, []string{warn, "warning entrypoint-format /start"}},
		"no mode x":  {image{added: [][]byte{layerOf(t, mode(file("app"), 0o644), program("arm64"))}, cmd: []string{"/app"}}, []string{warn, "warning entrypoint-mode /app"}},
		"a folder":   {image{added: [][]byte{layerOf(t, dir("app"))}, cmd: []string{"/app"}}, []string{warn, "warning entrypoint-mode /app"}},
		"nothing":    {image{added: [][]byte{layerOf(t, file("data"), []byte("x"))}, cmd: []string{"/app"}}, []string{warn, "warning entrypoint-missing /app"}},
		"no command": {image{added: [][]byte{layerOf(t, file("data"), []byte("x"))}}, []string{ok}},
		"dynamic":    {image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("app"), dynamic("arm64", glibc))}, cmd: []string{"/app"}}, []string{ok}},
		"no loader":  {image{added: [][]byte{layerOf(t, file("app"), dynamic("arm64", musl))}, cmd: []string{"/app"}}, []string{refuse, "error loader-missing /app"}},
		"other libc": {image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("app"), dynamic("arm64", musl))}, cmd: []string{"/app"}}, []string{refuse, "error loader-missing /app"}},
		"wrong loader": {
			image{added: [][]byte{layerOf(t, file("app"), dynamic("arm64", musl), file("lib/ld-musl-aarch64.so.1"), program("amd64"))}, cmd: []string{"/app"}},
			[]string{refuse, "error loader-machine /lib/ld-musl-aarch64.so.1"},
		},
		"loader of other floats": {
			image{platform: "linux/arm/v7", added: [][]byte{layerOf(t, file("app"), soft.Bytes(), file("lib/ld-linux-armhf.so.3"), program("arm"))}, cmd: []string{"/app"}},
			[]string{refuse, "error loader-machine /lib/ld-linux-armhf.so.3"},
		},
		"wrong shell": {
			image{added: [][]byte{layerOf(t, file("bin/sh"), program("amd64"))}, cmd: []string{"/bin/sh", "-c", "echo $HOME"}},
			[]string{refuse, "error entrypoint-machine /bin/sh"},
		},
		"wrong behind a shell": {
			image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("srv/app"), program("amd64"))}, cmd: []string{"/bin/sh", "-c", "cd /srv && A=b exec ./app --flag $X"}},
			[]string{refuse, "error entrypoint-machine /srv/app"},
		},
		"behind a shell, if need be": {
			image{base: [][]byte{distribution}, added: [][]byte{layerOf(t, file("srv/app"), program("amd64"))}, cmd: []string{"sh", "-c", "/srv/app 2>&1 || /bin/sh x"}},
			[]string{warn, "warning machine /srv/app"},
		},
		"nothing behind a shell": {image{base: [][]byte{distribution}, cmd: []string{"/bin/sh", "-c", "nothing here"}}, []string{ok}},
		"wrong behind tini": {
			image{added: [][]byte{layerOf(t, file("tini"), program("arm64"), file("app"), program("amd64"))}, entrypoint: []string{"/tini", "-g", "--"}, cmd: []string{"/app"}},
			[]string{refuse, "error entrypoint-machine /app"},
		},
		"wrong as an argument": {
			image{
				base: [][]byte{distribution}, entrypoint: []string{"/start"}, cmd: []string{"/app", "-x"},
				added: [][]byte{layerOf(t, file("start"), script("#!/bin/sh"), file("app"), program("amd64"))},
			},
			[]string{warn, "warning cmd-machine /app"},
		},
		"386 in amd64": {
			image{platform: "linux/amd64", added: [][]byte{layerOf(t, file("app"), program("386"))}, cmd: []string{"/app"}}, []string{warn, "warning compat /app"},
		},
		"arm in arm64":     {image{added: [][]byte{layerOf(t, file("app"), program("arm"))}, cmd: []string{"/app"}}, []string{warn, "warning compat /app"}},
		"amd64 in v2":      {image{platform: "linux/amd64/v2", added: [][]byte{layerOf(t, file("app"), program("amd64"))}, cmd: []string{"/app"}}, []string{ok}},
		"setuid multicall": {image{added: [][]byte{layerOf(t, mode(file("bin/busybox"), 0o4755), program("arm64"), link("bin/sh", "/bin/busybox"))}, cmd: []string{"sh"}}, []string{ok}},
		"hidden by a whiteout": {
			image{added: [][]byte{layerOf(t, file("app"), program("amd64"), file("lib/x"), program("amd64")), layerOf(t, file(".wh.app"), file("lib/.wh..wh..opq"))}, cmd: []string{"/app"}},
			[]string{warn, "warning entrypoint-missing /app"},
		},
		"replaced": {
			image{added: [][]byte{layerOf(t, file("app"), program("amd64")), layerOf(t, file("app"), program("arm64"))}, cmd: []string{"/app"}}, []string{ok},
		},
		"wasm": {image{platform: "wasi/wasm", added: [][]byte{layerOf(t, file("app.wasm"), []byte("\x00asm\x01\x00\x00\x00"))}, cmd: []string{"/app.wasm"}}, []string{ok}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summary(test.image.examine(t, gate.Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARefusalNamesEverything(t *testing.T) {
	img := image{added: [][]byte{layerOf(t, file("app"), program("amd64"))}, entrypoint: []string{"/app"}}
	got := img.examine(t, gate.Options{}).Findings
	layer := newStore().Put(img.added[0]).Digest
	want := []diag.Diagnostic{{
		Severity: "error", Check: "entrypoint-machine", Platforms: []string{"linux/arm64"}, Line: 7,
		Content: diag.Content{Path: "/app", Digest: layer, Step: "COPY app /app", Machine: "amd64", Wanted: "arm64"},
		Message: `the entrypoint "/app" is for amd64, the image for arm64 (layer ` + layer.Encoded()[:12] + `, Dockerfile:7: COPY app /app)`,
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(diag.Diagnostic{}, "Fix")); diff != "" {
		t.Error(diff)
	}
	if len(got) == 0 || !strings.Contains(got[0].Fix, "ARG TARGETARCH with a default") {
		t.Errorf("the frequent causes are missing: %+v", got)
	}
}
