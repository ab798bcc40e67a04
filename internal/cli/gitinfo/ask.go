package gitinfo

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// git runs git in a folder whose repository may be hostile. An archive can bring its own .git/config, and a clone can contain a bare
// repository. The settings keep git from running a program that such a repository names: a file system monitor, a hook, a program for
// another remote's objects. settings are further ones, "key=value".
func git(ctx context.Context, dir string, settings []string, words ...string) (string, error) {
	args := []string{"-C", dir, "--no-pager"}
	for _, setting := range append([]string{"core.fsmonitor=false", "core.hooksPath=" + os.DevNull, "safe.bareRepository=explicit"}, settings...) {
		args = append(args, "-c", setting)
	}
	cmd := exec.CommandContext(ctx, "git", append(args, words...)...) //nolint:gosec // constant words
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.Output()
	return string(out), err
}

// askGit returns a function that asks git for one line; the answer is "" if git has none.
func askGit(ctx context.Context, dir string) func(words ...string) string {
	return func(words ...string) string {
		out, err := git(ctx, dir, nil, words...)
		if err != nil {
			return ""
		}
		first, _, _ := strings.Cut(out, "\n")
		return first
	}
}

// programKeys matches settings that make `git status` run programs, or read files from anywhere.
var programKeys = lazyregexp.New(`^(?:filter\..*\.(?:clean|smudge|process)|core\.(?:attributesfile|excludesfile))$`)

// changed reports whether a folder's files differ from its commit. Filters that the user has configured for all repositories are used;
// those of this repository are not. Submodules count by their commit only, since their own settings control the rest.
func changed(ctx context.Context, dir string) bool {
	off := []string{}
	for _, scope := range []string{"--local", "--worktree"} {
		keys, err := git(ctx, dir, nil, "config", scope, "--includes", "--list", "--name-only", "-z")
		if err != nil && scope == "--local" {
			return true
		}
		for key := range strings.SplitSeq(keys, "\x00") {
			if programKeys().MatchString(key) && strings.Contains(key, "=") {
				return true // git would read it as a shorter name
			}
			if programKeys().MatchString(key) {
				off = append(off, key+"=")
			}
		}
	}
	out, err := git(ctx, dir, off, "status", "--porcelain", "--ignored", "--ignore-submodules=dirty")
	return err != nil || out != ""
}
