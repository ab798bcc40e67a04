package container

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// inspect describes a node's containers, in the order of [List]; the result is empty if the node
// does not exist. A running BuildKit is asked for the facts that only it knows.
func inspect(ctx context.Context, eng *engine.Engine, e builder.Endpoint, depth builder.Depth) (all []builder.Details, err error) {
	var found [2]*builder.Details // of the sides
	g, gctx := errgroup.WithContext(ctx)
	for i, s := range sides() {
		g.Go(func() (err error) {
			found[i], err = inspectSide(gctx, eng, e, s, depth)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, d := range found {
		if d != nil {
			all = append(all, *d)
		}
	}
	return all, nil
}

// inspectSide returns nil if there is no container.
func inspectSide(ctx context.Context, eng *engine.Engine, e builder.Endpoint, s side, depth builder.Depth) (*builder.Details, error) {
	ctx, answered, end := builder.UntilAnswer(ctx)
	defer end()
	c, found, err := ownContainer(ctx, eng, e, s)
	if err != nil || !found {
		return nil, builder.NoAnswer(ctx, err)
	}
	created, _ := time.Parse(time.RFC3339Nano, c.Created)
	have := convert(c, e)
	d := builder.Details{
		Status:     statusOf(s, c.Config.Labels, have.State, created),
		Proxies:    map[string]string{},
		CertHosts:  slices.Sorted(maps.Keys(have.Settings.Certs)),
		Insecure:   have.Settings.Insecure,
		Mirrors:    have.Settings.Mirrors,
		AddHosts:   have.Settings.AddHosts,
		UserConfig: have.Settings.Config != "",
		RunNetwork: "builder",
		Tool:       c.Config.Labels[labelTool],
		ID:         c.ID,
	}
	if have.Settings.Network == hostNetwork && have.Image.Bridge {
		d.RunNetwork = "bridge"
	}
	for k, v := range have.Settings.Env {
		d.Proxies[k] = buildkitd.MaskProxy(v)
	}
	if depth == builder.Whole {
		d.Config, _ = readConfig(ctx, eng, c.ID) // an unreadable file is not shown
	}
	if have.running() {
		d.Err = askBuildKit(ctx, &d, target{eng: eng, id: c.ID, pid: have.PID, local: localEngine(eng.Host())}, depth, answered)
	}
	return &d, nil
}

// askBuildKit completes the details with BuildKit's answers.
func askBuildKit(ctx context.Context, d *builder.Details, t target, depth builder.Depth, answered func()) error {
	l, err := t.connect(ctx)
	if err != nil {
		return builder.NoAnswer(ctx, err)
	}
	defer l.Close()
	if err := d.Ask(ctx, l.Client, depth, answered); err != nil || depth == builder.Brief {
		return err
	}
	if disk, err := t.disk(ctx); err == nil {
		d.Disk = &disk
	}
	return nil
}

// readConfig returns a container's buildkitd.toml.
func readConfig(ctx context.Context, eng *engine.Engine, id string) (string, error) {
	rd, err := eng.CopyFrom(ctx, id, path.Join(buildkitd.Dir, "buildkitd.toml"))
	if err != nil {
		return "", err
	}
	defer rd.Close()
	archive := tar.NewReader(rd)
	if _, err := archive.Next(); err != nil {
		return "", fmt.Errorf("read the BuildKit configuration: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(archive, buildkitd.MaxFile))
	return string(text), err
}
