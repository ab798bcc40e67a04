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
)

// These rows are about pods of the environment's cluster, whose nodes are this machine. Each contestant has a pod for each platform.
const (
	clusterFirst = "a cluster: created, 2 platforms built and pushed"
	clusterWarm  = "a cluster: 1 platform to a folder, nothing to rebuild"
	clusterTwo   = "a cluster: 2 pods, 2 platforms, nothing to rebuild"

	clusterBuilder = "docker-multiarch-bench-cluster"
)

// cluster returns the rows about pods.
func (w *world) cluster(ctx context.Context) ([]row, error) {
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

func (w *world) onPods(y way, c scenario) []row {
	build := func(name string) []string {
		return []string{"build", "--builder", clusterBuilder, "--platform", "linux/amd64,linux/arm64", "-t", w.tag("cluster-" + name), "--push", c.dir}
	}
	folder := func(name string) []string {
		return []string{"build", "--builder", clusterBuilder, "--platform", "linux/amd64", "-o", filepath.Join(w.dir, "cluster-"+name), c.dir}
	}
	const theirs = "docker buildx create --name " + clusterBuilder + " --driver kubernetes"
	create := map[string]string{
		ours: "docker multiarch builder create --driver kubernetes --driver-opt network=host --name " + clusterBuilder,
		peer: theirs + " --node amd64 --platform linux/amd64 --driver-opt nodeselector=kubernetes.io/arch=amd64 && " +
			theirs + " --append --node arm64 --platform linux/arm64 --driver-opt nodeselector=kubernetes.io/arch=arm64",
	}
	first := func(name, program string, more ...string) contestant {
		words := slices.Concat([]string{program}, build(name), more)
		return contestant{name, []string{"sh", "-c", create[name] + " && docker " + strings.Join(words, " ")}, y.env}
	}
	both := func(words func(string) []string) []contestant {
		return []contestant{
			{ours, slices.Concat([]string{"docker", "multiarch"}, words(ours)), y.env},
			{peer, slices.Concat([]string{"docker", "buildx"}, words(peer), []string{"--provenance=false"}), y.env},
		}
	}
	return []row{
		{name: clusterFirst, unit: millis, runs: 1, who: []contestant{first(ours, "multiarch"), first(peer, "buildx", "--provenance=false")}},
		{name: clusterWarm, unit: millis, who: both(folder)},
		{name: clusterTwo, unit: millis, who: both(build)},
	}
}
