// Package gitinfo describes where a local build context comes from, by its git repository.
package gitinfo

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/buildkit/util/urlutil"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// dockerfileLabel is docker buildx's label for the Dockerfile's path in its repository (build/git.go).
const dockerfileLabel = "com.docker.image.source.entrypoint"

// Add describes where a local context comes from, as docker buildx does. Requested provenance names the commit and the repository,
// unless BUILDX_GIT_INFO=0. With BUILDX_GIT_LABELS=1, labels name them too. Nothing is added for a context outside of a git
// repository, or on a machine without git.
func Add(ctx context.Context, w *cli.Env, r *solve.Request) {
	setting := func(name string, unset bool) bool {
		value, _ := w.LookupEnv(name)
		if on, err := strconv.ParseBool(value); err == nil {
			return on
		}
		return unset || value == "full"
	}
	_, provenance := r.Attests["provenance"]
	facts := provenance && setting("BUILDX_GIT_INFO", true)
	labels := setting("BUILDX_GIT_LABELS", false)
	src := &r.Source
	if src.ContextDir == "" || !facts && !labels {
		return
	}
	repo := readRepository(ctx, src.ContextDir, setting("BUILDX_GIT_CHECK_DIRTY", false))
	if facts {
		put(src.Attrs, "vcs:revision", repo.revision)
		put(src.Attrs, "vcs:source", repo.url)
		for name, dir := range src.Dirs {
			put(src.Attrs, "vcs:localdir:"+name, repo.inside(dir))
		}
	}
	if labels {
		put(r.Labels, ocispecs.AnnotationRevision, repo.revision)
		put(r.Labels, ocispecs.AnnotationSource, repo.url)
		put(r.Labels, dockerfileLabel, repo.inside(src.Dockerfile.Shown))
	}
}

// Provenance returns the commit and the CI run of a build. By them `manifest merge` recognizes builds that belong together.
func Provenance(ctx context.Context, w *cli.Env, dir string) *results.Provenance {
	var from results.Provenance
	for _, name := range []string{"GITHUB_RUN_ID", "CI_PIPELINE_ID"} {
		if run, _ := w.LookupEnv(name); run != "" {
			from.Run = run
		}
	}
	if dir != "" {
		from.Revision = readRepository(ctx, dir, false).revision
	}
	if from == (results.Provenance{}) {
		return nil
	}
	return &from
}

// put sets a known value, unless the key is set.
func put(m map[string]string, key, value string) {
	if _, set := m[key]; !set && value != "" {
		m[key] = value
	}
}

// repository has git's facts about a folder; unknown ones are "".
type repository struct{ root, revision, url string }

func readRepository(ctx context.Context, dir string, checkDirty bool) (r repository) {
	ask := askGit(ctx, dir)
	if r.root = ask("rev-parse", "--show-toplevel"); r.root == "" {
		return r
	}
	r.revision = ask("rev-parse", "--verify", "HEAD")
	if r.revision != "" && checkDirty && changed(ctx, dir) {
		r.revision += "-dirty"
	}
	// The branch's remote comes first, then the usual ones.
	for _, remote := range []string{ask("for-each-ref", "--format=%(upstream:remotename)", ask("symbolic-ref", "-q", "HEAD")), "origin", "upstream"} {
		if remote == "" {
			continue
		}
		if url := ask("remote", "get-url", remote); url != "" {
			r.url = urlutil.RedactCredentials(url)
			break
		}
	}
	return r
}

// inside returns the path of a file or folder from the root; "" if it is outside.
func (r repository) inside(name string) string {
	if r.root == "" || name == "" {
		return ""
	}
	actual := func(name string) string {
		if abs, err := filepath.Abs(name); err == nil {
			name = abs
		}
		if target, err := filepath.EvalSymlinks(name); err == nil {
			name = target
		}
		return name
	}
	path, err := filepath.Rel(actual(r.root), actual(name))
	if err != nil || path == ".." || strings.HasPrefix(path, ".."+string(filepath.Separator)) {
		return ""
	}
	return filepath.ToSlash(path)
}
