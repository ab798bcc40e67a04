package source

import "testing"

func TestTheSharedKeyIsOfTheClientAndTheDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	key := func(context, client string) string { return (Source{ContextDir: context}).sharedKey(client) }
	if key(dir, "me") != key(".", "me") {
		t.Error("the same directory has two keys")
	}
	if key(dir, "me") == key(dir, "you") || key(dir, "me") == key(dir+"/x", "me") {
		t.Error("another directory or client has the same key")
	}
}
