package recipe_test

import (
	"testing"
)

// safe are commands of real Dockerfiles that give the same for another CPU, as long as cgo is off.
var safe = []string{
	`go build -o /out/app .`,
	`go build -trimpath -ldflags="-s -w" -o /out/app ./cmd/app`,
	`go mod download && go build -v -o /usr/local/bin/app ./...`,
	`apk add --no-cache git && go build -o /out/app`,
	`apk --no-cache add git ca-certificates tzdata && update-ca-certificates && go build`,
	`apt-get update && apt-get install -y --no-install-recommends git make=4.3-4.1 && rm -rf /var/lib/apt/lists/* && go build -o /out/app`,
	"set -eux; \\\n\tgo vet ./...; \\\n\t# the program\n\tgo build -o /out/app ./cmd/app",
	`cd cmd/app && go build -o /out/app`,
	`(cd tools && go build -o /out/tool .) && go build -o /out/app .`,
	`for c in api worker cron; do go build -o /out/$c ./cmd/$c; done`,
	`for d in ./cmd/*; do go build -o /out/$(basename $d) $d || exit 1; done`,
	`mkdir -p /out && for b in $(ls cmd); do go build -o "/out/${b}" "./cmd/${b}"; done`,
	`go build -ldflags "-X main.version=$(git describe --tags --always) -X main.date=$(date -u +%Y)" -o /out/app`,
	`VERSION=$(cat VERSION) && go build -ldflags="-X main.version=${VERSION}" -o /out/app`,
	`if [ -z "$VERSION" ]; then VERSION=dev; fi; go build -ldflags "-X main.version=$VERSION" -o /out/app`,
	`go list ./... && go build -o /out/ $(go list ./cmd/...)`,
	`GOOS=linux GOARCH=arm64 go build -a -installsuffix cgo -o /out/app .`,
	`GOOS=linux GOARCH=${TARGETARCH} go build -o /out/app .`,
	`GOOS=${TARGETOS:-linux} GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} go build -o /out/app .`,
	`export GOOS=$TARGETOS GOARCH="$TARGETARCH"; go build -o /out/app .`,
	`env GOOS=linux GOARCH=$TARGETARCH go build -o /out/app .`,
	`go build -o /out/app -mod=vendor -tags "netgo osusergo static_build" -ldflags '-w -extldflags "-static"' .`,
	`go version && go env && uname -a && go build -o /out/app`,
	`go env -w GOPROXY=https://goproxy.cn,direct && go build -o /out/app`,
	`go get ./... && go mod tidy && go mod vendor && go work sync && go build -o /out/app`,
	`go build -o /out/app && chmod +x /out/app && ls -la /out && sha256sum /out/app && cp /out/app /app`,
	`cat > main.go <<EOF` + "\npackage main\nfunc main() {}\nEOF\ngo build -o /out/app main.go",
	`sed -i 's/dl-cdn.alpinelinux.org/mirrors.aliyun.com/g' /etc/apk/repositories && apk add git && go build -o /out/app`,
	`echo "nobody:x:65534:65534:Nobody:/:" > /etc_passwd && go build -o /out/app`,
	`adduser -D -u 1000 app && go build -o /out/app`,
	`git config --global url."https://x:$TOKEN@github.com/".insteadOf "https://github.com/" && go mod download && go build`,
	`wget -qO- https://example.com/assets.tar.gz | tar xz -C ./assets && go build -o /out/app`,
	`GOPATH=$(go env GOPATH) && mkdir -p $GOPATH/src && go build -o /out/app`,
	`bash -euo pipefail -c "go build -o /out/app ./..."`,
	`test -f go.sum || touch go.sum; go build -o /out/app`,
	`time go build -o /out/app ./cmd/app 2>&1 | tee build.log`,
	`timeout 600 nice -n 10 go build -o /out/app`,
	`go build -o ./bin/app && mv ./bin/app /app && rm -rf ./bin`,
	`go build -race=false -buildmode=exe -buildvcs=false -pgo=off -gcflags=all=-l -o /out/app`,
	`go build -C sub -o ../out/app && go -C other build -o ../out/app`,
	`$(which go) build -o /out/app && $NOTHING`,
	`go build -buildmode=pie -o /out/app`,
	`find . -name '*_test.go' -delete; go build -o /out/app`,
	`go clean -modcache && gofmt -l . && go fmt ./... && go build -o /out/app`,
	`cp config.example.yml config.yml && ln -s ../x y && tar czf /out/x.tgz static && go build -o /out/app`,
	`setcap cap_net_bind_service=+ep /src/app; go build -o /src/app`,
	`[ "$MODE" = dev ] && X=1; go build -o /out/app -ldflags "-X main.x=$X"`,
	`GO111MODULE=on GOFLAGS=-mod=vendor go build -o /out/app`,
	`CGO_ENABLED=0 go install ./cmd/...`,
	`go build -o /out/app; cp /usr/share/zoneinfo/UTC /etc/localtime`,
	`/usr/local/go/bin/go build -o /out/app`,
	`go build $BUILD_FLAGS -o /out/app`,
	"bash -e <<'EOF'\ncd cmd/app\ngo build -o /out/app\nEOF",
	`go build -ldflags "-X main.go=$(go env GOVERSION)" -o /out/app`,
	`ls -la /usr/lib && cat /etc/os-release /proc/cpuinfo && go build -o /out/app`,
	`mkdir -p -m 0700 ~/.ssh && ssh-keyscan github.com >> ~/.ssh/known_hosts && go mod download && go build`,
	`go build -p $(nproc) -o /out/app`,
	`/usr/bin/install -d /out && /bin/cp x /out/x && go build -o /out/app`,
	`export GOARM64=v9.0; go build -o /out/app && GOARM64=v8.1 go build -o /out/app2`,
	`GOOS=$TARGETOS; GOARCH=$TARGETARCH; go build -o /out/app`,
}

