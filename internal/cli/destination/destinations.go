// Package destination parses --output, --push and --load: where the result of a build goes, and under which names.
package destination

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Destinations are the checked destinations of a result.
type Destinations struct {
	Outputs  sink.Outputs
	Pushes   []Pushed
	Loads    []Pushed                // into the engine's store
	Family   string                  // requested by an output; "" for none
	Insecure bool                    // registry.insecure=true
	Names    []reference.NamedTagged // of all outputs, each once
	annotate index.Annotations

	naming   Naming
	selected loadFlag
	Stdout   string // the output that uses standard output; "" for none
	attrs    map[string]string
}

// outputTypes is the only list of output types, with docker buildx's names, and a parser for each.
var outputTypes = map[string]func(*Destinations, Output) error{
	"cacheonly": func(*Destinations, Output) error { return nil },
	"docker":    (*Destinations).docker,
	"image":     (*Destinations).image,
	"local":     (*Destinations).files,
	"oci":       (*Destinations).archive,
	"registry":  (*Destinations).image, // pushed
	"tar":       (*Destinations).files,
}

// Pushed is an output to registries, or to the engine.
type Pushed struct {
	Names         []reference.NamedTagged
	OnCommandLine bool // the names are on the command line
	ByDigest      bool
}

// Resolve checks the outputs against each other and against the disk. It writes nothing.
func Resolve(outs []Output, selected loadFlag, names Naming) (Destinations, error) {
	d := Destinations{attrs: map[string]string{}, naming: names, selected: selected}
	for _, o := range outs {
		if err := outputTypes[o.kind](&d, o); err != nil {
			return d, err
		}
	}
	d.Outputs.Attrs = d.attrs
	slices.SortStableFunc(d.Outputs.List, shownFirst)
	return d, clash(outs)
}

// OutputTypeNames returns the output types, sorted.
func OutputTypeNames() []string { return slices.Sorted(maps.Keys(outputTypes)) }

// shownFirst orders outputs for a plan: the engine, images, files.
func shownFirst(a, b sink.Output) int {
	rank := func(o sink.Output) int {
		switch name, _ := o.Target(); {
		case name == "":
			return 0
		case o.HasImages():
			return 1
		}
		return 2
	}
	return cmp.Compare(rank(a), rank(b))
}

// image parses type=image and type=registry: an image that is pushed, or stays in the builder.
func (d *Destinations) image(o Output) error {
	if o.dest != "" {
		return fmt.Errorf("--output %q: type=%s has no dest: for a file use type=oci,dest=%s", o.text, o.kind, o.dest)
	}
	push, err := o.flag("push", false)
	if err != nil {
		return err
	}
	byDigest, err := o.flag("push-by-digest", false)
	if err != nil {
		return err
	}
	insecure, err := o.flag("registry.insecure", false)
	if err != nil {
		return err
	}
	d.Insecure = d.Insecure || insecure
	d.Outputs.Image = d.Outputs.Image || !push
	names, onCommandLine, err := d.named(o)
	if err != nil {
		return err
	}
	if push {
		d.Pushes = append(d.Pushes, Pushed{names, onCommandLine, byDigest})
	}
	return d.common(o)
}

// named returns an output's names.
func (d *Destinations) named(o Output) (names []reference.NamedTagged, onCommandLine bool, err error) {
	names, onCommandLine, err = d.naming.of(o)
	d.Names = union(d.Names, names)
	return names, onCommandLine, err
}

// docker parses type=docker: the engine's store, or an archive.
func (d *Destinations) docker(o Output) error {
	if o.dest != "" {
		return d.archive(o)
	}
	if _, err := o.flag("tar", true); err != nil {
		return err
	}
	if err := d.common(o); err != nil {
		return err
	}
	names, onCommandLine, err := d.named(o)
	if err != nil {
		return err
	}
	if name, ok := o.attrs["context"]; ok {
		return &cli.Usage{
			Err:  fmt.Errorf("--output %q: an image is loaded into the engine of the builder only", o.text),
			Hint: "use docker --context " + name + " multiarch build …",
		}
	}
	d.Loads = append(d.Loads, Pushed{Names: names, OnCommandLine: onCommandLine})
	loaded := sink.Load{Names: names, Selection: load.Selection{Native: d.selected.native, Platforms: d.selected.named}}
	for i, output := range d.Outputs.List {
		if before, ok := output.(sink.Load); ok { // there is one store, so it gets all names
			loaded.Names = union(before.Names, names)
			d.Outputs.List[i] = loaded
			return nil
		}
	}
	d.Outputs.List = append(d.Outputs.List, loaded)
	return nil
}

