package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// crashed explains a container that ended by itself. If this run created it, the container is removed,
// so that the next attempt does not find it. The error is errChanged if another container has taken its
// place.
func (k *reconciler) crashed(ctx context.Context, now observed) error {
	how := "BuildKit ended"
	switch {
	case now.OOMKilled:
		how = "BuildKit was killed: out of memory"
	case now.ExitCode != 0:
		how = fmt.Sprintf("BuildKit ended with status %d", now.ExitCode)
	}
	lines := k.logs(ctx, now.ID)
	if done, err := k.unbridged(ctx, now, lines); err != nil || done {
		return cmp.Or(err, errChanged)
	}
	err := fmt.Errorf("%s%s", how, logExcerpt(lines))
	if now.ID != "" && now.ID == k.made.created {
		err = errors.Join(err, k.undo(ctx, now.ID))
	}
	return err
}

// logs returns the end of a container's log, without uninformative lines.
func (k *reconciler) logs(ctx context.Context, id string) []string {
	text, err := k.eng.Logs(ctx, id, readLines)
	if err != nil {
		return nil
	}
	return buildkitmsg.Reasons(strings.Split(text, "\n"))
}

// logExcerpt formats lines of a log for an error message.
func logExcerpt(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "; the end of its log:\n  " + strings.Join(lines[max(0, len(lines)-logLines):], "\n  ")
}

const (
	readLines = 100 // lines read of a log: more than buildkitd's list of flags has
	logLines  = 10  // lines of a log that an error message repeats
)
