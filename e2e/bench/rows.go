package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// plain returns the rows about the cases, and the clients' memory in some of them.
func (w *world) plain(context.Context) (rows []measure.Row, err error) {
	for _, y := range w.ways {
		for _, c := range w.cases {
			rows = append(rows, measure.Row{
				Name: c.name + " (" + y.name + ")", Unit: measure.Millis, Want: ofPeerAndSame(c.want[y.name]), Who: w.builds(y, c), Before: c.before,
			})
		}
	}
	for _, c := range w.cases {
		if c.memory {
			rows = append(rows, measure.Row{
				Name: "memory: " + c.name, Unit: measure.MiB, Want: ofPeer(lessMemory), Who: w.alone(w.builds(w.ways[0], c)), Before: c.before,
			})
		}
	}
	return rows, nil
}

func (w *world) starts(context.Context) ([]measure.Row, error) {
	env := w.ways[0].env
	pair := func(name string, want []measure.Bound, our, their []string) measure.Row {
		who := []measure.Contestant{{Name: measure.Ours, Cmd: our, Env: env}, {Name: measure.Peer, Cmd: their, Env: env}}
		return measure.Row{Name: "start-up: " + name, Unit: measure.Millis, Times: 4, Want: want, Who: who}
	}
	const metadata = "docker-cli-plugin-metadata"
	return []measure.Row{
		pair("version", ofPeer(0.3), []string{w.plugin, "version"}, []string{w.peer, "version"}),
		pair("plugin metadata", ofPeer(0.3), []string{w.plugin, metadata}, []string{w.peer, metadata}),
		// This row includes the Docker CLI's own start, which starts the plugin twice: for its metadata, and for the command. It has no bound,
		// since half of the time is the Docker CLI's.
		pair("version through docker", nil, []string{"docker", "multiarch", "version"}, []string{"docker", "buildx", "version"}),
	}, nil
}

// emulators measures ours alone: no peer checks emulators. The cost of the check in a build shows beside a build with the same
// work and nothing to check, since its one program is for the builder's own platform.
func (w *world) emulators(context.Context) ([]measure.Row, error) {
	checked := w.cases[0]
	free := scenario{dir: filepath.Join(w.dir, "free"), platforms: checked.platforms}
	if err := os.MkdirAll(free.dir, 0o755); err != nil {
		return nil, err
	}
	dockerfile := "FROM --platform=$BUILDPLATFORM " + w.base + " AS run\nRUN echo > /platform\nFROM " + w.base + "\nCOPY --from=run /platform /\n"
	if err := os.WriteFile(filepath.Join(free.dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return nil, err
	}
	status := []measure.Contestant{{Name: measure.Ours, Cmd: []string{w.plugin, "emulators", "status"}, Env: w.ways[0].env}}
	rows := []measure.Row{{Name: "emulators status", Unit: measure.Millis, Want: []measure.Bound{measure.AtMost(2000, "ms")}, Who: status}}
	for _, y := range w.ways {
		rows = append(rows, measure.Row{
			Name: "a build that looks for emulators (" + y.name + ")", Unit: measure.Millis, Times: 2,
			Want: []measure.Bound{measure.MoreThan(30, measure.Unchecked, "ms more than one that need not")},
			Who: []measure.Contestant{
				{Name: measure.Ours, Cmd: slices.Concat([]string{w.plugin}, w.ourBuild(checked)), Env: y.env},
				{Name: measure.Unchecked, Cmd: slices.Concat([]string{w.plugin}, w.ourBuild(free)), Env: y.env},
			},
		})
	}
	return rows, nil
}

func (w *world) sizes(context.Context) ([]measure.Row, error) {
	given := map[string]float64{}
	for name, file := range map[string]string{measure.Ours: w.plugin, measure.Peer: w.peer} {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		given[name] = float64(info.Size()) / (1 << 20)
	}
	return []measure.Row{{Name: "binary", Unit: measure.Disk, Want: []measure.Bound{measure.AtMost(40, "MiB")}, Given: given}}, nil
}
