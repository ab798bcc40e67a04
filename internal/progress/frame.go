package progress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// frame is one drawing.
type frame struct {
	record *record
	style  Style
	title  string
	begun  time.Time
	now    time.Time
	height int  // of the terminal
	final  bool // the last one: it need not fit, and nothing runs any more
}

// rows returns the lines of the drawing: a title, and for each lane a head and below it the running steps, with the last lines of
// their output, as far as there is room. The last line of the terminal is left free for the cursor.
func (f frame) rows() []row {
	room := f.height - 2
	if f.final {
		room = 1 << 20
	}
	blocks := f.blocks(max(room, 1))
	for _, b := range blocks {
		room -= len(b.rows)
	}
	room = f.fill(blocks, room)
	if len(blocks) == 1 { // a single block uses all of the room
		all := blocks[0].ended
		blocks[0].ended = all[len(all)-max(0, min(len(all), room)):]
	}
	rows := []row{{left: "[+] " + f.title, right: seconds(f.now.Sub(f.begun))}}
	for _, b := range blocks {
		rows = append(append(rows, b.rows...), b.ended...)
		for _, s := range b.shown {
			rows = append(rows, s.rows...)
		}
	}
	if last := max(f.height-1, 1); !f.final && len(rows) > last {
		return rows[:last] // a tiny terminal
	}
	return rows
}

// block is the part of the drawing for a lane, or for several that are folded together.
type block struct {
	name, state string // empty for several lanes
	rows        []row
	ended       []row        // of a single lane: its steps that have ended
	running     []*shownStep // the longest first
	shown       []*shownStep
}

type shownStep struct {
	step *step
	took time.Duration
	rows []row
	logs []string
}

func longestFirst(x, y *shownStep) int { return cmp.Compare(y.took, x.took) }

// blocks returns the heads of the lanes and the steps that run in them. Where room is scarce, lanes of the same state without a
// running step share a line.
func (f frame) blocks(room int) []*block {
	var all []*block
	for _, name := range f.record.lanesInOrder() {
		all = append(all, f.block(name))
	}
	for _, state := range []string{stateDone, stateEnded, stateWaiting} {
		if wantedLines(all) > room {
			all = f.fold(all, state)
		}
	}
	return all
}

// wantedLines returns how many lines blocks take with one running step each.
func wantedLines(blocks []*block) (lines int) {
	for _, b := range blocks {
		lines += len(b.rows) + min(1, len(b.running))
	}
	return lines
}

// fold puts the blocks of a state into one line before the others, if there are several.
func (f frame) fold(all []*block, state string) []*block {
	var names []string
	var kept []*block
	for _, b := range all {
		if b.name != "" && b.state == state {
			names = append(names, b.name)
		} else {
			kept = append(kept, b)
		}
	}
	if len(names) < 2 {
		return all
	}
	line := row{left: fmt.Sprintf(" %d %s: %s", len(names), state, strings.Join(names, ", ")), colour: f.colour(state)}
	return append([]*block{{rows: []row{line}}}, kept...)
}

// block returns one lane's: its head, a line for each failed step, and the running steps.
func (f frame) block(name string) *block {
	state := f.state(name)
	head := row{left: fmt.Sprintf(" %-*s  %-*s", f.record.width, name, f.record.howWidth, f.record.how[name]), colour: f.colour(state)}
	b := &block{name: name, state: state}
	t := f.record.lanes[name]
	if t == nil {
		head.left += "  " + state
		b.rows = []row{head}
		return b
	}
	done, total := t.count()
	head.left += fmt.Sprintf("  %7s  %s", fmt.Sprintf("%d/%d", done, total), state)
	if head.right = seconds(t.took(f.now)); name == Shared && state == stateDone {
		head.right = seconds(t.last.Sub(t.first))
	}
	b.rows = []row{head}
	alone := len(f.record.lanesInOrder()) == 1
	for _, s := range t.begun() {
		took := s.took(f.now.Add(-f.record.skew))
		switch {
		case s.failed():
			b.rows = append(b.rows, row{left: "  => ERROR " + oneLine(s.name), right: seconds(took), colour: f.style.Failed})
		case s.running() && !f.final:
			b.running = append(b.running, &shownStep{step: s, took: took})
		case alone && s.done():
			b.ended = append(b.ended, row{left: "  => " + s.mark() + oneLine(s.name), right: seconds(took), colour: f.colour(s.state())})
		}
	}
	slices.SortStableFunc(b.running, longestFirst)
	return b
}

// fill assigns the room to steps, first one in each block, and then to the output of the shown steps.
func (f frame) fill(blocks []*block, room int) (left int) {
	var shown []*shownStep
	for n := 0; room > 0; n++ {
		var next []*shownStep
		for _, b := range blocks {
			if n < len(b.running) {
				next = append(next, b.running[n])
				b.shown = append(b.shown, b.running[n])
			}
		}
		if len(next) == 0 {
			break
		}
		slices.SortStableFunc(next, longestFirst)
		for _, s := range next[:min(len(next), room)] {
			s.rows = []row{{left: "  => " + oneLine(s.step.name), right: seconds(s.took)}}
			shown = append(shown, s)
			room--
		}
	}
	return f.output(shown, room)
}

// output shares the room among the steps, a line to each in turn, and shows that many of the last lines of their output.
func (f frame) output(steps []*shownStep, room int) (left int) {
	given := make([]int, len(steps))
	for i := range steps {
		s := steps[i].step
		if steps[i].logs = s.tail.last(f.logLines()); len(steps[i].logs) == 0 {
			steps[i].logs = s.transfer()
		}
	}
	for n := 1; room > 0 && n <= f.logLines(); n++ {
		for i, s := range steps {
			if room > 0 && len(s.logs) >= n {
				given[i], room = n, room-1
			}
		}
	}
	for i, s := range steps {
		for _, line := range s.logs[len(s.logs)-given[i]:] {
			s.rows = append(s.rows, row{left: "   | " + oneLine(line), colour: f.style.Faint})
		}
	}
	return room
}

func (f frame) logLines() int {
	if f.style.LogLines > 0 {
		return f.style.LogLines
	}
	return 6
}
