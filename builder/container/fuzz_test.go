package container

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
)

// FuzzLabels reads the labels of a container, which any program may have written.
func FuzzLabels(f *testing.F) {
	f.Add(`{"com.docker-multiarch.builder":"default","com.docker-multiarch.node":"0","com.docker-multiarch.settings":"{\"network\":\"host\",\"options\":{\"env.PASSWORD\":\"secret\"}}"}`)
	f.Add(`{"com.docker-multiarch.settings":"[1]","com.docker-multiarch.node":"-7"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var labels map[string]string
		if json.Unmarshal([]byte(text), &labels) != nil {
			return
		}
		st := statusOf(general, labels, container.StateRunning, time.Unix(0, 0))
		if st.Builder != labels[labelBuilder] {
			t.Errorf("builder %q", st.Builder)
		}
		for k, v := range st.Options {
			if strings.HasPrefix(k, "env.") && v != "" && v != "***" {
				t.Errorf("%s=%s is shown", k, v)
			}
		}
		factsFromLabels(labels)
	})
}
