package launch_test

import (
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/launch"
)

func TestProgramsThatAScriptAlwaysStarts(t *testing.T) {
	for _, test := range []struct {
		text string
		want string // several are separated by commas; the arguments of the script are "serve -x"
	}{
		{`exec /app "$@"`, "/app serve -x"},
		{`exec "$@"`, "serve -x"},
		{`exec $@`, "serve -x"},
		{`exec "${@}"`, "serve -x"},
		{`exec "$1" -y`, "serve -y"},
		{"set -e\nset -o pipefail\nexport A=b\nexec /app", "/app"},
		{"set -e; mkdir -p /x && cd /srv && cd bin; exec ./app", "/srv/bin: ./app"},
		{"/app", "/app"},
		{"/app &\nexec /other", "/app,/other"},
		{"/app & pid=$!\ntrap 'kill $pid' TERM\nwait $pid", "/app"},
		{"/setup\nexec /app", "/app"},
		{"if [ \"${1#-}\" != \"$1\" ]; then echo hello; fi\nexec \"$@\"", "serve -x"},
		{"if [ \"$1\" = x ]; then exec gosu me \"$0\" \"$@\"; fi\nexec gosu me:me \"$@\"", "gosu me:me serve -x"},
		{"exec su-exec \"$USER\" \"$@\"", "su-exec $ serve -x"},
		{"exec -a name /app", "/app"},
		{"exec 2>&1\nexec >/log\n/app", "/app"},
		{"exec /app \"$HOME/x\" 'a b' \"c\"", "/app $ a b c"},
		{"set -- /app \"$@\"\nexec \"$@\"", "/app serve -x"},
		{"shift\nexec /app \"$@\"", "/app -x"},
		{"main() { echo; exec /app \"$@\"; }\nmain a \"$@\"", "/app a serve -x"},
		{"main() { return; /never; }\nmain\n/app", "/app"},
		{"{ cd /srv; ./app; }", "/srv: ./app"},
		{"/app | tee /log", "/app"},
		{"cat <<EOF >/conf\n$A\nEOF\nexec /app", "/app"},
		{"[ -z \"$DEBUG\" ] || set -x\n[ -f /env ] && . /env\nexec /app", "/app"},
		{"A=b exec /app", "/app"},
		{"exec nginx -g 'daemon off;'", "nginx -g daemon off;"},
		{"exec /app\n/never", "/app"},
		// These are not certain.
		{"if true; then exec /app; fi", ""},
		{"if true; then set -- /x \"$@\"; fi\nexec \"$@\"", ""},
		{"while [ $# -gt 0 ]; do shift; done\nexec \"$@\"", ""},
		{"eval set -- \"$X\"\nexec \"$@\"", ""},
		{"[ -x /app ] && exec /app", ""},
		{"/app || exec /other", ""},
		{"! /app", ""},
		{"(exec /app)", ""},
		{"exec \"$APP\"", ""},
		{"exec $(which app)", ""},
		{"exec ${1:-/app}", ""},
		{"cd \"$HOME\"\nexec ./app", ""},
		{". /env\nexec app", ""},
		{"export PATH=/opt:$PATH\nexec app", ""},
		{"if x; then cd /y; fi; ./app", ""},
		{"case $1 in a) exec /a;; *) exec /b;; esac", ""},
		{"exit 0\n/app", ""},
		{"echo done", ""},
		{"loop() { loop; }\nloop", ""},
		{"if", ""},
		{strings.Repeat("(", 5000), ""},
		{strings.Repeat("# long\n", 10000) + "/app", ""},
	} {
		var all []string
		for _, c := range launch.Script("#!/bin/sh\n"+test.text, "/entry.sh", []string{"serve", "-x"}) {
			words := strings.Join(c.Args, " ")
			if c.Dir != "" {
				words = c.Dir + ": " + words
			}
			all = append(all, words)
		}
		if got := strings.Join(all, ","); got != test.want {
			t.Errorf("%.80q: %q, want %q", test.text, got, test.want)
		}
	}
}
