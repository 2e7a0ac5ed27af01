# `make demo` shows the main job, `make test` checks everything that must hold. Each makes its own
# virtual environment first, and again only when the dependencies have changed.

PYTHON ?= python3
VENV := .venv
FLOORS := .venv-floors
FAST := .venv-fast
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 60

# The environments of the benchmarks: with plain dependencies, and with a faster JSON parser.
BENCH_PLAIN := .venv-bench
BENCH_FAST := .venv-bench-fast
BENCH_FREE := .venv-bench-free
BENCH ?= all
# A Python without the GIL, such as python3.14t, if there is one.
FREE_THREADED ?=

.PHONY: demo test lint types contracts unit search fast floors docs fuzz soak bench mutants clean help

help:  ## List what make can do here
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/run  ## Stream a recorded answer over real HTTP and print it as it arrives
	@$(BIN)/python -m openai_scan demo

# The environments are made one by one, since each installation writes into this folder; what
# runs in them does not, so two of these run at a time.
test: lint types contracts $(FAST)/dev $(FLOORS)/dev  ## Check everything that must hold
	$(MAKE) --jobs=2 --output-sync=target unit fast floors docs

lint: $(VENV)/dev  ## Style, of every file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev  ## Types, strictly
	$(BIN)/mypy

contracts: $(VENV)/dev  ## Who may import whom
	$(BIN)/lint-imports

unit: $(VENV)/dev  ## The tests, README and docs examples included, with full branch coverage of the package
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

search: $(VENV)/dev  ## Search on: new examples for the properties that the tests check with fixed ones
	$(BIN)/python -m pytest --quiet -m hypothesis --hypothesis-profile=search

fast: $(FAST)/dev  ## The tests with the extra `fast`
	$(FAST)/bin/python -m pytest --quiet

floors: $(FLOORS)/dev  ## The tests on the oldest dependencies that setup.cfg allows
	$(FLOORS)/bin/python -m pytest --quiet

docs: $(VENV)/dev  ## The documentation, with warnings as errors, into docs/_build/html
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

fuzz: $(VENV)/fuzz  ## Fuzz for FUZZ_SECONDS (60) per harness
	@mkdir -p build/fuzz/tokenizer build/fuzz/streamer
	$(BIN)/python fuzz/fuzz_tokenizer.py -max_total_time=$(FUZZ_SECONDS) -max_len=256 \
		-artifact_prefix=build/fuzz/ build/fuzz/tokenizer fuzz/corpus/tokenizer
	$(BIN)/python fuzz/fuzz_streamer.py -max_total_time=$(FUZZ_SECONDS) -max_len=512 \
		-artifact_prefix=build/fuzz/ build/fuzz/streamer fuzz/corpus/streamer

soak: $(VENV)/dev  ## Read 100,000 streams with random faults; SOAK='--streams 1000 --seed 2' for less
	PYTHONPATH=tests $(BIN)/python -m faults.soak $(SOAK)

bench: export PYTHONPATH := tests
bench: $(BENCH_PLAIN)/ready $(BENCH_FAST)/ready $(if $(FREE_THREADED),$(BENCH_FREE)/ready)  ## Benchmarks: all of them into the documentation, or BENCH=decode, drivers, startup, http, memory, threads
	$(BENCH_PLAIN)/bin/python -m pytest --quiet tests/bench/test_workloads.py
	$(if $(FREE_THREADED),BENCH_FREE_THREADED=$(BENCH_FREE)/bin/python) \
		$(BENCH_PLAIN)/bin/python -m bench $(BENCH)
	$(BENCH_FAST)/bin/python -m bench --fast $(BENCH)
	$(if $(filter all,$(BENCH)),$(BENCH_PLAIN)/bin/python -m bench page)

mutants: $(VENV)/mutants  ## Change the wire, the streamer and the ends in every place, and see that a test notices
	$(BIN)/mutmut run
	$(BIN)/mutmut results

clean:  ## Remove what the other targets have made
	rm -rf $(VENV) $(FLOORS) $(FAST) $(BENCH_PLAIN) $(BENCH_FAST) $(BENCH_FREE) .coverage* .hypothesis .*_cache docs/_build build mutants *.egg-info

$(VENV)/run: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	@touch $@

$(VENV)/dev: $(VENV)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(VENV)/mutants: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutants]'
	@touch $@

$(VENV)/fuzz: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

$(FLOORS)/dev: setup.cfg pyproject.toml tests/floors.txt
	$(PYTHON) -m venv $(FLOORS)
	$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/floors.txt --editable '.[test]'
	@touch $@

$(FAST)/dev: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(FAST)
	$(FAST)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fast]'
	@touch $@

$(BENCH_PLAIN)/ready $(BENCH_FAST)/ready: setup.cfg pyproject.toml tests/bench/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement tests/bench/requirements.txt $(BENCH_EXTRA)
	@touch $@

$(BENCH_PLAIN)/ready: BENCH_EXTRA := --editable .
$(BENCH_FAST)/ready: BENCH_EXTRA := --editable '.[fast]'

$(BENCH_FREE)/ready: setup.cfg pyproject.toml
	$(FREE_THREADED) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@
