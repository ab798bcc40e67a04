package container

import (
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// action is the next step for a builder.
type action string

const (
	actUse      action = "use"      // it satisfies the settings and runs
	actCreate   action = "create"   // there is none
	actStart    action = "start"    // it satisfies the settings and does not run
	actUnpause  action = "unpause"  // a paused container cannot be judged
	actRecreate action = "recreate" // it does not satisfy the settings
	actWait     action = "wait"     // another client is changing it
	actRefuse   action = "refuse"   // it belongs to another program
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

// decide returns the next step that brings have closer to want. It is pure. minVersion is the oldest
// BuildKit that is accepted.
func decide(want settings, minVersion string, have observed) step {
	switch {
	case have.ID == "":
		return step{Action: actCreate}
	case !have.Ours:
		return step{Action: actRefuse}
	case have.State == container.StateRemoving, have.State == container.StateDead:
		return step{actWait, []string{"the old container is being removed"}}
	case have.State == container.StatePaused:
		return step{Action: actUnpause}
	}
	reasons := differences(want, have.Settings)
	if builder.TooOld(have.Image.Version, minVersion) {
		reasons = append(reasons, fmt.Sprintf("BuildKit: %s → %s or newer", have.Image.Version, minVersion))
	}
	if have.SettingsProblem != "" {
		reasons = append(reasons, have.SettingsProblem)
	}
	if len(reasons) > 0 {
		return step{actRecreate, reasons}
	}
	switch have.State {
	case container.StateCreated, container.StateExited:
		return step{Action: actStart}
	default: // running, or about to run
		return step{Action: actUse}
	}
}
