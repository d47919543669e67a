.PHONY: help demo test unit mutations soak syscall-sweep build format setup

TURNUP = .build/debug/turnup

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: setup ## see two numbers added to one organisation, the second one's key late
	@mkdir -p .build
	@[ -x $(TURNUP) ] || echo "Building turnup; the first time takes some minutes ..." >&2
	@swift build --product turnup >.build/demo-build.log 2>&1 || { cat .build/demo-build.log >&2; exit 1; }
	@$(TURNUP) demo

test: setup ## every test; those that need PostgreSQL start a private one
	@.ci/test

unit: setup ## the tests that need no PostgreSQL
	@.ci/test HouseTests WorkflowCoreTests WorkflowFilesTests VaultTests

mutations: setup ## 100,000 random changes to valid definition files, in a release build
	@TURNUP_MUTATIONS=100000 swift test -c release -Xswiftc -enable-testing --filter '^WorkflowFilesTests.MutationTests'

soak: setup ## 1,000 runs under every fault for ten minutes; SOAK_SECONDS=90 for a short one, SOAK_SEED for a known one
	@TURNUP_SOAK_SECONDS=$(or $(SOAK_SECONDS),600) TURNUP_SOAK_SEED=$(SOAK_SEED) swift test --filter '^FaultTests.SoakTests'

syscall-sweep: setup ## a worker killed at its N-th system call, for every call and N; SWEEP_STEP=10 for a coarse one
	@swift build --product turnup
	@Tests/FaultTests/syscall-sweep --step $(or $(SWEEP_STEP),1)

build: setup ## turnup and all tests
	@swift build --build-tests

format: ## format all Swift files in place
	@swift format --in-place --parallel --recursive Package.swift Sources Tests

setup:
	@.ci/setup
