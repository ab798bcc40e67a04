package container

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// inspect describes a node's containers, in the order of [List]; the result is empty if the node
// does not exist. A running BuildKit is asked for the facts that only it knows. If it does not answer,
// those fields stay empty, without an error.
func inspect(ctx context.Context, eng *engine.Engine, e builder.Endpoint) (all []builder.Details, err error) {
	for _, s := range sides() {
		d, found, err := inspectSide(ctx, eng, e, s)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, d)
		}
	}
	return all, nil
}

func inspectSide(ctx context.Context, eng *engine.Engine, e builder.Endpoint, s side) (d builder.Details, found bool, err error) {
	c, found, err := ownContainer(ctx, eng, e, s)
	if err != nil || !found {
		return builder.Details{}, false, err
	}
	created, _ := time.Parse(time.RFC3339Nano, c.Created)
	have := convert(c, e)
	d = builder.Details{
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
	d.Config, _ = readConfig(ctx, eng, c.ID) // an unreadable file is not shown
	if have.running() {
		askBuildKit(ctx, &d, target{eng: eng, id: c.ID, pid: have.PID, local: localEngine(eng.Host())})
	}
	return d, true, ctx.Err()
}

// askBuildKit completes the details with BuildKit's answers, as far as it answers.
func askBuildKit(ctx context.Context, d *builder.Details, t target) {
	l, err := t.connect(ctx)
	if err != nil {
		return
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	w := l.Workers[0]
	d.Platforms, d.BuildKit, d.GCPolicy = w.Platforms, w.BuildkitVersion.Version, w.GCPolicy
	d.Builds, _ = countBuilds(ctx, l.Client)
	if records, err := l.Client.DiskUsage(ctx); err == nil {
		u := builder.Sum(records)
		d.Usage = &u
	}
	if disk, err := t.disk(ctx); err == nil {
		d.Disk = &disk
	}
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

// Platforms asks a running node which platforms its BuildKit runs, native first.
func Platforms(ctx context.Context, eng *engine.Engine, st builder.Status) ([]ocispecs.Platform, error) {
	e := st.Endpoint()
	side, _ := sideOf(e, st.Container)
	c, found, err := ownContainer(ctx, eng, e, side)
	if err != nil {
		return nil, err
	}
	if have := convert(c, e); found && have.running() {
		l, err := (target{eng: eng, id: c.ID, pid: have.PID, local: localEngine(eng.Host())}).connect(ctx)
		if err != nil {
			return nil, fmt.Errorf("builder %q: %w", st.Builder, err)
		}
		return l.Workers[0].Platforms, l.Close()
	}
	return nil, errors.New("it does not run")
}
