package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// runs makes the cluster show these states, one after the other, of a pod that is created. kinds returns what was created, in its order.
func (c *cluster) runs(states ...string) (kinds func() []string) {
	var made []string
	c.set(func() {
		c.create = func(input []byte) string {
			var list struct{ Items []map[string]any }
			if err := json.Unmarshal(input, &list); err != nil {
				c.t.Error(err)
			}
			for _, item := range list.Items {
				made = append(made, item["kind"].(string))
				c.put(item)
			}
			p := list.Items[len(list.Items)-1]
			for _, s := range states {
				p["status"] = json.RawMessage(s)
				c.tell("pods", text(map[string]any{"type": "MODIFIED", "object": p}))
			}
			return ""
		}
	})
	return func() (all []string) {
		c.set(func() { all = slices.Clone(made) })
		return all
	}
}

func programStatus(phase, state string) string {
	return fmt.Sprintf(`{"phase": %q, "containerStatuses": [{"name": "program", "state": %s}]}`, phase, state)
}

func programsOf(t *testing.T, options map[string]string) Programs {
	t.Helper()
	p, err := ProgramsAt(farm(options))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var aProgram = Program{Timeout: time.Minute, Program: objects.Program{
	Image: "r.example/app@sha256:1", Platform: platform.Platform{OS: "linux", Architecture: "arm64"}, Login: []byte("{}"), Memory: 1 << 30,
}}

func TestAProgramRunsInAPodAndNothingIsLeft(t *testing.T) {
	const waits, running = `{"waiting": {"reason": "ContainerCreating"}}`, `{"running": {}}`
	for name, tt := range map[string]struct {
		states []string
		end    ProgramEnd
		output string
		err    string
	}{
		"it ends": {
			[]string{programStatus("Pending", waits), programStatus("Running", running), programStatus("Failed", `{"terminated": {"exitCode": 3, "reason": "Error"}}`)},
			ProgramEnd{Exit: 3},
			"words\n", "",
		},
		"it is too quick to be seen": {[]string{programStatus("Succeeded", `{"terminated": {"reason": "Completed"}}`)}, ProgramEnd{}, "words\n", ""},
		"at its memory limit": {
			[]string{programStatus("Failed", `{"terminated": {"exitCode": 137, "reason": "OOMKilled"}}`)}, ProgramEnd{Exit: 137, OutOfMemory: true}, "words\n", "",
		},
		"it cannot be started": {
			[]string{programStatus("Failed", `{"terminated": {"exitCode": 128, "reason": "StartError", "message": "no such file"}}`)}, ProgramEnd{}, "", "no such file",
		},
		"no image": {
			[]string{programStatus("Pending", `{"waiting": {"reason": "ErrImagePull", "message": "not found"}}`)},
			ProgramEnd{},
			"", "its container program does not start: ErrImagePull: not found",
		},
		"no machine": {
			[]string{`{"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available"}]}`},
			ProgramEnd{},
			"", "no node of the cluster can take it: 0/2 nodes are available",
		},
		"its machine needs the memory": {
			[]string{`{"phase": "Failed", "reason": "Evicted", "message": "low on memory", "containerStatuses": [{"name": "program", "state": {"terminated": {"exitCode": 137}}}]}`},
			ProgramEnd{},
			"", "Evicted: low on memory",
		},
		"the cluster ends it": {
			[]string{`{"phase": "Failed", "reason": "DeadlineExceeded", "containerStatuses": [{"name": "program", "state": {"terminated": {"exitCode": 137}}}]}`},
			ProgramEnd{},
			"", "it did not end within 1m0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.set(func() { c.log = "words\n" })
			kinds := c.runs(tt.states...)
			var output strings.Builder
			prog := aProgram
			prog.Output = &output
			end, left, err := programsOf(t, nil).Run(t.Context(), prog)
			if end != tt.end || left != nil || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%+v, %v, %v", end, left, err)
			}
			if err == nil && output.String() != tt.output {
				t.Errorf("the output is %q", output.String())
			}
			if got := kinds(); !slices.Equal(got, []string{"NetworkPolicy", "Secret", "Pod"}) {
				t.Errorf("made %q", got)
			}
			if len(c.left()) > 0 {
				t.Errorf("left %q", c.left())
			}
		})
	}
}

