package kubernetes

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// socketVariable tells the stand-in for kubectl where the cluster of its test is.
const socketVariable = "TEST_KUBECTL_SOCKET"

// programs is the folder with the stand-in.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "kubectl-")
	if err == nil {
		var out []byte
		if out, err = exec.Command("go", "build", "-o", filepath.Join(dir, "kubectl"), "./testdata/kubectl").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// cluster is as much of a cluster as the driver sees of one.
type cluster struct {
	t      *testing.T
	builds int    // running, in each pod
	log    string // of every container

	mu       sync.Mutex
	items    map[string]map[string]any // by kind/name
	calls    []string                  // the verbs, without watches
	refuse   map[string]string         // by verb: what kubectl says
	away     int                       // calls that find no API server
	status   string                    // of new pods
	create   func(input []byte) string // what is printed for objects that are created
	watchers map[chan string]string    // by kind
	execs    []net.Conn                // to BuildKits
	replaced int                       // pods made so far
}

// newCluster makes the stand-in the kubectl of this test.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, items: map[string]map[string]any{}, refuse: map[string]string{}, watchers: map[chan string]string{}, status: isReady, log: "unknown key: colour\n"}
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	t.Setenv("PATH", programs)
	t.Setenv("KUBECONFIG", filepath.Join(dir, "none"))
	t.Setenv(socketVariable, filepath.Join(dir, "s"))
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

func (c *cluster) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil {
		return
	}
	var args []string
	if err := json.Unmarshal([]byte(line), &args); err != nil {
		c.t.Error(err)
	}
	args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "--namespace=") })
	c.mu.Lock()
	refused := c.refuse["exec"]
	if args[0] == "exec" {
		c.execs = append(c.execs, conn)
	}
	c.mu.Unlock()
	if args[0] == "exec" && refused != "" {
		_, _ = io.WriteString(conn, refused+"\n")
		conn.Close()
		return
	}
	if args[0] == "exec" {
		_, _ = io.WriteString(conn, "ok\n")
		c.buildkit(args[2], conn, in)
		return
	}
	defer conn.Close()
	if slices.Contains(args, "--watch") {
		c.watch(conn, args[slices.Index(args, "--output-watch-events")+1])
		return
	}
	input, _ := io.ReadAll(in)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, args[0])
	if c.away > 0 {
		c.away--
		_, _ = io.WriteString(conn, "The connection to the server h:1 was refused - did you specify the right host or port?\n")
		return
	}
	if said := c.refuse[args[0]]; said != "" {
		_, _ = io.WriteString(conn, strings.ReplaceAll(said, "\n", "|")+"\n")
		return
	}
	_, _ = io.WriteString(conn, "ok\n"+c.answer(args, input))
}

func (c *cluster) answer(args []string, input []byte) string {
	switch args[0] {
	case "get":
		var list []any
		for _, key := range slices.Sorted(maps.Keys(c.items)) {
			kind, _, _ := strings.Cut(key, "/")
			if slices.Contains(strings.Split(args[3], ","), plural(kind)) {
				list = append(list, c.items[key])
			}
		}
		return text(map[string]any{"items": list})
	case "apply":
		var list struct{ Items []map[string]any }
		if err := json.Unmarshal(input, &list); err != nil {
			c.t.Error(err)
		}
		for _, item := range list.Items {
			c.put(item)
		}
		c.pods()
	case "patch":
		var patch struct{ Spec struct{ Replicas int } }
		if err := json.Unmarshal([]byte(args[len(args)-2]), &patch); err != nil {
			c.t.Error(err)
		}
		c.scale(args[1], patch.Spec.Replicas)
	case "delete":
		return c.remove(args)
	case "create":
		return c.create(input)
	case "logs":
		return c.log
	}
	return ""
}

func plural(kind string) string {
	if strings.HasSuffix(kind, "y") {
		return strings.TrimSuffix(kind, "y") + "ies"
	}
	return kind + "s"
}

func (c *cluster) put(item map[string]any) {
	name, _ := item["metadata"].(map[string]any)["name"].(string)
	c.items[strings.ToLower(item["kind"].(string))+"/"+name] = item
}

func (c *cluster) scale(workload string, replicas int) {
	c.items[workload]["spec"].(map[string]any)["replicas"] = float64(replicas)
	c.pods()
}

