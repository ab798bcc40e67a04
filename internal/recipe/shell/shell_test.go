package shell_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// describe formats a command: directory, own variables, words, and the destination of its output. Unknown is a ?.
func describe(c shell.Command) string {
	var b strings.Builder
	cwd := c.Cwd
	if cwd == "" {
		cwd = "?"
	}
	b.WriteString(cwd + "$")
	for _, name := range c.Set {
		fmt.Fprintf(&b, " %s=%s", name, c.Env[name])
	}
	for _, a := range c.Args {
		b.WriteString(" " + a.Text)
	}
	b.WriteString([]string{"", " |", " >"}[c.Output])
	for _, f := range c.Files {
		fmt.Fprintf(&b, " [%s %v]", f.Path, f.Write)
	}
	if !c.Sure {
		b.WriteString(" (maybe)")
	}
	return strings.ReplaceAll(b.String(), shell.Unknown, "?")
}

func read(script string) shell.Script {
	return shell.Read(shell.Input{
		Args: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "ARCH=arm64", "V=v7", "TWO=a b", "NONE="}, Cwd: "/src",
	})
}

func TestScriptsAreReadToCommands(t *testing.T) {
	for _, tt := range []struct {
		script string
		want   []string
	}{
		{"a b 'c d' \"e $ARCH\"", []string{"/src$ a b c d e arm64"}},
		{"a; b && c || d", []string{"/src$ a", "/src$ b", "/src$ c", "/src$ d (maybe)"}},
		{"set -eux; \\\n a \\\n  b", []string{"/src$ a b"}},
		{"# a comment\na # another\n", []string{"/src$ a"}},
		{"x $TWO \"$TWO\" $NONE end", []string{"/src$ x a b a b end"}},
		{"x ${V#v} ${V%7} ${NOPE:-d} ${ARCH:+set} ${#V}", []string{"/src$ x 7 v d set 2"}},
		{"x ~/a ~root/b", []string{"/src$ x ?/a ?"}},
		{"cd sub && a; cd ../other; b; cd /; c; cd; d", []string{"/src/sub$ a", "/src/other$ b", "/$ c", "?$ d"}},
		{"(cd sub; a); b", []string{"/src/sub$ a", "/src$ b"}},
		{"{ cd sub; a; }; b", []string{"/src/sub$ a", "/src/sub$ b"}},
		{"cd $(mktemp -d) && a", []string{"/src$ mktemp -d |", "?$ a"}},
		{"test -d x && cd x; a", []string{"/src$ test -d x", "?$ a"}},
		{"X=1 Y=$ARCH a; b $X", []string{"/src$ X=1 Y=arm64 a", "/src$ b"}},
		{"X=1; a $X; export X; Y=$X-$(b); c $Y", []string{"/src$ a 1", "/src$ b |", "/src$ c 1-?"}},
		{"a | b > f 2>&1", []string{"/src$ a |", "/src$ b > [/src/f true]"}},
		{"a > /dev/null 2> err; b >&2; c < in", []string{"/src$ a [/src/err true]", "/src$ b", "/src$ c [/src/in false]"}},
		{"x=$(a 2>/dev/null | b)", []string{"/src$ a |", "/src$ b |"}},
		{"echo `a` \"$(b)\"", []string{"/src$ a |", "/src$ b |", "/src$ echo ? ?"}},
		{"echo \"$(pwd)/x\"", []string{"/src$ pwd |", "/src$ echo /src/x"}},
		{"for c in a b; do x /out/$c; done; y $c", []string{"/src$ x /out/a", "/src$ x /out/b", "/src$ y b"}},
		{"for c in cmd/*; do x $c; done", []string{"/src$ x cmd/? (maybe)"}},
		{"for c in a b; do cd $c; x; done", []string{"/src/a$ x", "/src/a/b$ x"}},
		{"for c in a b; do [ -d $c ] || continue; X=$c; done; x $X", []string{
			"/src$ [ -d a ] (maybe)", "/src$ continue (maybe)", "/src$ [ -d b ] (maybe)", "/src$ continue (maybe)", "/src$ x ?",
		}},
		{"while read -r l; do x a/$l; done < list", []string{"/src$ : [/src/list false]", "/src$ x a/? (maybe)"}},
		{"if a; then X=1; else X=2; fi; b $X", []string{"/src$ a (maybe)", "/src$ b ?"}},
		{"if a; then X=1; else X=1; fi; b $X", []string{"/src$ a (maybe)", "/src$ b 1"}},
		{"if a; then b; elif c; then d; else e; fi", []string{
			"/src$ a (maybe)", "/src$ b (maybe)", "/src$ c (maybe)", "/src$ d (maybe)", "/src$ e (maybe)",
		}},
		{"case $ARCH in arm64) X=8;; *) X=9;; esac; a $X", []string{"/src$ a ?"}},
		{"false || X=1; a y$X", []string{"/src$ false", "/src$ a y?"}},
		{"[ -n \"$Z\" ] && export Y=1; a y$Y", []string{"/src$ [ -n  ]", "/src$ a y?"}},
		{"[[ -n $V && $(a) == x ]] && b", []string{"/src$ a |", "/src$ [[", "/src$ b (maybe)"}},
		{"cat > f <<EOF\n$(a) $V\nEOF\nb", []string{"/src$ a |", "/src$ cat > [/src/f true]", "/src$ b"}},
		{"cat <<'EOF' > f\n$(a)\nEOF", []string{"/src$ cat > [/src/f true]"}},
		{"bash -euo pipefail -c 'cd x && a $V'", []string{"/src/x$ a v7"}},
		{"X=1; sh -c 'a y$X'", []string{"/src$ a y"}},
		{"X=1 sh -c 'a y$X'", []string{"/src$ a y1"}},
		{"env X=1 -u V Y=2 a; env -i b", []string{"/src$ X=1 Y=2 a", "/src$ b"}},
		{"exec nice -n 5 timeout 10 /usr/bin/time -p sudo -E a b", []string{"/src$ a b"}},
		{"command -v a", []string{"/src$ command -v a"}},
		{"a | xargs -n1 rm -f", []string{"/src$ a |", "/src$ rm -f ?"}},
		{"find . -name '*.x' -exec rm {} + -o -exec b {} \\;", []string{
			"/src$ rm ?", "/src$ b ?", "/src$ find . -name *.x -exec rm {} + -o -exec b {} ;",
		}},
		{"a & b; wait", []string{"/src$ a", "/src$ b", "/src$ wait"}},
		{"! a && time b", []string{"/src$ a", "/src$ b (maybe)"}},
		{"> f", []string{"/src$ : > [/src/f true]"}},
		{"export A=1 \"B=2\"; a $A$B", []string{"/src$ a 12"}},
		{"printf -v A x; unset V; a y$A z$V", []string{"/src$ printf -v A x", "/src$ a y? z"}},
		{"diff <(a) <(b)", []string{"/src$ a |", "/src$ b |", "/src$ diff ? ?"}},
		{"busybox wget x", []string{"/src$ wget x"}},
		{"bash -e <<'EOF'\ncd x\na \\$V $V\nEOF\nb", []string{"/src/x$ a $V v7", "/src$ b"}},
		{"sh <<EOF\na \\$V $V\nEOF", []string{"/src$ a v7 v7"}},
		{"", nil},
	} {
		s := read(tt.script)
		var got []string
		for _, c := range s.Commands {
			got = append(got, describe(c))
		}
		if len(s.Problems) > 0 {
			t.Errorf("%s\n  problems: %v", tt.script, s.Problems)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.script, diff)
		}
	}
}

