package kubernetes

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Programs runs programs of images in the cluster of an endpoint, each in a pod of its own that is placed as those of BuildKit are.
type Programs struct{ node node }

// ProgramsAt returns those of an endpoint of this driver.
func ProgramsAt(e builder.Endpoint) (Programs, error) {
	n, err := open(e)
	return Programs{n}, err
}

// Place names the namespace.
func (p Programs) Place() string { return p.node.place() }

// HasPullSecrets reports whether the endpoint names logins for pulls.
func (p Programs) HasPullSecrets() bool { return p.node.opt.HasPullSecrets() }

// ProgramRightsError means that the user may not run programs in the cluster.
type ProgramRightsError struct {
	Place   string
	Missing []string // such as "create pods"
}

func (e *ProgramRightsError) Error() string {
	return fmt.Sprintf("this user may not run images in pods of %s: %s", e.Place, strings.Join(e.Missing, ", "))
}

// lateMargin is how much the clocks of this machine and the cluster may differ.
const lateMargin = 5 * time.Minute

// Prepare returns an error if the user may not run programs, and removes what commands that were killed have left.
func (p Programs) Prepare(ctx context.Context) error {
	missing, err := p.node.missing(ctx, programRights())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return &ProgramRightsError{p.Place(), missing}
	}
	var list struct{ Items []struct{ Metadata meta } }
	if err := p.node.Get(ctx, &list, programKinds, "-l", objects.ProgramLabel); err != nil {
		return err
	}
	late := map[string]bool{}
	for _, item := range list.Items {
		lasts, err := strconv.Atoi(item.Metadata.Annotations[objects.LastsAnnotation])
		if err == nil && time.Since(item.Metadata.CreationTimestamp) > time.Duration(lasts)*time.Second+lateMargin {
			late[item.Metadata.Labels[objects.ProgramLabel]] = true
		}
	}
	for name := range late {
		if err := p.remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Program is a program of an image that runs once.
type Program struct {
	objects.Program               // without Name, Machines, Stdin and Lasts
	Emulated        bool          // no machine of the endpoint is native to the platform
	Input           []byte        // nil: no standard input
	Timeout         time.Duration // from the start of the program
	Output          io.Writer     // gets both streams
}

// ProgramEnd is how a program has ended by itself, or was killed at its memory limit.
type ProgramEnd struct {
	Exit        int
	OutOfMemory bool
}

// ProgramTimeoutError means that a program has not ended in time, and was killed.
type ProgramTimeoutError struct{ After time.Duration }

func (e *ProgramTimeoutError) Error() string { return fmt.Sprintf("it did not end within %s", e.After) }

// ProgramStartError means that there was a container, but its program could not be started.
type ProgramStartError struct{ Text string }

func (e *ProgramStartError) Error() string { return e.Text }

const (
	// programStart is how long a pod may take to start, the pull of its image included, while the API knows nothing that stands in its way.
	programStart = 10 * time.Minute
	// programRemoval is how long it may take to be gone.
	programRemoval = 30 * time.Second
	// programKinds is everything that is made for a program, in the order in which it is removed.
	programKinds = "pods,networkpolicies,secrets"
)

// Check returns an error if the program cannot be had in a pod at all.
func (p Programs) Check(prog Program) error {
	_, err := p.node.opt.Program(prog.Program)
	return err
}

// Run runs a program, waits for it, and removes its pod and everything else that was made for it, also when ctx has ended; left is why some
// of that is still there. Besides those of the API, its errors are a [*ProgramTimeoutError], a [*ProgramStartError], and a [*NotReadyError]
// for a pod that does not start.
func (p Programs) Run(ctx context.Context, prog Program) (end ProgramEnd, left, err error) {
	spec := prog.Program
	spec.Name = "multiarch-program-" + strings.ToLower(rand.Text()[:10])
	spec.Stdin, spec.Lasts = prog.Input != nil, prog.Timeout+programStart
	if prog.Emulated {
		if spec.Machines, err = p.machines(ctx, spec.Platform); err != nil {
			return end, nil, err
		}
	}
	list, err := p.node.opt.Program(spec)
	if err != nil {
		return end, nil, err
	}
	defer func() {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), programRemoval)
		defer cancel()
		left = p.remove(cleanup, spec.Name)
	}()
	if err := p.node.Create(ctx, list); err != nil {
		return end, nil, p.node.applyError(err)
	}
	end, err = p.attend(ctx, spec.Name, prog)
	return end, nil, err
}

// machines returns the machines that BuildKit's pods are on: their kernels run what the build ran.
func (p Programs) machines(ctx context.Context, of platform.Platform) (names []string, err error) {
	have, err := p.node.observe(ctx)
	if err != nil {
		return nil, err
	}
	for _, pod := range have.ready() {
		names = append(names, pod.Spec.NodeName)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no pod of the builder runs, and so no machine is known that emulates %s", platform.Format(of))
	}
	return names, nil
}

func (p Programs) remove(ctx context.Context, name string) error {
	_, err := p.node.Delete(ctx, programRemoval, programKinds, "-l", objects.ProgramLabel+"="+name)
	return err
}

// programRights are what [Programs] does besides [rights]; docs/kubernetes.md has them, too.
func programRights() []right {
	return []right{
		{"", "pods", "", "get list watch create delete"},
		{"", "pods", "attach", "get create"},
		{"", "pods", "log", "get"},
		{"", "secrets", "", "get list create delete"},
		{"networking.k8s.io", "networkpolicies", "", "get list watch create delete"},
	}
}
