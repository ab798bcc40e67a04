package kubernetes

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

func TestABuildGoesOnAtThePodThatIsThere(t *testing.T) {
	const workload = "deployment/multiarch-farm-arm64"
	for name, tt := range map[string]struct {
		happens func(*cluster, *connection)
		kept    bool
		err     string
	}{
		"the connection broke":            {func(*cluster, *connection) {}, true, ""},
		"the pod was replaced":            {func(c *cluster, _ *connection) { c.pods() }, false, ""},
		"it was stopped as it was opened": {func(c *cluster, _ *connection) { c.scale(workload, 0) }, false, ""},
		"it was stopped during the build": {
			func(c *cluster, b *connection) { c.scale(workload, 0); b.began = b.began.Add(-time.Hour) }, false, workload + " was stopped meanwhile",
		},
		"it was removed":              {func(c *cluster, _ *connection) { clear(c.items) }, false, "multiarch-farm-arm64 was removed meanwhile"},
		"the cluster does not answer": {func(c *cluster, _ *connection) { c.away = 2 }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			n, _, err := connected(t, farm(nil), builder.Spec{})
			if err != nil {
				t.Fatal(err)
			}
			b, _ := n.Return.(*connection)
			c.set(func() { tt.happens(c, b); c.cut() })
			id := b.ID()
			err = b.Return(t.Context())
			if kept := err == nil && b.ID() == id; kept != tt.kept || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("kept: %t, %v", kept, err)
			}
			if _, stopped := errors.AsType[*StoppedError](err); stopped != (tt.err != "") {
				t.Errorf("got %T", err)
			}
			if err == nil {
				if _, err := n.Running(t.Context()); err != nil {
					t.Errorf("its client is not connected again: %v", err)
				}
			}
		})
	}
}
