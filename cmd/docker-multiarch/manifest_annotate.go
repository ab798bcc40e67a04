package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func newManifestAnnotateCommand(w *world) *cobra.Command {
	var a draft.Annotation
	cmd := &cobra.Command{
		Use:   "annotate [OPTIONS] MANIFEST_LIST MANIFEST",
		Short: "Add additional information to a local image manifest",
		Long: "Set the platform of an image in a draft of a manifest list. Other spellings of an architecture are written as the one that\n" +
			"engines look for: x86_64 as amd64, aarch64 as arm64. What contradicts the image's own configuration is refused; what that leaves\n" +
			"out, such as a variant or an os.version, can be added.\n\n" +
			"One image of an index is named by its digest: registry.example/app@sha256:...\n\n" +
			"Exit status: 0; 1 there is no such draft or image; 125 wrong flags or arguments, or a platform that the image is not for.\n" +
			"Nothing was changed then.",
		Example: "  docker multiarch manifest annotate registry.example/app:1.0 registry.example/app:1.0-armv6 --arch arm --variant v6",
		Args:    exactly(2, "two arguments: the manifest list, and the image in it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return interruptible(cmd, w, func(ctx context.Context) error { return draftError(runManifestAnnotate(ctx, w, args[0], args[1], a)) })
		},
		ValidArgsFunction:     w.completeDrafts(1),
		DisableFlagsInUseLine: true,
	}
	f := cmd.Flags()
	f.StringVar(&a.Arch, "arch", "", "Set architecture")
	f.BoolVar(&a.Force, "force", false, "Set it also if the image's own configuration says something else")
	f.StringVar(&a.OS, "os", "", "Set operating system")
	f.StringSliceVar(&a.OSFeatures, "os-features", nil, "Set operating system feature")
	f.StringVar(&a.OSVersion, "os-version", "", "Set operating system version")
	f.StringVar(&a.Variant, "variant", "", "Set architecture variant")
	for n, flag := range []string{"os", "arch", "variant"} { // the parts of a platform's name
		_ = cmd.RegisterFlagCompletionFunc(flag, oneOf(partsOfPlatforms(n)...))
	}
	return cmd
}

// partsOfPlatforms are the nth parts of the names of all known platforms, each once.
func partsOfPlatforms(n int) (parts []string) {
	for _, p := range platform.Known() {
		if split := strings.Split(p, "/"); len(split) > n && !slices.Contains(parts, split[n]) {
			parts = append(parts, split[n])
		}
	}
	return parts
}

func runManifestAnnotate(ctx context.Context, w *world, listName, imageName string, a draft.Annotation) error {
	list, err := parseList(listName)
	if err != nil {
		return err
	}
	image, err := parseImage(imageName)
	if err != nil {
		return err
	}
	notes, err := w.drafts().Annotate(ctx, list, image, a)
	for _, note := range notes {
		w.say(note)
	}
	return err
}
