package buildcache

import (
	"strings"
	"testing"
)

func TestTheTagOfAShareIsATagAndTheNodesOwn(t *testing.T) {
	long := strings.Repeat("x", 120)
	seen := map[string]bool{}
	for _, c := range []struct{ tag, node, want string }{
		{"cache", "arm", "cache-arm"},
		{"cache", "arm_1.a", "cache-arm_1.a"},
		{"cache", "arm/1", "cache-arm-1-"},
		{"cache", "arm 1", "cache-arm-1-"},
		{"cache", "ärm", "cache--rm-"},
		{long, "1234567", long + "-1234567"},
		{long, "12345678", long[:119] + "-"},
		{long, "12345679", long[:119] + "-"},
	} {
		got := shareTag(c.tag, c.node)
		if !strings.HasPrefix(got, c.want) || len(got) > 128 || seen[got] {
			t.Errorf("%s of %s: %q", c.tag, c.node, got)
		}
		seen[got] = true
		share := Cache{To: []Entry{entry("type=registry", "ref=r.example/c:"+c.tag)}}.OnNode(c.node, []string{c.node})
		if ref := share.To[0].Attrs["ref"]; ref != "r.example/c:"+got {
			t.Errorf("%q", ref)
		}
	}
	own := Cache{To: []Entry{
		entry("type=registry", "ref=r.example/c"), entry("type=registry", "ref=r.example/c:{{platform}}"), entry("type=local", "dest=d"),
		entry("type=azblob", "name={{platform}}"), entry("type=inline"),
	}}.OnNode("arm", []string{"arm"}).To
	var got []string
	for _, e := range own {
		got = append(got, e.String())
	}
	if text := strings.Join(got, ", "); text != "r.example/c:latest-arm, r.example/c:{{platform}}, d, azblob {{platform}}, inline" {
		t.Error(text)
	}
}
