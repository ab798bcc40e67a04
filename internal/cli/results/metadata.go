package results

import (
	"errors"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// BuildMetadata is the content of --metadata-file. The containerimage.* and image.name keys are docker buildx's, with its meaning
// (commands/build.go; BuildKit's exptypes/types.go): they describe the image that the tags point at.
type BuildMetadata struct {
	Digest       digest.Digest        `json:"containerimage.digest,omitempty"`        // none if only files were made
	ConfigDigest digest.Digest        `json:"containerimage.config.digest,omitempty"` // of a plain manifest only
	Descriptor   *ocispecs.Descriptor `json:"containerimage.descriptor,omitempty"`
	Name         string               `json:"image.name,omitempty"` // with commas
	Multiarch    multiarch            `json:"multiarch"`
}

// multiarch has the keys that docker multiarch adds.
type multiarch struct {
	Schema    int                `json:"schemaVersion"`
	Index     digest.Digest      `json:"index,omitempty"`    // digest of the index; none for a plain manifest
	Platforms []platformMetadata `json:"platforms"`          // in the order of the index
	Failed    string             `json:"failed,omitempty"`   // why there is no result: verification or a test refused an image
	Missing   []MissingMetadata  `json:"missing,omitempty"`  // failed platforms that the result lacks
	Tags      []TagMetadata      `json:"tags"`               // in the order of the request
	ByDigest  []string           `json:"byDigest,omitempty"` // repositories with the result but without a tag
	Source    *Provenance        `json:"source,omitempty"`
	Loaded    []loadedMetadata   `json:"loaded,omitempty"`
	Written   []string           `json:"written,omitempty"` // archives and folders, as the user wrote them
}

// Provenance has what identifies builds whose results belong together. Unknown fields are empty.
type Provenance struct {
	Revision string `json:"revision,omitempty"` // the commit of the build context
	Run      string `json:"run,omitempty"`      // GitHub's run or GitLab's pipeline
}

type platformMetadata struct {
	Platform string        `json:"platform"`
	Manifest digest.Digest `json:"manifest"`
	Config   digest.Digest `json:"config"`
	// Attestations are the manifests about the image, in the order of the index.
	Attestations []digest.Digest `json:"attestations,omitempty"`
	Size         int64           `json:"size"`               // bytes of the layers and the config, compressed as in the registry
	Node         string          `json:"node"`               // of the builder
	Instead      string          `json:"instead,omitempty"`  // the node that would have made it, and why it did not
	How          plan.Mode       `json:"how"`                // native, cross, emulated or emulated (builder)
	Emulator     string          `json:"emulator,omitempty"` // "qemu 7.2.22", if it is known
	Seconds      float64         `json:"seconds"`            // of the solve, its push included
	Retries      int             `json:"retries,omitempty"`  // number of retries
	Cross        *crossMetadata  `json:"cross,omitempty"`    // steps that did not need an emulator
	Verify       *verifyMetadata `json:"verify,omitempty"`   // of the executables
	Tests        []smoke.Outcome `json:"tests,omitempty"`    // in their order
	Error        string          `json:"error,omitempty"`    // why there is no image
}

// verifyMetadata is the outcome of examining an image's executables.
type verifyMetadata struct {
	Verdict        gate.Verdict           `json:"verdict"`
	Findings       []findings.MetadataRow `json:"findings,omitempty"`
	Files          int                    `json:"files"`
	BaseExamined   bool                   `json:"baseExamined"`
	UnmatchedAllow []string               `json:"unmatchedAllow,omitempty"`
}

// MissingMetadata is a platform without an image.
type MissingMetadata struct {
	Platform string `json:"platform"`
	Error    string `json:"error"`
}

// loadedMetadata is a name in the engine's image store.
type loadedMetadata struct {
	Name     string        `json:"name,omitempty"`
	Platform string        `json:"platform,omitempty"` // none if the name is the index's
	ID       digest.Digest `json:"id"`
}

// NewMetadata returns the metadata of a successful build.
func NewMetadata(out Outcome) BuildMetadata {
	report := out.Report
	m := BuildMetadata{Digest: report.Target.Digest, Multiarch: multiarch{Schema: MetadataSchema, Written: report.Written, Tags: []TagMetadata{}}}
	if report.Target.Digest != "" {
		m.Descriptor = &report.Target
	}
	for _, repo := range report.ByDigest {
		m.Multiarch.ByDigest = append(m.Multiarch.ByDigest, reference.FamiliarName(repo))
	}
	m.Name, m.Multiarch.Source = strings.Join(resultNames(out), ","), out.Origin
	for _, l := range report.Loaded {
		entry := loadedMetadata{Name: l.Name, ID: l.ID}
		if l.Platform.OS != "" {
			entry.Platform = platform.Format(l.Platform)
		}
		m.Multiarch.Loaded = append(m.Multiarch.Loaded, entry)
	}
	if manifest.IsIndex(report.Target.MediaType) {
		m.Multiarch.Index = report.Target.Digest
	} else {
		m.ConfigDigest = report.Platforms[0].Config
	}
	for _, p := range report.Platforms {
		m.Multiarch.Platforms = append(m.Multiarch.Platforms, newPlatformMetadata(p))
	}
	for _, p := range report.Missing() {
		m.Multiarch.Missing = append(m.Multiarch.Missing, MissingMetadata{platform.Format(p.Platform), p.Err.Error()})
	}
	for _, t := range report.Tags {
		m.Multiarch.Tags = append(m.Multiarch.Tags, TagMetadata{Name: t.Ref, Digest: t.Digest, State: t.State})
	}
	return m
}

// resultNames returns the result's names in registries, if it was pushed; else those in an engine or an archive.
func resultNames(out Outcome) []string {
	switch r := out.Request; {
	case len(r.Tags) > 0:
		return texts(r.Tags)
	case len(r.ByDigest) > 0:
		return texts(r.ByDigest)
	}
	return texts(out.Named)
}

func texts[N reference.Named](refs []N) []string {
	all := make([]string, len(refs))
	for i, ref := range refs {
		all[i] = ref.String()
	}
	return all
}

func newPlatformMetadata(p solve.PlatformReport) platformMetadata {
	m := platformMetadata{
		Platform: platform.Format(p.Platform), Node: p.Node, Instead: p.Instead, How: p.Mode, Emulator: p.Emulator, Seconds: float64(int(p.Seconds*1000)) / 1000,
		Retries: p.Retries, Cross: newCrossMetadata(p.Cross),
	}
	if v := p.Verify; v.Verdict != "" && v.Verdict != gate.NotAsked {
		m.Verify = &verifyMetadata{v.Verdict, findings.MetadataRows(v.Findings), v.Files, v.BaseExamined, v.Unmatched}
	}
	m.Tests = p.Tests
	if p.Err != nil {
		m.Error = p.Err.Error()
		return m
	}
	m.Manifest, m.Config, m.Size = p.Manifest.Digest, p.Config, p.Size
	for _, a := range p.Attestations {
		m.Attestations = append(m.Attestations, a.Digest)
	}
	return m
}

// RefusedMetadata writes the metadata of a build whose images were made, but verification or a test refused one. The metadata name no
// result. As in docker buildx, a build that fails otherwise has no metadata file. RefusedMetadata returns the build's error.
func RefusedMetadata(w *cli.Env, file string, out Outcome) error {
	report, err := out.Report, out.Err
	_, refused := errors.AsType[*gate.RefusedError](err)
	_, failed := errors.AsType[*smoke.FailedError](err)
	if file == "" || !refused && !failed || len(report.Tags)+len(report.ByDigest)+len(report.Written)+len(report.Loaded) > 0 {
		return err
	}
	m := BuildMetadata{Multiarch: multiarch{Schema: MetadataSchema, Failed: err.Error(), Tags: []TagMetadata{}, Source: out.Origin}}
	for _, p := range report.Platforms {
		m.Multiarch.Platforms = append(m.Multiarch.Platforms, newPlatformMetadata(p))
	}
	if werr := cli.WriteMetadata(file, m); werr != nil {
		w.Note(diag.Warningf("--metadata-file could not be written: %v", werr))
	}
	return err
}
