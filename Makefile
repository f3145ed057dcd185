# `make` alone lists the targets. Whatever is missing is installed first, by scripts/setup.
.DEFAULT_GOAL := help
SHELL := /bin/bash
bin := .venv/bin
PYTHON ?= /usr/bin/python3
export PYTHON

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.dev ## install what the other targets need (they do so by themselves)

.PHONY: demo
demo: .venv/.$(if $(DEMO),dev,runtime) ## show the main job, live, in a throwaway network namespace; DEMO=lvs: beside IPVS
	@$(bin)/$(if $(DEMO),python -m tests.$(DEMO).demo,lowatch demo)

.PHONY: test
test: .venv/.dev ## run the tests, in three processes; ARGS="-k listener" passes arguments to pytest, in one
	@$(bin)/python -m tests.suite $(ARGS)

.PHONY: lint
lint: .venv/.dev ## format, lint, types, layers
	$(bin)/python -m ruff format --check .
	$(bin)/python -m ruff check .
	$(bin)/python -m mypy
	$(bin)/lint-imports --no-logo

.PHONY: check
check: lint test ## all that must be green before a commit

.PHONY: oldest
oldest: .venv/.dev ## run the core of the tests on Debian's own, oldest versions
	@PYTHONNOUSERSITE=1 /usr/bin/python3 -m tests.packaging.oldest $(ARGS)

.PHONY: deb
deb: .venv/.dev ## build the Debian package, into dist/
	@scripts/deb dist

.PHONY: debian12
debian12: .venv/.dev ## test the package in a booted Debian 12 with its resolvers; ARGS as for test; needs root
	@scripts/userland $@ $(ARGS)

.PHONY: debian13
debian13: .venv/.dev ## test the package in a booted Debian 13; ARGS as for test; needs root
	@scripts/userland $@ $(ARGS)

.PHONY: i386
i386: .venv/.dev ## test the package in a booted Debian 12 of 32 bits; ARGS as for test; needs root
	@scripts/userland $@ $(ARGS)

.PHONY: kernels
kernels: .venv/.dev ## run the tests on Debian's kernels, emulated; KERNEL=6.1 WORLDS=50, ARGS as for test; needs root
	@$(bin)/python -m tests.kernels $(if $(KERNEL),--kernel $(KERNEL)) $(if $(WORLDS),--worlds $(WORLDS)) -- $(ARGS)

.PHONY: oracle
oracle: .venv/.dev ## compare verdicts with connects in 2,000 random worlds, run each fix of 500, verify 500, clean 500
	@$(bin)/python -m tests.oracle $(ARGS)

.PHONY: walk
walk: .venv/.dev ## follow the daemon through 500 random changes of a host; ARGS="--seed N --steps 500"
	@$(bin)/python -m tests.walk $(ARGS)

.PHONY: simulate
simulate: .venv/.dev ## run the daemon in worlds from seeds, on virtual time; SEEDS=100 DAYS=10, or SEED=17 STEP=4711
	@$(bin)/python -m tests.simulation $(if $(SEED),--seed $(SEED) --step $(or $(STEP),0) $(if $(SHRINK),--shrink),--seeds $(or $(SEEDS),20)) --days $(or $(DAYS),1) $(ARGS)

.PHONY: fuzz
fuzz: .venv/.dev ## read a million mutated DNS messages with both parsers
	@$(bin)/python -m tests.fuzz_dns

.PHONY: bench
bench: .venv/.dev ## measure, and compare with the last figures; ARGS="idle --record" for one, recorded
	@$(bin)/python -m bench $(ARGS)

.PHONY: clean
clean: ## remove everything that was made
	rm -rf .venv build dist *.egg-info .coverage .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.runtime: pyproject.toml scripts/setup
	@scripts/setup runtime
	@touch $@

.venv/.dev: pyproject.toml scripts/setup
	@scripts/setup dev
	@touch .venv/.runtime $@

# `make PYTHON=python3.13 ...` makes .venv again where it was made with another one.
ifeq ($(origin PYTHON),command line)
.PHONY: .venv/.runtime .venv/.dev
endif