func TestUnreadContentIsAProblem(t *testing.T) {
	for _, script := range []string{
		`eval "$X"`, `. ./env`, `source env`, `f() { a; }; f`, `trap a EXIT`, `alias a=b`, `sh x.sh`, `sh`, `a | sh`, `bash -l -c a`, `sh -c "$(a)"`,
		`$(a) b`, `"$@"`, `set -a; X=1`, `IFS=,; a`, `((x++))`, `let x=1`, `export $(cat .env)`, `a "`, `if a; then`, `env -S "a b"`,
		`command export X=1`, `coproc a`, "sh <<EOF\n$(a)\nEOF",
	} {
		if s := read(script); len(s.Problems) == 0 {
			t.Errorf("%s has no problem: %v", script, s.Commands)
		}
	}
}

func TestArgumentsThatAreNoScript(t *testing.T) {
	s := shell.Read(shell.Input{Args: []string{"go", "build", "-o", "$X", "a b"}, Cwd: "/"})
	if got := describe(s.Commands[0]); got != "/$ go build -o $X a b" || len(s.Problems) > 0 {
		t.Errorf("the exec form is %q, %v", got, s.Problems)
	}
	for _, args := range [][]string{nil, {"/bin/sh"}, {"/bin/sh", "/build.sh"}, {"a" + shell.Unknown}} {
		if s := shell.Read(shell.Input{Args: args}); len(s.Problems) == 0 {
			t.Errorf("%q has no problem: %v", args, s.Commands)
		}
	}
}

