package solve

import (
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/imagecheck"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
)

// attempt says how a job's image is to be made this time. It never changes: what follows from its outcome is another attempt.
type attempt struct {
	decided  *decision // what the barrier has said, under whose pins all is read; nil: this attempt goes to the barrier
	isolated bool      // the cache mounts are the platform's own
	fallback fallback  // why nothing is relocated
	retries  int       // how many tries have failed before, since the job began or fell back
	before   int       // how many had failed until it fell back
	began    time.Time // when the try began, of which this is a later solve; zero for the first
	spent    float64   // seconds of the tries before
}

// pins are those of its solves.
func (a attempt) pins() pins.Pins {
	if a.decided == nil {
		return pins.Pins{}
	}
	return a.decided.pins
}

// outcome is what an attempt came to, so far or at last.
type outcome struct {
	relocation           // what is solved
	decided    *decision // nil: the barrier was not passed
	unpinned   bool      // it ended at the barrier, to be read under pins
	isolated   bool
	refused    error // why the solve was ended by us: BuildKit brings that back as text
	symptoms   failure.Symptoms
	child      index.Child
	examined   imagecheck.Found
	made       bool // there is an image; an error is about it
	began      time.Time
	seconds    float64 // of all tries so far
	err        error
}

// endedBy is the outcome where no other attempt can follow, for that error.
func (o outcome) endedBy(err error, f fallback) outcome {
	o.err, o.fallback = err, f
	return o
}

// failedAs is the outcome with the failure of an earlier one, as if there had been no fallback.
func (o outcome) failedAs(first outcome) outcome {
	o.err, o.symptoms, o.fallback = first.err, first.symptoms, fallback{}
	return o
}

// way is how the job's platform is made, once the barrier is passed.
func (o outcome) way(index int) plan.Job {
	if o.fallback.job != nil {
		return *o.fallback.job
	}
	return o.decided.plan.Jobs[index]
}

// explained is the error with its kind, as far as it is known how the platform was made.
func (o outcome) explained(index int) error {
	if o.decided == nil {
		return o.err
	}
	return o.symptoms.Explain(o.way(index), o.err)
}
