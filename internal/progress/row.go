package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/morikuni/aec"
)

// row is a line of the display on a terminal: text at the left, cut if need be, and at the right.
type row struct {
	left, right string
	colour      aec.ANSI
}

// fit returns the row's text, at most width cells wide.
func (r row) fit(width int) string {
	room := width
	if r.right != "" {
		room = width - runewidth.StringWidth(r.right) - 1
	}
	if room < 1 { // too narrow for both
		return runewidth.Truncate(r.left, max(width, 0), "")
	}
	text := runewidth.Truncate(r.left, room, "...")
	if r.right == "" {
		return text
	}
	return runewidth.FillRight(text, room) + " " + r.right
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", max(d, 0).Seconds()) }

// oneLine makes text fit for one line.
func oneLine(s string) string {
	return strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(string(clean([]byte(strings.ReplaceAll(s, "\n", " ")), false)))
}
