package buildflags

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// AcceptedOptions are flags that docker buildx build still accepts but BuildKit ignores, and one that is not supported.
type AcceptedOptions struct {
	Warnings []diag.Diagnostic // about the flags that were given
	policy   []string
}

// AddAcceptedFlags adds the flags that docker buildx hides, with its own warnings.
func AddAcceptedFlags(f *pflag.FlagSet, o *AcceptedOptions) {
	for _, a := range []struct{ name, kind, value, usage, warning string }{
		{"compress", "bool", "false", "Compress the build context using gzip", ""},
		{"rm", "bool", "true", "Remove intermediate containers after a successful build", ""},
		{"force-rm", "bool", "false", "Always remove intermediate containers", ""},
		{"isolation", "string", "", "Container isolation technology", "isolation flag is deprecated with BuildKit."},
		{
			"security-opt", "strings", "", "Security options",
			`security-opt flag is deprecated. "RUN --security=insecure" should be used with BuildKit.`,
		},
		{
			"squash", "bool", "false", "Squash newly built layers into a single new layer",
			"experimental flag squash is removed with BuildKit. You should squash inside build using a multi-stage Dockerfile for efficiency.",
		},
	} {
		flag := f.VarPF(acceptedFlag{a.kind, a.value, a.warning, &o.Warnings}, a.name, "", a.usage)
		flag.Hidden = true
		if a.kind == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	f.StringArrayVar(&o.policy, "policy", nil, "Policy configuration (not supported, see docs/build-flags.md)")
	f.Lookup("policy").Hidden = true
}

// acceptedFlag takes a value and ignores it.
type acceptedFlag struct {
	kind, value, warning string
	warnings             *[]diag.Diagnostic
}

func (a acceptedFlag) String() string { return a.value }
func (a acceptedFlag) Type() string   { return a.kind }
func (a acceptedFlag) Set(string) error {
	if a.warning != "" {
		*a.warnings = append(*a.warnings, diag.Warningf("%s", a.warning))
	}
	return nil
}

// RefusePolicy refuses --policy: docker buildx itself reads and evaluates Rego policies.
func (o AcceptedOptions) RefusePolicy() error {
	if len(o.policy) == 0 {
		return nil
	}
	return &cli.Usage{
		Err: errors.New("--policy is not supported: only docker buildx can evaluate Rego policies"),
		Hint: "BuildKit's own policy files, whose rules allow, deny or replace sources, are supported:\n" +
			"      EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=policy.json",
	}
}
