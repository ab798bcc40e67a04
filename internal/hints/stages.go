package hints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// pinned reports a result whose base image was fetched for another platform than the result's.
func pinned(d *file) []diag.Diagnostic {
	var all []diag.Diagnostic
	for _, p := range d.builds {
		chain := p.Graph.Chain()
		if len(chain) == 0 || chain[0].Kind != graph.Source || chain[0].File != d.name {
			continue
		}
		on := chain[0].Platform
		if on.Architecture == "" || on.OS == p.Platform.OS && on.Architecture == p.Platform.Architecture {
			continue
		}
		name := platform.Format(p.Platform)
		i := slices.IndexFunc(all, func(h diag.Diagnostic) bool { return h.Line == chain[0].Line })
		if i >= 0 {
			all[i].Platforms = append(all[i].Platforms, name)
			continue
		}
		all = append(all, d.hint(diag.Warning, "final-stage-pinned", chain[0].Line, []string{name},
			fmt.Sprintf("the base image of the result is for %s, and the result is for another platform", platform.Format(on)),
			"remove --platform from the FROM of the last stage, keep it in the stages that compile, and COPY --from them"))
	}
	return all
}

// cacheMount is a cache at a line of a Dockerfile.
type cacheMount struct {
	line int
	id   string
}

// cacheMounts reports steps of different platforms that run for their own platform and share a cache.
func cacheMounts(d *file) []diag.Diagnostic {
	if d.Isolated || !d.several() {
		return nil
	}
	users := map[cacheMount][]string{}
	var order []cacheMount
	for _, p := range d.builds {
		for _, at := range targetCaches(d.name, p) {
			if users[at] == nil {
				order = append(order, at)
			}
			users[at] = append(users[at], platform.Format(p.Platform))
		}
	}
	var all []diag.Diagnostic
	for _, at := range order {
		if names := users[at]; len(names) > 1 {
			all = append(all, d.hint(diag.Warning, "cache-mount-shared", at.line, names,
				fmt.Sprintf("these platforms share the cache mount %q and the files in it", at.id),
				"add ARG TARGETARCH before the step, and id=NAME-$TARGETARCH to the mount"))
		}
	}
	return all
}

// targetCaches returns the cache mounts of a platform's steps that run on it.
func targetCaches(file string, p Platform) (mounts []cacheMount) {
	for _, s := range p.Graph.CacheMounts() {
		if s.File != file || !platform.Equal(s.Platform, p.Platform) {
			continue
		}
		for _, m := range s.Mounts {
			if m.Type == "cache" {
				mounts = append(mounts, cacheMount{s.Line, m.ID})
			}
		}
	}
	return mounts
}

// copies reports a large COPY from the context that is the same for all platforms, onto images that differ. With --link it is one
// layer.
func copies(d *file) []diag.Diagnostic {
	if d.Size == nil || !d.several() {
		return nil
	}
	i, ok := d.target()
	if !ok {
		return nil
	}
	var all []diag.Diagnostic
	for _, k := range d.Under(i) {
		for _, c := range d.Stages[k].Commands {
			paths := plainCopy(c)
			line := dockerfile.Line(c.Location())
			if len(paths) == 0 || usesArg().MatchString(text(c)) || !d.onImage(line) {
				continue
			}
			if size := d.Size(paths); size >= BigCopy {
				all = append(all, d.hint(diag.Note, "copy-link", line, nil,
					fmt.Sprintf("each platform copies, stores and pushes the same %d MiB or more", size>>20),
					"use COPY --link: all platforms share its layer, which does not depend on the layers below"))
			}
		}
	}
	return all
}

// plainCopy returns the paths of the context that an instruction copies without --link.
func plainCopy(c instructions.Command) []string {
	switch c := c.(type) {
	case *instructions.CopyCommand:
		if c.From == "" && !c.Link {
			return c.SourcePaths
		}
	case *instructions.AddCommand:
		if !c.Link && !slices.ContainsFunc(c.SourcePaths, func(s string) bool { return strings.Contains(s, "://") }) {
			return c.SourcePaths
		}
	}
	return nil
}

// onImage reports whether the step at a line is based on files that differ between the platforms.
func (d *file) onImage(line int) bool {
	var first graph.Step
	for i, p := range d.builds {
		for _, s := range p.Graph.Steps {
			if s.File != d.name || s.Line != line || s.Kind != graph.File {
				continue
			}
			if i == 0 {
				first = s
			} else if s.Root != "" && s.Digest != first.Digest {
				return true
			}
		}
	}
	return false
}

// machineWord matches a processor's name in the address of a download.
var machineWord = lazyregexp.New(`https?://[^\s"'\\]*?[^a-zA-Z0-9](x86_64|amd64|x64|aarch64|arm64|armv7|armhf|ppc64le|s390x|riscv64)(?:[^a-zA-Z0-9]|$)`)

// asksMachine matches commands that ask the machine for its processor.
var asksMachine = lazyregexp.New(`uname -m|--print-architecture`)

var archOf = map[string]string{
	"x86_64": "amd64", "amd64": "amd64", "x64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7": "arm", "armhf": "arm",
	"ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64",
}

// downloads reports a file for one processor that is fetched in a stage for several. A step that names several processors chooses
// among them.
func downloads(d *file) []diag.Diagnostic {
	var all []diag.Diagnostic
	needed := d.needed()
	for i := range d.Stages {
		if !needed[i] {
			continue
		}
		for _, c := range d.Stages[i].Commands {
			instruction := text(c)
			switch c.(type) {
			case *instructions.RunCommand, *instructions.AddCommand:
			default:
				continue
			}
			found := map[string]bool{}
			word := ""
			for _, m := range machineWord().FindAllStringSubmatch(instruction, -1) {
				found[archOf[m[1]]], word = true, m[1]
			}
			if len(found) != 1 || usesArg().MatchString(instruction) || asksMachine().MatchString(instruction) {
				continue
			}
			if wrong := d.fetchedFor(dockerfile.Line(c.Location()), archOf[word]); len(wrong) > 0 {
				all = append(all, d.hint(diag.Warning, "foreign-download", dockerfile.Line(c.Location()), wrong,
					fmt.Sprintf("the download is for %s on every platform", word),
					"add ARG TARGETARCH to the stage, and use ${TARGETARCH} in the address (or a case that maps it to the names of the site)"))
			}
		}
	}
	return all
}

// fetchedFor returns the platforms of other processors for which a line's step fetches: an ADD for any, a RUN if it runs on its
// platform.
func (d *file) fetchedFor(line int, arch string) []string {
	var wrong []string
	for _, p := range d.builds {
		if p.Platform.Architecture == arch {
			continue
		}
		if slices.ContainsFunc(p.Graph.Steps, func(s graph.Step) bool {
			return s.File == d.name && s.Line == line && (s.Kind != graph.Exec || platform.Equal(s.Platform, p.Platform))
		}) {
			wrong = append(wrong, platform.Format(p.Platform))
		}
	}
	return wrong
}
