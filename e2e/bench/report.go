package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// These are the names of the contestants, in the order of the columns.
const (
	ours      = "ours"
	peer      = "peer"
	same      = "same"
	bare      = "bare"
	bareIndex = "bare+index"
	unchecked = "unchecked" // ours, where there is nothing to check, or checks are off
)

// report is the result of a run of this program.
type report struct {
	Runs    int       `json:"runs"`
	Warm    int       `json:"warm"`
	Machine string    `json:"machine"`
	Only    string    `json:"only,omitempty"` // the regexp of the names of all rows that were wanted; "": all
	Results []result  `json:"results"`
	Bounds  []verdict `json:"bounds"`
	Trace   []span    `json:"trace,omitempty"`
}

// verdict is a required bound with the measured value.
type verdict struct {
	Name  string  `json:"name"`
	Limit float64 `json:"limit"`
	Found float64 `json:"found"`
	Met   bool    `json:"met"`
	row   string  // whose bound it is; "": a slope's
}

// These are the required bounds: of ours as a multiple of the peer's, or absolute where a unit is given.
const (
	timeLimit   = 1.05
	startLimit  = 0.3
	memoryLimit = 0.45
	sizeLimit   = 40   // MiB
	statusLimit = 2000 // ms
	slopeLimit  = 1
	checkLimit  = 30 // ms, more than without

	sentLimit  = 1.01
	askedLimit = 1

	loadAgainLimit   = 0.15
	loadChangedLimit = 0.5
	archiveLimit     = 1.1

	mergeLimit    = 0.8
	mergeFarLimit = 0.5

	gateNothingLimit  = 10 // ms, more than without
	gateFewLimit      = 1.03
	gateManyLimit     = 1.25
	verifyMemoryLimit = 128 // MiB

	crossOneLimit     = 0.15
	crossThreeLimit   = 0.2
	crossNothingLimit = 10 // ms, more than without

	frontendLimit = 0.6

	nodesNothingLimit = 0.6
	nodesFilesLimit   = 0.8
	nodesMemoryLimit  = 0.6
	nodesCachedLimit  = 0.8

	farNothingLimit = 1.3
	farPlanLimit    = 2000 // ms
	farInspectLimit = 1000 // ms

	clusterFirstLimit = 0.25
	clusterWarmLimit  = 0.7
	clusterTwoLimit   = 0.5
)

