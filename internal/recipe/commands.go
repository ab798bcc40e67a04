package recipe

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// deed is what a command does, as far as it matters here.
type deed string

const (
	plain    deed = "plain"    // the same on every CPU, and takes nothing out of the system's directories
	handles  deed = "handles"  // the same as long as the files are that it is given: cp, tar, sed
	packages deed = "packages" // fills the system's directories with what is for the CPU that it runs on
	shows    deed = "shows"    // tells of the machine: harmless where only people see it
	compiles deed = "compiles" // a recipe's own work
	unknown  deed = ""
)

// common are the commands of all recipes, by what they do.
var common = byName(map[deed][]string{
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

func byName(deeds map[deed][]string) map[string]deed {
	names := map[string]deed{}
	for d, list := range deeds {
		for _, name := range list {
			names[name] = d
		}
	}
	return names
}

// only are the first arguments, or options, that make a command what the table says; with others it is not known.
var only = map[string][]string{
	"dpkg":       {"--print-architecture", "--version", "-l", "--list", "-s", "-L", "--print-foreign-architectures"},
	"rpm":        {"-qa", "-q", "--version", "--eval", "-E"},
	"gcc":        {"--version", "-v", "-dumpmachine"},
	"cc":         {"--version", "-v", "-dumpmachine"},
	"dpkg-query": nil, "ldd": {"--version"},
	"env": {""}, "awk": nil,
}

// deedOf looks a command up among those of all recipes.
func deedOf(c shell.Command) deed {
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

// gitRuns are the words with which git runs other commands.
var gitRuns = []string{"foreach", "bisect", "filter-branch", "-x", "--exec"}

// installing are the words of package managers that bring packages; those after them are their names.
var installing = map[string]bool{"add": true, "install": true, "in": true, "-S": true, "-Sy": true, "-Syu": true, "reinstall": true}

// managing are the words of package managers that bring nothing new, or nothing at all.
var managing = map[string]bool{
	"update": true, "upgrade": true, "dist-upgrade": true, "full-upgrade": true, "del": true, "remove": true, "purge": true, "autoremove": true,
	"clean": true, "autoclean": true, "cache": true, "info": true, "list": true, "makecache": true, "fix": true, "refresh": true, "check-update": true,
	"erase": true, "search": true, "show": true, "config-manager": true, "version": true, "--version": true, "rm": true, "ref": true,
}

// optionValues are options of package managers that have a value after them.
var optionValues = map[string]bool{
	"-t": true, "--virtual": true, "-X": true, "--repository": true, "-o": true, "--option": true,
	"--repositories-file": true, "--keys-dir": true, "--enablerepo": true, "--disablerepo": true, "--setopt": true, "--target-release": true,
}

// installed are the packages that a command of a package manager brings. ok is false if it does something else that is not known.
func installed(c shell.Command) (names []string, ok bool) {
	words := c.Words()
	install := false
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case optionValues[w]:
			i++
		case len(w) > 1 && w[0] == '-' && !installing[w]:
			if w == "-p" || w == "-r" || strings.Contains(w, "arch") || strings.Contains(w, "root") || strings.Contains(w, "dir") {
				return nil, false // for another machine or into another directory, or the name of this one
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

// mayBuild reports whether a command that is not known may compile something. One without arguments is what could not be read.
func mayBuild(c shell.Command) bool {
	if len(c.Args) == 0 || strings.Contains(c.Args[0].Text, "/") {
		return true
	}
	return slices.Contains([]string{"make", "gmake", "mage", "task", "just", "ninja", "goreleaser", "bazel"}, c.Name())
}
