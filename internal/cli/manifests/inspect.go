package manifests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// manifestInspectOptions are the flags as the user wrote them.
type manifestInspectOptions struct {
	list, name        string
	insecure, verbose bool
}

func newManifestInspectCommand(w *cli.Env) *cobra.Command {
	var o manifestInspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] [MANIFEST_LIST] MANIFEST",
		Short: "Display an image manifest, or manifest list",
		Long: "Print a manifest or a manifest list as JSON, in the form of 'docker manifest inspect'. With one argument, print the draft of that\n" +
			"name, or else the manifest in the registry. With two arguments, print an image of a draft.\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    there is no such manifest\n" +
			"    125  wrong flags or arguments",
		Args: cli.Between(1, 2, "one argument, a manifest or a manifest list, or two: a manifest list and an image in it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[len(args)-1]
			if len(args) == 2 {
				o.list = args[0]
			}
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runManifestInspect(ctx, w, o) })
		},
		ValidArgsFunction: completeDrafts(w, 1),
	}
	f := cmd.Flags()
	f.BoolVar(&o.insecure, "insecure", false, "Allow communication with an insecure registry")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "Output additional info including layers and platform")
	return cmd
}

func runManifestInspect(ctx context.Context, w *cli.Env, o manifestInspectOptions) error {
	name, err := parseImage(o.name)
	if err != nil {
		return err
	}
	var list reference.NamedTagged
	if o.list != "" {
		if list, err = parseList(o.list); err != nil {
			return err
		}
	}
	d, err := draftToInspect(ctx, w, list, name)
	if err != nil {
		return err
	}
	names := []reference.Named{name}
	for _, image := range d.Images {
		if image, err := parseImage(image.Name); err == nil {
			names = append(names, image)
		}
	}
	show := inspection{registry: registryFor(ctx, w, o.insecure, names...), verbose: o.verbose}
	var text []byte
	switch {
	case list != nil:
		text, err = show.imageOf(ctx, d, name)
	case len(d.Images) > 0:
		if d.Pushed != "" {
			w.Say("this is the draft on this machine; it was pushed as " + d.Pushed.String())
		}
		text, err = show.draft(ctx, d)
	default:
		text, err = show.remote(ctx, name)
	}
	if err == nil {
		_, err = fmt.Fprintf(w.Out, "%s\n", printable.JSON(text))
	}
	return err
}

// draftToInspect returns the draft of list, which must exist, or else the draft of name, if there is one.
func draftToInspect(ctx context.Context, w *cli.Env, list reference.NamedTagged, name reference.Named) (draft.Draft, error) {
	if list != nil {
		return drafts(w).Read(ctx, list)
	}
	tagged, ok := name.(reference.NamedTagged)
	if !ok {
		return draft.Draft{}, nil
	}
	d, err := drafts(w).Read(ctx, tagged)
	if errors.Is(err, draft.ErrNone) {
		return draft.Draft{}, nil
	}
	return d, err
}

// inspection makes JSON as docker manifest inspect does.
type inspection struct {
	registry *manifest.Client
	verbose  bool
}

// remote returns the JSON of a name in a registry.
func (i inspection) remote(ctx context.Context, name reference.Named) ([]byte, error) {
	root, blobs, err := i.registry.Source(ctx, name)
	if err != nil {
		return nil, draft.Missing(name, err)
	}
	body, err := content.FetchAll(ctx, blobs, root)
	if err != nil {
		return nil, err
	}
	if !manifest.IsIndex(root.MediaType) {
		return i.single(ctx, shown{Ref: name, Descriptor: root, body: body}, blobs)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		return nil, fmt.Errorf("%s is not an index: %w", reference.FamiliarString(name), err)
	}
	if !i.verbose {
		return listJSON(index.Manifests)
	}
	entries := make([]shown, len(index.Manifests))
	for n, desc := range index.Manifests {
		if entries[n].Ref, err = reference.WithDigest(name, desc.Digest); err != nil {
			return nil, err
		}
		if desc.Platform == nil {
			desc.Platform = &ocispecs.Platform{}
		}
		entries[n].Descriptor, entries[n].blobs = desc, blobs
	}
	return verboseJSON(ctx, entries)
}

// single returns the JSON of one manifest. If nothing else gives its platform, the configuration does.
func (i inspection) single(ctx context.Context, s shown, blobs content.Fetcher) ([]byte, error) {
	if !i.verbose {
		return indented(s.body)
	}
	if s.Descriptor.Platform == nil {
		image, err := manifest.ParseImage(s.body)
		if err != nil {
			return nil, err
		}
		config, err := content.FetchAll(ctx, blobs, image.Config)
		if err != nil {
			return nil, err
		}
		s.Descriptor.Platform = &ocispecs.Platform{}
		if err := json.Unmarshal(config, s.Descriptor.Platform); err != nil {
			return nil, fmt.Errorf("the configuration of %s: %w", reference.FamiliarString(s.Ref), err)
		}
	}
	return json.MarshalIndent(s.json(), "", "\t")
}

// draft returns the JSON of a draft on this machine.
func (i inspection) draft(ctx context.Context, d draft.Draft) ([]byte, error) {
	if !i.verbose {
		return listJSON(d.Descriptors())
	}
	var entries []shown
	for _, entry := range d.Entries() {
		s, err := i.entry(entry)
		if err != nil {
			return nil, err
		}
		entries = append(entries, s)
	}
	return verboseJSON(ctx, entries)
}

// imageOf returns the JSON of one image of a draft.
func (i inspection) imageOf(ctx context.Context, d draft.Draft, name reference.Named) ([]byte, error) {
	entry, err := d.EntryOf(name)
	if err != nil {
		return nil, err
	}
	s, err := i.entry(entry)
	if err != nil {
		return nil, err
	}
	if s.body, err = content.FetchAll(ctx, s.blobs, s.Descriptor); err != nil {
		return nil, err
	}
	return i.single(ctx, s, s.blobs)
}

// entry returns an entry of a draft. Its contents are read from the image's own repository.
func (i inspection) entry(e draft.Entry) (shown, error) {
	name, err := parseImage(e.Name)
	if err != nil {
		return shown{}, err
	}
	s := shown{Ref: name, Descriptor: e.Descriptor, blobs: origin{i.registry, name}}
	if !e.Only {
		s.Ref, err = reference.WithDigest(name, e.Descriptor.Digest)
	}
	return s, err
}

// origin reads an image of a draft from the image's own repository.
type origin struct {
	registry *manifest.Client
	name     reference.Named
}

// Fetch reads a manifest by its digest.
func (o origin) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	at, err := reference.WithDigest(reference.TrimNamed(o.name), desc.Digest)
	if err != nil {
		return nil, err
	}
	_, blobs, err := o.registry.Source(ctx, at)
	if err != nil {
		return nil, draft.Missing(at, err)
	}
	return blobs.Fetch(ctx, desc)
}
