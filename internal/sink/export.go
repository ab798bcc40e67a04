package sink

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Exports returns BuildKit's exports of a platform's image: a push by digest to every repository, if the result says so (see SetPush), and a
// transfer of the image's documents to documents. BuildKit does not receive tags, engines or destinations.
func (d Delivery) Exports(p platform.Platform, documents *index.Documents) (list []client.ExportEntry) {
	if d.Pushes() && !d.Attested() {
		list = append(list, d.pushEntry(p))
	}
	if d.captures() {
		attrs := d.imageAttrs(p)
		attrs["tar"] = "false"
		list = append(list, client.ExportEntry{Type: client.ExporterOCI, Attrs: attrs, OutputStore: documents})
	}
	return list
}

// Unpushed returns the export of a platform's image that leaves it in the builder's cache.
func (d Delivery) Unpushed(p platform.Platform) client.ExportEntry {
	return imageEntry(d.imageAttrs(p))
}

// imageEntry returns an export by BuildKit's exporter of images. A BuildKit that has an image store, such as an engine's own, puts
// nothing there.
func imageEntry(attrs map[string]string) client.ExportEntry {
	attrs[string(exptypes.OptKeyStore)] = "false"
	return client.ExportEntry{Type: client.ExporterImage, Attrs: attrs}
}

// SetPush sets in the metadata of a solve's result whether BuildKit pushes its image to the repositories, or leaves it with the builder.
func (d Delivery) SetPush(res *gateway.Result, push bool) {
	var repos []string
	if push {
		for _, r := range d.Repositories() {
			repos = append(repos, r.Name())
		}
	}
	res.AddMeta(exptypes.ExporterImageNameKey, []byte(strings.Join(repos, ",")))
}

// nameOfResult makes BuildKit take the names of an image from its result's metadata (exporter/containerimage/export.go).
const nameOfResult = "*"

func (d Delivery) pushEntry(p platform.Platform) client.ExportEntry {
	attrs := d.imageAttrs(p)
	attrs[string(exptypes.OptKeyName)] = nameOfResult
	attrs[string(exptypes.OptKeyPush)] = "true"
	attrs[string(exptypes.OptKeyPushByDigest)] = "true"
	if d.Insecure {
		attrs[string(exptypes.OptKeyInsecure)] = "true"
	}
	return imageEntry(attrs)
}

// imageAttrs returns the exporter attributes of one platform's image. The map is new at each call.
func (d Delivery) imageAttrs(p platform.Platform) map[string]string {
	attrs := map[string]string{}
	maps.Copy(attrs, d.Outputs.Attrs)
	attrs["oci-mediatypes"] = "true"
	if d.MediaTypes == manifest.Docker {
		attrs["oci-mediatypes"] = "false"
	}
	for k, v := range d.Annotations.At(index.OnManifest, &p) {
		attrs["annotation."+k] = v
	}
	return attrs
}

// ReadExported reads the image that a solve has exported, as far as it was transferred to documents. root is the digest that BuildKit
// reports for its result.
func (d Delivery) ReadExported(ctx context.Context, resp map[string]string, documents *index.Documents) (c index.Child, root digest.Digest, err error) {
	if root, err = index.Exported(resp); err != nil || !d.captures() {
		return c, root, err
	}
	if c, err = index.ReadChild(ctx, documents, root); err == nil {
		err = c.Hide(ctx, d.Hidden)
	}
	return c, root, err
}

// ReadThere is ReadPushed for an image that the repositories are likely to have already. ok is false unless all of them have it with all that
// belongs to it.
func (d Delivery) ReadThere(ctx context.Context, registry *manifest.Client, c index.Child, pushed digest.Digest) (_ index.Child, ok bool) {
	repos := d.Repositories()
	image, ok := registry.Complete(ctx, repos, pushed)
	if ok {
		c.Image, c.Also = image, repos[1:]
	}
	return c, ok
}

// smallImage is the most, in bytes, that a repository may lack of an image which the client pushes.
const smallImage = 8 << 20

// Supply pushes an image that the builder has exported without a push, if the repositories lack little of it. It reads the rest of the image from
// the child. ok is false if it did not push the image, whatever the reason.
func (d Delivery) Supply(ctx context.Context, registry *manifest.Client, c index.Child, resp map[string]string) (_ index.Child, ok bool) {
	image := c.Image
	if image.Body == nil {
		desc, err := index.ExportedImage(resp)
		if err != nil {
			return c, false
		}
		body, err := content.FetchAll(ctx, c, desc)
		if err != nil {
			return c, false
		}
		if image, err = manifest.ParseImage(body); err != nil {
			return c, false
		}
	}
	repos := d.Repositories()
	if image, ok = registry.Supply(ctx, repos, image, c, smallImage); ok {
		c.Image, c.Also = image, repos[1:]
	}
	return c, ok
}

// ReadPushed completes a child with the registry's content for the digest. A tag requires that the registry has the image.
func (d Delivery) ReadPushed(ctx context.Context, registry *manifest.Client, c index.Child, pushed digest.Digest) (index.Child, error) {
	if c.Image.Body != nil && c.Image.Descriptor.Digest != pushed {
		return c, fmt.Errorf("the image is %s in the registry but %s here: the build's sources have changed meanwhile; build again",
			pushed, c.Image.Descriptor.Digest)
	}
	var err error
	if c.Image, err = registry.Child(ctx, d.Repositories()[0], pushed); err != nil {
		return c, &index.PushError{Err: err}
	}
	return c, nil
}
