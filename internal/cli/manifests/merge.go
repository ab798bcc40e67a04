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
}

func newManifestMergeCommand(w *cli.Env) *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge [OPTIONS] INPUT...",
		Short: "Join images into one index, and give it its tags",
		Long: "Join images of several platforms into one index, and give it its tags. Nothing is built, and no tag moves before all is there.\n\n" +
			"An input is the metadata file of a build (--metadata-file), an image in a registry by tag or digest, or an OCI archive or a folder\n" +
			"with an OCI image layout (PATH, or " + layoutInput + " where it holds several). Of an index all images are taken, with their\n" +
			"attestations; what the tags' repositories lack is copied. Two images for one platform are refused, and images with programs for\n" +
			"another platform.\n\n" +
			"Exit status: 0; 1 an input could not be read or does not fit, no tag was moved; 4 a registry did not take everything; 125 wrong\n" +
			"flags, arguments or files, nothing was done.",
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
	f.StringArrayVarP(&o.tags, "tag", "t", nil, `Name of the index (format: "name:tag"); may be repeated, also for other repositories`)
	f.StringArrayVar(&o.expect, "expect", nil, "Platforms that the index must have, no more and no fewer (commas and repeats)")
	f.StringVar(&o.onto, "onto", "", "Put the images into the index that this tag names: they replace those for the same platforms")
	f.StringVar(&o.mediaTypes, "media-types", "auto", `Media types of the index and its images: "oci", "docker", or "auto" for those that the images have`)
	f.StringArrayVar(&o.annotations, "annotation", nil, `Add annotation to the index (format: "[index,manifest-descriptor[linux/arm64],…:]key=value")`)
	f.BoolVar(&o.dryRun, "dry-run", false, "Print the index, and write nothing")
	f.BoolVar(&o.noClobber, "no-clobber", false, "Refuse to move a tag that names something else")
	f.BoolVar(&o.insecure, "insecure", false, "Allow communication with an insecure registry")
	f.StringVar(&o.metadataFile, "metadata-file", "", "Write the result's metadata to a file")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Print the digests only")
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
	if req.Registry, err = registryFor(ctx, w, o.insecure, mergeNames(req, words)...); err != nil {
		return err
	}
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
func mergeNames(req merge.Request, words []merge.Word) (names []reference.Named) {
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
func parseMerge(ctx context.Context, w *cli.Env, o mergeOptions) (req merge.Request, words []merge.Word, err error) {
	req = merge.Request{NoClobber: o.noClobber, DryRun: o.dryRun}
	if len(o.tags) == 0 && o.onto == "" && !o.dryRun {
		return req, nil, errors.New("what is the index to be called? Give --tag, or --onto")
	}
	if req.Tags, err = cli.ParseTags(o.tags, w.LookupEnv); err != nil {
		return req, nil, err
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
		return req, nil, errors.New("a Docker manifest list has no place for annotations: leave --annotation out, or use --media-types oci")
	}
	if slices.ContainsFunc(o.inputs, func(name string) bool { return sameFile(name, o.metadataFile) }) {
		return req, nil, fmt.Errorf("--metadata-file %q is one of the inputs", o.metadataFile)
	}
	words, err = merge.Parse(ctx, o.inputs)
	return req, words, err
}

// mergeExpect parses --expect. A repeated platform is refused as a mistake, since the list must be exact.
func mergeExpect(lists []string) ([]platform.Platform, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	ps, notes, err := platform.Parse(lists...)
	if err != nil {
		return nil, fmt.Errorf("--expect: %w", err)
	}
	if len(notes) > 0 {
		return nil, fmt.Errorf("--expect: %s", strings.Join(notes, "; "))
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
				return nil, fmt.Errorf("--annotation %q: an image that is there keeps its digest, so its manifest cannot be annotated: use manifest-descriptor", text)
			default:
				return nil, fmt.Errorf("--annotation %q: a registry has no place for it: use index", text)
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