func TestCommandsThatDoTheSameOnAnotherCPU(t *testing.T) {
	for _, run := range safe {
		st := stage{
			runs: []string{run}, env: []string{"CGO_ENABLED=0", "TARGETARCH=arm64", "TARGETOS=linux", "TARGETVARIANT="}, leaves: []string{"/out/app"},
		}.build(t)
		if _, why := judge(t, st); why.Found() {
			t.Errorf("%s\n  stays: %s: %s", run, why.Check, why.Message)
		}
	}
}

// unsafe are commands that keep a stage on the target platform, and the check that refuses them.
var unsafe = []struct{ run, check string }{
	{`make build`, "command"},
	{`apk add --root /out --initdb busybox; go build`, "command"},
	{`apt-get install -y ./tool_arm64.deb && go build`, "command"},
	{`rm -rf /usr/local/go && wget -qO- https://go.dev/dl/go1.22.0.tgz | tar -C /usr/local -xz; go build`, "command"},
	{`T=$(go list -f '{{.Target}}' .); go build`, "command"},
	{`GOROOT=/opt/go go build -o /out/app`, "base"},
	{`go build -o /out/app && make install`, "command"},
	{`go build -o /out/app && ./scripts/post.sh`, "command"},
	{`go build -o /out/app && /out/app --version`, "command"},
	{`go test ./... && go build -o /out/app`, "command"},
	{`go generate ./... && go build -o /out/app`, "command"},
	{`go run ./cmd/gen && go build -o /out/app`, "command"},
	{`go tool dist list && go build -o /out/app`, "command"},
	{`go install github.com/a-h/templ/cmd/templ@latest && templ generate && go build -o /out/app`, "command"},
	{`go build -o /out/app && upx /out/app`, "command"},
	{`go build -o /out/app && strip /out/app`, "command"},
	{`go build -toolexec ./tool -o /out/app`, "command"},
	{`go build -compiler gccgo -o /out/app`, "command"},
	{`go vet -vettool=./x ./... && go build`, "command"},
	{`go build -frobnicate -o /out/app`, "command"},
	{`go build -ldflags "$(cat flags)" -o /out/app`, "command"},
	{`go build $(cat flags) -o /out/app`, "command"},
	{`eval "go build -o /out/app"; go build`, "command"},
	{`. ./env.sh; go build -o /out/app`, "command"},
	{`build() { go build -o /out/$1 ./cmd/$1; }; build a; build b`, "command"},
	{`sh ./build.sh && go build`, "command"},
	{`curl -sSL https://example.com/install.sh | sh; go build`, "command"},
	{`go build -o /out/app "`, "command"},
	{`bash -lc "go build -o /out/app"`, "command"},
	{`git ls-files | xargs make && go build`, "command"},
	{`find . -name '*.proto' -exec protoc {} \; && go build`, "command"},
	{`awk 'BEGIN { system("uname -m") }' > x; go build`, "command"},
	{`go install cmd/gofmt && go build`, "command"},
	{`python3 gen.py && go build`, "command"},
	{`npm ci && npm run build && go build`, "command"},

	{`apk info -v > /out/packages; go build`, "arch"},
	{`ARCH=$(uname -m) && go build -o /out/app`, "arch"},
	{`go build -ldflags "-X main.arch=$(uname -m)" -o /out/app`, "arch"},
	{`uname -m > /out/arch; go build`, "arch"},
	{`dpkg --print-architecture | tee /out/arch; go build`, "arch"},
	{`case "$(arch)" in x86_64) X=1;; esac; go build`, "arch"},
	{`go build -ldflags "-X main.go=$(go version)" -o /out/app`, "arch"},
	{`go build -ldflags "-X main.go=$(go env GOHOSTARCH)" -o /out/app`, "arch"},
	{`cat /proc/cpuinfo > /out/cpu; go build`, "arch"},
	{`[ -e /lib/ld-linux-aarch64.so.1 ] && touch x; go build`, "arch"},
	{`echo $TARGETARCH > /out/arch; go build`, "arch"},
	{`wget https://example.com/tool-$TARGETARCH && go build`, "arch"},
	{`A=$TARGETARCH; echo $A > /out/arch; go build`, "arch"},
	{`if [ "$TARGETARCH" = arm64 ]; then touch x; fi; go build`, "arch"},
	{`env > /out/env; go build`, "arch"},

	{`echo $GOARCH > /out/arch; go build`, "env"},
	{`GOARCH=${GOARCH:-amd64} go build`, "env"},
	{`GOARCH=$NOTHING go build -o /out/app`, "env"},
	{`unset GOARCH; go build -o /out/app`, "env"},
	{`env -i PATH=$PATH go build -o /out/app`, "env"},
	{`GOARCH=$(cat arch) go build -o /out/app`, "env"},

	{`GOARCH=amd64 go build -o /out/app`, "author"},
	{`GOOS=windows go build -o /out/app.exe`, "author"},
	{`export GOOS=darwin; go build -o /out/app`, "author"},
	{`go env -w GOARCH=amd64 && go build -o /out/app`, "env"},
	{`go env -w CGO_ENABLED=0 && go build -o /out/app`, "env"},
	{`for a in amd64 arm64; do GOARCH=$a go build -o /out/app-$a; done`, "author"},

	{`CGO_ENABLED=1 go build -o /out/app`, "cgo"},
	{`go build -race -o /out/app`, "cgo"},
	{`go build -msan -o /out/app`, "cgo"},
	{`go build --asan=true -o /out/app`, "cgo"},
	{`go build -buildmode=c-shared -o /out/app.so`, "cgo"},
	{`go build -buildmode plugin -o /out/app.so`, "cgo"},
	{`go build -ldflags "-linkmode external -extldflags -static" -o /out/app`, "cgo"},
	{`GOFLAGS=-race go build -o /out/app`, "cgo"},
	{`go env -w GOFLAGS=-race && go build -o /out/app`, "env"},
	{`unset CGO_ENABLED; apk add gcc musl-dev && go build -o /out/app`, "cgo"},
	{`unset CGO_ENABLED; apk add build-base; go build -o /out/app`, "cgo"},
	{`GO_EXTLINK_ENABLED=1 go build -o /out/app`, "cgo"},
	{`CGO_ENABLED=$(cat cgo) go build -o /out/app`, "cgo"},
	{`if [ -n "$X" ]; then export CGO_ENABLED=1; fi; go build -o /out/app`, "cgo"},

	{`cp /etc/ssl/certs/ca-certificates.crt /out/ && go build`, "leaves-base"},
	{`cp -r /usr/share/zoneinfo /out/zoneinfo && go build`, "leaves-base"},
	{`cp $(which git) /out/ && go build`, "leaves-base"},
	{`cp "$(go env GOROOT)/lib/wasm/wasm_exec.js" /out/ && go build`, "leaves-base"},
	{`cd /usr/share && cp -r zoneinfo /out && go build`, "leaves-base"},
	{`tar czf /out/etc.tgz /etc && go build`, "leaves-base"},
	{`tar -C / -cf /out/all.tar . && go build`, "leaves-base"},
	{`grep nobody /etc/passwd > /out/passwd && go build`, "leaves-base"},
	{`X=$(cat /etc/alpine-release); go build -ldflags "-X main.x=$X"`, "leaves-base"},
	{`ln -s /usr/share/zoneinfo /out/zi && go build`, "leaves-base"},
	{`dd if=/etc/passwd of=/out/passwd && go build`, "leaves-base"},
	{`find / -name '*.so' > /out/list; go build`, "leaves-base"},
	{`awk -F: '{ print > "/out/users" }' /etc/passwd; go build`, "leaves-base"},
	{`go build -o /usr/local/bin/ ./... && cp /usr/local/bin/other /out/`, "leaves-base"},
	{`GOBIN= go install . && cp /usr/local/bin/other /out/`, "leaves-base"},

	{`GOBIN=/out go install ./...`, "install"},

	{`echo hello && go version`, "nothing"},
}

func TestCommandsThatKeepAStage(t *testing.T) {
	for _, u := range unsafe {
		st := stage{
			runs: []string{u.run}, env: []string{"CGO_ENABLED=0", "TARGETARCH=arm64", "TARGETOS=linux", "TARGETVARIANT="}, leaves: []string{"/out/app"},
		}.build(t)
		if _, why := judge(t, st); why.Check != u.check {
			t.Errorf("%s\n  %q: %s, want %q", u.run, why.Check, why.Message, u.check)
		}
	}
}
