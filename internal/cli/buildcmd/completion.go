package buildcmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
)

func completeBuildFlags(cmd *cobra.Command, w *cli.Env) {
	for flag, complete := range buildCompletions(w) {
		// Registering fails only for an unknown flag; the tests check that.
		_ = cmd.RegisterFlagCompletionFunc(flag, complete)
	}
}

// buildCompletions returns the completions of build's flags, by flag name.
func buildCompletions(w *cli.Env) map[string]cli.Completer {
	files := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	folders := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return map[string]cli.Completer{
		"platform":       cli.CompletePlatforms,
		"allow-partial":  cli.CompletePlatforms,
		"builder":        cli.CompleteBuilders(w),
		"progress":       cli.OneOf("auto", "none", "plain", "quiet", "rawjson", "tty"),
		"network":        cli.OneOf("default", "none", "host"),
		"media-types":    cli.OneOf("oci", "docker"),
		"emulators":      cli.OneOf("auto", "never"),
		"fallback":       cli.OneOf("never", "emulate"),
		"cache-mounts":   cli.OneOf("auto", "shared", "isolated"),
		"log-dir":        folders,
		"file":           files,
		"metadata-file":  files,
		"iidfile":        files,
		"report":         files,
		"test-file":      files,
		"builder-config": files,
		"driver-opt":     cli.CompleteDriverOptions,
		"call":           cli.OneOf("build", "check", "outline", "targets", "subrequests.describe"),
		"allow":          cli.OneOf("network.host", "security.insecure", "device", buildflags.LocalDelete),
		"output":         cli.Prefixes(prefixed("type=", destination.OutputTypeNames())...),
		"cache-from":     cli.Prefixes(append(cacheTypes(), "type=registry,ref=", "type=local,src=")...),
		"cache-to":       cli.Prefixes(append(cacheTypes(), "type=inline", "type=registry,mode=max,ref=", "type=local,mode=max,dest=")...),
		"load":           completeLoad,
		"attest":         cli.Prefixes("type=provenance", "type=sbom"),
		"provenance":     cli.OneOf("true", "false", "mode=min", "mode=max"),
		"sbom":           cli.OneOf("true", "false"),
		"resource":       cli.Prefixes("memory=", "memory-swap=", "cpu-shares=", "cpu-period=", "cpu-quota=", "cpuset-cpus=", "cpuset-mems="),
	}
}

func prefixed(prefix string, values []string) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = prefix + v
	}
	return all
}

// cacheTypes returns the cache backends outside of the builder, except those whose value ends in a name or a folder.
func cacheTypes() []string { return []string{"type=gha", "type=s3,", "type=azblob,"} }

// completeLoad completes the value of --load: a single word or a list of platforms.
func completeLoad(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	values, how := cli.CompletePlatforms(cmd, args, typed)
	if !strings.Contains(typed, ",") {
		values = append(values, "native", "all")
	}
	return values, how
}
