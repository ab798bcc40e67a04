package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

const (
	// settled is how long something has to keep pods from getting ready before it counts: controllers repair some things at once.
	settled = 700 * time.Millisecond
	// logLines is how much of the log of a container that has crashed is shown.
	logLines = 10
	// logRead is how much of it is read.
	logRead = 300
)

// NotReadyError means that pods do not get ready.
type NotReadyError struct {
	obstacle
	Patient bool          // the user has given the time to wait
	Waited  time.Duration // 0: it was not waited for, since the API knows the reason
	Log     string        // the end of the container's log
}

func (e *NotReadyError) Error() string {
	text := e.Object + ": " + e.Text
	if e.Waited > 0 {
		text = fmt.Sprintf("not ready after %s: %s", e.Waited, text)
	}
	if e.Log != "" {
		text += "\n  " + strings.ReplaceAll(e.Log, "\n", "\n  ")
	}
	return text
}

// crowd is what the watches have seen of a workload and its pods.
type crowd struct {
	key     workloadKey
	podHash string         // of the pods that count; "": all
	pods    map[string]pod // by name
	refused obstacle       // of the workload's controller
}

// ready are the pods that are ready, by name.
func (c *crowd) ready() (some []pod) {
	for _, name := range slices.Sorted(maps.Keys(c.pods)) {
		if p := c.pods[name]; p.ready() && c.counts(p) {
			some = append(some, p)
		}
	}
	return some
}

func (c *crowd) counts(p pod) bool {
	return c.podHash == "" || p.Metadata.Annotations[objects.HashAnnotation] == c.podHash
}

// obstacle returns what keeps all pods from getting ready; the zero value if one of them needs nothing but time.
func (c *crowd) obstacle() (first obstacle) {
	waiting := false
	for _, name := range slices.Sorted(maps.Keys(c.pods)) {
		p := c.pods[name]
		if !c.counts(p) || p.Metadata.DeletionTimestamp != nil {
			continue
		}
		o := p.obstacle()
		waiting = waiting || !o.found()
		if !first.found() {
			first = o
		}
	}
	switch {
	case waiting:
		return obstacle{}
	case first.found():
		return first
	}
	return c.refused
}

// states describes pods that are not ready, for a wait that was in vain.
func (c *crowd) states() obstacle {
	o := obstacle{Object: c.key.object(), Text: "it has no pods yet"}
	for _, name := range slices.Sorted(maps.Keys(c.pods)) {
		p := c.pods[name]
		if !c.counts(p) {
			continue
		}
		o = obstacle{Object: "pod/" + name, Text: "it is " + strings.ToLower(p.Status.Phase)}
		if p.Spec.NodeName == "" && find(p.Status.Conditions, "PodScheduled").Type == "" {
			o.Text += fmt.Sprintf("; the scheduler %s has not looked at it", p.Spec.SchedulerName)
		}
		for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			if w := s.State.Waiting; w != nil {
				o.Text += fmt.Sprintf("; container %s waits: %s", s.Name, joined(w.Reason, w.Message))
			} else if s.State.Running != nil {
				o.Text += fmt.Sprintf("; container %s runs and does not answer yet", s.Name)
			}
		}
	}
	return o
}

// update changes a crowd by what a watch has seen.
type update func(*crowd)

// await returns the pods that are ready, as soon as one is.
func (r *reconciler) await(ctx context.Context, podHash string) ([]pod, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	c := &crowd{key: workloadKey{r.wanted.Kind, r.wanted.Name}, podHash: podHash, pods: map[string]pod{}}
	updates, failed := make(chan update), make(chan error, 2)
	go func() { failed <- r.watchPods(ctx, updates) }()
	go func() { r.watchController(ctx, c.key, updates) }()
	var patience <-chan time.Time // ends when an obstacle counts
	said := ""
	for {
		select {
		case change := <-updates:
			change(c)
		case <-patience:
			return nil, r.notReady(ctx, c.obstacle(), 0)
		case err := <-failed:
			return nil, err
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.Canceled) {
				return nil, context.Cause(ctx)
			}
			o := c.obstacle()
			if !o.found() {
				o = c.states()
			}
			return nil, r.notReady(context.WithoutCancel(ctx), o, r.opt.Timeout)
		}
		if ready := c.ready(); len(ready) > 0 {
			return ready, nil
		}
		switch o := c.obstacle(); {
		case !o.found():
			patience = nil
		case r.opt.Patient && o.Text != said:
			said = o.Text
			r.say(fmt.Sprintf("waiting for %s: %s", o.Object, o.Text))
		case !r.opt.Patient && patience == nil:
			patience = time.After(settled)
		}
	}
}

