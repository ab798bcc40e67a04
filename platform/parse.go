package platform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
)

// Parse reads lists of platforms, as given by a flag that is repeated and whose values may hold commas.
// Blanks around a name are dropped. The result is normalised, keeps the user's order, and has each
// platform once. notes are sentences for the user about names that were not taken literally, in the
// order met. No list gives no platform and no error, an empty list or name is an error.
//
// An error wraps [ErrInvalid], quotes the user's text and proposes a correction; then there are neither
// platforms nor notes.
func Parse(lists ...string) (ps []Platform, notes []string, err error) {
	var texts []string // texts[i] is the user's text for ps[i]
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			text = strings.TrimSpace(text)
			if text == "" {
				return nil, nil, invalid("empty platform in %q", list)
			}
			p, err := parseOne(text)
			if err != nil {
				return nil, nil, err
			}
			if i := slices.IndexFunc(ps, func(q Platform) bool { return Equal(p, q) }); i >= 0 {
				notes = append(notes, duplicateNote(text, texts[i]))
				continue
			}
			if strings.Contains(strings.ToLower(text), "armel") {
				// Debian's armel starts at ARMv5; containerd takes it for v6.
				notes = append(notes, fmt.Sprintf("%q is built as %q", text, Format(p)))
			}
			ps, texts = append(ps, p), append(texts, text)
		}
	}
	return ps, notes, nil
}

func duplicateNote(text, earlier string) string {
	if text == earlier {
		return fmt.Sprintf("%q is given more than once: built once", text)
	}
	return fmt.Sprintf("%q is the same platform as %q: built once", text, earlier)
}

// parseOne reads a single name that is neither empty nor contains a comma.
func parseOne(text string) (Platform, error) {
	parts := strings.Split(strings.ToLower(text), "/")
	if slices.Contains(parts, "") {
		return Platform{}, invalid("platform %q has an empty part", text)
	}
	osName, _, _ := strings.Cut(parts[0], "(")
	if !knownOS(osName) {
		if _, ok := findSpelling(parts[0]); !ok {
			return Platform{}, unknown(text)
		}
		parts = slices.Insert(parts, 0, defaultOS)
	}
	switch {
	case len(parts) == 1:
		return Platform{}, invalid("platform %q names no architecture: write for example %q", text, parts[0]+"/amd64")
	case len(parts) > 3:
		return Platform{}, invalid("platform %q has too many parts: want os/arch or os/arch/variant", text)
	}
	arch, ok := findSpelling(parts[1])
	if !ok {
		return Platform{}, unknown(text)
	}
	if len(parts) == 2 {
		return build(text, parts[0], arch)
	}
	if arch.variant != "" && arch.variant != parts[2] {
		return Platform{}, invalid("platform %q: %q already means %q", text, parts[1], arch.arch+"/"+arch.variant)
	}
	arch.variant = parts[2]
	return build(text, parts[0], arch)
}

// build makes the Platform from an operating system with its options, which containerd/platforms
// parses, and a known architecture.
func build(text, osPart string, arch spelling) (Platform, error) {
	p, err := platforms.Parse(osPart + "/" + arch.arch)
	if err != nil {
		return Platform{}, invalid("platform %q: cannot read the operating system %q: want name(version+feature)", text, osPart)
	}
	p.Variant = arch.variant
	p = Normalize(p)
	if !validVariant(p.Architecture, p.Variant) {
		return Platform{}, unknownVariant(text, p)
	}
	for _, option := range append([]string{p.OSVersion}, p.OSFeatures...) {
		if strings.ContainsFunc(option, notInOption) {
			return Platform{}, invalid("platform %q: %q is no version or feature of an operating system", text, option)
		}
	}
	return p, nil
}

// notInOption reports whether a version or a feature may not hold a rune. containerd also accepts
// percent-encoded text, which could smuggle in the comma between platforms.
func notInOption(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", r)
}

func unknownVariant(text string, p Platform) error {
	variants := variantsOf(p.Architecture)
	if len(variants) == 0 {
		return invalid("unknown platform %q: %s has no variants, write %q", text, p.Architecture, p.OS+"/"+p.Architecture)
	}
	return invalid("unknown platform %q: the variants of %s are %s", text, p.Architecture, strings.Join(variants, ", "))
}

func unknown(text string) error {
	switch {
	case strings.EqualFold(text, "local"):
		return invalid(`unknown platform %q: write the platform itself, for example "linux/amd64"`, text)
	case strings.ContainsAny(text, " \t\n;"):
		return invalid("unknown platform %q: platforms are separated by commas", text)
	}
	if name := nearest(text); name != "" {
		return invalid("unknown platform %q: did you mean %q?", text, name)
	}
	return invalid(`unknown platform %q: want os/arch or os/arch/variant, for example "linux/arm64"`, text)
}

// An invalidError is a whole sentence that wraps ErrInvalid without repeating it.
type invalidError string

func invalid(format string, args ...any) error {
	return invalidError(fmt.Sprintf(format, args...))
}

func (e invalidError) Error() string { return string(e) }
func (e invalidError) Unwrap() error { return ErrInvalid }
