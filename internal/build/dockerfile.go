package build

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageLine is a line of a Dockerfile that may name an image, in whatever stage and behind whatever argument.
var imageLine = regexp.MustCompile(`(?im)^\s*(?:#\s*syntax\s*=|(?:FROM|ARG|COPY|RUN)\b)(.*)$`)

// mentions are the words of a local Dockerfile that might name an image. It is a guess, and good for one question only: whether
// an image may be in a registry on this machine's loopback, which decides about the network of the builder before anything can be
// asked of it. What a build really uses is read from its graph.
func (s Source) mentions() []string {
	var words []string
	for _, data := range s.localDockerfiles() {
		for _, line := range imageLine.FindAllSubmatch(data, -1) {
			words = append(words, strings.FieldsFunc(string(line[1]), func(r rune) bool { return strings.ContainsRune(" \t=,\"'", r) })...)
		}
	}
	return words
}

// localDockerfiles are the contents of the Dockerfiles of all platforms; nil for one that is not local.
func (s Source) localDockerfiles() [][]byte {
	all := slices.Collect(maps.Values(s.Own))
	if s.Dockerfile != (Dockerfile{}) || len(all) == 0 {
		all = append(all, s.Dockerfile)
	}
	contents := make([][]byte, len(all))
	for i, d := range all {
		if d.dir != "" {
			contents[i] = append([]byte{}, d.text...)
		}
	}
	return contents
}

var runLine = regexp.MustCompile(`(?im)^\s*RUN\s`)

// mayRun guesses whether a Dockerfile runs programs, so that the question how the kernel runs them is worth asking ahead. Where
// it guesses wrong (a base image's ONBUILD RUN) the question is asked when the graph is known.
func (s Source) mayRun() bool {
	return slices.ContainsFunc(s.localDockerfiles(), func(data []byte) bool { return data == nil || runLine.Match(data) })
}

// ProbeAhead are the platforms about which a node may be asked before it is known what its own is: those of the request, if they
// are of several architectures, so that one of them is foreign, and if something may run, of the build or of its tests.
func (r Request) ProbeAhead() []platform.Platform {
	foreign := slices.ContainsFunc(r.Platforms, func(p platform.Platform) bool { return p.Architecture != r.Platforms[0].Architecture })
	if !foreign || !r.Source.mayRun() && len(r.tested(r.Platforms)) == 0 {
		return nil
	}
	return r.Platforms
}

// References are the images that a request names, or may name: its tags, its named contexts, its caches, and the words of its build arguments
// and Dockerfile.
func (r Request) References() []string {
	var refs []string
	for _, t := range r.Tags {
		refs = append(refs, t.String())
	}
	for _, repo := range r.ByDigest {
		refs = append(refs, repo.Name())
	}
	if scanner := r.scanner(); scanner != "" {
		refs = append(refs, scanner)
	}
	for _, v := range r.BuildArgs {
		refs = append(refs, v)
	}
	for _, own := range r.Own {
		refs = slices.AppendSeq(refs, maps.Values(own.BuildArgs))
	}
	for _, v := range r.Source.Attrs {
		if image, ok := strings.CutPrefix(v, "docker-image://"); ok {
			refs = append(refs, image)
		}
	}
	refs = append(refs, r.Cache.references()...)
	return append(refs, r.Source.mentions()...)
}

// OnlyForBuilding tells whether every FROM of the image says that it is for the platform of the builder, so that it need not be
// there for those that are built. It is a guess from local Dockerfiles; an image that is named in another way is not found.
func (s Source) OnlyForBuilding(image string) bool {
	from := regexp.MustCompile(`(?im)^\s*(?:FROM\s+(--platform=\S+\s+)?|.*\bfrom=)` + regexp.QuoteMeta(image) + `(?::latest)?(?:[\s,]|$)`)
	found := 0
	for _, data := range s.localDockerfiles() {
		for _, m := range from.FindAllSubmatch(data, -1) {
			found++
			if !strings.Contains(string(m[1]), "BUILDPLATFORM") {
				return false
			}
		}
	}
	return found > 0
}
