package report

import "github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"

// slopeLimit is the bound of each slope: of our time for each more of the quantity, as a multiple of the peer's.
const slopeLimit = 1

// Verdict is a required bound with the measured value.
type Verdict struct {
	Name  string  `json:"name"`
	Limit float64 `json:"limit"`
	Found float64 `json:"found"`
	Met   bool    `json:"met"`
	row   string  // whose bound it is; "": a slope's
}

// Verdicts returns those about the bounds of the results, in their order, then one for each slope. Bounds whose contestants were not
// measured have none.
func Verdicts(results []measure.Result) (all []Verdict) {
	for _, r := range results {
		for _, b := range r.Want {
			if found, ok := b.Found(r.Median); ok {
				all = append(all, Verdict{Name: b.Name(r.Name), Limit: b.Limit, Found: found, Met: found <= b.Limit, row: r.Name})
			}
		}
	}
	for _, points := range bySlope(results) {
		our, their := steepness(points, measure.Ours), steepness(points, measure.Peer)
		if their > 0 {
			name := "slope, " + points[0].Point.Slope + ", each more, ours/peer"
			all = append(all, Verdict{Name: name, Limit: slopeLimit, Found: our / their, Met: our/their <= slopeLimit})
		}
	}
	return all
}
