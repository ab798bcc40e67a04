package destination

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Flags are the flags about the destinations of a result, as the user wrote them.
type Flags struct {
	outputs []string
	Load    loadFlag
	Push    bool
	// DigestOnly pushes without any tag.
	DigestOnly bool

	Annotations, Attests []string
	Provenance, Sbom     string
}

// AddFlags adds the flags about the destinations of a result.
func AddFlags(f *pflag.FlagSet, o *Flags) {
	f.StringArrayVarP(&o.outputs, "output", "o", nil, `Output destination (format: "type=local,dest=path")`)
	f.Var(&o.Load, "load", `Shorthand for "--output=type=docker" ("--load=native", "--load=linux/arm64": these platforms only)`)
	f.Lookup("load").NoOptDefVal = "true"
	f.BoolVar(&o.Push, "push", false, `Shorthand for "--output=type=registry"`)
	f.BoolVar(&o.DigestOnly, "digest-only", false, `With --push, push by digest and move no tag (for "manifest merge")`)
	f.StringArrayVar(&o.Annotations, "annotation", nil, `Add annotation to the image (format: "[index,manifest[linux/arm64],…:]key=value")`)
	f.StringArrayVar(&o.Attests, "attest", nil, `Attestation parameters (format: "type=sbom,generator=image")`)
	f.StringVar(&o.Provenance, "provenance", "", `Shorthand for "--attest=type=provenance"`)
	f.StringVar(&o.Sbom, "sbom", "", `Shorthand for "--attest=type=sbom"`)
}

// loadFlag is --load: a switch, as in docker buildx, or a selection of platforms.
type loadFlag struct {
	given  bool
	native bool
	named  []platform.Platform
}

// String implements pflag.Value.
func (l *loadFlag) String() string {
	if !l.given {
		return ""
	}
	return "true"
}

// Type implements pflag.Value. As for a switch, a value needs "=".
func (l *loadFlag) Type() string { return "bool" }

// Set implements pflag.Value.
func (l *loadFlag) Set(value string) error {
	*l = loadFlag{given: true}
	if b, err := strconv.ParseBool(value); err == nil {
		l.given = b
		return nil
	}
	switch value {
	case "all":
		return nil
	case "native":
		l.native = true
		return nil
	}
	var err error
	if l.named, _, err = platform.Parse(value); err != nil {
		return fmt.Errorf("%w; use --load, --load=all, --load=native or --load=PLATFORM[,PLATFORM]", err)
	}
	return nil
}

// StrayLoadValue refuses "--load native", since a switch takes no separate value. If there is a folder of that name and no other
// argument, it is the build context, as for docker buildx.
func StrayLoadValue(cmd *cobra.Command, args []string) error {
	if !cmd.Flags().Changed("load") {
		return nil
	}
	for _, arg := range args {
		if _, err := os.Stat(arg); err == nil && len(args) == 1 {
			continue
		}
		_, _, err := platform.Parse(arg)
		if isPlatform := err == nil && strings.Contains(arg, "/"); isPlatform || arg == "native" || arg == "all" {
			return &cli.Usage{
				Err:  fmt.Errorf("--load takes its value after an equals sign, so %q would be the build context", arg),
				Hint: "use --load=" + arg,
			}
		}
	}
	return nil
}

// Output is one -o as the user wrote it, not checked.
type Output struct {
	text  string
	kind  string
	dest  string
	attrs map[string]string
}

// parseOutput parses "type=…,key=value", a path alone (local), or "-" (tar on standard output).
func parseOutput(text string) (Output, error) {
	o := Output{text: text, attrs: map[string]string{}}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return o, fmt.Errorf("--output %q: %w", text, err)
	}
	if len(fields) == 1 && fields[0] == text && !strings.HasPrefix(text, "type=") {
		o.kind, o.dest = "local", text
		if text == "-" {
			o.kind = "tar"
		}
		return o, nil
	}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return o, fmt.Errorf("--output %q: %q is not of the form key=value", text, field)
		}
		switch key = strings.ToLower(strings.TrimSpace(key)); key {
		case "type":
			o.kind = value
		case "dest":
			o.dest = value
		default:
			o.attrs[key] = value
		}
	}
	if o.dest == "/dev/stdout" {
		o.dest = "-"
	}
	types := strings.Join(OutputTypeNames(), ", ")
	if o.kind == "" {
		return o, fmt.Errorf("--output %q: the type is missing: use type= with one of %s", text, types)
	}
	if outputTypes[o.kind] == nil {
		return o, fmt.Errorf("--output %q: the type %q is not one of %s", text, o.kind, types)
	}
	return o, nil
}

// flag returns a boolean attribute; absent is its default.
func (o Output) flag(key string, absent bool) (bool, error) {
	value, ok := o.attrs[key]
	if !ok {
		return absent, nil
	}
	b, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("--output %q: %s=%q is neither true nor false", o.text, key, value)
	}
	return b, nil
}

// ParseOutputs returns all outputs. As in docker buildx, --push and --load change an existing output, or add one.
func ParseOutputs(o Flags) ([]Output, error) {
	var outs []Output
	for _, text := range o.outputs {
		if text == "" {
			continue
		}
		out, err := parseOutput(text)
		if err != nil {
			return nil, err
		}
		if out.kind == "registry" {
			out.kind, out.attrs["push"] = "image", "true"
		}
		outs = append(outs, out)
	}
	if o.Push {
		at := slices.IndexFunc(outs, func(out Output) bool { return out.kind == "image" })
		if at < 0 {
			outs = append(outs, Output{text: "--push", kind: "image", attrs: map[string]string{}})
			at = len(outs) - 1
		}
		outs[at].attrs["push"] = "true"
	}
	if o.Load.given && !slices.ContainsFunc(outs, func(out Output) bool { return out.kind == "docker" && out.dest == "" }) {
		outs = append(outs, Output{text: "--load", kind: "docker", attrs: map[string]string{}})
	}
	if len(outs) > 1 && slices.ContainsFunc(outs, func(out Output) bool { return out.kind == "cacheonly" }) {
		return nil, errors.New("--output type=cacheonly keeps only the build cache and cannot be combined with another output")
	}
	return outs, nil
}