// pods makes the pods that the workloads want, as controllers do.
func (c *cluster) pods() {
	for key := range maps.Clone(c.items) {
		if strings.HasPrefix(key, "pod/") {
			delete(c.items, key)
		}
	}
	for _, w := range maps.Clone(c.items) {
		spec, _ := w["spec"].(map[string]any)
		replicas, _ := spec["replicas"].(float64)
		if w["kind"] != objects.Deployment && w["kind"] != objects.StatefulSet {
			continue
		}
		template := spec["template"].(map[string]any)["metadata"].(map[string]any)
		for i := range int(replicas) {
			c.replaced++
			p := map[string]any{"kind": "Pod", "metadata": map[string]any{"name": fmt.Sprintf("bk-%d", i), "uid": fmt.Sprint(c.replaced), "annotations": template["annotations"]}}
			p["status"] = json.RawMessage(c.status)
			c.put(p)
			c.tell("pods", text(map[string]any{"type": "ADDED", "object": p}))
		}
	}
}

// cut ends the connections to all BuildKits.
func (c *cluster) cut() {
	for _, conn := range c.execs {
		conn.Close()
	}
	c.execs = nil
}

func (c *cluster) tell(kind, event string) {
	for w, of := range c.watchers {
		if of == kind {
			w <- event
		}
	}
}

func (c *cluster) remove(args []string) (names string) {
	for key := range maps.Clone(c.items) {
		kind, _, _ := strings.Cut(key, "/")
		one := slices.Contains(args, key)
		if one || slices.Contains(args, "-l") && slices.ContainsFunc(args, func(a string) bool { return slices.Contains(strings.Split(a, ","), plural(kind)) }) {
			delete(c.items, key)
			names += key + "\n"
		}
	}
	c.pods()
	return names
}

func (c *cluster) watch(conn net.Conn, kind string) {
	events := make(chan string, 100)
	c.mu.Lock()
	for key, item := range c.items {
		if strings.HasPrefix(key, strings.TrimSuffix(kind, "s")+"/") {
			events <- text(map[string]any{"type": "ADDED", "object": item})
		}
	}
	c.watchers[events] = kind
	c.mu.Unlock()
	_, _ = io.WriteString(conn, "ok\n")
	for e := range events {
		if _, err := io.WriteString(conn, e+"\n"); err != nil {
			return
		}
	}
}

// buildkit answers on the connection as a BuildKit does.
func (c *cluster) buildkit(pod string, conn net.Conn, in io.Reader) {
	c.mu.Lock()
	metadata, _ := c.items["pod/"+pod]["metadata"].(map[string]any)
	id, _ := metadata["uid"].(string)
	c.mu.Unlock()
	s := grpc.NewServer()
	controlapi.RegisterControlServer(s, daemon{c: c, id: id})
	_ = s.Serve(&single{conn: &buffered{conn, in}, done: make(chan struct{})})
}

// daemon is as much of a BuildKit as the driver needs.
type daemon struct {
	controlapi.UnimplementedControlServer
	c  *cluster
	id string
}

func (d daemon) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{
		ID: d.id, BuildkitVersion: &apitypes.BuildkitVersion{Version: "v0.34.2"}, Platforms: []*pb.Platform{{OS: "linux", Architecture: "arm64"}},
	}}}, nil
}

func (daemon) Info(context.Context, *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	return &controlapi.InfoResponse{}, nil
}

func (d daemon) ListenBuildHistory(_ *controlapi.BuildHistoryRequest, out controlapi.Control_ListenBuildHistoryServer) error {
	d.c.mu.Lock()
	builds := d.c.builds
	d.c.mu.Unlock()
	for range builds {
		if err := out.Send(&controlapi.BuildHistoryEvent{Type: controlapi.BuildHistoryEventType_STARTED}); err != nil {
			return err
		}
	}
	return nil
}

// buffered is a connection whose first bytes were read already.
type buffered struct {
	net.Conn
	in io.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// single is a listener of one connection.
type single struct {
	conn net.Conn
	once sync.Once
	done chan struct{}
}

func (s *single) Accept() (c net.Conn, err error) {
	s.once.Do(func() { c = s.conn })
	if c != nil {
		return c, nil
	}
	<-s.done
	return nil, io.EOF
}
func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}
