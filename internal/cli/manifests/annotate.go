package manifests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func newManifestAnnotateCommand(w *cli.Env) *cobra.Command {
	var a draft.PlatformChange
	var o cli.GateOptions
	cmd := &cobra.Command{
		Use:   "annotate [OPTIONS] MANIFEST_LIST MANIFEST",
		Short: "Add additional information to a local image manifest",
		Long: "Set the platform of an image in a draft of a manifest list. Other spellings of an architecture are written as engines expect\n" +
			"them: x86_64 as amd64, aarch64 as arm64.\n\n" +
			"A platform that contradicts the image's configuration is refused. Parts that the configuration leaves out, such as a variant or\n" +
			"an os.version, can be added. A platform that contradicts the image's executables is refused too, if the registry can be reached.\n\n" +
			"Use the digest to name one image of an index: registry.example/app@sha256:...\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    there is no such draft or image, or its executables are for another platform; nothing was changed\n" +
			"    125  wrong flags or arguments, or the platform contradicts the image's configuration; nothing was changed",
		Example: "  docker multiarch manifest annotate registry.example/app:1.0 registry.example/app:1.0-armv6 --arch arm --variant v6",
		Args:    cli.Exactly(2, "two arguments: the manifest list, and the image in it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				return draftError(runManifestAnnotate(ctx, w, annotateOptions{args[0], args[1], a, o}))
			})
		},
		ValidArgsFunction: completeDrafts(w, 1),
	}
	f := cmd.Flags()
	f.StringVar(&a.Arch, "arch", "", "Set architecture")
	f.BoolVar(&a.Force, "force", false, "Set the platform even if it contradicts the image's configuration")
	f.StringVar(&a.OS, "os", "", "Set operating system")
	f.StringSliceVar(&a.OSFeatures, "os-features", nil, "Set operating system feature")
	f.StringVar(&a.OSVersion, "os-version", "", "Set operating system version")
	f.StringVar(&a.Variant, "variant", "", "Set architecture variant")
	cli.AddGateFlags(cmd, &o)
	for n, flag := range []string{"os", "arch", "variant"} { // the parts of a platform's name
		_ = cmd.RegisterFlagCompletionFunc(flag, cli.OneOf(partsOfPlatforms(n)...))
	}
	return cmd
}

// partsOfPlatforms returns the nth parts of the names of all known platforms, each once.
func partsOfPlatforms(n int) (parts []string) {
	for _, p := range platform.Known() {
		if split := strings.Split(p, "/"); len(split) > n && !slices.Contains(parts, split[n]) {
			parts = append(parts, split[n])
		}
	}
	return parts
}

// annotateOptions are the flags as the user wrote them.
type annotateOptions struct {
	list, image string
	draft.PlatformChange
	gate cli.GateOptions
}

func runManifestAnnotate(ctx context.Context, w *cli.Env, o annotateOptions) error {
	list, err := parseList(o.list)
	if err != nil {
		return err
	}
	image, err := parseImage(o.image)
	if err != nil {
		return err
	}
	examine, err := images.ExaminerFor(w, o.gate)
	if err != nil {
		return err
	}
	entry, err := drafts(w).Annotated(ctx, list, image, o.PlatformChange)
	if err == nil {
		err = o.examineClaim(ctx, w, entry, examine)
	}
	if err != nil {
		return err
	}
	notes, err := drafts(w).Annotate(ctx, list, image, o.PlatformChange)
	for _, note := range notes {
		w.Say(note)
	}
	return err
}

// examineClaim compares the platform under which an image will be listed with the image's executables. An unreachable registry results
// in a note, since a push examines the images again.
func (o annotateOptions) examineClaim(ctx context.Context, w *cli.Env, entry draft.Entry, examine tree.Examiner) error {
	if examine == nil || o.OS+o.Arch+o.Variant == "" {
		return nil
	}
	name, err := parseImage(entry.Name)
	if err != nil {
		return err
	}
	err = draft.Examine(ctx, registryFor(ctx, w, false, name), []draft.Entry{entry}, examine)
	if _, refused := errors.AsType[*gate.RefusedError](err); refused {
		return &cli.Hinted{Err: err, Hint: "use the platform of its executables, or --verify=off to list the image for this platform anyway"}
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	w.Say(fmt.Sprintf("the executables of %s were not examined: %v", entry.Name, err))
	return nil
}
