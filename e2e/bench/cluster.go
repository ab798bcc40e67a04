package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// These rows are about pods of the environment's cluster, whose nodes are this machine. Each contestant has a pod for each platform.
const clusterBuilder = "docker-multiarch-bench-cluster"

// cluster returns the rows about pods.
func (w *world) cluster(ctx context.Context) ([]measure.Row, error) {
	programs, kubeconfig := os.Getenv("MULTIARCH_E2E_KUBECTL"), os.Getenv("MULTIARCH_E2E_KUBECONFIG")
	if programs == "" || kubeconfig == "" {
		return nil, errors.New("without MULTIARCH_E2E_KUBECTL and MULTIARCH_E2E_KUBECONFIG there is no cluster")
	}
	data, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, err
	}
	own := filepath.Join(w.dir, "kubeconfig")
	if err := os.WriteFile(own, data, 0o600); err != nil {
		return nil, err
	}
	y := w.ways[0]
	y.env = append(slices.Clone(y.env), "PATH="+programs+":"+os.Getenv("PATH"), "KUBECONFIG="+own)
	w.undo = append(w.undo, func(ctx context.Context) {
		_ = w.kubectl(ctx, y, programs, "delete", "namespace", clusterBuilder, "--ignore-not-found", "--wait=false")
	})
	for _, words := range [][]string{
		{"delete", "namespace", clusterBuilder, "--ignore-not-found"},
		{"create", "namespace", clusterBuilder},
		{"label", "namespace", clusterBuilder, "network=host"}, // the peer has no option for it
		{"config", "set-context", "--current", "--namespace", clusterBuilder},
	} {
		if err := w.kubectl(ctx, y, programs, words...); err != nil {
			return nil, err
		}
	}
	return w.onPods(y, w.cases[3]), nil
}

func (w *world) kubectl(ctx context.Context, y way, programs string, words ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "kubectl"), words...)
	cmd.Env = y.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return nil
}

func (w *world) onPods(y way, c scenario) []measure.Row {
	build := func(name string) []string {
		return []string{"build", "--builder", clusterBuilder, "--platform", bothPlatforms, "-t", w.tag("cluster-" + name), "--push", c.dir}
	}
	folder := func(name string) []string {
		return []string{"build", "--builder", clusterBuilder, "--platform", "linux/amd64", "-o", filepath.Join(w.dir, "cluster-"+name), c.dir}
	}
	const theirs = "docker buildx create --name " + clusterBuilder + " --driver kubernetes"
	create := map[string]string{
		measure.Ours: "docker multiarch builder create --driver kubernetes --driver-opt network=host --name " + clusterBuilder,
		measure.Peer: theirs + " --node amd64 --platform linux/amd64 --driver-opt nodeselector=kubernetes.io/arch=amd64 && " +
			theirs + " --append --node arm64 --platform linux/arm64 --driver-opt nodeselector=kubernetes.io/arch=arm64",
	}
	first := func(name, program string, more ...string) measure.Contestant {
		words := slices.Concat([]string{program}, build(name), more)
		return measure.Contestant{Name: name, Cmd: []string{"sh", "-c", create[name] + " && docker " + strings.Join(words, " ")}, Env: y.env}
	}
	both := func(words func(string) []string) []measure.Contestant {
		return []measure.Contestant{y.ours(words(measure.Ours)...), y.buildx(measure.Peer, append(words(measure.Peer), "--provenance=false")...)}
	}
	return []measure.Row{
		{
			Name: "a cluster: created, 2 platforms built and pushed", Unit: measure.Millis, Runs: 1, Want: ofPeer(0.25),
			Who: []measure.Contestant{first(measure.Ours, "multiarch"), first(measure.Peer, "buildx", "--provenance=false")},
		},
		{Name: "a cluster: 1 platform to a folder, nothing to rebuild", Unit: measure.Millis, Want: ofPeer(0.7), Who: both(folder)},
		{Name: "a cluster: 2 pods, 2 platforms, nothing to rebuild", Unit: measure.Millis, Want: ofPeer(0.5), Who: both(build)},
	}
}
