package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// reconciler makes a node's workload what it is wanted to be.
type reconciler struct {
	node
	want   builder.Spec
	wanted objects.Node
	say    func(line string)
}

// reconcilerOf returns the reconciler of a workload as it is.
func (n node) reconcilerOf(w workload, say func(line string)) reconciler {
	return reconciler{node: n, say: say, wanted: objects.Node{Name: w.Metadata.Name, Kind: w.Kind, Selector: objects.Selector(n.e)}}
}

// busyWait is how long to wait while builds run in a node that is to be changed, unless the caller wants another time.
const busyWait = 5 * time.Minute

// SizeError means that volumes exist with another size than is wanted now.
type SizeError struct{ Have, Want, Claims string }

func (e *SizeError) Error() string {
	return fmt.Sprintf("its volumes have %s, and its definition wants %s: docker multiarch does not resize volumes (%s)", e.Have, e.Want, e.Claims)
}

// InUseError means that a node is to be changed, and builds ran in it until the end of the wait.
type InUseError struct{ Builds int }

func (e *InUseError) Error() string {
	return fmt.Sprintf("its configuration has changed, but builds run in it (%d)", e.Builds)
}

// ensure returns the pods that are ready: at least one.
func (r *reconciler) ensure(ctx context.Context) ([]pod, error) {
	have, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range have.claims {
		if size := c.Spec.Resources.Requests.Storage; r.wanted.Storage != "" && !objects.SameSize(size, r.wanted.Storage) {
			return nil, &SizeError{size, r.wanted.Storage, have.claimNames()}
		}
	}
	switch {
	case !have.exists():
		return r.create(ctx, have)
	case r.changed(have.workload):
		return r.change(ctx, have)
	case have.workload.replicas() == 0:
		r.say(fmt.Sprintf("starting %s", have.workload.object()))
		if err := r.scale(ctx, have.workload, r.opt.Replicas); err != nil {
			return nil, err
		}
	}
	if ready := have.ready(); len(ready) > 0 {
		return ready, nil
	}
	return r.await(ctx, "")
}

// changed reports whether a workload has another configuration than is wanted. Something that another client has added to it is no
// reason.
func (r *reconciler) changed(w workload) bool {
	if w.Kind != r.wanted.Kind || w.Metadata.Annotations[objects.HashAnnotation] != r.wanted.Hash {
		return true
	}
	return r.wanted.ClientHash != "" && w.Metadata.Annotations[objects.ClientAnnotation] != r.wanted.ClientHash
}

// create makes a workload that does not exist. If its pods do not get ready, it is removed again; volumes that were there before stay.
func (r *reconciler) create(ctx context.Context, have observed) ([]pod, error) {
	if err := r.permit(ctx); err != nil {
		return nil, err
	}
	r.say(fmt.Sprintf("creating %s/%s in %s", strings.ToLower(r.wanted.Kind), r.wanted.Name, r.place()))
	pods, err := r.apply(ctx)
	if err == nil {
		return pods, nil
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWait)
	defer cancel()
	if _, rerr := r.remove(cleanup, len(have.claims) > 0); rerr != nil {
		err = errors.Join(err, fmt.Errorf("what was made for it is still there: %w", rerr))
	}
	return nil, err
}

// place names the namespace.
func (n node) place() string {
	if n.Namespace == "" {
		return "the namespace of kubectl's context"
	}
	return "namespace " + n.Namespace
}

func (r *reconciler) permit(ctx context.Context) error {
	if r.want.Permit == nil {
		return nil
	}
	return r.want.Permit(ctx)
}

func (r *reconciler) apply(ctx context.Context) ([]pod, error) {
	for _, note := range r.wanted.Notes {
		r.say(note)
	}
	if err := r.Apply(ctx, r.wanted.JSON()); err != nil {
		return nil, r.applyError(err)
	}
	return r.await(ctx, r.wanted.PodHash)
}

// NamespaceError means that the namespace of a node does not exist.
type NamespaceError struct{ Namespace string }

func (e *NamespaceError) Error() string {
	return fmt.Sprintf("the cluster has no namespace %q", e.Namespace)
}

// applyError says what the API has refused.
func (n node) applyError(err error) error {
	if kubectl.Reason(err) == "NotFound" && strings.Contains(err.Error(), "namespaces ") {
		return &NamespaceError{n.Namespace}
	}
	return fmt.Errorf("the cluster does not take it: %w", err)
}

// change gives a workload its new configuration while no build runs in it. A StatefulSet is made again, since most of it cannot be changed,
// and since its controller does not replace pods that never got ready; the claims stay.
func (r *reconciler) change(ctx context.Context, have observed) ([]pod, error) {
	if err := r.awaitIdle(ctx, have); err != nil {
		return nil, err
	}
	if err := r.permit(ctx); err != nil {
		return nil, err
	}
	r.say(fmt.Sprintf("changing %s: its configuration is another one now", have.workload.object()))
	for _, w := range append(have.other, have.workload) {
		if w.Kind == objects.Deployment && w.Kind == r.wanted.Kind {
			continue
		}
		if _, err := r.Delete(ctx, removeWait, w.object(), "--cascade=foreground"); err != nil {
			return nil, err
		}
	}
	return r.apply(ctx)
}

// idlePause is the time between two looks at what runs in a node.
const idlePause = time.Second

// awaitIdle returns when no build runs in the node's pods.
func (r *reconciler) awaitIdle(ctx context.Context, have observed) error {
	deadline, said := time.Now().Add(cmp.Or(r.want.BusyWait, busyWait)), false
	for {
		builds := r.running(ctx, have.ready())
		if builds == 0 {
			return context.Cause(ctx)
		}
		if time.Now().After(deadline) {
			return &InUseError{builds}
		}
		if !said {
			r.say(fmt.Sprintf("waiting to change %s until no build runs in it (%d now)", have.workload.object(), builds))
			said = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(idlePause):
		}
	}
}
