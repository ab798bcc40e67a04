package platform_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func names(ps []platform.Platform) []string {
	var out []string
	for _, p := range ps {
		out = append(out, platform.Format(p))
	}
	return out
}

func TestParseUnderstands(t *testing.T) {
	tests := map[string]struct {
		lists []string
		want  []string
		notes []string
	}{
		"no list at all": {},
		"commas and repeated values, in the user's order": {
			lists: []string{"linux/arm64,linux/amd64", "linux/s390x"},
			want:  []string{"linux/arm64", "linux/amd64", "linux/s390x"},
		},
		"blanks around names": {
			lists: []string{" linux/amd64 ,\tlinux/arm64\n"},
			want:  []string{"linux/amd64", "linux/arm64"},
		},
		"any case": {
			lists: []string{"Linux/AMD64,AArch64"},
			want:  []string{"linux/amd64", "linux/arm64"},
		},
		"a bare architecture as linux on every client": {
			lists: []string{"amd64,arm64,arm,386,riscv64,s390x"},
			want:  []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/riscv64", "linux/s390x"},
		},
		"a bare architecture with a variant": {
			lists: []string{"arm/v6,amd64/v2,arm64/v8"},
			want:  []string{"linux/arm/v6", "linux/amd64/v2", "linux/arm64"},
		},
		"the names of uname": {
			lists: []string{"x86_64,aarch64,i686,armv6l,armv7l,loongarch64"},
			want:  []string{"linux/amd64", "linux/arm64", "linux/386", "linux/arm/v6", "linux/arm/v7", "linux/loong64"},
		},
		"the names of Debian": {
			lists: []string{"i386,armhf,ppc64el,mips64el,mipsel"},
			want:  []string{"linux/386", "linux/arm/v7", "linux/ppc64le", "linux/mips64le", "linux/mipsle"},
		},
		"other spellings after an operating system": {
			lists: []string{"linux/x86-64,linux/aarch64,linux/armhf,freebsd/x86_64,linux/loongarch64"},
			want:  []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "freebsd/amd64", "linux/loong64"},
		},
		"armel, and says which ARM that is": {
			lists: []string{"armel"},
			want:  []string{"linux/arm/v6"},
			notes: []string{`"armel" is built as "linux/arm/v6"`},
		},
		"default variants as none": {
			lists: []string{"linux/amd64/v1,linux/arm64/v8.0"},
			want:  []string{"linux/amd64", "linux/arm64"},
		},
		"variants without their v": {
			lists: []string{"linux/arm/6,linux/arm64/9"},
			want:  []string{"linux/arm/v6", "linux/arm64/v9"},
		},
		"a variant that repeats what the spelling says": {
			lists: []string{"linux/armhf/v7"},
			want:  []string{"linux/arm/v7"},
		},
		"variants from Go and the image specification": {
			lists: []string{"linux/amd64/v3,linux/arm64/v8.2,linux/ppc64le/power9,linux/riscv64/rva22u64"},
			want:  []string{"linux/amd64/v3", "linux/arm64/v8.2", "linux/ppc64le/power9", "linux/riscv64/rva22u64"},
		},
		"other systems": {
			lists: []string{"windows/amd64,macos/arm64,wasi/wasm"},
			want:  []string{"windows/amd64", "darwin/arm64", "wasi/wasm"},
		},
		"an operating system's version and features": {
			lists: []string{"windows(10.0.17763)/amd64,windows(10.0.20348+win32k)/amd64,freebsd(14.1)/arm64"},
			want:  []string{"windows(10.0.17763)/amd64", "windows(10.0.20348+win32k)/amd64", "freebsd(14.1)/arm64"},
		},
		"versions of one system as different platforms": {
			lists: []string{"windows(10.0.17763)/amd64,windows/amd64"},
			want:  []string{"windows(10.0.17763)/amd64", "windows/amd64"},
		},
		"two names of one platform once, with a note": {
			lists: []string{"linux/arm64", "linux/amd64,linux/arm64/v8,aarch64"},
			want:  []string{"linux/arm64", "linux/amd64"},
			notes: []string{
				`"linux/arm64/v8" is the same platform as "linux/arm64": built once`,
				`"aarch64" is the same platform as "linux/arm64": built once`,
			},
		},
		"a name that is repeated once, with a note": {
			lists: []string{"linux/amd64,linux/amd64"},
			want:  []string{"linux/amd64"},
			notes: []string{`"linux/amd64" is given more than once: built once`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ps, notes, err := platform.Parse(tt.lists...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, names(ps)); diff != "" {
				t.Errorf("platforms (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePutsVersionAndFeaturesInTheirFields(t *testing.T) {
	ps, _, err := platform.Parse("windows(10.0.17763+win32k)/amd64")
	if err != nil {
		t.Fatal(err)
	}
	want := []platform.Platform{{OS: "windows", OSVersion: "10.0.17763", OSFeatures: []string{"win32k"}, Architecture: "amd64"}}
	if diff := cmp.Diff(want, ps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	const example = `want os/arch or os/arch/variant, for example "linux/arm64"`
	tests := map[string]struct{ list, want string }{
		"swapped letters":                  {"linux/amr64", `unknown platform "linux/amr64": did you mean "linux/arm64"?`},
		"another letter":                   {"linux/amd46", `unknown platform "linux/amd46": did you mean "linux/amd64"?`},
		"a slip in the system":             {"linxu/amd64", `unknown platform "linxu/amd64": did you mean "linux/amd64"?`},
		"a slip in a bare architecture":    {"ricsv64", `unknown platform "ricsv64": did you mean "linux/riscv64"?`},
		"a slip in another spelling":       {"aarhc64", `unknown platform "aarhc64": did you mean "linux/arm64"?`},
		"a slip with a variant":            {"linux/amr/v6", `unknown platform "linux/amr/v6": did you mean "linux/arm/v6"?`},
		"a slip quoted as the user typed":  {"Linux/AMR64", `unknown platform "Linux/AMR64": did you mean "linux/arm64"?`},
		"a dash for the slash":             {"linux-arm64", `unknown platform "linux-arm64": did you mean "linux/arm64"?`},
		"a word that is near nothing":      {"toaster", `unknown platform "toaster": ` + example},
		"a short word that is no platform": {"x/y", `unknown platform "x/y": ` + example},
		"a long word":                      {strings.Repeat("linux", 20), `unknown platform "` + strings.Repeat("linux", 20) + `": ` + example},
		"local":                            {"local", `unknown platform "local": write the platform itself, for example "linux/amd64"`},
		"blanks between platforms":         {"linux/amd64 linux/arm64", `unknown platform "linux/amd64 linux/arm64": platforms are separated by commas`},
		"a wildcard":                       {"linux/*", `unknown platform "linux/*": ` + example},
		"an empty list":                    {"", `empty platform in ""`},
		"a comma too many":                 {"linux/amd64,,", `empty platform in "linux/amd64,,"`},
		"a comma at the end":               {"linux/amd64, ", `empty platform in "linux/amd64, "`},
		"an empty part":                    {"linux/", `platform "linux/" has an empty part`},
		"too many parts":                   {"linux/arm/v7/x", `platform "linux/arm/v7/x" has too many parts: want os/arch or os/arch/variant`},
		"an operating system alone":        {"Windows", `platform "Windows" names no architecture: write for example "windows/amd64"`},
		"an unknown variant":               {"linux/amd64/v5", `unknown platform "linux/amd64/v5": the variants of amd64 are v1, v2, v3, v4`},
		"an unknown variant, no system":    {"arm/v9", `unknown platform "arm/v9": the variants of arm are v5, v6, v7, v8`},
		"a variant where there are none":   {"linux/s390x/v1", `unknown platform "linux/s390x/v1": s390x has no variants, write "linux/s390x"`},
		"a variant that contradicts":       {"linux/armhf/v6", `platform "linux/armhf/v6": "armhf" already means "arm/v7"`},
		"a hidden comma in a version": {
			"windows(1%2C2)/amd64", `platform "windows(1%2C2)/amd64": "1,2" is no version or feature of an operating system`,
		},
		"an open parenthesis": {
			"windows(10/amd64", `platform "windows(10/amd64": cannot read the operating system "windows(10": want name(version+feature)`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ps, notes, err := platform.Parse("arm64,aarch64", tt.list)
			if !errors.Is(err, platform.ErrInvalid) {
				t.Fatalf("error %v does not wrap ErrInvalid", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if ps != nil || notes != nil {
				t.Errorf("got %v and %q beside the error", ps, notes)
			}
		})
	}
}

func TestEveryKnownPlatformIsItsOwnNormalName(t *testing.T) {
	known := platform.Known()
	ps, notes, err := platform.Parse(known...)
	if err != nil || notes != nil {
		t.Fatalf("notes %q, error %v", notes, err)
	}
	if diff := cmp.Diff(known, names(ps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(ps, platform.Compare) {
		t.Error("not in the canonical order")
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range platform.Known() {
		f.Add(name)
	}
	for _, list := range []string{
		"amd64, aarch64,armhf", "linux/arm64/v8,arm64", "windows(10.0.17763+win32k)/amd64", "windows(%2C)/amd64",
		"linux(+a+a+)/arm64", "(1)/amd64", "linux/amr64", "local", "a//b", ",", "linux/\xff",
	} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ps, _, err := platform.Parse(list)
		if err != nil {
			if !errors.Is(err, platform.ErrInvalid) || ps != nil {
				t.Fatalf("Parse(%q) = %v, %v", list, ps, err)
			}
			return
		}
		for _, p := range ps {
			name := platform.Format(p)
			again, notes, err := platform.Parse(name)
			if err != nil || notes != nil {
				t.Fatalf("Parse(%q), from %q: notes %q, error %v", name, list, notes, err)
			}
			if diff := cmp.Diff([]platform.Platform{p}, again); diff != "" {
				t.Fatalf("Parse(%q), from %q, changed (-want +got):\n%s", name, list, diff)
			}
		}
	})
}
