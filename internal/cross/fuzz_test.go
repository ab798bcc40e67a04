package cross

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// anyDefinition makes a definition out of bytes, each of which adds a step to those before it.
func anyDefinition(t *testing.T, data []byte) *llb.Definition {
	t.Helper()
	target := parse(t, "linux/arm64")
	sources := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte("FROM golang\nFROM --platform=linux/arm64 golang\nFROM golang\n"))
	golang := llb.Image(fmt.Sprintf("golang0@sha256:%064d", 0), llb.Platform(target))
	states := []llb.State{llb.Scratch(), llb.Local("context"), golang}
	commands := []string{"go build -o /app", "go mod download", "go build -o /b", "make", "apk add x"}
	paths := []string{"/app", "/out/*", "/", "/src", "/etc/ssl"}
	for n, c := range data {
		if n == 60 {
			break
		}
		line := int32(3)
		if c > 250 {
			line = int32(c - 250) // of all stages, and of none
		}
		at := sources.Location([]*pb.Range{{Start: &pb.Position{Line: line}, End: &pb.Position{Line: line}}})
		pick := func(back byte) llb.State { return states[len(states)-1-int(back)%len(states)] }
		from, other := pick(c>>3&3), pick(c>>5)
		name := llb.WithCustomName(fmt.Sprintf("[linux/arm64 s%d %d/9] %x", c%3, c%9, c))
		switch c & 7 {
		case 0:
			p := []string{"linux/arm64", "linux/arm64", "linux/amd64", "linux/riscv64"}[c>>3&3]
			states = append(states, llb.Image(fmt.Sprintf("golang%d@sha256:%064d", c>>5&1, c>>6), llb.Platform(parse(t, p)), name, at))
		case 1:
			states = append(states, from.File(llb.Copy(other, paths[n%5], "/x"), name, at))
		case 2:
			states = append(states, llb.Merge([]llb.State{from, llb.Scratch().File(llb.Copy(other, paths[n%5], "/y"), name, at)}, name, at))
		case 3:
			states = append(states, llb.Merge([]llb.State{from, other}, name, at), llb.Diff(from, other, name, at))
		case 4:
			if from.Output() == nil {
				continue
			}
			run := from.Run(llb.Shlex(commands[n%5]), llb.AddMount("/in", other, llb.SourcePath(paths[n%5])), name, at)
			states = append(states, run.GetMount("/in"), run.Root())
		default:
			if from.Output() == nil {
				continue
			}
			states = append(states, from.Run(llb.Args([]string{"sh", "-c", commands[n%5]}), llb.AddMount("/in", other, llb.ForceNoOutput), name, at).Root())
		}
	}
	last := llb.Scratch()
	for _, st := range states[max(0, len(states)-5):] { // the last ones are copied from
		last = last.File(llb.Copy(st, paths[len(states)%3/2], "/"))
	}
	def, err := last.Marshal(t.Context(), llb.Platform(target))
	if err != nil {
		t.Skip(err)
	}
	return def
}

// FuzzMove checks that every outcome can be built, and that relocating it again changes nothing.
func FuzzMove(f *testing.F) {
	f.Add([]byte{0, 4, 5, 13, 1, 33, 65})
	f.Add([]byte{0, 5, 5, 2, 34, 2, 66})
	f.Add([]byte{0, 5, 0, 5, 4, 36, 3, 1, 2, 97})
	f.Fuzz(func(t *testing.T, data []byte) {
		def := anyDefinition(t, data)
		before := bytes.Join(def.Def, nil)
		b := of(t, def, "linux/arm64")
		b.Isolated = len(data)%2 == 0
		relocated, g := tidily(t, b)
		if relocated.Definition == nil && len(relocated.Steps)+len(relocated.Outputs) > 0 {
			t.Error("steps are moved and there is no definition")
		}
		if !bytes.Equal(before, bytes.Join(def.Def, nil)) {
			t.Error("the definition that was given has been written to")
		}
		if relocated.Definition != nil {
			b.Definition, b.Graph = relocated.Definition, g
			if again, _ := tidily(t, b); again.Definition != nil {
				t.Errorf("%d steps are moved again", len(again.Steps))
			}
		}
	})
}

// FuzzMoveBytes checks that arbitrary bytes cause neither a panic nor a definition that cannot be read.
func FuzzMoveBytes(f *testing.F) {
	for _, dockerfile := range []string{service, cached} {
		var seed bytes.Buffer
		if err := llb.WriteTo(build(f, dockerfile, "linux/arm64").Definition, &seed); err != nil {
			f.Fatal(err)
		}
		f.Add(seed.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		def, err := llb.ReadFrom(bytes.NewReader(data))
		if err != nil {
			return
		}
		g, err := graph.Read(def)
		if err != nil {
			return
		}
		b := Build{
			Definition: def, Graph: g, Target: parse(t, "linux/arm64"), Native: parse(t, "linux/amd64"), Choice: Choice{Auto: true}, Emulated: foreign,
		}
		for _, w := range RequiredBases(b) {
			b.Bases = map[string]recipe.Base{w.Image.Name: {Native: &recipe.Image{}, Target: &recipe.Image{}}}
		}
		if _, err := Relocate(b); err != nil && !strings.Contains(err.Error(), "build") {
			t.Error(err)
		}
		if !b.off() {
			m := newRelocator(b)
			if relocated, err := m.relocate(tidy(m)); err == nil && relocated.Definition != nil {
				if _, err := graph.Read(relocated.Definition); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
