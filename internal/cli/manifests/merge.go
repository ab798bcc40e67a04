package manifests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// mergeOptions are the flags as the user wrote them.
type mergeOptions struct {
	inputs, tags, expect, annotations []string
	onto, mediaTypes, metadataFile    string
	dryRun, noClobber, quiet          bool
	insecure                          bool
	gate                              cli.GateOptions
	retry                             cli.PushRetry
}

func newManifestMergeCommand(w *cli.Env) *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge [OPTIONS] INPUT...",
		Short: "Merge images into one index, and tag it",
		Long: "Merge images of several platforms into one index, and tag it. Nothing is built, and no tag moves before the repositories have all\n" +
			"images.\n\n" +
			"An input is the metadata file of a build (--metadata-file), an image in a registry by tag or digest, or an OCI archive or a folder\n" +
			"with an OCI image layout (PATH, or " + layoutInput + " if it has several images). If an input is an index, all of its images\n" +
			"are merged, with their attestations. Images that a tag's repository lacks are copied to it. Two images for one platform are\n" +
			"refused, and so are images with executables for another platform.\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    an input could not be read or does not fit; no tag was moved\n" +
			"    4    merged, but a push failed\n" +
			"    125  wrong flags, arguments or files; nothing was done",
		Example: "  docker multiarch build --platform linux/arm64 --push --digest-only -t registry.example/app --metadata-file arm64.json .\n" +
			"  docker multiarch manifest merge -t registry.example/app:1.0 --expect linux/amd64,linux/arm64 amd64.json arm64.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "%q needs at least one input: a metadata file, an image's name, or an OCI archive", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.inputs = args
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return cli.WithHelp(cmd, runMerge(ctx, w, o)) })
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.tags, "tag", "t", nil, `Index identifier (format: "[registry/]repository[:tag]")`)
	f.StringArrayVar(&o.expect, "expect", nil, "Exact platforms of the index (comma-separated)")
	f.StringVar(&o.onto, "onto", "", "Merge the images into the index with this tag, replacing its images for the same platforms")
	f.StringVar(&o.mediaTypes, "media-types", "auto", `Media types of the index and its images: "oci", "docker" or "auto" (as the images)`)
	f.StringArrayVar(&o.annotations, "annotation", nil, `Add annotation to the index (format: "[index,manifest-descriptor[linux/arm64],…:]key=value")`)
	f.BoolVar(&o.dryRun, "dry-run", false, "Print the index and write nothing")
	f.BoolVar(&o.noClobber, "no-clobber", false, "Refuse to move an existing tag")
	f.BoolVar(&o.insecure, "insecure", false, "Allow communication with an insecure registry")
	f.StringVar(&o.metadataFile, "metadata-file", "", "Write merge result metadata to a file")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Print the digests only")
	cli.AddPushRetryFlag(f, &o.retry)
	cli.AddGateFlags(cmd, &o.gate)
	_ = cmd.RegisterFlagCompletionFunc("expect", cli.CompletePlatforms)
	_ = cmd.RegisterFlagCompletionFunc("media-types", cli.OneOf("auto", "oci", "docker"))
	_ = cmd.RegisterFlagCompletionFunc("metadata-file", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	})
	return cmd
}

// layoutInput is the form of a name of an image in a layout.
const layoutInput = "oci-layout://PATH:NAME"

func runMerge(ctx context.Context, w *cli.Env, o mergeOptions) error {
	req, words, err := parseMerge(ctx, w, o)
	if err != nil {
		return &cli.Usage{Err: err}
	}
	if req.Examine, err = images.ExaminerFor(w, o.gate); err != nil {
		return err
	}
	req.Note = w.Say
	var metadata []cli.FlagFile
	if o.metadataFile != "" {
		metadata = []cli.FlagFile{{Flag: "--metadata-file", Name: o.metadataFile}}
	}
	if err := cli.CheckOutputs(metadata); err != nil {
		return err
	}
	req.Registry = o.retry.Client(registryFor(ctx, w, o.insecure, mergeNames(req, words)...))
	if req.Inputs, req.Looks, err = merge.Read(ctx, req.Registry, words, req.Tags...); err != nil {
		return err
	}
	if !o.dryRun {
		if err := cli.RemoveOutputs(metadata); err != nil {
			return err
		}
	}
	res, err := merge.Merge(ctx, req)
	return answerMerge(w, o, res, err)
}

