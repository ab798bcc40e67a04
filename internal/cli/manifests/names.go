package manifests

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// drafts returns the store of the user's drafts of manifest lists.
func drafts(w *cli.Env) draft.Store {
	return draft.Store{Dir: filepath.Join(w.StateDir(), "manifests")}
}

// parseList parses the name of a manifest list, and adds "latest" if there is no tag.
func parseList(name string) (reference.NamedTagged, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, &cli.Usage{Err: fmt.Errorf("error parsing name for manifest list %q: %w", name, err)}
	}
	if _, fixed := named.(reference.Digested); fixed {
		return nil, &cli.Usage{Err: fmt.Errorf("error parsing name for manifest list %q: use a tag instead of a digest", name)}
	}
	tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
	if !ok {
		return nil, &cli.Usage{Err: fmt.Errorf("error parsing name for manifest list %q: use a tag", name)}
	}
	return tagged, nil
}

// parseImage parses the name of an image with a digest or a tag. Without either the tag is "latest".
func parseImage(name string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, &cli.Usage{Err: fmt.Errorf("error parsing name for manifest %q: %w", name, err)}
	}
	if fixed, ok := named.(reference.Canonical); ok {
		return fixed, nil
	}
	return reference.TagNameOnly(named), nil
}

// registryFor returns the client of all registries. With insecure, the registries of names count as insecure.
func registryFor(ctx context.Context, w *cli.Env, insecure bool, names ...reference.Named) *manifest.Client {
	var hosts []string
	for _, name := range names {
		if insecure {
			hosts = append(hosts, reference.Domain(name))
		}
	}
	return w.Registry(ctx, w.Say, hosts...)
}

// draftError adds advice to the errors of drafts.
func draftError(err error) error {
	var exists *draft.ExistsError
	var changed *draft.ChangedError
	var double *draft.DuplicateError
	var contradiction *draft.ContradictionError
	var family *manifest.FamilyError
	switch {
	case errors.As(err, &exists):
		refused := errors.New("refusing to amend an existing manifest list with no --amend flag") // docker manifest's words
		return &cli.Hinted{Err: refused, Hint: fmt.Sprintf("the draft of %s has %s: use --amend to add to it, or 'docker multiarch manifest rm %s' to remove it",
			exists.List, strings.Join(exists.Images, ", "), exists.List)}
	case errors.As(err, &changed) && gone(changed):
		return &cli.Hinted{Err: err, Hint: fmt.Sprintf("remove the draft and create it again: docker multiarch manifest rm %s", changed.List)}
	case errors.As(err, &changed):
		return &cli.Hinted{Err: err, Hint: "use --amend to push what the names refer to now"}
	case errors.As(err, &double):
		return &cli.Hinted{Err: err, Hint: "set the right platform of one of them (docker multiarch manifest annotate --help), or leave it out of the list"}
	case errors.As(err, &contradiction):
		return &cli.Usage{Err: err, Hint: "build the image again if its configuration is wrong, or use --force to list it for this platform anyway"}
	case errors.Is(err, platform.ErrInvalid):
		return &cli.Usage{Err: err}
	case errors.As(err, &family):
		return &cli.Hinted{Err: err, Hint: "use docker multiarch manifest merge -t LIST IMAGE..., which writes them with the same media types"}
	}
	return err
}

func gone(e *draft.ChangedError) bool {
	for _, change := range e.Changes {
		if change.Now == "" {
			return true
		}
	}
	return false
}

// completeDrafts completes the first arguments (-1: all) with the names of drafts.
func completeDrafts(w *cli.Env, first int) cli.Completer {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if first >= 0 && len(args) >= first {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, name := range drafts(w).Lists() {
			if named, err := reference.ParseNormalizedNamed(name); err == nil {
				names = append(names, reference.FamiliarString(named))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
