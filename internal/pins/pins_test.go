package pins

import "testing"

func TestGitAtKeepsTheSubdirectory(t *testing.T) {
	for source, want := range map[string]string{
		"git://host/r.git":               "git://host/r.git#C",
		"git://host/r.git#v1":            "git://host/r.git#C",
		"git://host/r.git#v1:sub/dir":    "git://host/r.git#C:sub/dir",
		"git://host/r.git#:sub":          "git://host/r.git#C:sub",
		"git://user@host/r#refs/heads/x": "git://user@host/r#C",
	} {
		if got := gitAt(source, "C"); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}
