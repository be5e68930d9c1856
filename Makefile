# make check             formatting, vet, staticcheck, standard words, go.mod, workflows
# make test              all tests with the race detector, on real redis-server processes; installs what it needs
# make test-integration  tests with other people's clients, parsers and servers (etcd), with a browser and a reverse
#                        proxy (chromium, nginx), and with an earlier build from the history of the repository;
#                        installs what it needs
# make test-ha           those of make test with more than one server: Sentinel, replicas, Cluster
# make stress            all tests repeatedly on a busy machine, for STRESS, to find flaky tests
# make soak              a fleet under random faults for SOAK
# make sim               simulated fleets on a simulated Redis, in virtual time, for SIM
# make mutations         removes each rule of the follower once, and checks that the simulation finds it
# make fleet             a whole fleet in one terminal, until Ctrl-C
# make bench             all benchmarks, in less than ten minutes
# make bench-compare     benchmarks of the revision BASE and of the working tree in turns, with their differences;
#                        PKG, BENCH, COUNT and BENCHTIME select: see .ci/bench-compare
# make fuzz              each fuzz target for FUZZTIME
# make vulnerabilities   known vulnerabilities in what the packages call; needs the network

GO       ?= go
FUZZTIME ?= 60s
SOAK     ?= 10m
STRESS   ?= 20m
SIM      ?= 10m

# integration, which checks against Prometheus, OpenSearch and etcd, is a module of its own.
MODULES = . integration

GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
ACTIONLINT  = $(GO) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOVULNCHECK = $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT   = golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

.PHONY: check test test-integration test-ha stress soak sim mutations fleet bench bench-compare fuzz vulnerabilities needs needs-integration

check:
	@.ci/words
	@files=$$($(GOFUMPT) -l .); test -z "$$files" || { echo "not formatted with gofumpt:"; echo "$$files"; exit 1; }
	$(ACTIONLINT) -shellcheck= -pyflakes= .github/workflows/*.yml
	for module in $(MODULES); do \
		( cd $$module && $(GO) vet ./... && $(STATICCHECK) ./... && $(GO) mod tidy -diff ) || exit 1; \
	done

test: needs
	CGO_ENABLED=1 $(GO) test -race -timeout 12m ./...

test-integration: needs-integration
	cd integration && CGO_ENABLED=1 $(GO) test -race -timeout 12m ./...

test-ha: needs
	CGO_ENABLED=1 $(GO) test -race -count=1 -v -run TestTopologies ./internal/faulttest

stress: needs-integration
	MODULES="$(MODULES)" .ci/stress $(STRESS)

soak: needs
	SOAK=$(SOAK) CGO_ENABLED=1 $(GO) test -race -count=1 -v -timeout 0 -run TestSoak ./internal/faulttest

sim:
	SIM=$(SIM) $(GO) test -count=1 -v -timeout 0 -run '^TestSim$$' ./internal/sim

mutations:
	$(GO) test -count=1 -v -timeout 0 -run '^TestMutations$$' ./internal/sim -sim.mutations

fleet: needs
	$(GO) run ./examples/fleet

bench: needs
	$(GO) test -run '^$$' -bench . -benchmem ./...
	@.ci/yardstick

bench-compare: export BASE := $(BASE)
bench-compare: export PKG := $(PKG)
bench-compare: export BENCH := $(BENCH)
bench-compare: export COUNT := $(COUNT)
bench-compare: export BENCHTIME := $(BENCHTIME)
bench-compare: export BENCHSTAT := $(BENCHSTAT)
bench-compare: needs
	@.ci/bench-compare

fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

vulnerabilities:
	for module in $(MODULES); do ( cd $$module && $(GOVULNCHECK) ./... ) || exit 1; done

# The tests need redis-server and python3, and the race detector a C compiler. The tests of
# integration also need etcd, chromium, nginx, and systemd-analyze, which reads the units of systemd.
# Debian's nginx is in /usr/sbin, which the PATH of a user may lack.
needs: COMMANDS = redis-server python3
needs-integration: COMMANDS = redis-server python3 etcd chromium nginx systemd-analyze

needs needs-integration:
	@PATH="$$PATH:/usr/sbin"; missing=""; \
	for command in $(COMMANDS); do \
		command -v $$command >/dev/null && continue; \
		case $$command in \
			etcd) missing="$$missing etcd-server";; systemd-analyze) missing="$$missing systemd";; \
			*) missing="$$missing $$command";; esac; \
	done; \
	command -v "$${CC:-cc}" >/dev/null || command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	test -n "$$missing" || exit 0; \
	command -v apt-get >/dev/null || { echo "install$$missing first"; exit 1; }; \
	sudo=""; test "$$(id -u)" = 0 || sudo=sudo; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null
