package recipe

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// effect is what a command does, as far as it matters for relocation.
type effect string

const (
	plain    effect = "plain"    // the same on every CPU; copies nothing out of the system's directories
	handles  effect = "handles"  // the same if its input files are the same: cp, tar, sed
	packages effect = "packages" // fills the system's directories for the CPU that it runs on
	shows    effect = "shows"    // shows facts about the machine; harmless in a log
	compiles effect = "compiles" // a recipe's own work
	unknown  effect = ""
)

// common has the commands of all recipes by effect.
var common = byName(map[effect][]string{
	plain: {
		":", "true", "false", "cd", "pushd", "popd", "set", "unset", "export", "readonly", "shopt", "umask", "ulimit", "exit", "return", "break",
		"continue", "shift", "wait", "read", "echo", "printf", "sleep", "date", "pwd", "mkdir", "rmdir", "rm", "touch", "chmod", "chown", "chgrp",
		"truncate", "mktemp", "basename", "dirname", "expr", "seq", "id", "whoami", "sync", "test", "[", "[[", "command", "which", "type", "hash",
		"adduser", "addgroup", "useradd", "groupadd", "usermod", "groupmod", "passwd", "setcap", "nproc", "yes",
		"git", "wget", "curl", "ssh-keyscan", "ssh-keygen", "ssh-add", "update-ca-certificates", "getopts", "times",
		"tee", "gofmt", "unzip", "gunzip", "unxz", "bunzip2",
	},
	handles: {
		"cp", "mv", "ln", "install", "tar", "zip", "gzip", "xz", "bzip2", "zstd", "brotli", "cat", "tac", "head",
		"tail", "sed", "awk", "gawk", "grep", "egrep", "fgrep", "sort", "uniq", "cut", "tr", "wc", "diff", "cmp", "patch", "rsync", "dd",
		"base64", "md5sum", "sha1sum", "sha256sum", "sha512sum", "jq", "yq", "envsubst", "paste", "rev", "nl", "fold", "realpath",
		"readlink", "dos2unix", "iconv", "od", "xxd", "hexdump", "strings", "file",
		"ls", "find", "du", "stat", "tree",
	},
	packages: {"apk", "apt-get", "apt", "aptitude", "yum", "dnf", "microdnf", "tdnf", "zypper", "pacman"},
	shows: {
		"uname", "arch", "lscpu", "df", "getconf", "hostname", "env", "printenv", "free", "top", "ps", "uptime", "dpkg", "dpkg-query", "dpkg-architecture",
		"rpm", "lsb_release", "gcc", "cc", "ldd",
	},
})

func byName(effects map[effect][]string) map[string]effect {
	names := map[string]effect{}
	for d, list := range effects {
		for _, name := range list {
			names[name] = d
		}
	}
	return names
}

// only has the first arguments, or options, with which a command has the effect of the table. With others it is unknown.
var only = map[string][]string{
	"dpkg":       {"--print-architecture", "--version", "-l", "--list", "-s", "-L", "--print-foreign-architectures"},
	"rpm":        {"-qa", "-q", "--version", "--eval", "-E"},
	"gcc":        {"--version", "-v", "-dumpmachine"},
	"cc":         {"--version", "-v", "-dumpmachine"},
	"dpkg-query": nil, "ldd": {"--version"},
	"env": {""}, "awk": nil,
}

// effectOf returns the effect of a command according to the table of all recipes.
func effectOf(c shell.Command) effect {
	name := c.Name()
	d := common[name]
	if name == "git" && slices.ContainsFunc(c.Words(), func(w string) bool { return slices.Contains(gitRuns, w) }) {
		return unknown
	}
	if allowed := only[name]; allowed != nil {
		first := ""
		if len(c.Args) > 1 {
			first = c.Args[1].Text
		}
		for _, a := range allowed {
			if a == first {
				return d
			}
		}
		return unknown
	}
	return d
}

// gitRuns are the arguments with which git runs other commands.
var gitRuns = []string{"foreach", "bisect", "filter-branch", "-x", "--exec"}

// installing are the subcommands of package managers that install packages. The words after them are package names.
var installing = map[string]bool{"add": true, "install": true, "in": true, "-S": true, "-Sy": true, "-Syu": true, "reinstall": true}

// managing are the subcommands of package managers that install nothing new.
var managing = map[string]bool{
	"update": true, "upgrade": true, "dist-upgrade": true, "full-upgrade": true, "del": true, "remove": true, "purge": true, "autoremove": true,
	"clean": true, "autoclean": true, "cache": true, "info": true, "list": true, "makecache": true, "fix": true, "refresh": true, "check-update": true,
	"erase": true, "search": true, "show": true, "config-manager": true, "version": true, "--version": true, "rm": true, "ref": true,
}

// optionValues are options of package managers that are followed by a value.
var optionValues = map[string]bool{
	"-t": true, "--virtual": true, "-X": true, "--repository": true, "-o": true, "--option": true,
	"--repositories-file": true, "--keys-dir": true, "--enablerepo": true, "--disablerepo": true, "--setopt": true, "--target-release": true,
}

// installed returns the packages that a package manager's command installs. ok is false if the command is not known.
func installed(c shell.Command) (names []string, ok bool) {
	words := c.Words()
	install := false
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case optionValues[w]:
			i++
		case len(w) > 1 && w[0] == '-' && !installing[w]:
			if w == "-p" || w == "-r" || strings.Contains(w, "arch") || strings.Contains(w, "root") || strings.Contains(w, "dir") {
				return nil, false // for another machine, into another directory, or reading this machine's name
			}
		case install:
			names = append(names, w)
		case installing[w]:
			install = true
		case managing[w]:
			return nil, true
		default:
			return nil, false
		}
	}
	return names, true
}

// mayBuild reports whether an unknown command may compile something. A command without arguments is one that could not be parsed.
func mayBuild(c shell.Command) bool {
	if len(c.Args) == 0 || strings.Contains(c.Args[0].Text, "/") {
		return true
	}
	return slices.Contains([]string{"make", "gmake", "mage", "task", "just", "ninja", "goreleaser", "bazel"}, c.Name())
}
