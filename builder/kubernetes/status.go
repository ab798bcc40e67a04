package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// meta is the metadata of any object, as far as it is read.
type meta struct {
	Name              string            `json:"name"`
	UID               string            `json:"uid"`
	Annotations       map[string]string `json:"annotations"`
	Labels            map[string]string `json:"labels"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	DeletionTimestamp *time.Time        `json:"deletionTimestamp"`
}

// condition is a statement about an object.
type condition struct {
	Type, Status, Reason, Message string
}

func find(all []condition, kind string) (c condition) {
	if i := slices.IndexFunc(all, func(c condition) bool { return c.Type == kind }); i >= 0 {
		c = all[i]
	}
	return c
}

// ended is how a container's process has ended.
type ended struct {
	ExitCode        int
	Reason, Message string
}

// containerStatus is the state of a container of a pod.
type containerStatus struct {
	Name, ImageID string
	RestartCount  int
	State         struct {
		Waiting    *struct{ Reason, Message string }
		Running    *struct{}
		Terminated *ended
	}
	LastState struct{ Terminated *ended }
}

// pod is a pod, as far as it is read.
type pod struct {
	Metadata meta
	Spec     struct {
		NodeName, SchedulerName string
		HostNetwork             bool
		Containers              []struct{ Name, Image string }
	}
	Status struct {
		Phase, Reason, Message string
		Conditions             []condition
		InitContainerStatuses  []containerStatus
		ContainerStatuses      []containerStatus
	}
}

// workload is a Deployment or a StatefulSet, as far as it is read.
type workload struct {
	Kind     string
	Metadata meta
	Spec     struct{ Replicas *int }
	Status   struct{ Conditions []condition }
}

func (w workload) object() string { return strings.ToLower(w.Kind) + "/" + w.Metadata.Name }

func (w workload) replicas() int {
	if w.Spec.Replicas == nil {
		return 1
	}
	return *w.Spec.Replicas
}

func (p pod) name() string { return p.Metadata.Name }

// leaving reports whether a pod is being deleted, or has ended for good.
func (p pod) leaving() bool {
	return p.Metadata.DeletionTimestamp != nil || p.Status.Phase == "Failed" || p.Status.Phase == "Succeeded"
}

func (p pod) ready() bool {
	return !p.leaving() && find(p.Status.Conditions, "Ready").Status == "True"
}

// buildkit is the state of BuildKit's container; the zero value before there is one.
func (p pod) buildkit() (s containerStatus) { return p.container(objects.Container) }

func (p pod) container(name string) (s containerStatus) {
	if i := slices.IndexFunc(p.Status.ContainerStatuses, func(s containerStatus) bool { return s.Name == name }); i >= 0 {
		s = p.Status.ContainerStatuses[i]
	}
	return s
}

// state is a word for a pod, as an engine names the states of containers.
func (p pod) state() string {
	switch {
	case p.leaving():
		return "removing"
	case p.ready():
		return "running"
	}
	return "restarting" // shown as "starting"
}

// obstacle is what keeps a pod from getting ready.
type obstacle struct {
	Object string // such as pod/NAME
	Text   string // with the API's own words
	// Crashed names the container that has ended, whose log says more; Again reports that it has been started again since.
	Crashed string
	Again   bool
}

func (o obstacle) found() bool { return o.Text != "" }

// harmless are reasons for which a container waits while all goes well.
var harmless = []string{"", "ContainerCreating", "PodInitializing"} //nolint:gochecknoglobals // a constant

// obstacle returns what keeps the pod from getting ready; the zero value if there is nothing but time.
func (p pod) obstacle() obstacle {
	object := "pod/" + p.Metadata.Name
	if p.Metadata.DeletionTimestamp != nil {
		return obstacle{}
	}
	if p.Status.Phase == "Failed" {
		return obstacle{Object: object, Text: "it has failed: " + joined(p.Status.Reason, p.Status.Message)}
	}
	if c := find(p.Status.Conditions, "PodScheduled"); c.Status == "False" && c.Reason == "Unschedulable" {
		return obstacle{Object: object, Text: "no node of the cluster can take it: " + c.Message}
	}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if o := s.obstacle(); o.found() {
			o.Object = object
			return o
		}
	}
	return obstacle{}
}

func (s containerStatus) obstacle() obstacle {
	crash := func(e *ended, again bool) obstacle {
		return obstacle{Text: fmt.Sprintf("its container %s has ended with status %d%s", s.Name, e.ExitCode, because(*e)), Crashed: s.Name, Again: again}
	}
	w, last := s.State.Waiting, s.LastState.Terminated
	switch {
	case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
		return crash(s.State.Terminated, false)
	case w != nil && w.Reason == "CrashLoopBackOff" && last != nil:
		return crash(last, false)
	case w != nil && !slices.Contains(harmless, w.Reason):
		return obstacle{Text: fmt.Sprintf("its container %s does not start: %s", s.Name, joined(w.Reason, w.Message))}
	case s.State.Running != nil && last != nil && last.ExitCode != 0 && s.RestartCount > 0:
		return crash(last, true)
	}
	return obstacle{}
}

func because(e ended) string {
	if e.Reason == "" || e.Reason == "Error" {
		return ""
	}
	return " (" + e.Reason + ")"
}

func joined(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ": ")
}

// obstacle returns why the controller of a workload cannot make its pods.
func (w workload) obstacle() obstacle {
	if c := find(w.Status.Conditions, "ReplicaFailure"); c.Status == "True" {
		return obstacle{Object: w.object(), Text: "its pods are refused: " + c.Message}
	}
	return obstacle{}
}

// event is what a controller reports about an object.
type event struct {
	Type, Reason, Message string
	InvolvedObject        struct{ Kind, Name string }
}

// obstacle returns why the controller of a StatefulSet cannot make its pods: it has no condition that says so.
func (e event) obstacle(of workloadKey) obstacle {
	if e.Reason != "FailedCreate" || e.InvolvedObject.Kind != of.kind || e.InvolvedObject.Name != of.name {
		return obstacle{}
	}
	return obstacle{Object: of.object(), Text: "its pods are refused: " + e.Message}
}

// workloadKey names a workload.
type workloadKey struct{ kind, name string }

func (k workloadKey) object() string { return strings.ToLower(k.kind) + "/" + k.name }

// lost returns why a pod is no longer there for a build; "" if it looks well.
func (p pod) lost(restarts int) (why string, memory bool) {
	if c := find(p.Status.Conditions, "DisruptionTarget"); c.Status == "True" {
		return fmt.Sprintf("the pod was evicted: %s", joined(c.Reason, c.Message)), false
	}
	if p.Status.Reason == "Evicted" {
		return "the pod was evicted: " + p.Status.Message, false
	}
	s := p.buildkit()
	for _, e := range []*ended{s.State.Terminated, s.LastState.Terminated} {
		if e != nil && (s.State.Terminated == e || s.RestartCount > restarts) {
			if p.Metadata.DeletionTimestamp != nil && e.Reason != outOfMemory {
				break // that is how a pod that is deleted ends
			}
			return fmt.Sprintf("its container ended with status %d%s", e.ExitCode, because(*e)), e.Reason == outOfMemory
		}
	}
	if c := find(p.Status.Conditions, "Ready"); c.Status == "False" && p.Status.Reason == "NodeLost" {
		return fmt.Sprintf("the cluster's node %s is gone", p.Spec.NodeName), false
	}
	if p.Metadata.DeletionTimestamp != nil {
		return "the pod was deleted", false
	}
	return "", false
}

// outOfMemory is the reason for which a container has ended whose memory did not suffice.
const outOfMemory = "OOMKilled"
