package buildflags

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/cli/opts"
	"github.com/moby/buildkit/util/entitlements"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// StepOptions are the flags about RUN steps and entitlements, as the user wrote them.
type StepOptions struct {
	Allow, noCacheFilter, resources, legacyResources, ulimits []string
	cgroupParent, shmSize                                     string
}

// LocalDelete is the only entitlement about the client's machine instead of the builder.
const LocalDelete = "buildx.local.delete"

// AddStepFlags adds the flags about the steps of a Dockerfile.
func AddStepFlags(f *pflag.FlagSet, o *StepOptions) {
	f.StringArrayVar(&o.Allow, "allow", nil,
		`Allow extra privileged entitlement (e.g., "network.host", "security.insecure", "device", "`+LocalDelete+`")`)
	f.StringVar(&o.cgroupParent, "cgroup-parent", "", `Set the parent cgroup for the "RUN" instructions during build`)
	f.StringArrayVar(&o.noCacheFilter, "no-cache-filter", nil, "Do not cache specified stages")
	f.StringArrayVar(&o.resources, "resource", nil, `Resource limits for build containers (format: "memory=2g", "cpu-quota=50000")`)
	f.StringVar(&o.shmSize, "shm-size", "", `Shared memory size for build containers (e.g., "128m")`)
	f.StringArrayVar(&o.ulimits, "ulimit", nil, `Ulimit options (format: "name=soft[:hard]")`)

	// docker build has a flag for each limit; docker buildx hides them, too.
	for _, limit := range []struct{ name, short, usage string }{
		{"memory", "m", "Memory limit"},
		{"memory-swap", "", `Swap limit equal to memory plus swap: "-1" to enable unlimited swap`},
		{"cpu-shares", "c", "CPU shares (relative weight)"},
		{"cpu-period", "", "Limit the CPU CFS (Completely Fair Scheduler) period"},
		{"cpu-quota", "", "Limit the CPU CFS (Completely Fair Scheduler) quota"},
		{"cpuset-cpus", "", `CPUs in which to allow execution ("0-3", "0,1")`},
		{"cpuset-mems", "", `MEMs in which to allow execution ("0-3", "0,1")`},
	} {
		f.VarP(legacyLimit{limit.name, &o.legacyResources}, limit.name, limit.short, limit.usage)
		f.Lookup(limit.name).Hidden = true
	}
}

// legacyLimit is a flag that stands for --resource NAME=VALUE.
type legacyLimit struct {
	name string
	all  *[]string
}

func (l legacyLimit) String() string { return "" }
func (l legacyLimit) Type() string   { return "string" }
func (l legacyLimit) Set(value string) error {
	*l.all = append(*l.all, l.name+"="+value)
	return nil
}

// Steps parses the flags about RUN steps.
func (o StepOptions) Steps(noCache bool) (s solve.Steps, err error) {
	if noCache && len(o.noCacheFilter) > 0 {
		return s, errors.New("--no-cache and --no-cache-filter cannot be used together: --no-cache is for all stages")
	}
	s.CgroupParent = o.cgroupParent
	for _, list := range o.noCacheFilter {
		for stage := range strings.SplitSeq(list, ",") {
			if stage = strings.TrimSpace(stage); stage == "" {
				return s, fmt.Errorf("--no-cache-filter %q: a stage name is empty", list)
			}
			s.NoCache = append(s.NoCache, stage)
		}
	}
	if s.Limits, err = parseLimits(append(o.legacyResources, o.resources...)); err != nil {
		return s, err
	}
	if s.ShmSize, err = parseBytes(o.shmSize); err != nil || s.ShmSize < 0 {
		return s, fmt.Errorf("--shm-size %q is not a size: use for example 64m or 1g", o.shmSize)
	}
	if s.Ulimits, err = parseUlimits(o.ulimits); err != nil {
		return s, err
	}
	s.Entitlements, err = parseAllow(o.Allow)
	return s, err
}

func parseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	var n opts.MemBytes
	err := n.Set(text)
	return n.Value(), err
}

// parseUlimits parses ulimits as docker run does: the last value of a repeated name counts. The result is sorted.
func parseUlimits(values []string) ([]string, error) {
	limits := opts.NewUlimitOpt(nil)
	for _, v := range values {
		if err := limits.Set(v); err != nil {
			return nil, fmt.Errorf("--ulimit %q: %w", v, err)
		}
	}
	var texts []string
	for _, l := range limits.GetList() {
		texts = append(texts, l.String())
	}
	return texts, nil
}

// parseAllow checks the entitlements and leaves out [LocalDelete], which is not the builder's.
func parseAllow(values []string) ([]string, error) {
	var allowed []string
	for _, v := range values {
		name, _, valued := strings.Cut(v, "=")
		if name == LocalDelete && valued {
			return nil, fmt.Errorf("--allow %q: %s takes no value", v, LocalDelete)
		}
		if v == "" || name == LocalDelete {
			continue
		}
		if _, _, err := entitlements.Parse(v); err != nil {
			return nil, fmt.Errorf("--allow %q: %w: use one of network.host, security.insecure, device[=NAME], %s", v, err, LocalDelete)
		}
		allowed = append(allowed, v)
	}
	return allowed, nil
}

// parseLimits returns the limits of each RUN step by BuildKit's names.
func parseLimits(values []string) (map[string]string, error) {
	limits := map[string]string{}
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok {
			return nil, fmt.Errorf("--resource %q is not of the form KEY=VALUE", v)
		}
		attr, ok := map[string]string{
			"memory": "memory", "memory-swap": "memswap", "cpu-shares": "cpushares", "cpu-period": "cpuperiod", "cpu-quota": "cpuquota",
			"cpuset-cpus": "cpusetcpus", "cpuset-mems": "cpusetmems",
		}[key]
		if !ok {
			return nil, fmt.Errorf("--resource %q: unknown key %q: use one of memory, memory-swap, cpu-shares, cpu-period, cpu-quota, "+
				"cpuset-cpus, cpuset-mems", v, key)
		}
		text, err := parseLimit(attr, value)
		if err != nil {
			return nil, fmt.Errorf("--resource %q: %w", v, err)
		}
		delete(limits, attr) // an unlimited resource has no attribute
		if text != "" {
			limits[attr] = text
		}
	}
	return limits, nil
}

func parseLimit(attr, value string) (string, error) {
	if strings.HasPrefix(attr, "cpuset") {
		return value, nil
	}
	var n int64
	var err error
	switch attr {
	case "memory":
		n, err = parseBytes(value)
	case "memswap":
		var swap opts.MemSwapBytes
		err = swap.Set(value)
		n = swap.Value()
	default:
		n, err = strconv.ParseInt(value, 10, 64)
	}
	if err != nil || value == "" {
		return "", fmt.Errorf("invalid value %q", value)
	}
	if n <= 0 && (attr != "memswap" || n == 0) {
		return "", nil
	}
	return strconv.FormatInt(n, 10), nil
}