// archive parses type=oci, and type=docker with a file: an archive or a folder.
func (d *Destinations) archive(o Output) error {
	tar, err := o.flag("tar", true)
	if err != nil {
		return err
	}
	if err := d.common(o); err != nil {
		return err
	}
	names, _, err := d.named(o)
	if err != nil {
		return err
	}
	if o.kind == "docker" && !tar {
		return fmt.Errorf("--output %q: type=docker cannot be a folder: use type=oci,tar=false", o.text)
	}
	dest, err := d.dest(o, !tar)
	d.Outputs.List = append(d.Outputs.List, sink.Archive{Docker: o.kind == "docker", Dest: dest, Folder: !tar, Names: names})
	return err
}

// files parses type=local and type=tar.
func (d *Destinations) files(o Output) error {
	f := sink.Files{Tar: o.kind == "tar", Attrs: maps.Clone(o.attrs)}
	var err error
	if f.Dest, err = d.dest(o, !f.Tar); err != nil {
		return err
	}
	if mode, ok := o.attrs["mode"]; ok && !f.Tar {
		if mode != "copy" && mode != "delete" {
			return fmt.Errorf("--output %q: mode=%q is not one of copy, delete", o.text, mode)
		}
		f.Delete = mode == "delete"
		delete(f.Attrs, "mode") // the client applies the mode after the build
	}
	if _, ok := o.attrs["platform-split"]; ok && !f.Tar {
		split, err := o.flag("platform-split", true)
		if err != nil {
			return err
		}
		f.Split = &split
	}
	d.Outputs.List = append(d.Outputs.List, f)
	return nil
}

// dest checks the path that an output is written to.
func (d *Destinations) dest(o Output, folder bool) (string, error) {
	switch {
	case folder && o.dest == "":
		return "", fmt.Errorf("--output %q: dest=FOLDER is missing", o.text)
	case folder && o.dest == sink.Stdout:
		return "", fmt.Errorf("--output %q: a folder cannot be written to standard output: use type=tar or tar=true", o.text)
	case folder:
		if err := sink.CheckFolder(o.dest); err != nil {
			return "", fmt.Errorf("--output %q: %w", o.text, err)
		}
		return o.dest, nil
	case o.dest != "" && o.dest != sink.Stdout:
		if err := sink.CheckFile(o.dest); err != nil {
			return "", fmt.Errorf("--output %q: %w", o.text, err)
		}
		return o.dest, nil
	}
	if d.Stdout != "" {
		return "", fmt.Errorf("--output %q and %q would both be written to standard output", d.Stdout, o.text)
	}
	d.Stdout = o.text
	return sink.Stdout, nil
}

// clientAttrs are output attributes for the client, not for BuildKit's exporter.
var clientAttrs = []string{
	"name", "push", "push-by-digest", "tar", "context", "oci-mediatypes", "registry.insecure",
	"name-canonical", "dangling-name-prefix", "store", "unpack", "prefer-image-digest",
}

