package progress

import (
	"strconv"
	"strings"
	"time"

	"github.com/morikuni/aec"
)

// Style is the appearance of a terminal's display. The zero value has no colours.
type Style struct {
	// Done, Cancelled, Failed and Faint are the colours of ended, cancelled and failed steps, and of the output of steps; nil
	// means no colour.
	Done, Cancelled, Failed, Faint aec.ANSI
	// LogLines is how many lines of each running step's output are shown at most; 0 means 6.
	LogLines int
	// Every is the time between two drawings; 0 means a tenth of a second.
	Every time.Duration
}

// ParseLook reads the variables that BuildKit's own displays use: NO_COLOR (any value: no colours), BUILDKIT_COLORS
// ("run=green:error=255,0,0"), BUILDKIT_TTY_LOG_LINES and TTY_DISPLAY_RATE (milliseconds). Invalid values are ignored, as there
// (util/progress/progressui/init.go and colors.go of BuildKit).
func ParseLook(lookup func(string) (string, bool)) Style {
	var l Style
	if n, err := strconv.Atoi(value(lookup, "BUILDKIT_TTY_LOG_LINES")); err == nil && n > 0 {
		l.LogLines = n
	}
	if n, err := strconv.Atoi(value(lookup, "TTY_DISPLAY_RATE")); err == nil && n > 0 {
		l.Every = time.Duration(n) * time.Millisecond
	}
	if value(lookup, "NO_COLOR") != "" {
		return l
	}
	l.Done, l.Cancelled, l.Failed, l.Faint = aec.BlueF, aec.YellowF, aec.RedF, aec.Faint
	for field := range strings.SplitSeq(value(lookup, "BUILDKIT_COLORS"), ":") {
		key, name, _ := strings.Cut(field, "=")
		c := parseColour(strings.ToLower(name))
		if c == nil {
			continue
		}
		switch strings.ToLower(key) {
		case "run":
			l.Done = c
		case "cancel":
			l.Cancelled = c
		case "error":
			l.Failed = c
		}
	}
	return l
}

func value(lookup func(string) (string, bool), name string) string {
	v, _ := lookup(name)
	return v
}

// colours are the names in BUILDKIT_COLORS.
var colours = map[string]aec.ANSI{
	"default": aec.DefaultF,
	"black":   aec.BlackF, "blue": aec.BlueF, "cyan": aec.CyanF, "green": aec.GreenF,
	"magenta": aec.MagentaF, "red": aec.RedF, "white": aec.WhiteF, "yellow": aec.YellowF,
	"light-black": aec.LightBlackF, "light-blue": aec.LightBlueF, "light-cyan": aec.LightCyanF, "light-green": aec.LightGreenF,
	"light-magenta": aec.LightMagentaF, "light-red": aec.LightRedF, "light-white": aec.LightWhiteF, "light-yellow": aec.LightYellowF,
}

// parseColour reads a name or three numbers up to 255 with commas between them; it returns nil for anything else.
func parseColour(s string) aec.ANSI {
	if c, ok := colours[s]; ok {
		return c
	}
	var rgb []uint8
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return nil
		}
		rgb = append(rgb, uint8(n))
	}
	if len(rgb) != 3 {
		return nil
	}
	return aec.Color8BitF(aec.NewRGB8Bit(rgb[0], rgb[1], rgb[2]))
}
