package kubectl

import "testing"

func TestTheWordsOfTheAPIAreTakenOutOfThoseOfKubectl(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]Error{
		"Error from server (NotFound): deployments.apps \"x\" not found\n": {"NotFound", `deployments.apps "x" not found`},
		"E1130 12:00:00.000000   1 memcache.go:265] \"Unhandled Error\" err=\"x\"\nThe connection to the server h:1 was refused - did you specify the right host or port?\n": {
			"", "The connection to the server h:1 was refused - did you specify the right host or port?",
		},
		"error: context \"x\" does not exist\n":                                              {"", `context "x" does not exist`},
		"error: You must be logged in to the server (Unauthorized)\n":                        {"Unauthorized", "You must be logged in to the server (Unauthorized)"},
		"Warning: old\nError from server (Forbidden): a\nError from server (Forbidden): b\n": {"Forbidden", "a; b"},
		"error: unable to upgrade connection: pods \"p\" is forbidden: User \"u\" cannot create resource \"pods/exec\"": {
			"Forbidden", `unable to upgrade connection: pods "p" is forbidden: User "u" cannot create resource "pods/exec"`,
		},
		`error: error validating "STDIN": error validating data: unknown field "a"; if you choose to ignore these errors, turn validation off`: {"", `unknown field "a"`},
	} {
		if got := parse(said); got == nil || *got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", said, got, want)
		}
	}
	if got := parse("Warning: only that\n\n"); got != nil {
		t.Errorf("got %+v", got)
	}
}
