package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func completeBuildFlags(cmd *cobra.Command, w *world) {
	for flag, complete := range buildCompletions(w) {
		// It fails for a flag that does not exist only, and the tests look for that.
		_ = cmd.RegisterFlagCompletionFunc(flag, complete)
	}
}

// buildCompletions are the completions of build's flags, by name.
func buildCompletions(w *world) map[string]completer {
	files := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	folders := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return map[string]completer{
		"platform":       completePlatforms,
		"allow-partial":  completePlatforms,
		"builder":        completeBuilders(w),
		"progress":       oneOf("auto", "none", "plain", "quiet", "rawjson", "tty"),
		"network":        oneOf("default", "none", "host"),
		"media-types":    oneOf("oci", "docker"),
		"emulators":      oneOf("auto", "never"),
		"cache-mounts":   oneOf("auto", "shared", "isolated"),
		"log-dir":        folders,
		"file":           files,
		"metadata-file":  files,
		"iidfile":        files,
		"report":         files,
		"test-file":      files,
		"builder-config": files,
		"driver-opt":     completeDriverOptions,
		"call":           oneOf("build", "check", "outline", "targets", "subrequests.describe"),
		"allow":          oneOf("network.host", "security.insecure", "device", localDelete),
		"output":         beginnings(prefixed("type=", outputTypes)...),
		"cache-from":     beginnings(append(cacheTypes(), "type=registry,ref=", "type=local,src=")...),
		"cache-to":       beginnings(append(cacheTypes(), "type=inline", "type=registry,mode=max,ref=", "type=local,mode=max,dest=")...),
		"load":           completeLoad,
		"attest":         beginnings("type=provenance", "type=sbom"),
		"provenance":     oneOf("true", "false", "mode=min", "mode=max"),
		"sbom":           oneOf("true", "false"),
		"resource":       beginnings("memory=", "memory-swap=", "cpu-shares=", "cpu-period=", "cpu-quota=", "cpuset-cpus=", "cpuset-mems="),
	}
}

func prefixed(prefix string, values []string) []string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = prefix + v
	}
	return words
}

// cacheTypes are the backends that keep a build cache elsewhere, but for those that a name or a folder follows.
func cacheTypes() []string { return []string{"type=gha", "type=s3,", "type=azblob,"} }

// completeLoad completes the value of --load, which is one word or a list of platforms.
func completeLoad(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	values, how := completePlatforms(cmd, args, typed)
	if !strings.Contains(typed, ",") {
		values = append(values, "native", "all")
	}
	return values, how
}
