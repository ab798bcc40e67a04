package progress

import (
	"github.com/morikuni/aec"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// These are the states of a lane, as they are shown.
const (
	stateRunning = ""
	stateDone    = "done"
	stateEnded   = "ended" // only the end of the solve is known
	stateWaiting = "waiting"
	stateFailed  = "failed"
	stateStopped = "stopped"
)

func (f frame) state(name string) string {
	t := f.record.lanes[name]
	if t == nil {
		return stateWaiting
	}
	running, open, exported, cancelled := false, false, false, false
	for _, s := range t.order {
		if s.failed() {
			return stateFailed
		}
		running = running || s.running()
		open = open || !s.done() && !s.hidden()
		exported = exported || s.done() && buildkitmsg.IsResultExport(s.name)
		cancelled = cancelled || s.cancelled()
	}
	switch {
	case cancelled:
		return stateStopped
	case running && !f.final:
		return stateRunning
	case name == Shared && !open, t.ended && exported:
		return stateDone
	case t.ended:
		return stateEnded
	case f.final:
		return stateStopped
	}
	return stateWaiting
}

func (f frame) colour(state string) aec.ANSI {
	switch state {
	case stateDone, stateEnded:
		return f.style.Done
	case stateFailed:
		return f.style.Failed
	case stateStopped:
		return f.style.Cancelled
	}
	return nil
}
