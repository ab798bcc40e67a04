package typo

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"cacert", "cert", "key", "servername"}
	for text, want := range map[string]string{
		"cacrt": "cacert", "crt": "cert", "Kye": "key", "server-name": "servername", "x": "", "memory": "", "": "",
	} {
		got := ""
		if i, ok := Nearest(text, words); ok {
			got = words[i]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
