package gitinfo

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// git runs git in a folder whose repository nobody may have looked at: an archive brings its own .git/config, and a clone may have a
// bare repository among its files. Git is not to run a program that such a repository names: a file system monitor, a hook, a program
// for another remote's objects. settings are further ones, "key=value".
func git(ctx context.Context, dir string, settings []string, words ...string) (string, error) {
	args := []string{"-C", dir, "--no-pager"}
	for _, setting := range append([]string{"core.fsmonitor=false", "core.hooksPath=" + os.DevNull, "safe.bareRepository=explicit"}, settings...) {
		args = append(args, "-c", setting)
	}
	cmd := exec.CommandContext(ctx, "git", append(args, words...)...) //nolint:gosec // words of ours
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.Output()
	return string(out), err
}

// askGit asks questions of one line; the answer is "" where git has none.
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

// programKeys are settings that `git status` runs programs by, or reads files by, wherever they are.
var programKeys = regexp.MustCompile(`^(?:filter\..*\.(?:clean|smudge|process)|core\.(?:attributesfile|excludesfile))$`)

// changed tells whether a folder's files differ from its commit. Filters that the user has set up for all repositories work; those of
// this one do not. Submodules count by their commit: what else there is to say of them is said by their own settings.
func changed(ctx context.Context, dir string) bool {
	off := []string{}
	for _, scope := range []string{"--local", "--worktree"} {
		keys, err := git(ctx, dir, nil, "config", scope, "--includes", "--list", "--name-only", "-z")
		if err != nil && scope == "--local" {
			return true
		}
		for key := range strings.SplitSeq(keys, "\x00") {
			if programKeys.MatchString(key) && strings.Contains(key, "=") {
				return true // git would take the name for a shorter one
			}
			if programKeys.MatchString(key) {
				off = append(off, key+"=")
			}
		}
	}
	out, err := git(ctx, dir, off, "status", "--porcelain", "--ignored", "--ignore-submodules=dirty")
	return err != nil || out != ""
}
