package project

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/console"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// allowEnvVariable lists variables that project files may use, as --allow-env does.
const allowEnvVariable = "DOCKER_MULTIARCH_ALLOW_ENV"

// freeVariables are the variables that every project file may use in a name: a version, or a CI system's public facts about a commit
// or a run. None of them is a secret. docs/project-file.md lists them.
var freeVariables = strings.Fields(`
VERSION TAG IMAGE_TAG COMMIT_SHA SHORT_SHA GIT_COMMIT GIT_BRANCH BRANCH_NAME TAG_NAME BUILD_ID BUILD_NUMBER
GITHUB_SHA GITHUB_REF_NAME GITHUB_HEAD_REF GITHUB_BASE_REF GITHUB_RUN_ID GITHUB_RUN_NUMBER GITHUB_RUN_ATTEMPT GITHUB_REPOSITORY GITHUB_REPOSITORY_OWNER
CI_COMMIT_SHA CI_COMMIT_SHORT_SHA CI_COMMIT_TAG CI_COMMIT_BRANCH CI_COMMIT_REF_NAME CI_COMMIT_REF_SLUG CI_PIPELINE_ID CI_PIPELINE_IID
CI_PROJECT_NAME CI_PROJECT_PATH CI_PROJECT_PATH_SLUG CI_REGISTRY CI_REGISTRY_IMAGE
CIRCLE_SHA1 CIRCLE_TAG CIRCLE_BRANCH CIRCLE_BUILD_NUM
BUILD_BUILDID BUILD_BUILDNUMBER BUILD_SOURCEVERSION BUILD_SOURCEBRANCHNAME
BITBUCKET_COMMIT BITBUCKET_TAG BITBUCKET_BRANCH BITBUCKET_BUILD_NUMBER
BUILDKITE_COMMIT BUILDKITE_TAG BUILDKITE_BRANCH BUILDKITE_BUILD_NUMBER
DRONE_COMMIT_SHA DRONE_TAG DRONE_BRANCH DRONE_BUILD_NUMBER
TRAVIS_COMMIT TRAVIS_TAG TRAVIS_BRANCH TRAVIS_BUILD_NUMBER
`)

// Allowed returns the part of the environment that the names in a project file may use. Without a limit, a person who can change the
// file could publish any secret as the tag of an image. The user can permit further variables, by the flag, the environment, or a
// confirmation.
func Allowed(ctx context.Context, w *cli.Env, flags, names []string) (Lookup, error) {
	more, err := allowedByUser(w, flags)
	if err != nil {
		return nil, err
	}
	free := slices.Concat(freeVariables, more)
	var asked string
	var refused []string
	for _, text := range names {
		// Expanding the text later reports its errors.
		_, _ = cli.Expand(text, func(name string) (string, bool) {
			if !slices.Contains(free, name) && !slices.Contains(refused, name) {
				asked, refused = cmp.Or(asked, text), append(refused, name)
			}
			return name, true
		})
	}
	if len(refused) > 0 {
		if err := askVariables(ctx, w, cli.Cut(asked, cli.MaxShown), refused); err != nil {
			return nil, err
		}
	}
	free = append(free, refused...)
	return func(name string) (string, bool) {
		if !slices.Contains(free, name) {
			return "", false
		}
		return w.LookupEnv(name)
	}, nil
}

// allowedByUser returns the variables of --allow-env and of the environment.
func allowedByUser(w *cli.Env, flags []string) ([]string, error) {
	fromEnv, _ := w.LookupEnv(allowEnvVariable)
	var names []string
	for from, lists := range map[string][]string{"--allow-env": flags, allowEnvVariable: {fromEnv}} {
		for _, name := range strings.FieldsFunc(strings.Join(lists, ","), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			if !cli.IsVariable(name) {
				return nil, fmt.Errorf("%s %q is not the name of an environment variable", from, name)
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// askVariables asks once on a terminal whether a name may use the values of variables. It returns an error if the answer is no, or
// without a terminal.
func askVariables(ctx context.Context, w *cli.Env, text string, names []string) error {
	list := cli.Cut(strings.Join(names, ", "), cli.MaxShown)
	if isTerminal(w.In) && isTerminal(w.Err) {
		question := fmt.Sprintf("%s uses the environment's %s in the image name %q. Everyone who can see the name can see the value. Allow it?",
			Name, list, text)
		if yes, err := cli.Confirm(ctx, w, question, false); err != nil || yes {
			return err
		}
	}
	return &cli.Usage{
		Err:  fmt.Errorf("%s: %q: the environment's %s may be a secret, so a project file needs your permission to use it", Name, text, list),
		Hint: "to allow it, use --allow-env " + strings.ReplaceAll(list, ", ", ",") + ", or set " + allowEnvVariable,
	}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	if t, ok := stream.(interface{ IsTerminal() bool }); ok {
		return t.IsTerminal()
	}
	file, ok := stream.(console.File)
	if !ok {
		return false
	}
	_, err := console.ConsoleFromFile(file)
	return err == nil
}

// Lookup looks up a variable in the environment, or in its permitted part.
type Lookup = func(name string) (value string, ok bool)
