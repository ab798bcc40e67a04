package platform

import (
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/typo"
)

// nearest returns the known platform that is nearest to text, or "" if none is near. The first in the
// canonical order wins a tie.
func nearest(text string) string {
	var words, names []string
	consider := func(written, name string) { words, names = append(words, written), append(names, name) }
	for _, name := range Known() {
		consider(name, name)
		if bare, ok := strings.CutPrefix(name, defaultOS+"/"); ok {
			consider(bare, name)
		}
	}
	for _, word := range []string{"x86_64", "aarch64", "i386", "armhf"} {
		s, _ := findSpelling(word)
		name := Format(Platform{OS: defaultOS, Architecture: s.arch, Variant: s.variant})
		consider(word, name)
		consider(defaultOS+"/"+word, name)
	}
	if i, ok := typo.Nearest(text, words); ok {
		return names[i]
	}
	return ""
}
