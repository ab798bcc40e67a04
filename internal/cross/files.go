package cross

import (
	"strings"

	"github.com/moby/buildkit/client/llb"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// files has the Dockerfiles of a build and the places of its steps in them.
type files struct {
	def   *llb.Definition
	texts map[string]string
	read  map[string]dockerfile.File
}

func newFiles(b Build) *files {
	return &files{def: b.Definition, texts: b.Graph.Texts, read: map[string]dockerfile.File{}}
}

// file returns a Dockerfile by its name. One without a text, or that cannot be parsed, has no stages.
func (f *files) file(name string) dockerfile.File {
	read, ok := f.read[name]
	if !ok {
		read, _ = dockerfile.Outline(f.texts[name])
		f.read[name] = read
	}
	return read
}

// place is a stage of a file.
type place struct {
	name  string
	file  dockerfile.File
	stage int
}

// places returns the stages that a step was written in. There are several if they share the step.
func (f *files) places(s graph.Step) (all []place) {
	infos := f.def.Source.GetInfos()
	for _, l := range f.def.Source.GetLocations()[s.Digest.String()].GetLocations() {
		i, ranges := int(l.GetSourceIndex()), l.GetRanges()
		if i < 0 || i >= len(infos) || len(ranges) == 0 {
			continue
		}
		name := infos[i].GetFilename()
		file := f.file(name)
		if k, ok := file.At(int(ranges[0].GetStart().GetLine())); ok {
			all = append(all, place{name, file, k})
		}
	}
	return all
}

// stageOf returns the name of a step's stage.
func (f *files) stageOf(s graph.Step) string {
	if s.Stage == "" {
		for _, p := range f.places(s) {
			return stageName(p.file, p.stage)
		}
	}
	return s.Stage
}

// from returns the FROM of a step's stage, or the step's own line.
func (f *files) from(s graph.Step) (file string, line int) {
	for _, p := range f.places(s) {
		return p.name, dockerfile.Line(p.file.Stages[p.stage].Location)
	}
	return s.File, s.Line
}

// author returns a reason if the Dockerfile has FROM --platform for a chain's stages, or if that cannot be known. The base's own
// step does not count, since other stages may share it.
func (f *files) author(t *stageOutput) diag.Diagnostic {
	known := false
	for _, s := range t.chain[1:] {
		for _, p := range f.places(s) {
			known = known || s.Digest == t.step.Digest
			if i, ok := pinned(p.file, p.stage); ok {
				stage := p.file.Stages[i]
				return reason("author", "its FROM has --platform="+stage.Platform, p.name, dockerfile.Line(stage.Location))
			}
		}
	}
	if !known {
		return reason("text", "the frontend does not report its place in the Dockerfile", "", 0)
	}
	return diag.Diagnostic{}
}

// pinned finds a --platform that has an effect in the stages that a stage goes on from. It has none in a FROM that names another
// stage. A base whose name has a variable may be any earlier stage.
func pinned(f dockerfile.File, stage int) (int, bool) {
	under := f.Under(stage)
	last := under[len(under)-1]
	under = under[len(under)-1:]
	if strings.Contains(f.Stages[last].BaseName, "$") {
		for i := range last {
			under = append(under, i)
		}
	}
	for _, i := range under {
		if f.Stages[i].Platform != "" {
			return i, true
		}
	}
	return 0, false
}
