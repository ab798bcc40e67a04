package solve

// reason is why something of a job is done again; "" is none.
type reason string

// The reasons. The order is that in which they are asked for; [again] says which can meet.
const (
	// readUnderPins: another solve of the same try, since only a solve can be under pins. Nothing has run.
	readUnderPins reason = "the Dockerfile was read from other sources than all platforms are to have"
	// readIsolated: another reading in the same solve. Nothing has run.
	readIsolated reason = "the platform is to have cache mounts of its own"
	// pushAlone: another solve of the same try, which finds everything in the cache and pushes the image without its attestations.
	pushAlone reason = "attestations are pushed after their image"
	// tryAgain: another try after a pause.
	tryAgain reason = "a failure that may be gone with the next try"
	// fallBack: the tries begin again, without relocated steps.
	fallBack reason = "a failure of what was relocated"
)

// moment is when it is asked whether something is done again.
type moment int

const (
	atBarrier    moment = iota // the Dockerfile has been read and the barrier passed
	afterExport                // a solve has exported the image
	afterAttempt               // an attempt has ended, well or not
)

// facts are what a job's next attempt depends on.
type facts struct {
	cancelled bool // the build has ended

	// At the barrier.
	otherSources bool // the Dockerfile was read from other sources than the pins name
	sharedMounts bool // it was read with shared cache mounts, and is to have its own

	// When the image was exported.
	unpushed bool // it has attestations, so it was not pushed with them

	// When the attempt has ended.
	unpinned       bool // it ended at the barrier, for readUnderPins
	failed         bool
	retries, limit int         // how often the job was tried again since it began or fell back, and how often such a failure allows
	fellBack       bool        // nothing is relocated any more
	relocated      func() bool // reports whether relocated steps are why it failed; it may have to wait, so it is asked last
}

// again decides what of a job is done again. It is the only place that does. What it says for each moment:
//
//   - At the barrier, once a job, as no later attempt waits there: readUnderPins before readIsolated. Where both are due there is only one
//     more reading: that under pins is isolated as well. The decision that a platform has mounts of its own holds for all later attempts.
//   - When an image was exported: pushAlone, once an attempt. A failure of it is one of the attempt.
//   - At the end of an attempt: readUnderPins, if that ended it; else, for a failure, tryAgain up to its limit, then fallBack.
//
// So they meet like this: a try has one solve, or two with readUnderPins, and one more with pushAlone. A try after a failure has one, or two
// with pushAlone: its first reading is already under pins, for the images that the first try had, and isolated if need be; unless the first
// try failed before the barrier, then it goes there. After fallBack the count of tries begins again, for the emulator fails in other ways
// than the relocated steps; fallBack itself comes once. A job that could not be relocated at all, in its solve, has fallen back without
// another attempt. An image that was made and is refused is not tried again, as it would be the same: its limit is 0; but it is made
// again by fallBack.
func again(at moment, f facts) reason {
	switch {
	case f.cancelled:
		return ""
	case at == atBarrier && f.otherSources, at == afterAttempt && f.unpinned:
		return readUnderPins
	case at == atBarrier && f.sharedMounts:
		return readIsolated
	case at == afterExport && f.unpushed:
		return pushAlone
	case at != afterAttempt || !f.failed:
		return ""
	case f.retries < f.limit:
		return tryAgain
	case !f.fellBack && f.relocated():
		return fallBack
	}
	return ""
}