func TestShellsWithOptions(t *testing.T) {
	for _, shellArgs := range []string{
		"/bin/sh -c", "/bin/bash -o pipefail -c", "/bin/bash -euo pipefail -c", "/bin/ash -eo pipefail -c", "/bin/bash -ec", "bash --noprofile --norc -c",
		"/usr/bin/env bash -c", "/bin/sh -e -x -c --",
	} {
		s := shell.Read(shell.Input{Args: append(strings.Fields(shellArgs), "a; b"), Cwd: "/"})
		if len(s.Problems) > 0 || len(s.Commands) != 2 {
			t.Errorf("%s: %v, %v", shellArgs, s.Commands, s.Problems)
		}
	}
}

func TestUsesOfVariables(t *testing.T) {
	s := read("GOARCH=$ARCH a; export GOARM=${V#v}; env GOOS=$OS b; X=1; c $X \"$ARCH\"; case $V in x) ;; esac; cat <<E\n$ARCH\nE")
	var got []string
	for _, u := range s.Uses {
		got = append(got, fmt.Sprintf("%s>%s %v", u.Var, u.Into, u.Own))
	}
	want := []string{"ARCH>GOARCH false", "V>GOARM false", "OS>GOOS false", "X> true", "ARCH> false", "V> false", "ARCH> false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}

func TestASecretMayBeInAnyVariable(t *testing.T) {
	in := shell.Input{Args: []string{"sh", "-c", "a y$TOKEN"}, Cwd: "/"}
	if got := describe(shell.Read(in).Commands[0]); got != "/$ a y" {
		t.Error(got)
	}
	in.Open = true
	if got := describe(shell.Read(in).Commands[0]); got != "/$ a y?" {
		t.Error(got)
	}
}

func TestTheEnvironmentOfACommandHasExportedVariablesOnly(t *testing.T) {
	s := read("A=1; export B=2; export A; C=3 x; unset A; y")
	var got []string
	for _, c := range s.Commands {
		names := slices.Sorted(maps.Keys(c.Env))
		got = append(got, strings.Join(names, " "))
	}
	want := []string{"A ARCH B C NONE PATH TWO V", "ARCH B NONE PATH TWO V"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environments (-want +got):\n%s", diff)
	}
}

func TestALongScriptEnds(t *testing.T) {
	loop := "x"
	for range 12 {
		loop = "for i in 1 2 3 4 5 6 7 8 9; do " + loop + "; done"
	}
	deep := strings.Repeat("(", 500) + "x" + strings.Repeat(")", 500)
	for _, script := range []string{loop, deep, strings.Repeat("X=$X$X$X$X;", 300) + "x", strings.Repeat("x;", 100_000), strings.Repeat("$(", 300)} {
		if s := read(script); len(s.Commands) > 5000 {
			t.Errorf("%d commands", len(s.Commands))
		}
	}
}

// nested are beginnings that may nest without end.
var nested = []string{
	"(", "((", "$(", "$((", "<(", "{ ", "`", "[[ ( ", "${a[", "a[", "${a:-", "\"${a:-", "\"$(\"", "$[", "if ", "while ", "until ", "case a in b) ", "for a in b; do ",
	"if a; then ", "if a; then b; elif ", "if a; then b; else ", "time ", "coproc ", "function f ", "f()", "!\n", "a|", "a&&", "a<<b\n$(", "@(",
}

func TestAScriptThatGoesTooDeepIsNotParsed(t *testing.T) {
	for _, begin := range nested {
		for _, size := range []int{30 << 10, 200 << 10} {
			began := time.Now()
			s := read(strings.Repeat(begin, size/len(begin)))
			if took := time.Since(began); len(s.Problems) == 0 || took > 3*time.Second {
				t.Errorf("%d bytes of %q: %v, %d problems", size, begin, took, len(s.Problems))
			}
		}
	}
	for name, tt := range map[string][2]string{
		"brackets": {strings.Repeat("(", 1001), "more than 1000 brackets and compound commands"},
		"in texts": {strings.Repeat("# ( )\n", 1001), "more than 1000 brackets"},
		"commands": {strings.Repeat("if a\nthen\n", 501), "more than 1000 brackets"},
		"too long": {strings.Repeat("echo a\n", 5000), "more than 32 KiB"},
		"several":  {"for i in " + strings.Repeat("a ", 40) + "; do sh -c '" + strings.Repeat("a ", 10_000) + "'; done", "of several with more than 512 KiB"},
	} {
		if s := read(tt[0]); len(s.Problems) == 0 || !strings.Contains(s.Problems[0].Why, tt[1]) {
			t.Errorf("%s: %.300q", name, s.Problems)
		}
	}
	if s := read(strings.Repeat("echo $(a) \"${b}\" iffy\n", 200)); len(s.Problems) > 0 {
		t.Errorf("a long one: %v", s.Problems)
	}
}

func TestTheExpansionOfWordsIsBounded(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for _, script := range []string{
		strings.Repeat("echo {1..16000} {1..16000}\n", 500), "echo " + long + "{1..16000}", "X=" + long + "; for i in {1..50}; do echo " + strings.Repeat("$X", 5000) + "; done",
	} {
		size := 0
		for _, c := range read(script).Commands {
			for _, a := range c.Args {
				size += len(a.Text) + 1
			}
		}
		if size > 5<<20 {
			t.Errorf("%.20s…: %d bytes", script, size)
		}
	}
}

// FuzzRead: whatever the script is, reading it ends, and what cannot be read is a problem.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"a && b || c; d | e & (f) { g; }", "for x in a b; do c $x; done", "case $x in a|b) c;; esac", "x=${a:-${b#c}} y=$((1+2)) z", "cat <<E\n$(a)\nE",
		"env A=b sh -c 'c \"$A\"'", "x ~u {a,b}{1..3} *.go [a-z]", "${!a} ${a[1]} ${a@Q} ${a/b/c} ${a:1:2} ${a^^}", "a=(b c); d \"${a[@]}\"", "$'\\x41' $\"b\"",
		"while ! a; do b; done >c 2>&1", "find . -exec sh -c 'a {}' \\;", "declare -A m; m[a]=b; [[ a =~ b ]]", "<(a) >(b)", "select x in a; do b; done",
		"a() { b; }", "time -p a", "coproc a { b; }", "if a; then b; elif c; then d; else e; fi", "\\\n", "`a \\`b\\``", "{1..99999999}",
	} {
		f.Add(s)
	}
	for _, s := range nested {
		f.Add(strings.Repeat(s, 1500))
	}
	f.Fuzz(func(t *testing.T, script string) {
		s := read(script)
		for _, c := range s.Commands {
			if len(c.Args) == 0 || !c.Args[0].Known() {
				t.Errorf("a command without a name: %+v", c)
			}
			if c.Cwd != "" && !strings.HasPrefix(c.Cwd, "/") {
				t.Errorf("the directory %q", c.Cwd)
			}
		}
	})
}
