.PHONY: help demo test unit mutations simulate simulate-long simulate-bugs soak bench bench-shapes syscall-sweep systemd-trial failover-trial limits-trial ejabberd build docs format setup

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
	@$(MAKE) --no-print-directory simulate

unit: setup ## the tests that need no PostgreSQL
	@.ci/test HouseTests WorkflowCoreTests WorkflowFilesTests AmazonStatesTests VaultTests WorkerMachinesTests DiagnosticsTests

mutations: setup ## 100,000 random changes to valid definition files, in a release build
	@TURNUP_MUTATIONS=100000 swift test -c release -Xswiftc -enable-testing --filter '^WorkflowFilesTests.MutationTests'

simulate: setup ## a minute of simulated worlds full of faults, always the same ones, after the planted bugs and the seeds that once failed
	@.ci/simulate --bugs --first-seed 1 --seeds 20000 --brief
	@.ci/simulate --first-seed 1 --seconds 60 --regressions Tests/Simulation/regressions.txt

simulate-long: setup ## an hour of fresh ones
	@.ci/simulate --seconds 3600 --regressions Tests/Simulation/regressions.txt

simulate-bugs: setup ## how many seeds it takes to find each planted bug
	@.ci/simulate --bugs --first-seed 1 --seeds 100000

soak: setup ## 1,000 runs under every fault for ten minutes; SOAK_SECONDS=90 for a short one, SOAK_SEED for a known one
	@TURNUP_SOAK_SECONDS=$(or $(SOAK_SECONDS),600) TURNUP_SOAK_SEED=$(SOAK_SEED) swift test --filter '^FaultTests.SoakTests'

bench: setup ## every figure on this machine, half an hour; BENCH="claims --scale 0.1" for a part; JSON in .build/bench.json
	@swift build -c release --product turnup
	@swift build -c release --package-path Benchmarks
	@Benchmarks/.build/release/turnup-bench run --json .build/bench.json $(BENCH)

bench-shapes: setup ## two minutes: row versions, transactions and buffers of requests and claims, never seconds
	@swift build --product turnup
	@swift build --package-path Benchmarks --product turnup-bench
	@Benchmarks/.build/debug/turnup-bench shapes --turnup $(TURNUP) --json .build/bench-shapes.json

syscall-sweep: setup ## a worker killed at its N-th system call, for every call and N; SWEEP_STEP=10 for a coarse one
	@swift build --product turnup
	@Tests/FaultTests/syscall-sweep --step $(or $(SWEEP_STEP),1)

systemd-trial: setup ## the shipped unit under a real systemd in namespaces of its own; as root, three minutes
	@swift build --product turnup
	@Tests/Checkers/systemd-trial

failover-trial: setup ## a primary killed and its standby promoted, again and again; two minutes, FAILOVER=--short for a short one
	@swift build --product turnup
	@Tests/Checkers/failover-trial $(FAILOVER)

limits-trial: setup ## limits held while workers are killed, for ten minutes; LIMITS_SECONDS=60 for a short one, LIMITS_SEED
	@swift build --product turnup
	@Tests/Checkers/limits-trial --seconds $(or $(LIMITS_SECONDS),600) --seed $(or $(LIMITS_SEED),7)

ejabberd: setup ## real runs on a real third party, an ejabberd that is frozen and killed; installs it, or says how
	@.ci/ejabberd

build: setup ## turnup and all tests
	@swift build --build-tests

MODULES = Postgres WorkflowCore WorkflowFiles AmazonStates Vault EventStore HTTPActions WorkerMachines Worker \
  Diagnostics PlatformSimulator LocalPostgres turnup

docs: setup ## the modules' pages, in .build/plugins/Swift-DocC; a warning is an error
	@mkdir -p .build
	@for module in $(MODULES); do \
	  echo "== $$module"; \
	  swift package generate-documentation --target $$module --warnings-as-errors >.build/docs.log 2>&1 \
	    || { grep -A3 -E '^(error|warning): ' .build/docs.log; exit 1; }; \
	done

format: ## format all Swift files in place
	@swift format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

setup:
	@.ci/setup
