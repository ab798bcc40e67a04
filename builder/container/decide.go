package container

import (
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// action is what to do next about a builder.
type action string

const (
	actUse      action = "use"      // it is what is wanted and runs
	actCreate   action = "create"   // there is none
	actStart    action = "start"    // it is what is wanted and does not run
	actUnpause  action = "unpause"  // nothing can be said about it while it is paused
	actRecreate action = "recreate" // it is not what is wanted
	actWait     action = "wait"     // somebody is changing it
	actRefuse   action = "refuse"   // it is not ours
)

// step is a decision and its reasons, for people.
type step struct {
	Action  action
	Reasons []string
}

func (s step) String() string {
	if len(s.Reasons) == 0 {
		return string(s.Action)
	}
	return fmt.Sprintf("%s (%s)", s.Action, strings.Join(s.Reasons, "; "))
}

// decide says what to do next so that have comes nearer to want. It is pure.
// minVersion is the oldest BuildKit that will do.
func decide(want settings, minVersion string, have observed) step {
	switch {
	case have.ID == "":
		return step{Action: actCreate}
	case !have.Ours:
		return step{actRefuse, []string{"the container of that name was not made by docker multiarch"}}
	case have.State == container.StateRemoving, have.State == container.StateDead:
		return step{actWait, []string{"the old container is being removed"}}
	case have.State == container.StatePaused:
		return step{Action: actUnpause}
	}
	reasons := differences(want, have.Settings)
	if builder.TooOld(have.Image.Version, minVersion) {
		reasons = append(reasons, fmt.Sprintf("BuildKit: %s → %s or newer", have.Image.Version, minVersion))
	}
	if have.Trouble != "" {
		reasons = append(reasons, have.Trouble)
	}
	if len(reasons) > 0 {
		return step{actRecreate, reasons}
	}
	switch have.State {
	case container.StateCreated, container.StateExited:
		return step{Action: actStart}
	default: // running, or on its way to it
		return step{Action: actUse}
	}
}
