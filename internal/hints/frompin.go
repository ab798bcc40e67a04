package hints

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
)

// platformOfStage reports a --platform without effect. A stage FROM another one keeps that platform, whatever
// --platform says (dockerfile2llb/convert.go). The rule applies where the author asked for another platform than that stage's own
// FROM.
func platformOfStage(d *file) []diag.Diagnostic {
	var all []diag.Diagnostic
	needed := d.needed()
	for i := range d.Stages {
		under := d.Under(i)
		if s := d.Stages[i]; needed[i] && s.Platform != "" && len(under) > 1 {
			image := d.Stages[under[len(under)-1]]
			if asked := plainVariable(s.Platform); asked == plainVariable(image.Platform) || asked == "$TARGETPLATFORM" && image.Platform == "" {
				continue
			}
			all = append(all, d.hint(diag.Warning, "platform-of-stage", dockerfile.Line(s.Location), nil,
				fmt.Sprintf("--platform=%s has no effect: %s is a stage, and the platform is that of its image", s.Platform, s.BaseName),
				fmt.Sprintf("set --platform=%s in the FROM of that image (line %d), or start this stage from an image", s.Platform, dockerfile.Line(image.Location))))
		}
	}
	return all
}

// plainVariable rewrites ${NAME} as $NAME.
func plainVariable(s string) string {
	if name, ok := strings.CutPrefix(s, "${"); ok && strings.HasSuffix(name, "}") {
		return "$" + strings.TrimSuffix(name, "}")
	}
	return s
}