// common collects the attributes that all images share. One image is made for all outputs, so the values cannot differ.
func (d *Destinations) common(o Output) error {
	annotations, err := cli.AnnotationAttrs(o.attrs)
	if err != nil {
		return err
	}
	d.annotate = append(d.annotate, annotations...)
	if _, ok := o.attrs["oci-mediatypes"]; ok {
		oci, err := o.flag("oci-mediatypes", true)
		if err != nil {
			return err
		}
		family := map[bool]string{true: "oci", false: "docker"}[oci]
		if d.Family != "" && d.Family != family {
			return fmt.Errorf("--output %q: another output has oci-mediatypes=%t, but all outputs have the same image", o.text, !oci)
		}
		d.Family = family
	}
	for key, value := range o.attrs {
		if slices.Contains(clientAttrs, key) {
			continue
		}
		if have, ok := d.attrs[key]; ok && have != value {
			return fmt.Errorf("--output %q: another output has %s=%s, but all outputs have the same image", o.text, key, have)
		}
		d.attrs[key] = value
	}
	return nil
}

// Apply sets the destinations in the request, whose platforms and media types are set already.
func (d Destinations) Apply(r *solve.Request) error {
	r.Outputs = d.Outputs
	r.Insecure = d.Insecure
	r.Annotations = append(d.annotate, r.Annotations...)
	for _, p := range d.Pushes {
		if !p.ByDigest {
			r.Tags = union(r.Tags, p.Names)
			continue
		}
		for _, name := range p.Names {
			r.ByDigest = union(r.ByDigest, []reference.Named{reference.TrimNamed(name)})
		}
	}
	return checkFamily(*r)
}

// checkFamily refuses annotations and attestations with Docker media types, and annotations of platforms that are not requested.
func checkFamily(r solve.Request) error {
	if r.MediaTypes == manifest.Docker && len(r.Annotations) > 0 {
		a := r.Annotations[0]
		return fmt.Errorf("the annotation %s=%s (%s) cannot be stored in Docker media types: leave it out, or use --media-types oci", a.Key, a.Value, a.Level)
	}
	if r.MediaTypes == manifest.Docker && len(r.Attests) > 0 {
		return errors.New("attestations cannot be stored in a Docker manifest list: leave them out, or use --media-types oci")
	}
	for _, a := range r.Annotations {
		if a.Platform != nil && len(r.Platforms) > 0 &&
			!platform.Contains(r.Platforms, *a.Platform) {
			return fmt.Errorf("--annotation %s[%s]:%s=%s: this is not a requested platform", a.Level, platform.Format(*a.Platform), a.Key, a.Value)
		}
	}
	return nil
}

// PushesWithoutName reports whether an output that is pushed has no name.
func (d Destinations) PushesWithoutName() bool {
	return slices.ContainsFunc(d.Pushes, func(p Pushed) bool { return len(p.Names) == 0 })
}

// NotOnCommandLine returns the names of outputs that are not on the command line.
func NotOnCommandLine(outputs []Pushed) (shown []string) {
	for _, p := range outputs {
		if p.OnCommandLine {
			continue
		}
		for _, name := range p.Names {
			if p.ByDigest {
				shown = append(shown, reference.FamiliarName(name))
			} else {
				shown = append(shown, reference.FamiliarString(name))
			}
		}
	}
	return shown
}

// CheckDelete refuses to empty a folder that is not below the working directory, unless that is allowed, as docker buildx does (build/opt.go).
func CheckDelete(outs []sink.Files, allowed []string) error {
	for _, f := range outs {
		if !f.Delete || slices.Contains(allowed, buildflags.LocalDelete) || below(f.Dest) {
			continue
		}
		return &cli.Usage{
			Err:  fmt.Errorf("--output type=local,mode=delete would empty %q, which is not below the working directory", f.Dest),
			Hint: "to allow it, add --allow " + buildflags.LocalDelete,
		}
	}
	return nil
}

// below reports whether a path, which need not exist, is below the working directory after links are resolved.
func below(path string) bool {
	wd, err := os.Getwd()
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(RealPath(wd), RealPath(path))
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

// ApplyArtifactSetting reads docker buildx's variable for registries that refuse OCI artifacts.
func (d *Destinations) ApplyArtifactSetting(w *cli.Env) {
	value, _ := w.LookupEnv("BUILDX_NO_DEFAULT_OCI_ARTIFACT")
	if off, err := strconv.ParseBool(value); err == nil && off && d.attrs["oci-artifact"] == "" {
		d.attrs["oci-artifact"] = "false"
	}
}
