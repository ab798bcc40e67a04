package recipe_test

import "testing"

// traps are commands that look as if they did the same on another CPU, and the check that refuses them.
var traps = []struct{ run, check string }{
	{`./install && go build -o /out/app`, "command"},
	{`scripts/test && go build -o /out/app`, "command"},
	{`/src/bin/date > x; go build -o /out/app`, "command"},
	{`./env go build -o /out/app`, "command"},
	{`./go build -o /out/app`, "command"},
	{`exec > /out/log; uname -m; go build -o /out/app`, "command"},
	{`GOARM64=v9.0; go build -o /out/app`, "env"},
	{`sh -c 'GOARM64=v9.0; go build -o /out/app'`, "env"},
	{`unset GOARM64; go build -o /out/app`, "env"},
	{`apk add --root /rootfs --initdb busybox && go build -o /out/app`, "command"},
	{`apk add -p /rootfs tzdata && go build -o /out/app`, "command"},
	{`dnf install -y --installroot /rootfs tzdata && go build -o /out/app`, "command"},
	{`dnf install -y --forcearch=x86_64 tzdata && go build -o /out/app`, "command"},
	{`git submodule foreach 'uname -m > arch' && go build -o /out/app`, "command"},
	{`go list -json ./... > /out/list.json && go build -o /out/app`, "command"},
	{`go list -f '{{.Target}}' ./... > /out/list && go build -o /out/app`, "command"},
	{`go build -o /usr/bin/ ./... && cp /usr/bin/git /out/`, "leaves-base"},
	{`echo $OSTYPE > /out/x; go build -o /out/app`, "arch"},
	{`GOROOT=/opt/go go build -o /out/app`, "base"},
	{`GOENV=/src/goenv go build -o /out/app`, "base"},
	{`mkdir -p /root/.config/go && echo CGO_ENABLED=1 > /root/.config/go/env && go build -o /out/app`, "command"},
	{`cp goenv /root/.config/go/env && go build -o /out/app`, "command"},
	{`ln -s /src/bin/go /usr/local/bin/go && go build -o /out/app`, "command"},
	{`cp bin/go /usr/local/bin/ && go build -o /out/app`, "command"},
	{`unset CGO_ENABLED; GOTOOLCHAIN=go1.19 go build -o /out/app`, "cgo"},
	{`export GOBIN=/out; go install ./... && mv $GOBIN/* /x/`, "install"},
	{`find /usr/share -name UTC | xargs cp --target-directory=/out && go build -o /out/app`, "leaves-base"},
	{`unset CGO_ENABLED; ln -s /opt/bin/x86_64-gcc /usr/local/bin/gcc; go build -o /out/app`, "cgo"},
	{`unset CGO_ENABLED; cd / && unzip /tmp/x.zip && cd /src && go build -o /out/app`, "cgo"},
	{`read x < /etc/alpine-release; echo $x > /out/x; go build -o /out/app`, "leaves-base"},
	{`while read l; do echo $l >> /out/x; done < /etc/passwd; go build -o /out/app`, "leaves-base"},
	{`find /usr/share -name UTC | xargs -I{} cp {} /out/ && go build`, "leaves-base"},
	{`find /usr/share -name UTC | xargs --replace=F cp F /out/ && go build`, "leaves-base"},
}

func TestAPositionIndependentProgramHasTheLoaderOfItsBase(t *testing.T) {
	st := stage{runs: []string{`go build -buildmode=pie -o /out/app`}, env: cgoOff, leaves: []string{"/out/app"}}
	if _, why := judge(t, st.build(t)); why.Check != "" {
		t.Errorf("with glibc: %+v", why)
	}
	st.files = map[string]string{"/lib/ld-musl-*": "\x7fELF"}
	if _, why := judge(t, st.build(t)); why.Check != "base" {
		t.Errorf("with musl: %+v", why)
	}
}

func TestCommandsThatAreTraps(t *testing.T) {
	for _, trap := range traps {
		st := stage{runs: []string{trap.run}, env: []string{"CGO_ENABLED=0"}, leaves: []string{"/out/app"}}.build(t)
		if _, why := judge(t, st); why.Check != trap.check {
			t.Errorf("%s\n  %q: %s, want %q", trap.run, why.Check, why.Message, trap.check)
		}
	}
}

func TestAStepThatReadsWhereProgramsAreInstalledIsATrap(t *testing.T) {
	for run, check := range map[string]string{`go install ./...`: "", `go install ./... && mv $GOBIN/* /x/`: "install", `go install ./... && rm -rf $(go env GOBIN)/x`: "install"} {
		st := stage{runs: []string{run}, env: []string{"CGO_ENABLED=0", "GOBIN=/out"}, leaves: []string{"/out/app"}}.build(t)
		if _, why := judge(t, st); why.Check != check {
			t.Errorf("%s: %q: %s, want %q", run, why.Check, why.Message, check)
		}
	}
}
