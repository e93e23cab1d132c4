# Every target says what it does: run "make" alone.

MODULES := $(patsubst %/go.mod,%,$(shell find . -name go.mod | sort))
# The race detector needs a C compiler; without one the same tests run without it.
RACE ?= $(if $(shell command -v $$(go env CC) 2>/dev/null),-race)
FUZZTIME ?= 20s
# Runs a command in each folder, goes on after a failure and lists all failures at the end.
each = @.ci/each $(1) -- '$(2)'
# After what writes a page of bench: a test holds the table to the pages.
evidence = @go run -C tools ./evidence $(CURDIR)

.PHONY: help
help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: servers fmt ## every test of every module but bench (make bench), with the servers they need; goes on after a failure. What .ci/run calls
	$(call each,$(filter-out ./bench,$(MODULES)),RACE=$(RACE) $(CURDIR)/.ci/test)
# As the tests of tools/release install our modules, so that what others wrote is compiled once for both.
test: export GOFLAGS := $(GOFLAGS) -trimpath

.PHONY: test-bench
test-bench: ## the tests of bench: every contender does its work, and the statistics find leaks. The peers take a minute to compile
	cd bench && go test -shuffle=on ./...

.PHONY: test-time
test-time: ## how long .ci/run takes on a clean checkout, with empty caches and again; writes bench/time.md
	@.ci/time
	$(evidence)

.PHONY: race
race: servers ## every test of every module under the race detector, those of the core module ten times over
	go test -race -shuffle=on -count 10 -timeout 30m ./...
	$(call each,$(filter-out .,$(MODULES)),go test -race -shuffle=on -timeout 30m ./...)

.PHONY: test-stores
test-stores: servers ## the stores against real Redis and PostgreSQL
	$(call each,internal/servertest idempotency/redisstore integration,go test $(RACE) -shuffle=on -timeout 8m ./...)

.PHONY: crash
crash: servers ## each store and its receiver, and each queue and its worker, killed 200 times
	cd integration && go test ./crash -run Crash -v -timeout 60m -crashes 200
	cd integration && go test ./sqliteinbox -run KilledAtRandom -v -timeout 60m -kills 200

.PHONY: soak
soak: servers ## a receiver under genuine, forged, slow and broken clients, outages, key rotation and clock steps, FOR (10m); writes bench/soak.md
	cd integration && go test -count=1 -run '^TestSoak_Nothing' -timeout 3h -v ./soak -for $(or $(FOR),10m) -summary $(CURDIR)/bench/soak.md
	$(evidence)

.PHONY: soak-memory
soak-memory: ## ten million events through a store in memory for one million
	go test ./idempotency -run Soak -v -timeout 60m -soak 10000000

.PHONY: stress
stress: ## the core ten times over beside eight busy loops, raced where make test is; PACKAGES (all raced) and COUNT choose less
	.ci/stress $(PACKAGES)
	$(evidence)

.PHONY: model
model: ## every interleaving of three processes, two events and at most two faults, DEPTH (6) steps deep, over the real middleware
	go test ./idempotency -run Exhaustive -v -timeout 2h -model-depth $(or $(DEPTH),6)

.PHONY: cuts
cuts: ## 65,536 texts of each template of a signature, in every way that they can be read
	go test ./hmacsig -run TestCuts_One -v -timeout 1h -cut-bodies 65536

.PHONY: servers
servers: ## install the servers that tests talk to (Debian), where they are missing
	@sh .ci/install-servers

.PHONY: fmt
fmt: ## fails if gofmt would change a file
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }

.PHONY: vet
vet: fmt ## gofmt and go vet
	$(call each,$(MODULES),go vet ./...)

.PHONY: lint
lint: bin/staticcheck ## go vet and staticcheck
	$(call each,$(MODULES),go vet ./... && $(CURDIR)/bin/staticcheck ./...)

bin/staticcheck: tools/go.mod tools/go.sum
	go build -C tools -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

.PHONY: golangci
golangci: bin/golangci-lint ## golangci-lint with .golangci.yml, in every module; its first build takes minutes, so it is no part of lint
	$(call each,$(MODULES),$(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...)

bin/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	go build -C tools/lint -o ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: audit
audit: bin/govulncheck bin/gosec bin/cyclonedx-gomod ## known vulnerabilities, unsafe code, and what the command is made of; writes bench/audit.md and bin/truhook.cdx.json
	CGO_ENABLED=0 go build -trimpath -o bin/truhook ./cmd/truhook
	go build -C tools/audit -o ../../bin/audit .
	@bin/audit -write bench/audit.md
	$(evidence)

bin/govulncheck bin/gosec bin/cyclonedx-gomod: tools/audit/go.mod tools/audit/go.sum
	go build -C tools/audit -o ../../$@ $$(sed -n 's|^\t*\(tool \)*\([^ ]*/cmd/$(notdir $@)\)$$|\2|p' tools/audit/go.mod)

.PHONY: reproducible
reproducible: ## the command built twice for each of TARGETS (linux/amd64 linux/arm64), in two folders: one hash; writes bench/reproducible.md
	@.ci/reproducible $(TARGETS)
	$(evidence)

.PHONY: evidence
evidence: ## collect what the other targets wrote into bench/EVIDENCE.md
	$(evidence)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s) of processor time, ONLY=words; RECORD=bench/fuzz.md: those without such a row, into it
	go build -C tools -o ../bin/fuzz ./fuzz
	@bin/fuzz -time $(FUZZTIME) $(if $(RECORD),-record $(RECORD)) $(ONLY)
	$(evidence)