// mergeNames returns all names in registries that a merge reads or writes.
func mergeNames(req merge.Request, words []merge.Argument) (names []reference.Named) {
	for _, t := range req.Tags {
		names = append(names, t)
	}
	if req.Onto != nil {
		names = append(names, req.Onto)
	}
	for _, word := range words {
		names = append(names, word.Names()...)
	}
	return names
}

// parseMerge parses the arguments, and reads the inputs on disk.
func parseMerge(ctx context.Context, w *cli.Env, o mergeOptions) (req merge.Request, words []merge.Argument, err error) {
	req = merge.Request{NoClobber: o.noClobber, DryRun: o.dryRun}
	if len(o.tags) == 0 && o.onto == "" && !o.dryRun {
		return req, nil, errors.New("the index has no name: use --tag or --onto")
	}
	if req.Tags, err = cli.ParseTags(o.tags, w.LookupEnv); err != nil {
		return req, nil, fmt.Errorf("--tag: %w", err)
	}
	if o.onto != "" {
		onto, err := cli.ParseTags([]string{o.onto}, w.LookupEnv)
		if err != nil {
			return req, nil, fmt.Errorf("--onto: %w", err)
		}
		req.Onto = onto[0]
	}
	if o.mediaTypes != "auto" {
		if req.Family, err = cli.ParseFamily(o.mediaTypes); err != nil {
			return req, nil, fmt.Errorf("--media-types %q is not one of auto, oci, docker", o.mediaTypes)
		}
	}
	if req.Expect, err = mergeExpect(o.expect); err != nil {
		return req, nil, err
	}
	if req.Annotations, err = mergeAnnotations(o); err != nil {
		return req, nil, err
	}
	if req.Family == manifest.Docker && len(req.Annotations) > 0 {
		return req, nil, errors.New("a Docker manifest list cannot have annotations: leave out --annotation, or use --media-types oci")
	}
	if slices.ContainsFunc(o.inputs, func(name string) bool { return sameFile(name, o.metadataFile) }) {
		return req, nil, fmt.Errorf("--metadata-file would overwrite %q, which is an input", o.metadataFile)
	}
	words, err = merge.Parse(ctx, o.inputs)
	return req, words, err
}

// mergeExpect parses --expect. A repeated platform is refused as a mistake, since the list must be exact.
func mergeExpect(lists []string) ([]platform.Platform, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	ps, _, err := platform.Parse(lists...)
	if err != nil {
		return nil, fmt.Errorf("--expect: %w", err)
	}
	if all := strings.Join(lists, ","); len(ps) != strings.Count(all, ",")+1 {
		return nil, fmt.Errorf("--expect %q has a platform twice", all)
	}
	return ps, nil
}

// mergeAnnotations parses --annotation as build does. An annotation without a level belongs to the index.
func mergeAnnotations(o mergeOptions) (index.Annotations, error) {
	var all index.Annotations
	for _, text := range o.annotations {
		key, _, _ := strings.Cut(text, "=")
		if !strings.Contains(key, ":") {
			text = string(index.OnIndex) + ":" + text
		}
		list, err := cli.ParseAnnotations([]string{text})
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			switch a.Level {
			case index.OnIndex, index.OnManifestDescriptor:
				all = append(all, a)
			case index.OnManifest:
				return nil, fmt.Errorf("--annotation %q: an annotation would change the image's manifest and digest: use the level manifest-descriptor", text)
			default:
				return nil, fmt.Errorf("--annotation %q: a registry has no descriptor of the index: use the level index", text)
			}
		}
	}
	return all, nil
}

func sameFile(a, b string) bool {
	if b == "" {
		return false
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && one.Mode().IsRegular() && os.SameFile(one, other)
}
