package verify

import (
	"encoding/json"
	"fmt"
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// image checks the documents of one image.
func image(img tree.Image, root ocispecs.Descriptor) (findings []diag.Diagnostic) {
	add := func(check, format string, args ...any) {
		findings = append(findings, about(check, platformOf(img.Descriptor.Platform), img.Descriptor.Digest, fmt.Sprintf(format, args...)))
	}
	if img.Body == nil {
		return nil
	}
	mediaTypes(img, root, add)
	if img.ConfigBody == nil {
		return findings
	}
	if text := platformText(img, manifest.IsIndex(root.MediaType)); text != "" {
		add(Platform, "%s", text)
	}
	if layers, diffs := len(img.Manifest.Layers), len(img.Config.RootFS.DiffIDs); layers != diffs {
		add(Layers, "the manifest has %d layers, the configuration has %d", layers, diffs)
	}
	return findings
}

// mediaTypes compares the media types in the index and in the manifest, and their families.
func mediaTypes(img tree.Image, root ocispecs.Descriptor, add func(string, string, ...any)) {
	var own struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(img.Body, &own); err == nil && own.MediaType != "" && own.MediaType != img.Descriptor.MediaType {
		add(MediaType, "the index says that the manifest is %q, the manifest says %q", img.Descriptor.MediaType, own.MediaType)
	}
	family := manifest.FamilyOf(img.Descriptor.MediaType)
	if list := manifest.FamilyOf(root.MediaType); list == manifest.Docker && family != list {
		add(MediaType, "a Docker manifest list has an image of another family, %q: older clients cannot read it", img.Descriptor.MediaType)
	}
	if family == manifest.Docker && img.Manifest.Config.MediaType == ocispecs.MediaTypeImageConfig {
		add(MediaType, "a Docker manifest has an OCI configuration, %q: older clients cannot read it", img.Manifest.Config.MediaType)
	}
}

// platformText describes what is wrong with an image's platform in the index, or returns "".
func platformText(img tree.Image, inIndex bool) string {
	config := img.Config.Platform
	if config.OS == "" || config.Architecture == "" {
		return "the configuration has no platform"
	}
	if !inIndex {
		return misspelled("configuration", config)
	}
	entry := img.Entry
	if entry == nil || entry.OS == "" || entry.Architecture == "" {
		return fmt.Sprintf("the index has no platform for the image: the configuration is for %s", platform.Format(config))
	}
	if text := misspelled("index", *entry); text != "" {
		return text
	}
	have, want := platform.Normalize(*entry), platform.Normalize(config)
	if have.OS != want.OS || have.Architecture != want.Architecture ||
		entry.Variant != "" && config.Variant != "" && have.Variant != want.Variant ||
		have.OSVersion != "" && want.OSVersion != "" && have.OSVersion != want.OSVersion {
		return fmt.Sprintf("the index says %s, the configuration is for %s", platform.Format(*entry), platform.Format(config))
	}
	if entry.Variant == "" && have.Variant != want.Variant {
		return fmt.Sprintf("the index says %s and leaves out the variant: the configuration is for %s", platform.Format(*entry), platform.Format(config))
	}
	return ""
}

// misspelled describes a name that clients do not recognise as the one that they look for: they compare the names literally.
func misspelled(where string, p ocispecs.Platform) string {
	if n := platform.Normalize(p); n.OS != p.OS || n.Architecture != p.Architecture {
		return fmt.Sprintf("the %s spells the platform %q: clients look for %q", where, p.OS+"/"+p.Architecture, n.OS+"/"+n.Architecture)
	}
	return ""
}

// index checks the entries against each other.
func index(t tree.Tree) (findings []diag.Diagnostic) {
	if len(t.Images) == 0 && manifest.IsIndex(t.Root.MediaType) {
		findings = append(findings, about(Missing, "", t.Root.Digest, "there is no image in the index"))
	}
	for i, img := range t.Images {
		if i > 0 && sameKnown(t.Images[i-1], img) {
			findings = append(findings, about(Duplicate, platformOf(img.Descriptor.Platform), img.Descriptor.Digest,
				fmt.Sprintf("a second image for the platform of %s", t.Images[i-1].Descriptor.Digest)))
		}
	}
	for _, o := range t.Others {
		if manifest.IsAttestation(o) {
			findings = append(findings, about(Attestation, "", o.Digest, fmt.Sprintf("an attestation about %q, which is not in the index", tree.Subject(o))))
		}
	}
	return findings
}

// sameKnown reports whether two images are of one known platform.
func sameKnown(a, b tree.Image) bool {
	return platformOf(a.Descriptor.Platform) != "" && platform.Equal(*a.Descriptor.Platform, *b.Descriptor.Platform)
}

// expected compares the platforms with the expected ones. A missing image does not count.
func expected(t tree.Tree, want []platform.Platform) (findings []diag.Diagnostic) {
	if len(want) == 0 {
		return nil
	}
	has := func(p platform.Platform) bool {
		return slices.ContainsFunc(t.Images, func(img tree.Image) bool { return img.Body != nil && platform.Equal(*img.Descriptor.Platform, p) })
	}
	for _, p := range want {
		if !has(p) {
			findings = append(findings, about(Expected, platform.Format(p), "", "there is no image for this platform"))
		}
	}
	for _, img := range t.Images {
		if !platform.Contains(want, *img.Descriptor.Platform) {
			findings = append(findings, about(Expected, platformOf(img.Descriptor.Platform), img.Descriptor.Digest, "an image for this platform is not expected"))
		}
	}
	return findings
}
