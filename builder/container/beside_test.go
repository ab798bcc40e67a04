package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// heard collects what is said that is not the script's.
type heard struct {
	beside *beside
	rest   strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.rest.Write(h.beside.hear(p))
	return len(p), nil
}

func TestAScriptRunsBesideACommandThatKeepsItsInputAndOutput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script, command string
		output          string
		ok              bool
		rest            string
	}{
		"a script":                   {"echo one\necho two\nexit 0", "cat", "one\ntwo\n", true, ""},
		"without a line's end":       {"printf one", "cat", "one", true, ""},
		"its errors":                 {"echo one; echo no >&2", "cat", "one\n", true, ""},
		"its input":                  {"cat", "cat", "", true, ""},
		"a trap":                     {"trap 'echo last' EXIT; echo one; exit 0", "cat", "one\nlast\n", true, ""},
		"a failure":                  {"echo one; exit 3", "cat", "one\n", false, ""},
		"the command says something": {"echo one", "cat; wait; sleep 0.2; echo broken >&2", "one\n", true, "broken\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &heard{beside: newBeside(test.script)}
			argv := h.beside.with([]string{"/bin/sh", "-c", test.command})
			cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
			cmd.Stdin, cmd.Stderr = strings.NewReader("input"), h
			got, err := cmd.Output()
			if err != nil || string(got) != "input" {
				t.Errorf("the command: %q, %v", got, err)
			}
			h.beside.stop()
			if output, ok := h.beside.said(t.Context()); string(output) != test.output || ok != test.ok || h.rest.String() != test.rest {
				t.Errorf("the script: %q, %t; rest %q", output, ok, h.rest.String())
			}
		})
	}
}

func TestWhatIsSaidBesideIsHeardInAnyPieces(t *testing.T) {
	t.Parallel()
	said := "one\n" + besideMark + "0.\nrest"
	for size := 1; size <= len(said); size++ {
		h := &heard{beside: newBeside("")}
		for at := 0; at < len(said); at += size {
			_, _ = h.Write([]byte(said[at:min(at+size, len(said))]))
		}
		if output, ok := h.beside.said(t.Context()); string(output) != "one\n" || !ok || h.rest.String() != "rest" {
			t.Errorf("in pieces of %d: %q, %t, %q", size, output, ok, h.rest.String())
		}
	}
	h := &heard{beside: newBeside("")}
	for range besideLimit >> 10 {
		_, _ = h.Write(make([]byte, 1<<10))
	}
	if _, ok := h.beside.said(t.Context()); ok {
		t.Error("output without an end is taken")
	}
}

// besideWorld is a world whose commands run scripts besides, and its counts of such connections and of other commands. hear is what is said
// beside a connection.
func besideWorld(t *testing.T, hear string) (w *world, connections, others *atomic.Int32) {
	t.Helper()
	w, connections, others = newWorld(t), &atomic.Int32{}, &atomic.Int32{}
	w.fake.Process = func(c *enginetest.Container, cmd []string, stdin io.Reader, stdout, stderr io.Writer) int {
		if n := len(cmd); n < 2 || cmd[n-1] != "dial-stdio" {
			if others.Add(1); strings.Contains(cmd[n-1], "chroot") {
				fmt.Fprint(stdout, report)
				return 0
			}
			return w.process(c, cmd, stdin, stdout, stderr)
		}
		connections.Add(1)
		peer, _ := w.fake.Dial(c, cmd[len(cmd)-2:])
		fmt.Fprint(stderr, hear)
		go func() {
			_, _ = io.Copy(peer, stdin)
			_ = peer.Close()
		}()
		_, _ = io.Copy(stdout, peer)
		return 0
	}
	return w, connections, others
}

// report is a probe's.
const report = "uname 6.1.0 x86_64\nran amd64 0\nran arm64 0\nend\n"

func TestTheProbeRunsInTheCommandOfTheConnection(t *testing.T) {
	t.Parallel()
	both := []platform.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	for name, test := range map[string]struct {
		hear  string
		alone int32 // probes in a command of their own
	}{
		"the report comes":    {report + besideMark + "0.\n", 0},
		"the script fails":    {besideMark + "1.\n", 1},
		"there is no report":  {besideMark + "0.\n", 1},
		"the report is short": {"uname 6.1.0 x86_64\n" + besideMark + "0.\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, connections, others := besideWorld(t, test.hear)
			w.mustEnsure(t, want{})
			connections.Store(0)
			others.Store(0)
			spec := want{}.spec()
			spec.BusyWait, spec.StartWait, spec.Probe = -1, 10*time.Second, both
			k, n, err := ensure(t.Context(), w.eng, spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			status, err := k.described(n).Probe(t.Context(), both...)
			if err != nil || status.Mode(both[1]) == emulation.None {
				t.Errorf("%v, %v", status, err)
			}
			if c := connections.Load(); c != 1 || others.Load() != test.alone {
				t.Errorf("%d connections, and %d other commands", c, others.Load())
			}
		})
	}
}

func TestAnEarlyConnectionLeadsToTheContainerThatIsOnTheHostsNetwork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		general string // the general container's network
	}{
		"the general one": {"host"},
		"one beside it":   {""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, connections, others := besideWorld(t, report+besideMark+"0.\n")
			if err := Create(t.Context(), w.eng, want{Network: test.general}.spec(), CreateOptions{Start: true}, nil); err != nil {
				t.Fatal(err)
			}
			spec := want{Network: "host", NetworkFor: "a registry"}.spec()
			spec.BusyWait, spec.StartWait = -1, 10*time.Second
			if _, n, err := ensure(t.Context(), w.eng, spec, nil); err != nil || n.Close() != nil {
				t.Fatal(err)
			}
			connections.Store(0)
			others.Store(0)
			spec.Probe = []platform.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
			k, n, err := ensure(t.Context(), w.eng, spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			if _, err := k.described(n).Probe(t.Context(), spec.Probe...); err != nil {
				t.Error(err)
			}
			if c, o := connections.Load(), others.Load(); n.Network != "host" || c != 1 || o != 0 {
				t.Errorf("the network is %q; %d connections, and %d other commands", n.Network, c, o)
			}
		})
	}
}

func TestAConnectionThatEndsEndsTheWaitForWhatIsSaidBeside(t *testing.T) {
	t.Parallel()
	b := newBeside("x")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, ok := b.said(ctx); ok {
		t.Error("there is an answer")
	}
	b.stop()
	if _, ok := b.said(t.Context()); ok {
		t.Error("there is an answer")
	}
}
