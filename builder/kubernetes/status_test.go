package kubernetes

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// podOf is a pod as the API shows it, shortened.
func podOf(t *testing.T, status string) pod {
	t.Helper()
	var p pod
	text := `{"metadata": {"name": "bk-0", "uid": "1"}, "spec": {"nodeName": "m1"}, "status": ` + status + `}`
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	isReady   = `{"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}`
	isPulling = `{"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}],
		"containerStatuses": [{"name": "buildkitd", "state": {"waiting": {"reason": "ContainerCreating"}}}]}`
	isUnschedulable = `{"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
		"message": "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."}]}`
	isCrashing = `{"phase": "Running", "containerStatuses": [{"name": "buildkitd", "restartCount": 2,
		"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}`
)

func TestObstaclesHaveTheWordsOfTheAPI(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ status, want string }{
		"ready":         {isReady, ""},
		"pulling":       {isPulling, ""},
		"not yet seen":  {`{"phase": "Pending"}`, ""},
		"unschedulable": {isUnschedulable, "no node of the cluster can take it: 0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."},
		"no image": {
			`{"phase": "Pending", "containerStatuses": [{"name": "buildkitd", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}`,
			"its container buildkitd does not start: ErrImagePull: not found",
		},
		"no emulators": {
			`{"phase": "Pending", "initContainerStatuses": [{"name": "emulators", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "denied"}}}],
			 "containerStatuses": [{"name": "buildkitd", "state": {"waiting": {"reason": "PodInitializing"}}}]}`,
			"its container emulators does not start: ImagePullBackOff: denied",
		},
		"crashing": {isCrashing, "its container buildkitd has ended with status 1"},
		"out of memory": {
			`{"phase": "Running", "containerStatuses": [{"name": "buildkitd", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}`,
			"its container buildkitd has ended with status 137 (OOMKilled)",
		},
		"evicted": {`{"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}`, "it has failed: Evicted: The node was low on resource: memory."},
	} {
		if got := podOf(t, tt.status).obstacle(); got.Text != tt.want || got.found() && got.Object != "pod/bk-0" {
			t.Errorf("%s:\ngot  %+v\nwant %s", name, got, tt.want)
		}
	}
}