func (r *reconciler) notReady(ctx context.Context, o obstacle, waited time.Duration) error {
	e := &NotReadyError{obstacle: o, Patient: r.opt.Patient, Waited: waited}
	if o.Crashed != "" {
		e.Log = excerpt(r.Logs(ctx, o.Object, o.Crashed, logRead, o.Again))
	}
	return e
}

// complaint is a line of a log that may say why a program has ended.
var complaint = lazyregexp.New(`(?i)\b(error|incorrect usage|fatal|panic)\b`)

// excerpt returns the end of a log, after its last complaint if that is further above: a program may print much after it.
func excerpt(log string) string {
	lines := buildkitmsg.Reasons(strings.Split(log, "\n"))
	end := lines[max(0, len(lines)-logLines):]
	if slices.ContainsFunc(end, complaint().MatchString) {
		return strings.Join(end, "\n")
	}
	for _, line := range slices.Backward(lines) {
		if complaint().MatchString(line) {
			return strings.Join(append([]string{line, "…"}, end...), "\n")
		}
	}
	return strings.Join(end, "\n")
}

// watchPods sends what becomes of the pods until ctx ends.
func (r *reconciler) watchPods(ctx context.Context, updates chan<- update) error {
	return r.watch(ctx, updates, func(raw json.RawMessage, gone bool) (update, error) {
		var p pod
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, fmt.Errorf("a pod, as kubectl shows it: %w", err)
		}
		return func(c *crowd) {
			if gone {
				delete(c.pods, p.Metadata.Name)
			} else {
				c.pods[p.Metadata.Name] = p
			}
		}, nil
	}, "pods", "-l", r.wanted.Selector)
}

// watchController sends why the controller of the workload cannot make pods, until ctx ends. Without the rights to see that, the wait ends
// by time.
func (r *reconciler) watchController(ctx context.Context, key workloadKey, updates chan<- update) {
	read := func(raw json.RawMessage, _ bool) (update, error) {
		var w workload
		err := json.Unmarshal(raw, &w)
		return func(c *crowd) { c.refused = w.obstacle() }, err
	}
	args := []string{"deployments", "-l", r.wanted.Selector}
	if key.kind == objects.StatefulSet {
		args = []string{"events", "--field-selector", "involvedObject.name=" + key.name}
		read = func(raw json.RawMessage, _ bool) (update, error) {
			var e event
			err := json.Unmarshal(raw, &e)
			return func(c *crowd) {
				if o := e.obstacle(key); o.found() {
					c.refused = o
				}
			}, err
		}
	}
	_ = r.watch(ctx, updates, read, args...)
}

// watch sends what a watch sees until ctx ends.
func (r *reconciler) watch(
	ctx context.Context, updates chan<- update, read func(json.RawMessage, bool) (update, error), args ...string,
) error {
	return r.watching(ctx, func(raw json.RawMessage, gone bool) error {
		change, err := read(raw, gone)
		if err != nil {
			return err
		}
		select {
		case updates <- change:
		case <-ctx.Done():
		}
		return nil
	}, args...)
}

// awayPause lets an API server come back that is being restarted, and refuses connections.
const awayPause = time.Second / 2

// watching calls each with what a watch sees until ctx ends. The API ends watches now and then; then a new one begins.
func (n node) watching(ctx context.Context, each func(raw json.RawMessage, gone bool) error, args ...string) error {
	for ctx.Err() == nil {
		err := n.Watch(ctx, each, args...)
		if _, refused := errors.AsType[*kubectl.Error](err); err != nil && ctx.Err() == nil && (!refused || kubectl.Reason(err) != "") {
			return err
		}
		_ = pause(ctx, awayPause)
	}
	return context.Cause(ctx)
}
