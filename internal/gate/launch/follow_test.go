package launch_test

import (
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/launch"
)

func TestCommandsThatStartOthersAreFollowed(t *testing.T) {
	for _, test := range []struct {
		argv  []string
		want  string // the words, behind the folder if there is one
		known bool
	}{
		{[]string{"/app", "x"}, "", false},
		{[]string{"/sbin/tini", "-s", "-p", "SIGTERM", "--", "/app", "-x"}, "/app -x", true},
		{[]string{"tini", "/app"}, "/app", true},
		{[]string{"dumb-init", "--single-child", "-r", "15:3", "/app"}, "/app", true},
		{[]string{"catatonit", "-g"}, "", true},
		{[]string{"env", "-i", "-u", "A", "B=c", "D=e=f", "/app", "G=h"}, "/app G=h", true},
		{[]string{"/usr/bin/env", "-S", "A=b /app -x", "y"}, "/app -x y", true},
		{[]string{"env", "-S-i /app"}, "/app", true},
		{[]string{"env", "--split-string=/app -x"}, "/app -x", true},
		{[]string{"env", "9=x"}, "9=x", true},
		{[]string{"timeout", "-k", "5", "10s", "/app"}, "/app", true},
		{[]string{"gosu", "user", "/app"}, "/app", true},
		{[]string{"su-exec", "user"}, "", true},
		{[]string{"nice", "-n", "5", "/app"}, "/app", true},
		{[]string{"/bin/sh", "-c", "/app --x"}, "/app --x", true},
		{[]string{"bash", "-eo", "pipefail", "-c", "/app"}, "/app", true},
		{[]string{"bash", "--norc", "-lc", "/app | tee log"}, "/app", true},
		{[]string{"sh", "/start.sh"}, "", true},
		{[]string{"sh", "-e", "/start.sh"}, "", true},
		{[]string{"sh", "-c", "A=1 B=2 exec /app"}, "/app", true},
		{[]string{"sh", "-c", "set -e; export A=1 && cd /srv && cd bin; ./app"}, "/srv/bin: ./app", true},
		{[]string{"sh", "-c", "mkdir -p /x && /app & wait"}, "/app", true},
		{[]string{"sh", "-c", "\n  # comment\n/app"}, "", true},
		{[]string{"sh", "-c", "[ -f /x ] && /app"}, "", true},
		{[]string{"sh", "-c", "if true; then /app; fi"}, "", true},
		{[]string{"sh", "-c", "cd $HOME && ./app"}, "", true},
		{[]string{"sh", "-c", "cd - && ./app"}, "", true},
		{[]string{"sh", "-c", "$APP"}, "", true},
		{[]string{"sh", "-c", `"/app" x`}, "", true},
		{[]string{"sh", "-c", `exec "$@"`}, "", true},
		{[]string{"sh", "-c", `echo "a; b" && /app`}, "", true},
		{[]string{"sh", "-c", "echo || /app"}, "", true},
		{[]string{"sh", "-c", "> /log /app"}, "", true},
		{[]string{"sh", "-c", ". /env && /app"}, "", true},
		{[]string{"sh", "-c", "A=1"}, "", true},
	} {
		next, known := launch.Follow(test.argv)
		got := strings.Join(next.Args, " ")
		if next.Dir != "" {
			got = next.Dir + ": " + got
		}
		if got != test.want || known != test.known {
			t.Errorf("%q: %q, %v, want %q", test.argv, got, known, test.want)
		}
	}
}
