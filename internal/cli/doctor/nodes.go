package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// checkNodes checks each node of a builder that a file defines, all at once.
func checkNodes(ctx context.Context, w *cli.Env, b builder.Builder) (all []check) {
	checks := make([][]check, len(b.Nodes))
	engine := sync.OnceValue(func() bool {
		_, err := w.Engine().Info(ctx)
		return err == nil
	})
	nodes := builder.Inspect(ctx, w.Drivers, b.Nodes, builder.Whole, nil, func(i int, n builder.Inspected) {
		checks[i] = checkNode(n)
		if n.Endpoint.Driver == kubernetes.DriverName {
			checks[i] = append(checks[i], checkCluster(kubernetes.Examine(ctx, n.Endpoint), engine())...)
			return
		}
		if n.Err != nil || len(n.Details) == 0 {
			return
		}
		ins, err := emulators.InspectNode(ctx, w, n)
		if err != nil {
			checks[i] = append(checks[i], check{Name: "emulators", Grade: gradeWarning, Detail: err.Error(), Fix: explain.Hint(err)})
			return
		}
		eng, _ := builder.EngineOf(w.Drivers, n.Endpoint)
		checks[i] = append(checks[i], nodeEmulators(ins, eng != nil))
	})
	for i, n := range nodes {
		for _, c := range checks[i] {
			c.Node = n.Endpoint.Name()
			all = append(all, c)
		}
	}
	return all
}

// checkNode judges what is known about a node.
func checkNode(n builder.Inspected) []check {
	where := n.Endpoint.Driver
	if n.Endpoint.Address != "" {
		where += " at " + n.Endpoint.Address
	}
	if n.Err != nil {
		fix := hintOr(n.Err, "see that it runs and can be reached from here")
		return []check{{Name: "node", Grade: gradeBroken, Detail: where + ": " + n.Endpoint.Cause(n.Err).Error(), Fix: fix}}
	}
	if len(n.Details) == 0 {
		return []check{{Name: "node", Grade: gradeOK, Detail: where + ": not made yet; the first build makes it"}}
	}
	var checks []check
	for _, d := range n.Details {
		checks = append(checks, checkBuildKit(where, d))
		if d.Disk != nil {
			checks = append(checks, checkCacheDisk(*d.Disk))
		}
	}
	if c, applies := checkTLS(n); applies {
		checks = append(checks, c)
	}
	return checks
}

func checkBuildKit(where string, d builder.Details) check {
	c := check{Name: "node", Grade: gradeOK, Detail: fmt.Sprintf("%s: %s, BuildKit %s", where, d.State, cli.OrDash(d.BuildKit))}
	if len(d.Platforms) > 0 {
		native := []platform.Platform{d.Platforms[0]}
		for _, p := range d.Platforms[1:] { // variants that the machine has, too
			if p.OS == native[0].OS && p.Architecture == native[0].Architecture {
				native = append(native, p)
			}
		}
		c.Detail += ", native platforms " + cli.OrNone(platform.FormatAll(native))
	}
	switch {
	case d.Err != nil:
		c.Grade, c.Detail, c.Fix = gradeBroken, c.Detail+": "+d.Err.Error(), hintOr(d.Err, "see that it runs and can be reached from here")
	case builder.TooOld(d.BuildKit, builder.MinVersion):
		c.Grade, c.Detail, c.Fix = gradeBroken, c.Detail+", which is too old", "update it to "+builder.MinVersion+" or newer"
	}
	return c
}

func checkCacheDisk(d builder.Disk) check {
	c := check{Name: "disk", Grade: gradeOK, Detail: fmt.Sprintf("%s of %s free where its cache is", cli.Size(d.Free), cli.Size(d.Total))}
	if d.NearlyFull() {
		c.Grade, c.Fix = gradeWarning, "docker multiarch builder prune, or a larger disk"
	}
	return c
}

// checkCluster judges what a cluster says about a node's pods. It runs the tests of a client that has no engine.
func checkCluster(x kubernetes.Examination, engine bool) (checks []check) {
	if x.Err != nil {
		return []check{{
			Name: "cluster", Grade: gradeBroken, Detail: x.Err.Error(), Fix: hintOr(x.Err, "see that kubectl reaches the cluster: kubectl get pods"),
		}}
	}
	c := check{Name: "cluster", Grade: gradeOK, Detail: "this user has the rights that builds need"}
	if len(x.Missing) > 0 {
		c.Grade, c.Fix = gradeBroken, fixRights
		c.Detail = "this user may not " + strings.Join(x.Missing, ", ")
	}
	machines := check{Name: "machines", Grade: gradeOK, Detail: "pods can run on the cluster's nodes " + cli.OrNone(x.Machines)}
	switch _, rights := errors.AsType[*kubernetes.RightsError](x.NodesErr); {
	case rights, x.NodesErr == nil && len(x.Machines) == 0:
		machines.Detail = "this user may not look at the cluster's nodes, so whether one fits is seen when pods are made"
	case x.NodesErr != nil:
		machines.Grade, machines.Detail, machines.Fix = gradeBroken, x.NodesErr.Error(), hintOr(x.NodesErr, "change the node's options")
	}
	checks = append(checks, c, machines)
	switch {
	case engine:
	case len(x.MissingForTests) > 0:
		detail := "this user may not " + strings.Join(x.MissingForTests, ", ") + ", so images cannot be tested: no engine answers"
		checks = append(checks, check{Name: "tests", Grade: gradeWarning, Detail: detail, Fix: fixRights})
	default:
		checks = append(checks, check{Name: "tests", Grade: gradeOK, Detail: "this user has the rights that tests in pods need"})
	}
	return checks
}

const fixRights = "get these rights from who runs the cluster: docs/kubernetes.md has the Role that suffices"

// checkTLS judges the connection to a BuildKit that listens on a network.
func checkTLS(n builder.Inspected) (c check, applies bool) {
	address := n.Endpoint.Address
	if n.Managed || !strings.HasPrefix(address, "tcp://") {
		return c, false
	}
	if ca := n.Endpoint.Options["cacert"]; ca != "" {
		detail := "its certificate is checked with " + ca
		if cert := n.Endpoint.Options["cert"]; cert != "" {
			detail += "; this client shows " + cert
		}
		return check{Name: "tls", Grade: gradeOK, Detail: detail}, true
	}
	return check{
		Name: "tls", Grade: gradeWarning, Detail: "the connection is not encrypted, and everyone who reaches " + address + " can build there",
		Fix: "let buildkitd use TLS, and name the files with --driver-opt cacert=…,cert=…,key=…",
	}, true
}

// nodeEmulators says which platforms a node runs besides its own.
func nodeEmulators(ins emulation.Inspection, installable bool) check {
	var runs, missing []string
	for _, p := range emulators.Platforms() {
		name := platform.Format(p)
		if mode := ins.Mode(p); mode > emulation.None {
			sup, _ := ins.Arch(p.Architecture)
			runs = append(runs, name+" ("+modeText(mode, sup.Version)+")")
		} else {
			missing = append(missing, name)
		}
	}
	c := check{Name: "emulators", Grade: gradeOK, Detail: "runs " + cli.OrNone(runs)}
	switch {
	case len(missing) == 0:
	case installable:
		c.Detail += "; does not run " + strings.Join(missing, ", ") + ": a build installs what it needs"
	default:
		c.Detail += "; does not run " + strings.Join(missing, ", ") + ", and a build cannot install emulators there"
	}
	return c
}

// hintOr returns the hint of an error, or another one.
func hintOr(err error, other string) string {
	if hint := explain.Hint(err); hint != "" {
		return hint
	}
	return other
}
