package solve

import (
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/imagecheck"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
)

// attempt is the input of one attempt to make a job's image. It never changes: the consequence of its outcome is another attempt.
type attempt struct {
	decided  *decision // the barrier's decision, whose pins hold for all that is read; nil: this attempt goes to the barrier
	isolated bool      // the platform has its own cache mounts
	fallback fallback  // why nothing is relocated
	retries  int       // the failed tries since the job began or fell back
	before   int       // the failed tries before the fallback
	moved    *job      // the job on another node, if it was moved; else nil
	began    time.Time // when the try began of which this is a later solve; zero for its first solve
	spent    float64   // seconds of the earlier tries
}

// pins returns the pins of the attempt's solves.
func (a attempt) pins() pins.Pins {
	if a.decided == nil {
		return pins.Pins{}
	}
	return a.decided.pins
}

// outcome is the result of an attempt, complete or so far.
type outcome struct {
	relocation           // the definition to solve
	decided    *decision // nil: the barrier was not passed
	unpinned   bool      // the attempt ended at the barrier, to be read again under pins
	isolated   bool
	refused    error // why the client ended the solve: BuildKit returns this as text only
	symptoms   failure.Symptoms
	child      index.Child
	key        string // of the image in the memory of pushes
	examined   imagecheck.Found
	made       bool // there is an image; an error is about it
	began      time.Time
	seconds    float64 // of all tries so far
	err        error
}

// endedBy returns the outcome with an error after which no other attempt can follow.
func (o outcome) endedBy(err error, f fallback) outcome {
	o.err, o.fallback = err, f
	return o
}

// failedAs returns the outcome with the failure of an earlier one, as if there had been no fallback.
func (o outcome) failedAs(first outcome) outcome {
	o.err, o.symptoms, o.fallback = first.err, first.symptoms, fallback{}
	return o
}

// way returns how the job's platform is made, once the barrier is passed.
func (o outcome) way(index int) plan.Job {
	if o.fallback.job != nil {
		return *o.fallback.job
	}
	return o.decided.plan.Jobs[index]
}

// explained returns the error with its kind, as far as it is known how the platform was made.
func (o outcome) explained(index int) error {
	if o.decided == nil {
		return o.err
	}
	return o.symptoms.Explain(o.way(index), o.err)
}
