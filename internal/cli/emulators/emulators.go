// Package emulators has the commands about the platforms that the engine's kernel runs.
package emulators

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// New returns the group of commands about the platforms that the engine's kernel runs.
func New(w *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "emulators",
		Aliases: []string{"emulator"},
		Short:   "Show, install and remove emulators in the engine's kernel",
		Long: "Show, install and remove emulators. The engine's kernel runs programs of other architectures through the handlers that are\n" +
			"registered in it. With Docker Desktop, ssh or tcp, this is the kernel of another machine. A build installs the emulators that it\n" +
			"needs. If the builder in use, or that of --builder, has nodes elsewhere, status and install are about the kernel of each node.",
		Args: cobra.ArbitraryArgs, RunE: cli.HelpOrUnknown,
	}
	cmd.AddCommand(newEmulatorsStatusCommand(w), newEmulatorsInstallCommand(w), newEmulatorsUninstallCommand(w))
	return cmd
}

// Platforms returns the platforms that have an emulator.
func Platforms() []platform.Platform {
	var ps []platform.Platform
	for _, a := range emulation.Archs() {
		ps = append(ps, platform.Normalize(platform.Platform{OS: "linux", Architecture: a.Name}))
	}
	return ps
}

// parseEmulators parses platforms with an emulator. No arguments, or "all", mean all of them.
func parseEmulators(args []string) ([]platform.Platform, error) {
	if len(args) == 0 || slices.Equal(args, []string{"all"}) {
		return Platforms(), nil
	}
	if slices.Contains(args, "all") {
		return nil, &cli.Usage{Err: errors.New(`"all" cannot be combined with platforms`)}
	}
	ps, _, err := platform.Parse(args...)
	if err != nil {
		return nil, &cli.Usage{Err: err}
	}
	for _, p := range ps {
		if p.OS != "linux" {
			return nil, &cli.Usage{Err: fmt.Errorf("%q: only programs for linux can be run or emulated", platform.Format(p))}
		}
		if _, ok := emulation.Lookup(p.Architecture); !ok {
			return nil, &cli.Usage{Err: fmt.Errorf("%q: there is no emulator for it; the architectures with one are %s",
				platform.Format(p), strings.Join(archNames(), ", "))}
		}
	}
	return ps, nil
}

func archNames() []string {
	var names []string
	for _, a := range emulation.Archs() {
		names = append(names, a.Name)
	}
	return names
}

// checkVariants refuses variants that make no difference to an emulator, or that it does not support.
func checkVariants(ps []platform.Platform) error {
	emulated := map[string][]string{"amd64": {"", "v1", "v2"}, "arm": {"", "v5", "v6", "v7"}, "arm64": {"", "v8"}}
	for _, p := range ps {
		known := emulated[p.Architecture]
		if p.Variant != "" && !slices.Contains(known, p.Variant) {
			return &cli.Usage{
				Err:  fmt.Errorf("%q: no known emulator has variant %s of %s", platform.Format(p), p.Variant, p.Architecture),
				Hint: "install the emulator for linux/" + p.Architecture,
			}
		}
	}
	return nil
}

// kernel is the engine's kernel, with the ways to ask it.
type kernel struct {
	eng     *engine.Engine
	info    engine.Info
	image   string             // with a shell, on the engine; after trustImage, an image that may run with privileges
	images  trust.Images       // after trustImage
	prefer  string             // the builder whose images and containers come first
	builder string             // container of a running builder, or ""
	observe emulation.Observer // asks without privileges
}

// ReachKernel finds an image with a shell on the engine. It takes a builder's image, and pulls it if there is none.
//
// prefer names the builder whose image and container are used, if it exists; "" is the builder in use.
func ReachKernel(ctx context.Context, w *cli.Env, eng *engine.Engine, prefer string) (*kernel, error) {
	prefer, err := w.BuilderFor(prefer)
	if err != nil {
		return nil, err
	}
	k := &kernel{eng: eng, prefer: prefer}
	if k.info, err = k.eng.Info(ctx); err != nil {
		return nil, err
	}
	if k.info.OSType != "linux" {
		return nil, fmt.Errorf("engine %s runs %s containers, but emulators need linux containers", k.info.Name, k.info.OSType)
	}
	if err := k.findImage(ctx, w); err != nil {
		return nil, err
	}
	k.observe = emulation.Observer{Runner: k.eng, Image: k.image, Labels: HelperLabels}
	return k, nil
}

