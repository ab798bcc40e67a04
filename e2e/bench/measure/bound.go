package measure

// Bound is the most that ours may need in a row, in one of the row's units. Times, AtMost and MoreThan make one.
type Bound struct {
	// Limit is a multiple of the figure of Against, or a difference to it. Without Against it is a figure in the unit.
	Limit   float64 `json:"limit"`
	Against string  `json:"against,omitempty"` // a contestant
	More    bool    `json:"more,omitempty"`    // Limit is a difference
	Label   string  `json:"label,omitempty"`   // follows the row's name
}

// Times allows ours a multiple of what another contestant needs.
func Times(limit float64, against string) Bound {
	return Bound{Limit: limit, Against: against, Label: Ours + "/" + against}
}

// AtMost allows ours a figure in the row's unit, whatever others need. The label is the short name of the unit, or empty.
func AtMost(limit float64, label string) Bound {
	return Bound{Limit: limit, Label: label}
}

// MoreThan allows ours as much more than another contestant needs, in the row's unit. The label describes the comparison.
func MoreThan(limit float64, against, label string) Bound {
	return Bound{Limit: limit, Against: against, More: true, Label: label}
}

// Name returns the name of the bound of a row.
func (b Bound) Name(row string) string {
	if b.Label == "" {
		return row
	}
	return row + ", " + b.Label
}

// Found returns the figure to compare with Limit. ok is false if one of its contestants was not measured.
func (b Bound) Found(median map[string]float64) (found float64, ok bool) {
	our, their := median[Ours], median[b.Against]
	switch {
	case our == 0 || b.Against != "" && their == 0:
		return 0, false
	case b.Against == "":
		return our, true
	case b.More:
		return our - their, true
	}
	return our / their, true
}
