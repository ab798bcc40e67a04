package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	startUp       = "start-up"
	throughDocker = "version through docker"

	emulatorStatus = "emulators status"
	emulatorCheck  = "a build that looks for emulators"
)

// group is rows that are made together, when it is their turn.
type group struct {
	about string
	rows  func(context.Context) ([]row, error)
}

// groups returns those of all measurements, what most users do first.
func (w *world) groups() []group {
	return []group{
		{"builds", w.plain},
		{"the image of a frontend", w.frontends},
		{"CPU time", w.loads},
		{"a registry that is far", w.away},
		{"imported caches", w.fresh},
		{"attestations", w.attested},
		{"plans", w.plans},
		{"start-up", w.starts},
		{"a first build", w.first},
		{"slopes", w.points},
		{"large contexts", w.large},
		{"the size of the program", w.sizes},
		{"outputs", w.outputs},
		{"uploads", w.uploads},
		{"the examination of executables", w.gates},
		{"a far node", w.distant},
		{"several nodes", w.nodes},
		{"merges", w.merges},
		{"emulators", w.emulators},
		{"verify", w.verifies},
		{"compilers", w.crosses},
		{"a cluster", w.cluster},
	}
}

// plain returns the rows about the cases, and the clients' memory in some of them.
func (w *world) plain(context.Context) (rows []row, err error) {
	for _, y := range w.ways {
		for _, c := range w.cases {
			rows = append(rows, row{name: c.name + " (" + y.name + ")", unit: millis, who: w.builds(y, c), before: c.before, want: c.want[y.name]})
		}
	}
	for _, c := range w.cases {
		if c.memory {
			rows = append(rows, row{name: "memory: " + c.name, unit: mib, who: w.alone(w.builds(w.ways[0], c)), before: c.before})
		}
	}
	return rows, nil
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

// alone returns the contestants without the Docker CLI in front.
func (w *world) alone(who []contestant) []contestant {
	who = slices.Clone(who)
	for i, c := range who {
		if program := map[string]string{"docker multiarch": w.plugin, "docker buildx": w.peer}[strings.Join(c.cmd[:2], " ")]; program != "" {
			who[i].cmd = append([]string{program}, c.cmd[2:]...)
		}
	}
	return who
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

func (w *world) starts(context.Context) ([]row, error) {
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
	}, nil
}

// emulators measures ours alone: no peer checks emulators. The cost of the check in a build shows beside a build with the same
// work and nothing to check, since its one program is for the builder's own platform.
func (w *world) emulators(context.Context) ([]row, error) {
	checked := w.cases[0]
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

func (w *world) sizes(context.Context) ([]row, error) {
	given := map[string]float64{}
	for name, file := range map[string]string{ours: w.plugin, peer: w.peer} {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		given[name] = float64(info.Size()) / (1 << 20)
	}
	return []row{{name: "binary", unit: size, given: given}}, nil
}