func (k *kernel) findImage(ctx context.Context, w *cli.Env) error {
	builders, err := container.List(ctx, k.eng)
	if err != nil {
		return err
	}
	images := []string{container.DefaultImage}
	for _, b := range builders {
		switch {
		case b.Builder == k.prefer:
			images = slices.Insert(images, 0, b.Image)
		case b.Image != "":
			images = append(images, b.Image)
		}
		if b.State == "running" && (k.builder == "" || b.Builder == k.prefer) {
			k.builder = b.Container
		}
	}
	for _, image := range images {
		if has, err := k.eng.HasImage(ctx, image); err != nil {
			return err
		} else if has {
			k.image = image
			return nil
		}
	}
	return k.pull(ctx, w, container.DefaultImage)
}

func (k *kernel) pull(ctx context.Context, w *cli.Env, image string) error {
	cli.Putf(w.Err, "pulling %s, to run a shell on the engine\n", image)
	auth, err := w.Logins().ForPulls(w.Say)(ctx, image)
	if err == nil {
		err = k.eng.Pull(ctx, image, auth, nil)
	}
	if err != nil {
		return &cli.Hinted{
			Err:  fmt.Errorf("the engine has no known image with a shell, and cannot pull one: %w", err),
			Hint: "load " + image + " on the engine; to install emulators with it, trust its ID with --" + cli.TrustFlag,
		}
	}
	k.image = image
	return nil
}

// trustImage makes sure that the kernel's image may run with privileges. It takes the image of a builder, first the one in use, or the
// default image, which it pulls if necessary.
func (k *kernel) trustImage(ctx context.Context, w *cli.Env, trusted []digest.Digest) error {
	k.images = w.Images(k.eng, trusted)
	nodes, err := k.builders(ctx)
	if err != nil {
		return err
	}
	for _, e := range nodes {
		img, found, err := container.ImageOf(ctx, k.images, e)
		if err != nil || !found || img.Basis == trust.None {
			continue // another builder may have a trusted image
		}
		if has, err := k.eng.HasImage(ctx, img.ID); err == nil && has {
			k.use(img.ID)
			return nil
		}
	}
	id, err := k.images.Verified(ctx, container.DefaultImage)
	if unproven, ok := errors.AsType[*trust.UnprovenError](err); ok || id == "" && err == nil {
		if err := k.pull(ctx, w, container.DefaultImage); err != nil && ok {
			unproven.Err = err
			return unproven
		} else if err != nil {
			return err
		}
		id, err = k.images.Verified(ctx, container.DefaultImage)
	}
	if err == nil {
		k.use(id)
	}
	return err
}

// builders returns the nodes on the engine, those of the preferred builder first.
func (k *kernel) builders(ctx context.Context) (nodes []builder.Endpoint, err error) {
	list, err := container.List(ctx, k.eng)
	for _, preferred := range []bool{true, false} {
		for _, b := range list {
			if (b.Builder == k.prefer) == preferred {
				nodes = append(nodes, b.Endpoint())
			}
		}
	}
	return nodes, err
}

func (k *kernel) use(image string) { k.image, k.observe.Image = image, image }

// Inspect inspects the kernel without privileges. On an engine whose host does not expose its list of handlers, a running builder can
// read the list, since BuildKit's container is privileged anyway.
func (k *kernel) Inspect(ctx context.Context, ps ...platform.Platform) (emulation.Inspection, error) {
	ins, err := emulation.Inspect(ctx, k.observe, ps...)
	if err != nil || ins.HandlersUnknown == "" || k.builder == "" {
		return ins, err
	}
	inside, err := emulation.Inspect(ctx, container.Shell{Engine: k.eng, Container: k.builder}, ps...)
	if err != nil || inside.HandlersUnknown != "" {
		return ins, nil //nolint:nilerr // the first answer stands
	}
	inside.Host, inside.Disk, inside.FreeDisk = ins.Host, ins.Disk, ins.FreeDisk
	return inside, nil
}

// probeShell returns a shell for the probes of an install, separate from the containers that install, and the current status if it is
// known. The shell has privileges only if something is missing and the handlers cannot be read without.
func (k *kernel) probeShell(ctx context.Context, ps []platform.Platform) (emulation.Shell, *emulation.Status, error) {
	st, err := emulation.Probe(ctx, k.observe, ps...)
	if err != nil {
		return nil, nil, err
	}
	if st.HandlersUnknown == "" || k.info.Rootless || k.info.UserNS || st.Require(emulation.Emulated, ps...) == nil {
		return k.observe, &st, nil
	}
	return emulation.ContainerShell{Runner: k.images, Image: k.image, Labels: HelperLabels}, nil, nil
}

// completeEmulators completes platforms that have an emulator.
func completeEmulators(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var values []string
	for _, p := range Platforms() {
		if name := platform.Format(p); !slices.Contains(args, name) {
			values = append(values, name)
		}
	}
	if len(args) == 0 {
		values = append(values, "all")
	}
	return values, cobra.ShellCompDirectiveNoFileComp
}

// HelperLabels are the labels of the temporary containers that these commands run.
var HelperLabels = map[string]string{"com.docker-multiarch.part": "emulators"}
