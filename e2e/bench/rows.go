package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
)

const (
	startUp       = "start-up"
	throughDocker = "version through docker"

	emulatorStatus = "emulators status"
	emulatorCheck  = "a build that looks for emulators"
)

// rows returns all measurements.
func (w *world) rows(ctx context.Context) ([]row, error) {
	cases, err := scenarios(w.dir, w.base)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, y := range w.ways {
		for _, c := range cases {
			rows = append(rows, row{name: c.name + " (" + y.name + ")", unit: millis, who: w.builds(y, c), before: c.before})
		}
	}
	for _, c := range cases {
		if c.memory {
			rows = append(rows, row{name: "memory: " + c.name, unit: mib, who: w.direct(w.ways[0], c), before: c.before})
		}
	}
	frontends, err := w.frontends(ctx, cases[0])
	if err != nil {
		return nil, err
	}
	rows = append(rows, frontends...)
	outputs, err := w.outputs(ctx)
	if err != nil {
		return nil, err
	}
	rows = append(rows, outputs...)
	rows = append(rows, w.starts()...)
	merges, err := w.merges(ctx)
	if err != nil {
		return nil, err
	}
	rows = append(rows, merges...)
	uploads, err := w.uploads(ctx)
	if err != nil {
		return nil, err
	}
	rows = append(rows, uploads...)
	emulators, err := w.emulators(cases[0])
	if err != nil {
		return nil, err
	}
	rows = append(rows, emulators...)
	gates, err := w.gates()
	if err != nil {
		return nil, err
	}
	crosses, err := w.crosses(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := w.nodes(ctx, cases[0], cases[1])
	if err != nil {
		return nil, err
	}
	distant, err := w.distant(ctx, cases[0])
	if err != nil {
		return nil, err
	}
	nodes = append(nodes, distant...)
	pods, err := w.cluster(ctx, cases[3])
	if err != nil {
		return nil, err
	}
	rows = slices.Concat(rows, gates, w.verifies(ctx), crosses, nodes, pods)
	sizes, err := w.sizes()
	return append(rows, sizes), err
}

// builds returns the contestants as users call them.
func (w *world) builds(y way, c scenario) []contestant {
	return []contestant{
		{ours, slices.Concat([]string{"docker", "multiarch"}, w.ourBuild(c)), y.env},
		{peer, slices.Concat([]string{"docker", "buildx"}, w.peerBuild(peerBuilder, peer, c)), y.env},
		{same, slices.Concat([]string{"docker", "buildx"}, w.peerBuild(sameBuilder, same, c)), y.env},
		{bare, w.bareBuild(y, c, false), y.env},
		{bareIndex, w.bareBuild(y, c, true), y.env},
	}
}

// direct returns the contestants without the Docker CLI in front.
func (w *world) direct(y way, c scenario) []contestant {
	return []contestant{
		{ours, slices.Concat([]string{w.plugin}, w.ourBuild(c)), y.env},
		{peer, slices.Concat([]string{w.peer}, w.peerBuild(peerBuilder, peer, c)), y.env},
		{same, slices.Concat([]string{w.peer}, w.peerBuild(sameBuilder, same, c)), y.env},
		{bare, w.bareBuild(y, c, false), y.env},
		{bareIndex, w.bareBuild(y, c, true), y.env},
	}
}

func (w *world) ourBuild(c scenario) []string {
	return []string{"build", "--builder", ourBuilder, "--platform", c.platforms, "-t", w.tag(ours), "--push", c.dir}
}

func (w *world) peerBuild(builder, name string, c scenario) []string {
	return []string{"build", "--builder", builder, "--provenance=false", "--platform", c.platforms, "-t", w.tag(name), "--push", c.dir}
}

func (w *world) bareBuild(y way, c scenario, index bool) []string {
	name := "bare"
	if index {
		name = "bare-index"
	}
	args := slices.Concat([]string{w.bare}, y.bare, []string{"-platforms", c.platforms, "-repository", w.registry + "/bench/" + name})
	if index {
		args = append(args, "-tag", "1")
	}
	return append(args, c.dir)
}

func (w *world) starts() []row {
	env := w.ways[0].env
	pair := func(name string, our, their []string) row {
		return row{name: startUp + ": " + name, unit: millis, times: 4, who: []contestant{{ours, our, env}, {peer, their, env}}}
	}
	const metadata = "docker-cli-plugin-metadata"
	return []row{
		pair("version", []string{w.plugin, "version"}, []string{w.peer, "version"}),
		pair("plugin metadata", []string{w.plugin, metadata}, []string{w.peer, metadata}),
		// This row includes the Docker CLI's own start, which starts the plugin twice: for its metadata, and for the command.
		pair(throughDocker, []string{"docker", "multiarch", "version"}, []string{"docker", "buildx", "version"}),
	}
}

// emulators measures ours alone: no peer checks emulators. The cost of the check in a build shows beside a build with the same
// work and nothing to check, since its one program is for the builder's own platform.
func (w *world) emulators(checked scenario) ([]row, error) {
	free := scenario{dir: filepath.Join(w.dir, "free"), platforms: checked.platforms}
	if err := os.MkdirAll(free.dir, 0o755); err != nil {
		return nil, err
	}
	dockerfile := "FROM --platform=$BUILDPLATFORM " + w.base + " AS run\nRUN echo > /platform\nFROM " + w.base + "\nCOPY --from=run /platform /\n"
	if err := os.WriteFile(filepath.Join(free.dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return nil, err
	}
	status := []contestant{{ours, []string{w.plugin, "emulators", "status"}, w.ways[0].env}}
	rows := []row{{name: emulatorStatus, unit: millis, who: status}}
	for _, y := range w.ways {
		rows = append(rows, row{name: emulatorCheck + " (" + y.name + ")", unit: millis, times: 2, who: []contestant{
			{ours, slices.Concat([]string{w.plugin}, w.ourBuild(checked)), y.env},
			{unchecked, slices.Concat([]string{w.plugin}, w.ourBuild(free)), y.env},
		}})
	}
	return rows, nil
}

func (w *world) sizes() (row, error) {
	given := map[string]float64{}
	for name, file := range map[string]string{ours: w.plugin, peer: w.peer} {
		info, err := os.Stat(file)
		if err != nil {
			return row{}, err
		}
		given[name] = float64(info.Size()) / (1 << 20)
	}
	return row{name: "binary", unit: size, given: given}, nil
}
