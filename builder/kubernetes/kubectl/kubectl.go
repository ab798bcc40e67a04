// Package kubectl runs the program kubectl, which brings the logins of clouds, proxies and contexts with it.
//
// Each call is a process. Answers are JSON; an error has the API's own words.
package kubectl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// Program is the name of the program.
const Program = "kubectl"

// requestTimeout is how long the API may take to answer a request that does not wait for anything.
const requestTimeout = "10s"

// Client calls kubectl for a namespace of a cluster. An empty field is left to kubectl's own configuration.
type Client struct{ Kubeconfig, Context, Namespace string }

// ErrMissing means that the program is not on the PATH.
var ErrMissing = errors.New("the program kubectl is not installed here")

// Error is what kubectl says about a call that failed.
type Error struct {
	Reason string // of the API: NotFound, Forbidden, Invalid, …; "" for an error of kubectl's own
	Text   string // without what kubectl puts before it
}

func (e *Error) Error() string { return e.Text }

// Reason returns the API's reason for an error; "" if it is of another kind.
func Reason(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// flags are those of every call.
func (c Client) flags() (flags []string) {
	for name, value := range map[string]string{"--kubeconfig": c.Kubeconfig, "--context": c.Context, "--namespace": c.Namespace} {
		if value != "" {
			flags = append(flags, name+"="+value)
		}
	}
	return flags
}

func (c Client) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, Program, append(c.flags(), args...)...) //nolint:gosec // no shell reads the words
	cmd.SysProcAttr = ownSession()                                          // an interrupt of the terminal is for us alone: what is under way is ended in order
	cmd.WaitDelay = time.Second                                             // a plugin for logins may keep the pipes
	return cmd
}

// Run returns the standard output of a call that ends by itself. input is its standard input, nil for none.
func (c Client) Run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	return run(ctx, c.command(ctx, append(args, bounded()...)...), input)
}

// bounded returns the flag with the time limit of a request. In a pod there is none: kubectl uses the pod's service account only if it is
// told nothing about the cluster, and this flag counts.
func bounded() []string {
	if os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return nil
	}
	return []string{"--request-timeout=" + requestTimeout}
}

func run(ctx context.Context, cmd *exec.Cmd, input []byte) ([]byte, error) {
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		return out.Bytes(), failure(ctx, err, said.String())
	}
	return out.Bytes(), nil
}

// failure returns the error of a call from what kubectl has said.
func failure(ctx context.Context, err error, said string) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return ErrMissing
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if e := parse(said); e != nil {
		return e
	}
	return fmt.Errorf("kubectl: %w", err)
}

var (
	// logLine is a line of the logger that kubectl's libraries write to, such as `E1130 12:00:00.000000 …`.
	logLine    = lazyregexp.New(`^[IWEF]\d{4} \d`)
	fromServer = lazyregexp.New(`^(?:error: )?(?:[Ee]rror from server|error when \w+ .*: Error from server)(?: \((\w+)\))?: (.*)$`)
)

// parse reads kubectl's standard error. It is nil if that is empty.
func parse(said string) *Error {
	var e Error
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" || logLine().MatchString(line) || strings.HasPrefix(line, "Warning: ") || strings.HasPrefix(line, "Defaulted container ") {
			continue
		}
		if m := fromServer().FindStringSubmatch(line); m != nil {
			line = m[2]
			if e.Reason == "" {
				e.Reason = m[1]
			}
		}
		line = strings.TrimPrefix(line, "error: ")
		line = strings.TrimPrefix(line, `error validating "STDIN": error validating data: `)
		line, _, _ = strings.Cut(line, "; if you choose to ignore these errors, ")
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil
	}
	e.Text = strings.Join(lines, "; ")
	if e.Reason == "" && strings.Contains(e.Text, " is forbidden: User ") { // of a connection that is refused
		e.Reason = "Forbidden"
	}
	if e.Reason == "" && strings.HasPrefix(e.Text, "You must be logged in to the server") {
		e.Reason = "Unauthorized"
	}
	return &e
}

// Get reads objects as JSON into list, which has a field Items.
func (c Client) Get(ctx context.Context, list any, args ...string) error {
	out, err := c.Run(ctx, nil, append([]string{"get", "-o", "json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, list); err != nil {
		return fmt.Errorf("the answer of kubectl get: %w", err)
	}
	return nil
}

// Apply sends objects, as one list, for server-side apply: what was sent before, and is not in it any more, goes.
func (c Client) Apply(ctx context.Context, list []byte) error {
	_, err := c.Run(ctx, list, "apply", "--server-side", "--force-conflicts", "--field-manager="+fieldManager, "-f", "-")
	return err
}

const fieldManager = "docker-multiarch"

// Patch merges a document into an object.
func (c Client) Patch(ctx context.Context, object, document string) error {
	_, err := c.Run(ctx, nil, "patch", object, "--type=merge", "--field-manager="+fieldManager, "-p", document)
	return err
}

// Delete removes objects and waits until they are gone, for as long as the time. It returns their names.
func (c Client) Delete(ctx context.Context, wait time.Duration, args ...string) (names []string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, fmt.Errorf("it is still being deleted after %s", wait))
	defer cancel()
	out, err := run(ctx, c.command(ctx, append([]string{"delete", "--ignore-not-found", "-o", "name"}, args...)...), nil)
	return strings.Fields(string(out)), err
}

// Watch calls each with the objects that a `kubectl get` has found, and then with those that change, until ctx ends or the API ends the
// watch. gone reports that an object was deleted. It returns the error of each, or nil at the end.
func (c Client) Watch(ctx context.Context, each func(raw json.RawMessage, gone bool) error, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := c.command(ctx, append([]string{"get", "-o", "json", "--watch", "--output-watch-events"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return failure(ctx, err, "")
	}
	eerr := events(out, each)
	cancel()
	if err := cmd.Wait(); err != nil && eerr == nil {
		if e := parse(said.String()); e != nil {
			return e
		}
	}
	return eerr
}

func events(out io.Reader, each func(json.RawMessage, bool) error) error {
	for decoder := json.NewDecoder(out); ; {
		var event struct {
			Type   string
			Object json.RawMessage
		}
		if err := decoder.Decode(&event); err != nil {
			return nil //nolint:nilerr // kubectl has ended; its own words say why
		}
		if event.Type == "ERROR" || event.Type == "BOOKMARK" {
			continue
		}
		if err := each(event.Object, event.Type == "DELETED"); err != nil {
			return err
		}
	}
}

// noLog are the kubelet's words, in place of a log, for one that it no longer has or does not have yet.
var noLog = []string{"unable to retrieve container logs", "failed to try resolving symlinks in path"}

func isNoLog(text string) bool {
	return slices.ContainsFunc(noLog, func(words string) bool { return strings.HasPrefix(text, words) })
}

// Logs returns the last lines that a container has written, in its last run if it has been started again since; "" if they are gone.
func (c Client) Logs(ctx context.Context, pod, container string, lines int, again bool) string {
	args := []string{"logs", pod, "-c", container, fmt.Sprintf("--tail=%d", lines)}
	tries := [][]string{args, append(slices.Clone(args), "--previous")} // it may be started again meanwhile
	if again {
		slices.Reverse(tries)
	}
	for _, try := range tries {
		out, err := c.Run(ctx, nil, try...)
		if text := strings.TrimSpace(string(out)); err == nil && text != "" && !isNoLog(text) {
			return text
		}
	}
	return ""
}
