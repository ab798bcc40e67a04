package report

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Span is a part of a build's time in which one party did one thing, or several like it together. Times are since the start of the program.
type Span struct {
	Who   string        `json:"who"`
	What  string        `json:"what"`
	Count int           `json:"count"` // of the things
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
}

// Together makes one of the spans with the same words, and sorts them by their beginning.
func Together(spans []Span) (all []Span) {
	for _, s := range spans {
		i := slices.IndexFunc(all, func(t Span) bool { return t.Who == s.Who && t.What == s.What })
		if i < 0 {
			all = append(all, s)
			continue
		}
		all[i].Count, all[i].From, all[i].To = all[i].Count+1, min(all[i].From, s.From), max(all[i].To, s.To)
	}
	slices.SortFunc(all, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), strings.Compare(a.What, b.What))
	})
	return all
}
