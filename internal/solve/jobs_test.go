package solve

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// crowd is a hook that counts the jobs that work at the same time, and lets none finish before a number of them has arrived.
type crowd struct {
	wait int // how many to wait for; the test fails if they do not arrive

	mu        sync.Mutex
	now, most int
	once      sync.Once
	full      chan struct{}
}

func (c *crowd) work(ctx context.Context, _ platform.Platform) error {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	if c.now == c.wait {
		c.once.Do(func() { close(c.full) })
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.now--
		c.mu.Unlock()
	}()
	select {
	case <-c.full:
		// The pause gives a solve that should not be here time to arrive.
		time.Sleep(2 * time.Millisecond)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(5 * time.Second):
		return context.DeadlineExceeded
	}
}

func TestJobsBoundTheSolvesThatWorkAtTheSameTime(t *testing.T) {
	for name, tt := range map[string]struct {
		jobs, cpus int
		platforms  string
		want       int
	}{
		"one job":                           {1, 2, "linux/amd64,linux/arm64,linux/arm/v7,linux/s390x", 1},
		"two jobs":                          {2, 2, "linux/amd64,linux/arm64,linux/arm/v7,linux/s390x", 2},
		"more jobs than platforms":          {9, 1, "linux/amd64,linux/arm64,linux/arm/v7", 3},
		"emulated ones by CPUs":             {0, 2, "linux/arm64,linux/arm/v7,linux/arm/v6,linux/s390x", 2},
		"native ones beside them":           {0, 2, "linux/amd64,linux/arm64,linux/arm/v7,linux/s390x", 3},
		"native ones, all":                  {0, 1, "linux/amd64,linux/amd64/v2,linux/amd64/v3", 3},
		"CPUs that are not known: no bound": {0, 0, "linux/arm64,linux/arm/v7,linux/s390x", 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			for _, variant := range []string{"v2", "v3"} {
				w.env.Nodes[0].Platforms = append(w.env.Nodes[0].Platforms, platform.Platform{OS: "linux", Architecture: "amd64", Variant: variant})
			}
			w.platforms(tt.platforms)
			w.req.Jobs, w.env.Nodes[0].CPUs = tt.jobs, tt.cpus
			c := &crowd{wait: tt.want, full: make(chan struct{})}
			w.Run = c.work
			w.mustRun()
			if c.most != tt.want {
				t.Errorf("%d worked at the same time, want %d", c.most, tt.want)
			}
		})
	}
}

func TestAStageForTheBuildPlatformRunsOnceUnderNoCacheWithAnyJobs(t *testing.T) {
	for _, jobs := range []int{0, 1, 2} {
		for _, noCache := range []bool{true, false} {
			w := newHarness(t, crossCompiles)
			w.req.Jobs, w.req.NoCache = jobs, noCache
			w.Run = func(_ context.Context, p platform.Platform) error {
				if p.Architecture != "amd64" {
					time.Sleep(20 * time.Millisecond) // jobs that have worked have time to end and to release their results
				}
				return nil
			}
			w.mustRun()
			if n := w.Ran("RUN echo generate"); n != 1 {
				t.Errorf("--jobs %d, no cache %v: the shared step ran %d times", jobs, noCache, n)
			}
			for _, arch := range []string{"amd64", "arm64", "arm"} {
				if n := w.Ran("RUN echo compile for " + arch); n != 1 {
					t.Errorf("--jobs %d, no cache %v: the step for %s ran %d times", jobs, noCache, arch, n)
				}
			}
		}
	}
}

func TestAPlatformThatFailsDoesNotHoldUpThoseThatWaitForEachOther(t *testing.T) {
	for _, jobs := range []int{0, 1} {
		for stage, hook := range map[string]func(*harness){
			"reading": func(w *harness) { w.Read = failing("boom", "linux/arm64") },
			"running": func(w *harness) { w.Run = failing("boom", "linux/arm64") },
			"pushing": func(w *harness) { w.Push = failing("boom", "linux/arm64") },
		} {
			w := newHarness(t, crossCompiles)
			w.req.Jobs, w.req.NoCache = jobs, true
			hook(w)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			rep, err := Run(ctx, w.req, w.env, w.preflight)
			if err == nil || ctx.Err() != nil || len(rep.Platforms) != 3 || rep.Platforms[0].Err != nil || rep.Platforms[1].Err != nil {
				t.Errorf("%s fails with --jobs %d: %v, %v", stage, jobs, err, ctx.Err())
			}
			if n := w.Ran("RUN echo generate"); n != 1 {
				t.Errorf("%s fails with --jobs %d: the shared step ran %d times", stage, jobs, n)
			}
			cancel()
		}
	}
}

func TestSecondsAreWithoutTheWaitForATurn(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.req.Jobs = 1
	const each = 20 * time.Millisecond
	var last platform.Platform
	w.Run = func(_ context.Context, p platform.Platform) error { last = p; time.Sleep(each); return nil }
	start := time.Now()
	rep := w.mustRun()
	all := time.Since(start)
	for _, p := range rep.Platforms {
		if got := time.Duration(p.Seconds * float64(time.Second)); platform.Equal(p.Platform, last) && got > all-2*each {
			t.Errorf("the last of three that took %s each took %s of %s", each, got, all)
		}
	}
}