func TestAProgramThatDoesNotEndIsRemoved(t *testing.T) {
	c := newCluster(t)
	c.runs(programStatus("Running", `{"running": {}}`))
	prog := aProgram
	prog.Output, prog.Timeout = &strings.Builder{}, 10*time.Millisecond
	_, left, err := programsOf(t, nil).Run(t.Context(), prog)
	if late, ok := errors.AsType[*ProgramTimeoutError](err); !ok || late.After != prog.Timeout || left != nil || len(c.left()) > 0 {
		t.Errorf("%v, %v, left %q", left, err, c.left())
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.set(func() { c.refuse["logs"] = "Error from server: not yet" }) // so that the program is seen to run
	prog.Timeout = time.Minute
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, left, err := programsOf(t, nil).Run(ctx, prog); !errors.Is(err, context.Canceled) || left != nil || len(c.left()) > 0 {
		t.Errorf("interrupted: %v, %v, left %q", left, err, c.left())
	}
}

func TestAnEmulatedProgramMayRunWhereTheBuilderEmulates(t *testing.T) {
	c := newCluster(t)
	kinds := c.runs(programStatus("Succeeded", `{"terminated": {}}`))
	prog := aProgram
	prog.Output, prog.Emulated = &strings.Builder{}, true
	if _, _, err := programsOf(t, nil).Run(t.Context(), prog); err == nil || !strings.Contains(err.Error(), "no machine is known that emulates linux/arm64") {
		t.Errorf("without a builder: %v", err)
	}
	c.set(func() {
		p := map[string]any{"kind": "Pod", "metadata": map[string]any{"name": "bk-0"}, "spec": map[string]any{"nodeName": "m1"}, "status": json.RawMessage(isReady)}
		c.put(p)
	})
	if _, _, err := programsOf(t, nil).Run(t.Context(), prog); err != nil || len(kinds()) != 3 {
		t.Errorf("%v, %q", err, kinds())
	}
}

func TestRightsAndLeftoversAreSeenToBeforeAProgramRuns(t *testing.T) {
	c := newCluster(t)
	may := true
	item := func(kind, name string, age, lasts time.Duration) map[string]any {
		return map[string]any{"kind": kind, "metadata": map[string]any{
			"name": name, "labels": map[string]any{objects.ProgramLabel: name}, "creationTimestamp": time.Now().Add(-age).Format(time.RFC3339),
			"annotations": map[string]any{objects.LastsAnnotation: fmt.Sprint(lasts.Seconds())},
		}}
	}
	c.set(func() {
		c.create = func(input []byte) (out string) {
			var list struct{ Items []review }
			if err := json.Unmarshal(input, &list); err != nil {
				t.Error(err)
			}
			for _, r := range list.Items {
				r.Status.Allowed = may || r.Spec.Attributes.Resource != "networkpolicies"
				out += text(r) + "\n"
			}
			return out
		}
		c.put(item("NetworkPolicy", "old", time.Hour, 11*time.Minute))
		c.put(item("Secret", "old", time.Hour, 11*time.Minute))
	})
	p := programsOf(t, nil)
	if err := p.Prepare(t.Context()); err != nil || len(c.left()) > 0 {
		t.Errorf("%v, left %q", err, c.left())
	}
	c.set(func() { c.put(item("Pod", "young", time.Hour, 2*time.Hour)) })
	if err := p.Prepare(t.Context()); err != nil || len(c.left()) != 1 {
		t.Errorf("%v, left %q", err, c.left())
	}
	may = false
	err := p.Prepare(t.Context())
	if e, ok := errors.AsType[*ProgramRightsError](err); !ok || !slices.Contains(e.Missing, "create networkpolicies") || slices.Contains(e.Missing, "create pods") {
		t.Errorf("got %v", err)
	}
}

func TestOutputThatIsReadAgainIsWrittenOnce(t *testing.T) {
	var got strings.Builder
	o := &onward{to: &got}
	for _, part := range []string{"one ", "two "} {
		if n, err := o.Write([]byte(part)); n != 4 || err != nil {
			t.Fatal(n, err)
		}
	}
	o.again()
	for _, part := range []string{"one tw", "o three"} {
		if n, err := o.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got.String() != "one two three" {
		t.Errorf("got %q", got.String())
	}
}
