package report

import (
	"cmp"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// bySlope returns the results of each slope, in the order of its points.
func bySlope(results []measure.Result) (slopes [][]measure.Result) {
	at := map[string]int{}
	for _, r := range results {
		if r.Point == nil || r.Failed != "" {
			continue
		}
		i, known := at[r.Point.Slope]
		if !known {
			i = len(slopes)
			at[r.Point.Slope], slopes = i, append(slopes, nil)
		}
		slopes[i] = append(slopes[i], r)
	}
	for _, points := range slopes {
		slices.SortFunc(points, func(a, b measure.Result) int { return cmp.Compare(a.Point.At, b.Point.At) })
	}
	return slopes
}

// steepness returns the time for each more of the quantity between the first point and the last; 0 if there is only one.
func steepness(points []measure.Result, who string) float64 {
	first, last := points[0], points[len(points)-1]
	if len(points) == 1 {
		return 0
	}
	return (last.Median[who] - first.Median[who]) / float64(last.Point.At-first.Point.At)
}
