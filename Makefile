# Few targets, all thin. CONTRIBUTING says which to run when; `make help` lists them.

VERSION ?= $(shell git describe --tags --match 'v*' --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
PLUGINS ?= $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins
# grpcnotrace leaves out golang.org/x/net/trace, which nothing here uses: 1 MiB less in memory.
GOBUILD  = CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)"
MAIN     = ./cmd/docker-multiarch
E2E      = MULTIARCH_E2E_REQUIRED=1 e2e/env/with.sh
CROSS    = $(foreach os,linux darwin windows,$(foreach arch,amd64 arm64,$(os)/$(arch)))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the plugin into bin/
	$(GOBUILD) -o bin/docker-multiarch $(MAIN)

install: build ## install it as a plugin of the Docker CLI
	mkdir -p $(PLUGINS) && cp bin/docker-multiarch $(PLUGINS)/

cross: $(CROSS:%=cross/%) ## build it for Linux, macOS and Windows into bin/cross/
cross/%:
	GOOS=$(*D) GOARCH=$(*F) $(GOBUILD) -o bin/cross/docker-multiarch-$(*D)-$(*F)$(if $(filter windows,$(*D)),.exe) $(MAIN)

quickstart: install ## build examples/hello for three platforms, push, pull and run each
	e2e/env/quickstart.sh

test: test-env unit e2e ## bring up what is missing, then run all tests

test-env: ## bring up engines, registry and images for the tests
	e2e/env/up.sh test

unit: ## run the tests that need no engine
	go test -race -shuffle=on ./...

faults: ## build, push and merge under two thousand combinations of faults and phases, without an engine
	go test -count=1 ./internal/faultkit

fuzz: ## fuzz every parser of text from outside for a second
	e2e/env/fuzz.sh

e2e: build test-env ## run the stories against real engines
	$(E2E) go test -tags e2e -count=1 -timeout 75m ./e2e/... ./builder/probe ./internal/buildkitmsg

e2e-cross: build test-env ## compare cross-compiled images with emulated ones, for all platforms (half an hour)
	MULTIARCH_E2E_CROSS=full $(E2E) go test -tags e2e -count=1 -timeout 3h -run 'TestCrossCompiledImages|TestStepsThatMayDiffer' ./e2e

bench: build test-env ## compare speed and memory with docker buildx
	$(E2E) go run ./e2e/bench

bench-page: build test-env ## the same for docs/performance.md (half an hour, on a machine that does nothing else)
	$(E2E) go run ./e2e/bench -runs 5 -warm 1 -within 25m -skip 'cross: a Go service' -page docs/performance.md -json bin/bench.json

lint: ## golangci-lint, go mod tidy, shellcheck
	e2e/env/lint.sh

docs: ## regenerate docs/commands.md and the manual pages
	go test ./cmd/docker-multiarch -run TestTheCommandReference -count=1 -update

check: lint unit docs ## lint, unit tests, and no drift in the generated documents
	git diff --exit-code docs/commands.md docs/man

clean-env: ## take down engines and registry, and all they kept
	e2e/env/down.sh

clean-cache: ## the same, and remove the tools that were built
	e2e/env/down.sh --cache

.PHONY: help build install cross quickstart test test-env unit faults fuzz e2e e2e-cross bench bench-page lint docs check clean-env clean-cache