func verdicts(results []result) []verdict {
	var all []verdict
	add := func(r result, against string, limit float64) {
		a, b := r.Median[ours], r.Median[against]
		if a == 0 || b == 0 {
			return
		}
		all = append(all, verdict{Name: r.Name + ", ours/" + against, Limit: limit, Found: a / b, Met: a/b <= limit})
	}
	absolute := func(name string, found, limit float64) {
		all = append(all, verdict{Name: name, Limit: limit, Found: found, Met: found <= limit})
	}
	for _, r := range results {
		known := len(all)
		switch {
		case r.Want > 0 && r.Median[peer] == 0 && r.Median[ours] > 0:
			absolute(r.Name+", "+string(r.Unit), r.Median[ours], r.Want)
		case r.Want > 0:
			add(r, peer, r.Want)
			add(r, same, timeLimit)
		case r.Unit == size:
			absolute(r.Name+", MiB", r.Median[ours], sizeLimit)
		case r.Name == emulatorStatus:
			absolute(r.Name+", ms", r.Median[ours], statusLimit)
		case strings.HasPrefix(r.Name, emulatorCheck):
			absolute(r.Name+", ms more than one that need not", r.Median[ours]-r.Median[unchecked], checkLimit)
		case strings.HasPrefix(r.Name, loadAgain):
			add(r, peer, loadAgainLimit)
		case strings.HasPrefix(r.Name, loadChanged):
			add(r, peer, loadChangedLimit)
		case strings.HasSuffix(r.Name, withFrontend):
			add(r, peer, frontendLimit)
		case r.Name == mergeThree:
			add(r, peer, mergeLimit)
		case r.Name == mergeFar:
			add(r, peer, mergeFarLimit)
		case r.Name == archiveCase:
			add(r, peer, archiveLimit)
		case r.Name == gateNothing:
			absolute(r.Name+", ms more than with --verify=off", r.Median[ours]-r.Median[unchecked], gateNothingLimit)
		case r.Name == gateFew:
			add(r, unchecked, gateFewLimit)
		case r.Name == gateMany:
			add(r, unchecked, gateManyLimit)
		case r.Name == crossOne:
			add(r, same, crossOneLimit)
		case r.Name == crossThree:
			add(r, same, crossThreeLimit)
		case r.Name == crossNothing:
			absolute(r.Name+", ms more than with --cross=off", r.Median[ours]-r.Median[unchecked], crossNothingLimit)
		case r.Name == "memory: "+verifyLarge:
			absolute(r.Name, r.Median[ours], verifyMemoryLimit)
		case r.Name == farNothing:
			add(r, peer, farNothingLimit)
		case r.Name == farPlan:
			absolute(r.Name+", ms", r.Median[ours], farPlanLimit)
		case r.Name == farInspect:
			absolute(r.Name+", ms", r.Median[ours], farInspectLimit)
		case r.Name == nodesNothing:
			add(r, peer, nodesNothingLimit)
		case r.Name == nodesFiles:
			add(r, peer, nodesFilesLimit)
		case r.Name == nodesCached:
			add(r, peer, nodesCachedLimit)
		case r.Name == "memory: "+nodesNothing, r.Name == "memory: "+nodesFiles:
			add(r, peer, nodesMemoryLimit)
		case r.Name == clusterFirst:
			add(r, peer, clusterFirstLimit)
		case r.Name == clusterWarm:
			add(r, peer, clusterWarmLimit)
		case r.Name == clusterTwo:
			add(r, peer, clusterTwoLimit)
		case r.Unit == mib:
			add(r, peer, memoryLimit)
		case r.Unit == sent:
			add(r, peer, sentLimit)
		case r.Unit == asked:
			add(r, peer, askedLimit)
		case strings.HasSuffix(r.Name, throughDocker): // half of the time is the Docker CLI's, so there is no bound
		case strings.HasPrefix(r.Name, startUp):
			add(r, peer, startLimit)
		default:
			add(r, peer, timeLimit)
			add(r, same, timeLimit)
		}
		for i := range all[known:] {
			all[known+i].row = r.Name
		}
	}
	for _, points := range bySlope(results) {
		our, their := steepness(points, ours), steepness(points, peer)
		if their > 0 {
			name := "slope, " + points[0].Point.Slope + ", each more, ours/peer"
			all = append(all, verdict{Name: name, Limit: slopeLimit, Found: our / their, Met: our/their <= slopeLimit})
		}
	}
	return all
}

func (r report) met() bool {
	return !slices.ContainsFunc(r.Bounds, func(v verdict) bool { return !v.Met }) &&
		!slices.ContainsFunc(r.Results, func(r result) bool { return r.Failed != "" })
}

func (r report) print(out io.Writer) {
	fmt.Fprintf(out, "Medians of %d runs after %d, in turns. ours: docker multiarch; peer: docker buildx, docker-container driver, a buildkitd of its own\n", r.Runs, r.Warm)
	fmt.Fprintf(out, "(same image, host network); same: docker buildx, remote driver, on our buildkitd; bare: a plain BuildKit client on our buildkitd.\n\n")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "case\tours\tpeer\tours/peer\tsame\tours/same\tbare\tbare+index\tours−bare+index\tunchecked\tours/unchecked\t")
	for _, res := range r.Results {
		m := res.Median
		if res.Failed != "" {
			fmt.Fprintf(t, "%s\tnot measured\t\t\t\t\t\t\t\t\t\t\n", res.Name)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", res.Name+", "+string(res.Unit),
			figure(m[ours], true), figure(m[peer], m[peer] > 0), quotient(m[ours], m[peer]), figure(m[same], m[same] > 0), quotient(m[ours], m[same]),
			figure(m[bare], m[bare] > 0), figure(m[bareIndex], m[bareIndex] > 0), figure(m[ours]-m[bareIndex], m[bareIndex] > 0),
			figure(m[unchecked], m[unchecked] > 0), quotient(m[ours], m[unchecked]))
	}
	_ = t.Flush()
	fmt.Fprintln(out)
	for _, v := range r.Bounds {
		word := "met"
		if !v.Met {
			word = "NOT met"
		}
		fmt.Fprintf(out, "%-8s %.2f (wanted at most %.2f)  %s\n", word, v.Found, v.Limit, v.Name)
	}
}

func figure(f float64, known bool) string {
	if !known {
		return ""
	}
	return fmt.Sprintf("%.1f", f)
}

func quotient(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}
