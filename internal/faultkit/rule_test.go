package faultkit

import (
	"slices"
	"strings"
)

// acts reports whether the fault lasts.
func (f fault) acts() bool {
	return f.answer != nil || f.wire != nil || f.build != nil || f.local != nil || f.engine != nil
}

// mustPass reports whether a retry within the bounds gives success. The bound is two minutes for the client's own requests and for pushes,
// and four seconds for the questions before the build. BuildKit has no bound for a silence. A registry that has not answered yet is not
// asked again if no connection can be made: its name may be wrong.
func (c combination) mustPass() bool {
	merges := strings.Contains(c.scenario.name, "merge") || strings.Contains(c.scenario.name, "push ARCHIVE")
	early := slices.Index(phases, c.phase) < slices.Index(phases, steps) // the registries may be asked at the same time
	quick := c.count > 0 && !c.silent && c.wire == nil && !strings.Contains(c.fault.name, "Retry-After")
	switch {
	case c.passes:
		return c.answer == nil || !early && !merges
	case !c.mends || c.ever() || c.limit > 0 && c.lasts > c.limit:
		return false
	case c.phase == asking, merges && slices.Index(phases, c.phase) <= slices.Index(phases, look):
		return quick
	case early:
		return quick && c.sends
	case slices.Index(phases, c.phase) >= slices.Index(phases, prepare), c.count == 1 && c.phase == readBack:
		return true
	}
	return c.sends && c.count > 0 || c.phase == export && c.mends && !c.silent
}
