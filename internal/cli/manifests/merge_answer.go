package manifests

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// answerMerge prints the result of a merge, and returns the error with its exit status.
func answerMerge(w *cli.Env, o mergeOptions, res merge.Result, err error) error {
	report := solve.Report{Target: res.Target, Tags: res.Tags}
	if !o.quiet && len(res.Images) > 0 {
		mergedTable(w.Err, res)
	}
	if (!o.quiet || err != nil) && len(res.Tags) > 0 { // an error must not hide which tags have moved
		results.Tags(w.Err, report)
	}
	if errors.Is(err, merge.ErrTaken) {
		err = &cli.Hinted{Err: err, Hint: "leave out --no-clobber to move the tag"}
	}
	if err != nil {
		return err
	}
	if o.dryRun {
		_, err := fmt.Fprintf(w.Out, "%s\n", printable.JSON(res.Body))
		return err
	}
	if o.quiet {
		seen := map[string]bool{}
		for _, tag := range res.Tags {
			if repo := repositoryOf(tag.Ref); !seen[repo] {
				seen[repo] = true
				w.Result(repo+"@"+res.Target.Digest.String(), results.Published(res.Tags, repo, res.Target.Digest))
			}
		}
	}
	if o.metadataFile != "" {
		if err := cli.WriteMetadata(o.metadataFile, newMergeMetadata(res)); err != nil {
			return fmt.Errorf("the tags were moved, but --metadata-file could not be written: %w", err)
		}
	}
	return nil
}

// repositoryOf returns a tag's name without the tag.
func repositoryOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref // it was made from a name that parses
	}
	return reference.FamiliarName(named)
}

// mergedTable prints a line for each image.
func mergedTable(out io.Writer, res merge.Result) {
	t := cli.NewTable(out, "PLATFORM", "FROM", "SIZE", "DIGEST")
	for _, img := range res.Images {
		from := img.From
		if img.Kept {
			from = "(kept)"
		}
		extra := ""
		if n := len(img.Attestations); n > 0 {
			extra = fmt.Sprintf("   (%d attestations)", n)
			if n == 1 {
				extra = "   (1 attestation)"
			}
		}
		t.Row(platform.Format(img.Platform), from, units.HumanSize(float64(img.Size)), img.Manifest.Digest.String()+extra)
	}
	_ = t.Flush()
}

// mergeMetadata is the content of --metadata-file. It has the fields of a build's metadata that a merge has, too.
type mergeMetadata struct {
	Digest     digest.Digest       `json:"containerimage.digest"`
	Descriptor ocispecs.Descriptor `json:"containerimage.descriptor"`
	Name       string              `json:"image.name"`
	Multiarch  struct {
		Schema    int                   `json:"schemaVersion"`
		Index     digest.Digest         `json:"index"`
		Platforms []mergedPlatform      `json:"platforms"`
		Tags      []results.TagMetadata `json:"tags"`
	} `json:"multiarch"`
}

type mergedPlatform struct {
	Platform     string          `json:"platform"`
	Manifest     digest.Digest   `json:"manifest"`
	Config       digest.Digest   `json:"config"`
	Attestations []digest.Digest `json:"attestations,omitempty"`
	Size         int64           `json:"size"`
	From         string          `json:"from"` // the input
}

func newMergeMetadata(res merge.Result) mergeMetadata {
	m := mergeMetadata{Digest: res.Target.Digest, Descriptor: res.Target}
	m.Multiarch.Schema, m.Multiarch.Index = results.MetadataSchema, res.Target.Digest
	for _, img := range res.Images {
		p := mergedPlatform{Platform: platform.Format(img.Platform), Manifest: img.Manifest.Digest, Config: img.Config, Size: img.Size, From: img.From}
		for _, a := range img.Attestations {
			p.Attestations = append(p.Attestations, a.Digest)
		}
		m.Multiarch.Platforms = append(m.Multiarch.Platforms, p)
	}
	var names []string
	for _, t := range res.Tags {
		if named, err := reference.ParseNormalizedNamed(t.Ref); err == nil {
			names = append(names, named.String())
		}
		m.Multiarch.Tags = append(m.Multiarch.Tags, results.TagMetadata{Name: t.Ref, Digest: t.Digest, State: t.State})
	}
	m.Name = strings.Join(names, ",")
	return m
}
