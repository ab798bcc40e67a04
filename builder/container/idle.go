package container

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// settleTime is how long a builder may look used before that is reported: traces of a client that has
// just left stay for some milliseconds.
const settleTime = 500 * time.Millisecond

// awaitIdle returns when the container is idle: BuildKit lists no running build, and no client is
// connected. It waits up to the spec's BusyWait.
func (k *reconciler) awaitIdle(ctx context.Context, have observed, todo step) error {
	begun, reported := time.Now(), ""
	for pause := newPause(); ; {
		use, err := k.usage(ctx, have)
		if err != nil || use == "" {
			return err
		}
		waited := time.Since(begun)
		if waited >= max(settleTime, k.spec.BusyWait) {
			return &InUseError{todo.Reasons, use}
		}
		if use != reported && waited >= settleTime {
			k.say(fmt.Sprintf("waiting to replace its container (%s) until it is idle: %s", strings.Join(todo.Reasons, "; "), use))
			reported = use
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// clientsScript counts the clients that are connected to buildkitd: each has a `buildctl dial-stdio` in
// the container. The engine's own list of executed commands is not reliable: Engine 20.10 was seen to
// list a command as running for minutes after its end. (The brackets keep the script from finding
// itself.)
const clientsScript = `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -o 'buildctl dial-stdi[o]' | wc -l`

// usage describes the users of the container, "" when there are none. A client that is connected and
// builds nothing yet counts: a build is about to begin.
func (k *reconciler) usage(ctx context.Context, have observed) (string, error) {
	if !have.running() {
		return "", nil
	}
	builds, err := k.activeBuilds(ctx, have)
	if err != nil || builds > 0 {
		return plural(builds, "running build"), err
	}
	if k.local() && lockedLocally(have.ID, have.PID) {
		return "a connected client", nil
	}
	res, err := k.eng.Exec(ctx, have.ID, []string{"/bin/sh", "-c", clientsScript}, nil)
	if err != nil {
		return "", ignoreChanged(err) // it no longer runs
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(res.Stdout)))
	if err != nil {
		return "", nil // an image without these tools: BuildKit's own answer must do
	}
	return plural(n, "connected client"), nil
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + what
	default:
		return fmt.Sprintf("%d %ss", n, what)
	}
}

// activeBuilds counts the builds that BuildKit lists as running. A BuildKit that does not answer counts
// as running none.
func (k *reconciler) activeBuilds(ctx context.Context, have observed) (int, error) {
	qctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l, err := k.target(have).connect(qctx)
	if err != nil {
		return 0, context.Cause(ctx)
	}
	defer l.Close()
	n, err := builder.CountBuilds(qctx, l.Client)
	if err != nil {
		return n, context.Cause(ctx)
	}
	return n, nil
}
