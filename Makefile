# Earshot. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

GOLANGCI_LINT_VERSION := v2.15.0
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/earshot
GOLANGCI_LINT := $(CACHE)/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Both are asked when they are used, after `deps` has installed what it may.
# Linux captures without libpcap, which is for tests there: elsewhere live capture
# needs it. The race detector needs a C compiler.
HAS_PCAP = $(shell printf '\043include <pcap.h>\n' | $${CC:-cc} -E - >/dev/null 2>&1 && echo yes)
HAS_CC = $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo yes)
TAGS = $(if $(HAS_PCAP),libpcap)
BUILD_TAGS = $(if $(filter Linux,$(shell uname -s)),,$(TAGS))
RACE = $(if $(HAS_CC),-race)

# What `make run` starts, and on what.
RUN_FLAGS ?= --demo
# Which packages test, fuzz and bench work on.
PKG ?= ./...
FUZZTIME ?= 1m
BENCH ?= .
# Of how many runs `make bench` shows the median, and how many bench-compare needs.
BENCHRUNS ?= 3
BENCHCOUNT ?= 6
# bench-compare compares the work tree with this commit.
BASE ?= HEAD
# A file that adds up counts over several runs (.ci/run).
COUNTS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: deps chdb-if-possible build ## set up this machine, start earshot, and show sample calls
	@bin/earshot run $(RUN_FLAGS)

.PHONY: build
build: go ## build bin/earshot
	@mkdir -p bin
	@$(if $(filter Linux,$(shell uname -s))$(HAS_PCAP),,echo "note: pcap.h is not there, so bin/earshot cannot listen on interfaces; it reads files and HEP")
	go build -trimpath -tags '$(BUILD_TAGS)' -ldflags '-X main.version=$(VERSION)' -o bin/earshot ./cmd/earshot

.PHONY: test
test: go deps-test chdb-if-possible ## build, vet and run every test with the race detector
	go build -tags '$(TAGS)' ./...
	go build ./...
	go vet -tags '$(TAGS)' ./...
	@$(if $(RACE),,echo "note: there is no C compiler, so the race detector is off. To have it: sudo apt-get install gcc libc6-dev")
	go test -json -p 2 -timeout 20m -tags '$(TAGS)' $(RACE) $(PKG) | go run .ci/count.go $(if $(COUNTS),-add $(COUNTS))

.PHONY: race
race: go ## run the tests of PKG ten times with the race detector
	go test -p 2 -timeout 30m -count 10 -tags '$(TAGS)' -race $(PKG)

.PHONY: corpus
corpus: go ## read every capture of the corpus (EARSHOT_CORPUS) and compare it with its truth
	@test -d "$${EARSHOT_CORPUS:-../shared/corpus}" || { echo "corpus: no folder $${EARSHOT_CORPUS:-../shared/corpus}; set EARSHOT_CORPUS" >&2; exit 1; }
	go test -json -count 1 -p 2 -timeout 20m -tags '$(TAGS)' -run Corpus $(PKG) | go run .ci/count.go -v $(if $(COUNTS),-add $(COUNTS))

.PHONY: fuzz
fuzz: go ## run every fuzz target of PKG for FUZZTIME (1m)
	@go list -tags '$(TAGS)' -f '{{$$d := .Dir}}{{range .TestGoFiles}}{{$$d}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$$d}}/{{.}} {{end}}' $(PKG) | tr ' ' '\n' | grep . | \
	while read -r file; do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "== $${file#$(CURDIR)/} $$name"; \
			go test -tags '$(TAGS)' -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s "$$(dirname "$$file")" </dev/null; \
		done; \
	done

.PHONY: bench
bench: go chdb-if-possible ## run the benchmarks of PKG and show what matters beside its floor
	go test -p 1 -timeout 60m -tags '$(TAGS)' -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHRUNS) $(PKG) | go run .ci/bench.go

.PHONY: bench-compare
bench-compare: go ## compare the benchmarks of PKG with those of commit BASE
	@mkdir -p bin
	@old=$$(mktemp -d); trap 'git worktree remove --force "$$old"' EXIT; \
	git worktree add --quiet --detach "$$old" $(BASE); \
	run='go test -p 1 -timeout 60m -run ^$$ -bench $(BENCH) -benchmem -count $(BENCHCOUNT) $(PKG)'; \
	echo "== $(BASE)"; (cd "$$old" && $$run) | tee bin/bench.old.txt; \
	echo "== work tree"; $$run | tee bin/bench.new.txt; \
	go run golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION) bin/bench.old.txt bin/bench.new.txt

.PHONY: lint
lint: go $(GOLANGCI_LINT) ## run the linters
	$(GOLANGCI_LINT) run --build-tags '$(TAGS)' ./...

.PHONY: fmt
fmt: go $(GOLANGCI_LINT) ## format as the linters want it
	$(GOLANGCI_LINT) fmt ./...

# Built once from source, in about three minutes, and kept beside libchdb.
$(GOLANGCI_LINT):
	@echo "building golangci-lint $(GOLANGCI_LINT_VERSION), once; this takes some minutes" >&2
	@mkdir -p $(@D)
	@cd / && GOFLAGS= GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: generate
generate: go ## write again what is generated
	go generate ./...

.PHONY: check
check: lint test ## lint and test
	@git diff --check

.PHONY: chdb
chdb: ## fetch the embedded ClickHouse into the cache folder
	@sh internal/chdb/fetch.sh

# Without it earshot still reads captures, and tests that need it are skipped by name.
.PHONY: chdb-if-possible
chdb-if-possible:
	@sh internal/chdb/fetch.sh >/dev/null || echo "note: going on without the embedded ClickHouse" >&2

.PHONY: deps
deps: ## install the system packages to build and run, where this user may
	@.ci/deps build

.PHONY: deps-test
deps-test: ## also install what tests need
	@.ci/deps test

# go.mod names the Go that is needed; a newer `go` fetches it by itself.
.PHONY: go
go:
	@command -v go >/dev/null 2>&1 || { echo "Go is not installed. Earshot needs Go $$(awk '$$1 == "go" { print $$2 }' go.mod) or later: https://go.dev/doc/install" >&2; exit 1; }
	@go list -m >/dev/null 2>&1 || { echo "This is $$(GOTOOLCHAIN=local go env GOVERSION); Earshot needs Go $$(awk '$$1 == "go" { print $$2 }' go.mod) or later, and it could not be fetched (GOTOOLCHAIN=$$(GOTOOLCHAIN= go env GOTOOLCHAIN 2>/dev/null)): https://go.dev/doc/install" >&2; exit 1; }

.PHONY: clean
clean: ## remove what was built here; the cache folder stays
	rm -rf bin
	find . -name '*.test' -o -name '*.prof' | xargs -r rm -f
