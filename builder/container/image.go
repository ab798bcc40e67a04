package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/client/pkg/stringid"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

// imageFacts describes a builder image on the engine.
type imageFacts struct {
	Ref     string // as requested
	ID      string
	Version string // of BuildKit; may be a development build's "v0.0.0+unknown"
	Bridge  bool   // has the CNI plugins of BuildKit's bridge network, and they work
	// NoBridge is noBridgeHere if the image has the bridge's plugins but the bridge does not work; else
	// "".
	NoBridge string
}

// These values of labelBridge are the reasons why RUN steps have no bridge under a builder on the
// host's network.
const (
	noPlugins    = "false"
	noBridgeHere = "failed"
)

// bridge returns the value of labelBridge.
func (f imageFacts) bridge() string {
	switch {
	case f.Bridge:
		return "true"
	case f.NoBridge != "":
		return f.NoBridge
	}
	return noPlugins
}

// hostNetworkWarning returns the warning about a node whose RUN steps see the host.
func hostNetworkWarning(image imageFacts) string {
	why := fmt.Sprintf("its image %q lacks BuildKit's bridge network (buildkit-cni-*)", image.Ref)
	if image.NoBridge != "" {
		why = "BuildKit's bridge network cannot be set up on its host"
	}
	return "RUN steps see the host's network: the builder is on it, and " + why
}

func factsFromLabels(labels map[string]string) imageFacts {
	f := imageFacts{
		Ref:     labels[labelImage],
		ID:      labels[labelImageID],
		Version: labels[labelVersion],
		Bridge:  labels[labelBridge] == "true",
	}
	if labels[labelBridge] == noBridgeHere {
		f.NoBridge = noBridgeHere
	}
	return f
}

// prepareImage makes sure that the engine has an image that may run with privileges and has a BuildKit
// of at least the spec's version. An image on the engine that passes (see package trust) is used before
// anything is pulled. known has the facts from the labels of an earlier container, so that an image is
// examined once.
func prepareImage(ctx context.Context, eng *engine.Engine, spec Spec, ref string, known imageFacts, say func(string)) (imageFacts, error) {
	images := spec.images(eng)
	id, err := images.Verified(ctx, ref)
	unproven, untrusted := errors.AsType[*trust.UnprovenError](err)
	if err != nil && !untrusted {
		return imageFacts{}, err
	}
	var local imageFacts
	switch {
	case untrusted:
		say(fmt.Sprintf("pulling %s: the engine does not know its local one (%s) as pulled from %s", ref, stringid.TruncateID(id), trust.Repository(ref)))
	case id == "":
		say("pulling " + ref)
	default:
		if local, err = examineImage(ctx, eng, ref, id, known); err != nil || !builder.TooOld(local.Version, spec.MinVersion) {
			return local, err
		}
		say(fmt.Sprintf("pulling %s: the local one has BuildKit %s, the builder needs %s or newer", ref, local.Version, spec.MinVersion))
	}
	switch err := pull(ctx, eng, spec, ref, say); {
	case err == nil:
		return pulledImage(ctx, images, spec, ref)
	case untrusted:
		unproven.Err = err
		return imageFacts{}, unproven
	default:
		return imageFacts{}, &ImageError{Ref: ref, Version: local.Version, MinVersion: spec.MinVersion, Err: err}
	}
}

// pulledImage returns the image that a pull brought.
func pulledImage(ctx context.Context, images trust.Images, spec Spec, ref string) (imageFacts, error) {
	id, err := images.Verified(ctx, ref)
	if err != nil {
		return imageFacts{}, err
	}
	pulled, err := examineImage(ctx, images.Engine, ref, id, imageFacts{})
	if err != nil {
		return imageFacts{}, err
	}
	if builder.TooOld(pulled.Version, spec.MinVersion) {
		return imageFacts{}, &ImageError{Ref: ref, Version: pulled.Version, MinVersion: spec.MinVersion}
	}
	return pulled, nil
}

func pull(ctx context.Context, eng *engine.Engine, spec Spec, ref string, say func(string)) error {
	auth := ""
	if spec.Auth != nil {
		var err error
		if auth, err = spec.Auth(ctx, ref); err != nil {
			return fmt.Errorf("credentials for %q: %w", ref, err)
		}
	}
	return eng.Pull(ctx, ref, auth, say)
}

// examineScript prints buildkitd's version line and then "bridge" if BuildKit
// finds all of its CNI plugins (it looks for them on the PATH under these names).
const examineScript = `buildkitd --version || exit 1
for p in bridge loopback host-local firewall; do command -v buildkit-cni-$p >/dev/null || exit 0; done
echo bridge`

// examineImage runs the image once, without network or privileges.
func examineImage(ctx context.Context, eng *engine.Engine, ref, id string, known imageFacts) (imageFacts, error) {
	facts := imageFacts{Ref: ref, ID: id}
	if known.ID == id && known.Version != "" {
		facts.Version, facts.Bridge = known.Version, known.Bridge
		return facts, nil
	}
	res, err := eng.Run(ctx, engine.RunSpec{
		Image: id, Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{examineScript}, Network: "none",
		Labels: map[string]string{labelPart: partExamining},
	})
	if err != nil {
		return imageFacts{}, fmt.Errorf("read the version of BuildKit in image %q: %w", ref, err)
	}
	lines := strings.Split(strings.TrimSpace(string(res.Stdout)), "\n")
	if facts.Version = versionOf(lines[0]); res.ExitCode != 0 || facts.Version == "" {
		stderr := strings.TrimSpace(string(res.Stderr))
		return imageFacts{}, fmt.Errorf("image %q is not a BuildKit image: \"buildkitd --version\" failed: %w", ref, errors.New(cmp.Or(stderr, "none")))
	}
	facts.Bridge = len(lines) > 1 && lines[1] == "bridge"
	return facts, nil
}

// versionOf returns the third word of "buildkitd github.com/moby/buildkit v0.33.1 <revision>".
func versionOf(line string) string {
	words := strings.Fields(line)
	if len(words) < 3 || words[0] != "buildkitd" {
		return ""
	}
	return words[2]
}