func TestWhatControllersRefuseIsFound(t *testing.T) {
	t.Parallel()
	var w workload
	if err := json.Unmarshal([]byte(`{"kind": "Deployment", "metadata": {"name": "bk"}, "status": {"conditions": [
		{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: small"}]}}`), &w); err != nil {
		t.Fatal(err)
	}
	if got := w.obstacle(); got.Object != "deployment/bk" || got.Text != "its pods are refused: exceeded quota: small" {
		t.Errorf("got %+v", got)
	}
	key := workloadKey{objects.StatefulSet, "bk"}
	for text, found := range map[string]bool{
		`{"reason": "FailedCreate", "message": "m", "involvedObject": {"kind": "StatefulSet", "name": "bk"}}`:     true,
		`{"reason": "FailedCreate", "message": "m", "involvedObject": {"kind": "StatefulSet", "name": "other"}}`:  false,
		`{"reason": "SuccessfulCreate", "message": "m", "involvedObject": {"kind": "StatefulSet", "name": "bk"}}`: false,
	} {
		var e event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if got := e.obstacle(key); got.found() != found {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestPodsAreWaitedForWhileOneNeedsNothingButTime(t *testing.T) {
	t.Parallel()
	of := func(statuses ...string) *crowd {
		c := &crowd{key: workloadKey{objects.Deployment, "bk"}, pods: map[string]pod{}, refused: obstacle{Object: "deployment/bk", Text: "quota"}}
		for i, s := range statuses {
			c.pods[string(rune('a'+i))] = podOf(t, s)
		}
		return c
	}
	for name, tt := range map[string]struct {
		c     *crowd
		ready int
		text  string
	}{
		"no pods":               {of(), 0, "quota"},
		"one is pulled":         {of(isUnschedulable, isPulling), 0, ""},
		"none can be scheduled": {of(isUnschedulable, isUnschedulable), 0, "no node of the cluster"},
		"one is ready":          {of(isUnschedulable, isReady), 1, ""},
		"all crash":             {of(isCrashing), 0, "its container buildkitd has ended"},
	} {
		if got := tt.c.obstacle(); !strings.HasPrefix(got.Text, tt.text) || (tt.text == "") == got.found() {
			t.Errorf("%s: %+v", name, got)
		}
		if got := tt.c.ready(); len(got) != tt.ready {
			t.Errorf("%s: ready are %+v", name, got)
		}
	}
	old := of(isReady)
	old.podHash = "new"
	if len(old.ready()) != 0 {
		t.Error("a pod of another configuration counts")
	}
}

func TestTheCauseOfALostPodIsNamed(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		isReady: "",
		`{"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}`:                                                                       "the pod was evicted: The node was low on resource: memory.",
		`{"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}]}`:                           "the pod was evicted: EvictionByEvictionAPI: Eviction API: evicting",
		`{"containerStatuses": [{"name": "buildkitd", "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}`: "its container ended with status 137 (OOMKilled)",
		`{"containerStatuses": [{"name": "buildkitd", "state": {"terminated": {"exitCode": 2}}}]}`:                                                                           "its container ended with status 2",
		`{"reason": "NodeLost", "conditions": [{"type": "Ready", "status": "False"}]}`:                                                                                       "the cluster's node m1 is gone",
	} {
		why, memory := podOf(t, status).lost(0)
		if why != want || memory != strings.Contains(want, "OOMKilled") {
			t.Errorf("%s:\ngot  %s, %t\nwant %s", status, why, memory, want)
		}
	}
	if why, _ := podOf(t, `{"containerStatuses": [{"name": "buildkitd", "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}]}`).lost(1); why != "" {
		t.Errorf("an end before the build: %s", why)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "my-context", "arn:aws:eks:eu-west-1:1:cluster/a", "kubernetes://", "kubernetes://?context=a&kubeconfig=/k&namespace=b"} {
		c, err := ParseAddress(good)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(good, "?") && Address(c) != good {
			t.Errorf("%s becomes %s", good, Address(c))
		}
	}
	for bad, want := range map[string]string{
		"tcp://host:1": "is none of Kubernetes", "kubernetes:///name": "is none of Kubernetes", "kubernetes://?ctx=a": `unknown parameter "ctx"`,
		"kubernetes://?kubeconfig=k": "kubeconfig is not an absolute path", "kubernetes://?namespace=A": `namespace: "A" is no name of an object in a cluster`,
	} {
		if _, err := ParseAddress(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAPodThatNoSchedulerHasLookedAtSaysSo(t *testing.T) {
	t.Parallel()
	p := podOf(t, `{"phase": "Pending"}`)
	p.Spec.NodeName, p.Spec.SchedulerName = "", "mine"
	c := crowd{pods: map[string]pod{"p": p}}
	if got := c.states().Text; got != "it is pending; the scheduler mine has not looked at it" {
		t.Error(got)
	}
	p.Spec.NodeName = "n"
	c.pods["p"] = p
	if got := c.states().Text; got != "it is pending" {
		t.Error(got)
	}
}

func TestAnExcerptOfALogHasItsComplaint(t *testing.T) {
	t.Parallel()
	help := strings.Repeat("--flag  enables an option\n", 30) + "--version"
	const usage = "Incorrect Usage. flag provided but not defined: -x"
	for _, after := range []string{"", "\n[rootlesskit:parent] error: child exited: exit status 1"} {
		if got := excerpt(usage + "\n" + help + after); got != usage {
			t.Errorf("got %s", got)
		}
	}
	if got := excerpt("fatal: no emulator\n" + help); !strings.HasPrefix(got, "fatal: no emulator\n…\n--flag") {
		t.Errorf("got %s", got)
	}
	if got := excerpt(help + "\nerror: no space"); strings.Count(got, "\n") != logLines-1 || !strings.HasSuffix(got, "error: no space") {
		t.Errorf("got %s", got)
	}
	if got := excerpt("one\ntwo"); got != "one\ntwo" {
		t.Errorf("got %s", got)
	}
}
