package buildcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// clusterWord stands for the platforms of the machines of the builder's clusters, among values of --platform.
const clusterWord = "cluster"

// clusterError is the error of a cluster that was asked for its platforms. The user's words are right.
type clusterError struct{ error }

func (e *clusterError) Unwrap() error { return e.error }

// clusterPlatforms replaces the word.
func clusterPlatforms(ctx context.Context, w *cli.Env, name string, lists []string) ([]string, error) {
	var replaced []string
	for _, list := range lists {
		words := strings.Split(list, ",")
		for i, word := range words {
			if strings.TrimSpace(word) != clusterWord {
				continue
			}
			all, err := platformsOfClusters(ctx, w, name)
			if err != nil {
				return nil, err
			}
			words[i] = strings.Join(platform.FormatAll(all), ",")
		}
		replaced = append(replaced, strings.Join(words, ","))
	}
	return replaced, nil
}

// platformsOfClusters asks the clusters that a builder has nodes in, each once.
func platformsOfClusters(ctx context.Context, w *cli.Env, name string) (all []platform.Platform, err error) {
	b, err := w.Builder(ctx, name)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, e := range b.Nodes {
		if e.Driver != kubernetes.DriverName || slices.Contains(asked, e.Address) {
			continue
		}
		asked = append(asked, e.Address)
		found, err := kubernetes.Platforms(ctx, e)
		if err != nil {
			return nil, &clusterError{fmt.Errorf("%s: %w", e, err)}
		}
		all = append(all, found...)
	}
	if len(asked) == 0 {
		return nil, &cli.Usage{
			Err:  fmt.Errorf("builder %q has no node in a cluster, whose platforms the word %q stands for", b.Name, clusterWord),
			Hint: "docker multiarch builder create --driver kubernetes makes one, and --builder or builder use chooses it",
		}
	}
	return all, nil
}
