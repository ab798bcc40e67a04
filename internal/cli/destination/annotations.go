package destination

import (
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// IgnoredAnnotations returns notes about the annotations of a request that none of its outputs can carry.
func IgnoredAnnotations(r solve.Request) (notes []diag.Diagnostic) {
	archives := len(r.Outputs.Archives()) > 0
	images := archives || len(r.Tags)+len(r.ByDigest) > 0 || r.Outputs.Load() != nil
	for _, a := range r.Annotations {
		why := ""
		switch {
		case !images && len(r.Outputs.Files()) > 0:
			why = "files (type=local, type=tar) have no annotations"
		case images && a.Level == index.OnIndexDescriptor && !archives:
			why = "only an archive (type=oci, type=docker) has an entry for the index itself"
		default:
			continue
		}
		notes = append(notes, diag.Warningf("the annotation %s=%s (%s) is ignored: %s", a.Key, a.Value, a.Level, why))
	}
	return notes
}
