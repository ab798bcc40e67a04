package question

import "testing"

func TestVersionsOfAnswers(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"1.0.1", "1.0.0", true}, {"1.10.0", "1.9.0", true}, {"1.0.0", "1.0.0", false}, {"0.9.9", "1.0.0", false}, {"", "1.0.0", false}} {
		if newer(tt.a, tt.b) != tt.want {
			t.Errorf("%+v", tt)
		}
	}
}
