package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// endWithin is how long before a start the end is looked for. The engine waits for less before it starts a container again.
const endWithin = time.Minute

// End is how a container ended.
type End struct {
	ExitCode    int
	OutOfMemory bool // the kernel has killed it
}

// LastEnd returns how a container ended that the engine has started again by itself. known is false if the engine does not remember.
func (e *Engine) LastEnd(ctx context.Context, c container.InspectResponse) (end End, known bool, err error) {
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt) // by the engine's own clock
	if err != nil {
		return End{}, false, fmt.Errorf("inspect container %q: when it was started: %w", c.ID, err)
	}
	ctx, done := e.watch.attend(ctx)
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	list := e.api.Events(ctx, client.EventsListOptions{
		Since: started.Add(-endWithin).Format(time.RFC3339Nano), Until: started.Format(time.RFC3339Nano),
		Filters: make(client.Filters).Add("type", string(events.ContainerEventType)).Add("container", c.ID),
	})
	for {
		select {
		case event := <-list.Messages:
			end.OutOfMemory = end.OutOfMemory || event.Action == events.ActionOOM
			if event.Action == events.ActionDie {
				end.ExitCode, err = strconv.Atoi(event.Actor.Attributes["exitCode"])
				known = err == nil
			}
		case err := <-list.Err:
			if errors.Is(err, io.EOF) {
				err = nil
			}
			end.OutOfMemory = end.OutOfMemory && end.ExitCode == killed // else it was a process of it, as a step's is
			return end, known, failed(ctx, fmt.Sprintf("list the events of container %q", c.ID), err)
		}
	}
}
