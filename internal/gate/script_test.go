package gate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
)

func TestProgramsOfAnEntrypointScriptMatchTheImagesMachine(t *testing.T) {
	root := layerOf(t, file("bin/sh"), program("arm64"), file("bin/gosu"), program("arm64"), file("bin/right"), program("arm64"), file("bin/wrong"), program("amd64"))
	entry := func(text string) []byte { return layerOf(t, file("entry.sh"), []byte("#!/bin/sh\n"+text+"\n")) }
	wrong := []string{refuse, "error entrypoint-machine /bin/wrong"}
	for name, test := range map[string]struct {
		image image
		want  []string
	}{
		"a program":              {image{added: [][]byte{entry(`exec /bin/wrong "$@"`)}, entrypoint: []string{"/entry.sh"}, cmd: []string{"x"}}, wrong},
		"the command":            {image{added: [][]byte{entry(`exec "$@"`)}, entrypoint: []string{"/entry.sh"}, cmd: []string{"wrong", "x"}}, wrong},
		"the command, by a tool": {image{added: [][]byte{entry(`exec gosu me "$@"`)}, entrypoint: []string{"/entry.sh"}, cmd: []string{"/bin/wrong"}}, wrong},
		"what a shell is given":  {image{added: [][]byte{entry(`exec wrong`)}, entrypoint: []string{"sh", "-e", "/entry.sh"}}, wrong},
		"what a shell finds":     {image{added: [][]byte{entry(`exec wrong`)}, entrypoint: []string{"sh", "entry.sh"}, dir: "/"}, wrong},
		"behind a wrapper":       {image{added: [][]byte{entry(`exec wrong`)}, entrypoint: []string{"gosu", "me", "/entry.sh"}}, wrong},
		"left running":           {image{added: [][]byte{entry("wrong &\nexec right")}, cmd: []string{"/entry.sh"}}, wrong},
		"a script's script":      {image{added: [][]byte{entry(`exec /entry2.sh "$@"`), layerOf(t, file("entry2.sh"), []byte("#!/bin/sh\nexec \"$1\"\n"))}, entrypoint: []string{"/entry.sh"}, cmd: []string{"/bin/wrong"}}, wrong},
		"a right one":            {image{added: [][]byte{entry(`exec right "$@"`)}, entrypoint: []string{"/entry.sh"}, cmd: []string{"x"}}, []string{ok}},
		"in a branch":            {image{added: [][]byte{entry(`if true; then exec wrong; fi`)}, entrypoint: []string{"/entry.sh"}}, []string{ok}},
		"the command, perhaps":   {image{added: [][]byte{entry("if true; then set -- right; fi\nexec \"$@\"")}, entrypoint: []string{"/entry.sh"}, cmd: []string{"/bin/wrong"}}, []string{warn, "warning cmd-machine /bin/wrong"}},
		"not there":              {image{added: [][]byte{entry(`exec gone`)}, entrypoint: []string{"/entry.sh"}}, []string{ok}},
		"not there, by its path": {image{added: [][]byte{entry(`exec /bin/gone`)}, entrypoint: []string{"/entry.sh"}}, []string{warn, "warning entrypoint-missing /bin/gone"}},
		"of no shell":            {image{added: [][]byte{layerOf(t, file("entry.py"), []byte("#!/bin/right\nexec wrong\n"))}, entrypoint: []string{"/entry.py"}}, []string{ok}},
		"itself":                 {image{added: [][]byte{entry(`exec /entry.sh`)}, entrypoint: []string{"/entry.sh"}}, []string{ok}},
		"a program without its libraries": {
			image{added: [][]byte{entry(`exec /app`), glibcRoot(t, file("app"), linked("arm64", glibc, exetest.Linked{Needed: []string{"libfoo.so"}}))}, entrypoint: []string{"/entry.sh"}},
			[]string{refuse, "error library-missing /app"},
		},
	} {
		test.image.base = [][]byte{root}
		if diff := cmp.Diff(test.want, summary(test.image.examine(t, gate.Options{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