.PHONY: bench
bench: servers ## floor, Truhook and peers side by side: writes bench/RESULTS.md and docs/bench.svg. ONLY=verify,handler ROUNDS=2 OUT=/tmp
	go build -C bench -o ../bin/bench .
	@bin/bench -root $(CURDIR) -rounds $(or $(ROUNDS),10) -only '$(ONLY)' -out '$(OUT)'
	$(evidence)

.PHONY: bench-compare
bench-compare: ## make bench-compare BASE=main ONLY=handler: this tree beside a revision, by benchstat
	@ROUNDS=$(ROUNDS) bench/compare '$(BASE)' '$(ONLY)'

.PHONY: timing
timing: ## Welch's t-test over what secrets decide, a million calls a class (MEASUREMENTS), into bench/timing.md; some twenty minutes
	cd bench && go test ./timing -run '^TestTiming$$' -v -timeout 3h -measurements $(or $(MEASUREMENTS),1000000) -report $(CURDIR)/bench/timing.md
	$(evidence)

.PHONY: fips
fips: ## the tests of the core with the certified Go Cryptographic Module in FIPS 140-3 mode, and what GODEBUG=fips140=only leaves (docs/fips.md)
	GOFIPS140=certified .ci/suite "FIPS 140-3 mode (GOFIPS140=certified)" go test -shuffle=on -timeout 20m ./...
	go test -count=1 -v -run 'Only|Off' ./internal/fipstest
	$(evidence)

.PHONY: cover
cover: ## coverage of the core module, in coverage.out
	go test -coverprofile coverage.out ./... && go tool cover -func coverage.out | tail -1

.PHONY: catalog
catalog: ## write what is generated from catalog/rows: the table, docs/providers.md, README's list
	go run ./internal/catalogen -write

.PHONY: catalog-age
catalog-age: ## rows of the catalog whose sources were read more than 12 months ago
	go run ./internal/catalogen -age

.PHONY: api
api: ## write the golden files of the exported API; look at the diff
	go test -run TestAPI ./internal/house -update

.PHONY: advisories
advisories: ## write docs/advisories.md from the names and comments of the tests
	go test -run TestAdvisories ./internal/house -update

.PHONY: test-portable
test-portable: ## the core without the tests that need servers: what CI runs on macOS and Windows
	go vet ./...
	go test $(RACE) -shuffle=on -timeout 8m -skip '^TestRealProxies$$' $$(go list ./... | grep -v internal/servertest)

.PHONY: portable
portable: ## every module vetted for 386 and arm64; the core's tests on both, with 1 and 8 threads and in three zones; STEPS= of .ci/portable
	@.ci/portable $(STEPS)
	$(evidence)

.PHONY: consumer
consumer: ## installs every public module from this tree into a module outside of it, and runs it there
	cd tools && go test -count=1 -run TestConsumer -v ./release

.PHONY: newcomer
newcomer: ## follows README.md and docs/start.md to the letter, in an empty folder, against the tree as a module proxy
	cd tools && go test -count=1 -run TestNewcomer -v ./release

.PHONY: release
release: ## make release VERSION=v0.1.0: the modules require it, the API is compared, the tags to cut are printed
	go build -C tools -o ../bin/release ./release
	@bin/release $(VERSION)

.PHONY: mutate
mutate: ## faults in critical lines, one at a time (tools/mutants), at low priority: which ones do the tests not notice? Judges what has no verdict in tools/mutants/verdicts.jsonl, and writes bench/mutants.md; ONLY=text chooses, and judges these again
	go build -C tools -o ../bin/mutate ./mutate
	@nice bin/mutate $(if $(ONLY),$(ONLY),-state tools/mutants/verdicts.jsonl -summary bench/mutants.md)
	$(evidence)

.PHONY: size
size: ## tokens of each module, without comments, tests and generated files
	@go run -C tools ./size $(CURDIR)

.PHONY: quickstart
quickstart: ## start a receiver and send it genuine and forged deliveries
	go run ./examples/quickstart

.PHONY: service
service: ## start a complete small service with secrets of its own making, and print a curl line to try
	cd examples/services && go run ./complete -demo

.PHONY: tidy
tidy: ## go mod tidy in every module
	$(call each,$(MODULES),go mod tidy)

.PHONY: drawings
drawings: ## the SVG files of docs/drawings, from the texts beside them
	go run -C tools ./drawing ../docs/drawings

.PHONY: screenshots
screenshots: servers ## the pictures of the page of "truhook listen", in docs/images
	cd integration && go test -count 1 ./page -screenshots $(CURDIR)/docs/images
