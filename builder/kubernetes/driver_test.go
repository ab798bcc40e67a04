package kubernetes

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func farm(options map[string]string) builder.Endpoint {
	return builder.Endpoint{
		Builder: "farm", Node: "arm64", Driver: DriverName, Address: "kubernetes://?namespace=ci", Options: options,
		Platforms: []platform.Platform{{OS: "linux", Architecture: "arm64"}},
	}
}

// connected connects and returns what was reported.
func connected(t *testing.T, e builder.Endpoint, want builder.Spec) (n *builder.Node, said []string, err error) {
	t.Helper()
	n, err = Driver{}.Connect(t.Context(), e, want, func(line string) { said = append(said, line) })
	if err == nil {
		t.Cleanup(func() { n.Close() })
	}
	return n, said, err
}

func (c *cluster) called() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

func (c *cluster) left() (keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.items {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (c *cluster) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func TestANodeIsMadeUsedStoppedStartedAndRemoved(t *testing.T) {
	c := newCluster(t)
	e := farm(map[string]string{"replicas": "3"})
	n, said, err := connected(t, e, builder.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	if want := `builder "farm", node "arm64": creating deployment/multiarch-farm-arm64 in namespace ci`; !slices.Equal(said, []string{want}) {
		t.Errorf("said %q", said)
	}
	if n.Version != "v0.34.2" || n.OnHost || len(n.Platforms) != 1 || n.Engine != nil || n.Shell != nil {
		t.Errorf("got %+v", n)
	}
	if got := c.called(); !slices.Equal(got, []string{"get", "apply"}) {
		t.Errorf("called %q", got)
	}
	n, said, err = connected(t, e, builder.Spec{})
	if err != nil || len(said) > 0 {
		t.Fatalf("said %q, %v", said, err)
	}
	names := []string{n.Endpoint.Node}
	for _, o := range n.More {
		names = append(names, o.Endpoint.Node)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"arm64.0", "arm64.1", "arm64.2"}) {
		t.Errorf("pods are %q", names)
	}
	if got := c.called(); !slices.Equal(got, []string{"get"}) {
		t.Errorf("called %q", got)
	}
	all, err := Driver{}.Inspect(t.Context(), e, builder.Brief)
	if err != nil || len(all) != 3 || all[0].State != "running" || all[0].BuildKit != "v0.34.2" || all[0].Container != "pod/bk-0" {
		t.Errorf("%+v, %v", all, err)
	}
	if found, err := (Driver{}).Stop(t.Context(), e); err != nil || !found || len(c.left()) != 2 {
		t.Errorf("stop: %t, %v, left %q", found, err, c.left())
	}
	if all, err := (Driver{}).Inspect(t.Context(), e, builder.Brief); err != nil || len(all) != 1 || all[0].State != "exited" {
		t.Errorf("%+v, %v", all, err)
	}
	if nodes, err := (Driver{}).Reopen(t.Context(), e, builder.ReopenOptions{}); err != nil || len(nodes) > 0 {
		t.Errorf("a stopped node without a volume is started for nothing: %v, %v", nodes, err)
	}
	if _, said, err = connected(t, e, builder.Spec{}); err != nil || len(said) != 1 || !strings.Contains(said[0], "starting deployment/multiarch-farm-arm64") {
		t.Errorf("said %q, %v", said, err)
	}
	if found, err := (Driver{}).Remove(t.Context(), e, builder.RemoveOptions{}); err != nil || !found || len(c.left()) > 0 {
		t.Errorf("remove: %t, %v, left %q", found, err, c.left())
	}
	if found, err := (Driver{}).Remove(t.Context(), e, builder.RemoveOptions{}); err != nil || found {
		t.Errorf("remove again: %t, %v", found, err)
	}
}

func TestANodeIsChangedWhileNoBuildRunsInIt(t *testing.T) {
	c := newCluster(t)
	connect := func(options map[string]string, want builder.Spec) ([]string, error) {
		n, said, err := connected(t, farm(options), want)
		if err == nil {
			n.Close()
		}
		return said, err
	}
	if _, err := connect(nil, builder.Spec{}); err != nil {
		t.Fatal(err)
	}
	c.set(func() { c.builds = 2 })
	c.called()
	_, err := connect(map[string]string{"limits.cpu": "2"}, builder.Spec{BusyWait: -1})
	if used, ok := errors.AsType[*InUseError](err); !ok || used.Builds != 2 || slices.Contains(c.called(), "apply") {
		t.Errorf("got %v", err)
	}
	if _, err := connect(nil, builder.Spec{}); err != nil {
		t.Errorf("without a change: %v", err)
	}
	c.set(func() { c.builds = 0 })
	said, err := connect(map[string]string{"limits.cpu": "2"}, builder.Spec{})
	if err != nil || len(said) != 1 || !strings.Contains(said[0], "changing deployment/multiarch-farm-arm64") {
		t.Errorf("said %q, %v", said, err)
	}
	volume := map[string]string{"persistent-volume-claim.requests.storage": "1Gi"}
	if _, err := connect(volume, builder.Spec{}); err != nil {
		t.Fatal(err)
	}
	if left := c.left(); !slices.Contains(left, "statefulset/multiarch-farm-arm64") || slices.Contains(left, "deployment/multiarch-farm-arm64") {
		t.Errorf("left %q", left)
	}
	c.set(func() {
		c.put(map[string]any{"kind": "PersistentVolumeClaim", "metadata": map[string]any{"name": "state-bk-0"}, "spec": map[string]any{
			"resources": map[string]any{"requests": map[string]any{"storage": "1024Mi"}},
		}})
	})
	if _, err := connect(volume, builder.Spec{}); err != nil {
		t.Errorf("the same size in other words: %v", err)
	}
	_, err = connect(map[string]string{"persistent-volume-claim.requests.storage": "2Gi"}, builder.Spec{})
	if e, ok := errors.AsType[*SizeError](err); !ok || e.Have != "1024Mi" || e.Want != "2Gi" || e.Claims != "state-bk-0" {
		t.Errorf("another size: %v", err)
	}
	if _, err := (Driver{}).Remove(t.Context(), farm(volume), builder.RemoveOptions{KeepState: true}); err != nil || !slices.Equal(c.left(), []string{"persistentvolumeclaim/state-bk-0"}) {
		t.Errorf("keeping the cache: %v, left %q", err, c.left())
	}
}

func TestAnotherClientsProxiesAreNoChange(t *testing.T) {
	c := newCluster(t)
	var proxied builder.Spec
	proxied.Daemon.Proxies = map[string]string{"HTTP_PROXY": "http://p:1"}
	for i, want := range []builder.Spec{proxied, {}, proxied} {
		if _, _, err := connected(t, farm(nil), want); err != nil {
			t.Fatal(err)
		}
		if applied := slices.Contains(c.called(), "apply"); applied != (i == 0) {
			t.Errorf("client %d: %t", i, applied)
		}
	}
}

func TestWhatKeepsPodsFromGettingReadyIsSaid(t *testing.T) {
	for name, tt := range map[string]struct{ status, want string }{
		"unschedulable": {isUnschedulable, "pod/bk-0: no node of the cluster can take it: 0/2 nodes are available"},
		"crashing":      {isCrashing, "pod/bk-0: its container buildkitd has ended with status 1\n  unknown key: colour"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.set(func() { c.status = tt.status })
			began := time.Now()
			_, _, err := connected(t, farm(nil), builder.Spec{})
			if e, ok := errors.AsType[*NotReadyError](err); !ok || e.Patient || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			if left := c.left(); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
	t.Run("with a timeout it may go away", func(t *testing.T) {
		c := newCluster(t)
		c.set(func() { c.status = isUnschedulable })
		_, said, err := connected(t, farm(map[string]string{"timeout": "3s"}), builder.Spec{})
		if e, ok := errors.AsType[*NotReadyError](err); !ok || !e.Patient || !strings.Contains(err.Error(), "not ready after 3s: pod/bk-0: no node") || len(said) != 2 {
			t.Errorf("said %q, got %v", said, err)
		}
	})
}

func TestWhatTheClusterRefusesIsSaid(t *testing.T) {
	for name, tt := range map[string]struct{ verb, said, want string }{
		"no namespace": {"apply", `Error from server (NotFound): namespaces "ci" not found`, `the cluster has no namespace "ci"`},
		"no rights": {
			"apply", `Error from server (Forbidden): configmaps "x" is forbidden: User "u" cannot patch resource`,
			`the cluster does not take it: configmaps "x" is forbidden: User "u" cannot patch resource`,
		},
		"no cluster": {
			"get", "E1130 12:00:00.000000 1 memcache.go:265] \"Unhandled Error\"\nThe connection to the server localhost:8080 was refused - did you specify the right host or port?",
			"The connection to the server localhost:8080 was refused - did you specify the right host or port?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.set(func() { c.refuse[tt.verb] = tt.said })
			_, _, err := connected(t, farm(nil), builder.Spec{})
			if err == nil || err.Error() != `builder "farm", node "arm64": `+tt.want || len(c.left()) > 0 {
				t.Errorf("got %v, left %q", err, c.left())
			}
		})
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := connected(t, farm(nil), builder.Spec{}); !errors.Is(err, kubectl.ErrMissing) {
		t.Errorf("without kubectl: %v", err)
	}
}

func TestNothingIsMadeWithoutPermission(t *testing.T) {
	c := newCluster(t)
	no := errors.New("not now")
	_, _, err := connected(t, farm(nil), builder.Spec{Permit: func(context.Context) error { return no }})
	if !errors.Is(err, no) || len(c.left()) > 0 {
		t.Errorf("got %v, left %q", err, c.left())
	}
}

func TestABuildCannotChangeTheNodeForOthers(t *testing.T) {
	newCluster(t)
	for _, want := range []builder.Spec{{Image: "bk:1"}, {Host: builder.HostNetwork{Requested: true, For: "-t localhost:5000/app"}}} {
		_, _, err := connected(t, farm(nil), want)
		_, configured := errors.AsType[*ConfiguredError](err)
		_, loopback := errors.AsType[*LoopbackError](err)
		if !configured && !loopback {
			t.Errorf("got %v", err)
		}
	}
}

func TestClustersArePlanned(t *testing.T) {
	c := newCluster(t)
	machine := func(name, arch, ready string, spec map[string]any) {
		c.set(func() {
			c.put(map[string]any{
				"kind": "Node", "metadata": map[string]any{"name": name, "labels": map[string]any{labelArch: arch, labelOS: "linux"}}, "spec": spec,
				"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": ready}}},
			})
		})
	}
	machine("a1", "amd64", "True", nil)
	machine("a2", "amd64", "False", nil)
	machine("b1", "arm64", "True", nil)
	machine("b2", "arm64", "True", map[string]any{"unschedulable": true})
	machine("c1", "s390x", "True", map[string]any{"taints": []any{map[string]any{"key": "k", "effect": "NoSchedule"}}})
	of := func(words ...string) builder.Endpoint {
		e := farm(nil)
		e.Platforms, _, _ = platform.Parse(words...)
		return e
	}
	for platforms, want := range map[string]string{
		"": "amd64 on a1, arm64 on b1", "linux/arm64": "arm64 on b1", "linux/amd64,linux/386": "amd64 on a1", "linux/arm/v7": "arm64 on b1",
		"darwin/arm64": "the cluster has no node for darwin/arm64: pods of builders run linux",
		"linux/s390x":  "the cluster has no node for linux/s390x (a2 is not ready; b2 takes no more pods (it is cordoned); c1 has the taint k:NoSchedule, which no toleration permits)",
	} {
		e := farm(nil)
		e.Platforms = nil
		if platforms != "" {
			e = of(platforms)
		}
		planned, err := Plan(t.Context(), e)
		var words []string
		for _, p := range planned {
			words = append(words, p.Endpoint.Node+" on "+strings.Join(p.Machines, " "))
		}
		if got := strings.Join(words, ", "); got != want && (err == nil || err.Error() != want) {
			t.Errorf("%s: %s, %v", platforms, got, err)
		}
	}
	c.set(func() {
		c.refuse["get"] = `Error from server (Forbidden): nodes is forbidden: User "u" cannot list resource "nodes"`
	})
	e := farm(nil)
	e.Platforms = nil
	if _, err := Plan(t.Context(), e); err == nil || !strings.Contains(err.Error(), `this user may not list the cluster's nodes: nodes is forbidden`) {
		t.Errorf("got %v", err)
	}
	if planned, err := Plan(t.Context(), of("linux/arm64")); err != nil || len(planned) != 1 || planned[0].Machines != nil {
		t.Errorf("without rights, but with a platform: %+v, %v", planned, err)
	}
}

func TestAPodThatIsRememberedIsConnectedToAtOnce(t *testing.T) {
	c := newCluster(t)
	dir := t.TempDir()
	d := Driver{Memory: func() string { return dir }}
	for i, tt := range []struct {
		options map[string]string
		before  func()
		called  []string
	}{
		{nil, func() {}, []string{"get", "apply"}},
		{nil, func() {}, nil},
		{map[string]string{"limits.cpu": "2"}, func() {}, []string{"get", "apply"}},
		{map[string]string{"limits.cpu": "2"}, func() {}, nil},
	} {
		c.set(tt.before)
		n, err := d.Connect(t.Context(), farm(tt.options), builder.Spec{}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
		if got := c.called(); !slices.Equal(got, tt.called) {
			t.Errorf("connection %d has called %q", i, got)
		}
	}
	limited := farm(map[string]string{"limits.cpu": "2"})
	if found, err := d.Stop(t.Context(), limited); !found || err != nil {
		t.Fatal(found, err)
	}
	c.called()
	if n, err := d.Connect(t.Context(), limited, builder.Spec{}, func(string) {}); err != nil {
		t.Error(err)
	} else if n.Close(); !slices.Contains(c.called(), "get") {
		t.Error("the pod of before a stop is connected to without a look")
	}
	c.set(func() { c.refuse["exec"], c.status = `Error from server (NotFound): pods "bk-0" not found`, isReady })
	if _, err := d.Connect(t.Context(), farm(map[string]string{"limits.cpu": "2"}), builder.Spec{}, func(string) {}); err == nil || !slices.Contains(c.called(), "get") {
		t.Errorf("a pod that is gone: %v", err)
	}
}

func TestAConfigurationThatKubectlCannotUseIsNamedAsSuch(t *testing.T) {
	c := newCluster(t)
	c.set(func() { c.refuse["--context=nowhere"] = "error: cannot locate context nowhere" })
	for want, given := range map[string][2]string{
		"cannot locate context nowhere":                {"nowhere", ""},
		"stat /none/config: no such file or directory": {"", "/none/config"},
	} {
		_, err := Resolve(t.Context(), given[0], given[1])
		if _, ok := errors.AsType[*ConfigError](err); !ok || err.Error() != "kubectl cannot use its configuration: "+want {
			t.Errorf("got %v", err)
		}
	}
}
