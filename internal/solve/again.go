package solve

// reason is why part of a job is done again; "" means no reason.
type reason string

// The reasons, in the order in which they are checked. The comment of [again] says which of them can meet.
const (
	// readUnderPins asks for another solve of the same try, since pins hold for a whole solve. Nothing has run.
	readUnderPins reason = "the Dockerfile was read from other sources than all platforms are to have"
	// readIsolated asks for another reading in the same solve. Nothing has run.
	readIsolated reason = "the platform is to have cache mounts of its own"
	// pushAlone asks for another solve of the same try. It finds everything in the cache and pushes the image without its attestations.
	pushAlone reason = "the image was not pushed by the solve that made it"
	// pushAgain asks for another solve of the same try, after a pause. It finds everything in the cache and pushes the image.
	pushAgain reason = "a push that the registry did not take for the moment"
	// tryAgain asks for another try after a pause.
	tryAgain reason = "a failure that may be gone with the next try"
	// moveOn asks for another try on another node.
	moveOn reason = "the node was lost"
	// goOn asks for another try on the same node, once it can be reached again.
	goOn reason = "the node was lost and answers again"
	// fallBack starts the tries again, without relocated steps.
	fallBack reason = "a failure of what was relocated"
)

// moment is the point of a job at which [again] is asked.
type moment int

const (
	atBarrier    moment = iota // the Dockerfile has been read and the barrier passed
	afterExport                // a solve has exported the image
	afterAttempt               // an attempt has ended, with or without an error
)

// facts are the inputs of [again].
type facts struct {
	cancelled bool // the build has ended

	// Known at the barrier.
	otherSources bool // the Dockerfile was read from other sources than the pins name
	sharedMounts bool // it was read with shared cache mounts and needs its own

	// Known once the image is exported.
	unpushed bool // it was not pushed: attestations follow their image, or the registries were thought to have it
	busy     bool // everything was exported, and the registry did not take the push for the moment

	// Known at the end of the attempt.
	unpinned       bool // the attempt ended at the barrier, for readUnderPins
	failed         bool
	lost           bool        // the failure is that the node was lost
	elsewhere      func() bool // reports whether another node may build the platform
	returned       func() bool // reports whether the node that was lost answers again; it waits for that, so it is asked last
	retries, limit int         // how often the job was retried since it began or fell back, and how many retries this failure allows
	fellBack       bool        // nothing is relocated any more
	relocated      func() bool // reports whether relocated steps caused the failure; it may block, so it is asked last
}

// again decides which part of a job is done again. It is the only place that decides this. Its answers for each moment:
//
//   - At the barrier, once per job, since no later attempt waits there: readUnderPins before readIsolated. Where both are due there is only
//     one more reading, because the reading under pins is isolated as well. The decision that a platform has its own cache mounts holds for
//     all later attempts.
//   - After the export of an image: pushAlone, once per attempt; pushAgain after every push that the registry did not take for the moment,
//     that of pushAlone included, for as long as the client's policy for registries allows. No step runs again, and nothing was examined
//     yet. Any other failure of the push, and the last one, are a failure of the attempt.
//   - At the end of an attempt: readUnderPins, if the attempt ended for that; otherwise, after a failure, moveOn if the node was lost and
//     another one may build the platform, else goOn if its connection can be made again; otherwise tryAgain up to
//     the limit, then fallBack. Nothing else is tried again on a node that was lost.
//
// The combinations follow. A first try has one solve, or two with readUnderPins, one more with pushAlone, and one more with each pushAgain,
// which is not counted as a retry. A try after a failure has one, or two with pushAlone, and those of pushAgain: its first reading already
// uses the pins, for the images that the first try had, and is isolated if necessary. If the first try failed before the barrier, the next
// try goes to the barrier instead. After fallBack the count of tries starts again, because the emulator fails in other ways than the
// relocated steps do. fallBack happens once. A job whose steps could not be relocated at all, in its solve, has fallen back without another
// attempt. An image that was built and then refused is not retried, since the result would be the same: its limit is 0. fallBack does build
// it again.
func again(at moment, f facts) reason {
	switch {
	case f.cancelled:
		return ""
	case at == atBarrier && f.otherSources, at == afterAttempt && f.unpinned:
		return readUnderPins
	case at == atBarrier && f.sharedMounts:
		return readIsolated
	case at == afterExport && f.busy:
		return pushAgain
	case at == afterExport && f.unpushed:
		return pushAlone
	case at != afterAttempt || !f.failed:
		return ""
	case f.lost:
		switch {
		case f.elsewhere():
			return moveOn
		case f.returned():
			return goOn
		}
		return ""
	case f.retries < f.limit:
		return tryAgain
	case !f.fellBack && f.relocated():
		return fallBack
	}
	return ""
}
