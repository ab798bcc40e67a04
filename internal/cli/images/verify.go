package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/verify"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

type verifyOptions struct {
	ref, format string
	expect      []string
	executables cli.GateOptions
	quiet       bool
}

// NewVerify returns the command that examines the executables of an image.
func NewVerify(w *cli.Env) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [OPTIONS] REF",
		Short: "Check that an image is whole and is what its index says",
		Long: "Check that an image is whole and is what its index says: every manifest, configuration and layer exists; sizes, media types and\n" +
			"platforms match the descriptors; no platform is listed twice; the programs in each image are for its platform; and with --expect,\n" +
			"the image has exactly those platforms. All findings are listed, not only the first one.\n\n" +
			"To examine the programs, each layer is read once and not stored. With --executables=off, a registry is only asked whether it has\n" +
			"the layers.\n\n" +
			refHelp + "\n\n" +
			"Exit status: 0 nothing is wrong, or there are only warnings; 1 something is wrong with the image, or it does not exist; 2 it could not be\n" +
			"read; 125 wrong flags or arguments.",
		Example: "  docker multiarch verify --expect linux/amd64,linux/arm64 registry.example/app:1.0\n" +
			"  docker multiarch verify --verify-allow /usr/lib/cross ./app.tar",
		Args: cli.Exactly(1, "one argument, the name of an image or the path of an archive"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ref = args[0]
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runVerify(ctx, w, o) })
		},
		ValidArgsFunction: CompleteArchive,
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.expect, "expect", nil, "Platforms that the image must have, and no others (comma-separated; may be repeated)")
	f.StringVar(&o.executables.Mode, "executables", string(gate.On),
		`Examine whether the executables are for the platform ("on", "off", "strict": also those that nothing starts)`)
	cli.AddAllowFlag(f, &o.executables)
	cli.AddTemplateFlag(cmd, &o.format)
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Print nothing: the exit status is the answer")
	_ = cmd.RegisterFlagCompletionFunc("executables", cli.OneOf(cli.GateModes...))
	_ = cmd.RegisterFlagCompletionFunc("expect", cli.CompletePlatforms)
	return cmd
}

// verifyRow is the output of verify. Its keys in JSON are stable.
type verifyRow struct {
	Name      string
	Digest    digest.Digest
	MediaType string
	OK        bool
	Platforms []string
	Expected  []string `json:",omitempty"`
	Manifests int      // different ones that were read
	Blobs     int
	// Executables are the counts of each image, in the order of Platforms.
	Executables []verify.Tally `json:",omitempty"`
	Findings    []findings.VerifyRow
}

func runVerify(ctx context.Context, w *cli.Env, o verifyOptions) error {
	if err := cli.CheckTemplate(o.format); err != nil {
		return err
	}
	expect, err := parseExpect(o.expect)
	if err != nil {
		return err
	}
	options, err := o.executables.Parse("executables")
	if err != nil {
		return &cli.Usage{Err: err}
	}
	at, err := FindLocation(ctx, w, o.ref)
	if err != nil {
		return unlessMissing(err)
	}
	req := verify.Request{Root: at.Root, Source: at.Blobs, Expect: expect}
	if options != nil {
		req.Executables = &verify.Executables{Options: *options}
		if at.Ref != nil { // local blobs are read again, which verifies their digests
			req.Executables.Cache = w.Listings()
		}
	}
	result, err := verify.Run(ctx, req)
	if err != nil {
		return cli.Unknown(err)
	}
	row := verifyRow{
		Name: at.Name, Digest: at.Root.Digest, MediaType: at.Root.MediaType, OK: result.OK(), Platforms: []string{},
		Manifests: result.Manifests, Blobs: result.Blobs, Executables: result.Tally, Findings: findings.VerifyRows(result.Findings),
	}
	for _, img := range result.Tree.Images {
		row.Platforms = append(row.Platforms, platform.Format(*img.Descriptor.Platform))
	}
	for _, p := range expect {
		row.Expected = append(row.Expected, platform.Format(p))
	}
	switch {
	case o.quiet:
	case o.format == "table":
		verifyTable(w.Out, row, result.Findings)
	default:
		err = cli.WriteOne(w.Out, o.format, row)
	}
	if lost := cli.WriteError(w.Out); lost != nil {
		return cli.Unknown(lost)
	}
	if err == nil && !row.OK {
		err = cli.Status(cli.ExitFailed)
	}
	return err
}

func parseExpect(lists []string) ([]platform.Platform, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	expect, _, err := platform.Parse(lists...)
	if err != nil {
		return nil, &cli.Usage{Err: fmt.Errorf("--expect: %w", err)}
	}
	return expect, nil
}

// unlessMissing returns an error with [cli.ExitUnknown] for an image that could not be read. Usage errors, missing images and broken
// archives keep their status.
func unlessMissing(err error) error {
	u, isUsage := errors.AsType[*cli.Usage](err)
	if _, broken := errors.AsType[*layout.BrokenError](err); broken && isUsage {
		return u.Err
	}
	if isUsage || errors.Is(err, manifest.ErrNotFound) {
		return err
	}
	return cli.Unknown(err)
}

// verifyTable prints what was verified, and the findings. Each finding shows the digest that it is about.
func verifyTable(out io.Writer, row verifyRow, found []diag.Diagnostic) {
	if row.OK {
		what := strings.Join(row.Platforms, ", ")
		if what == "" {
			what = "no image, but an artifact"
		}
		cli.Putf(out, "%s is whole: %s\n%s; %s, %s%s\n", row.Name, what, row.Digest, results.Count(row.Manifests, "manifest"), results.Count(row.Blobs, "blob"),
			tallyText(row.Executables))
	}
	if !row.OK {
		cli.Putf(out, "%s has %s\n%s\n", row.Name, results.Count(len(findings.Merged(found)), "finding"), row.Digest)
	}
	found = slices.Clone(found)
	for i, d := range found {
		if d.Digest != "" && !strings.Contains(d.Message, cli.Short(d.Digest, false)) {
			found[i].Message += " (" + d.Digest.String() + ")"
		}
	}
	findings.Print(out, found)
}

// tallyText returns the number of examined executables; "" if none were to be examined.
func tallyText(tally []verify.Tally) string {
	n := 0
	for _, t := range tally {
		n += t.Files
	}
	if len(tally) == 0 {
		return ""
	}
	return ", " + results.Count(n, "executable")
}
