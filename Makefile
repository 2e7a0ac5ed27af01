# `make demo` shows the main use, `make test` checks everything, and `make quick` most of it in a
# minute. Each creates its virtual environment first, and again only when the dependencies change.

PYTHON ?= python3
VENV := .venv
FLOORS := .venv-floors
# Only what the extra `fast` adds; the tests with it find it by PYTHONPATH.
FAST := build/fast
AUDIT := .venv-audit
CLIENTS := .venv-clients
COMPARISON := .venv-comparison
HOSTS := .venv-hosts
FIELD := .venv-field
PYTHONS_VENV := .venv-pythons
SBOM := .venv-sbom
CYCLONEDX := .venv-cyclonedx
BIN := $(VENV)/bin
WEB := build/web
HOSTED := build/hosts
FUZZ_SECONDS ?= 60

# Many tests wait, for a process or for a timeout. So make runs two jobs for each core, and pytest-xdist
# one process more than there are cores: each of its processes collects all tests first. With three jobs
# no core is idle, but everything takes a tenth more CPU.
CORES := $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')
JOBS ?= $(shell expr 2 '*' $(CORES))
WORKERS ?= $(shell expr $(CORES) + 1)
# A test that takes longer hangs, even on a busy machine.
PYTEST_ALONE := pytest --quiet --timeout=300
PYTEST := $(PYTEST_ALONE) --numprocesses=$(WORKERS) --dist=worksteal

# The environments of the benchmarks: with plain dependencies, and with a faster JSON parser.
BENCH_PLAIN := .venv-bench
BENCH_FAST := .venv-bench-fast
BENCH_FREE := .venv-bench-free
BENCH ?= all
# A Python without the GIL, such as python3.14t, if there is one.
FREE_THREADED ?=

# Several jobs at a time. If this make can, it prints the output of each in one piece.
TOGETHER := $(MAKE) --jobs=$(JOBS) $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# The extra `fast` replaces the parser of payloads. These tests reach it with every kind of payload.
FAST_TESTS := tests/events tests/test_all_recordings.py tests/test_streamer.py tests/test_schema.py

# These tests may differ on the oldest dependencies, because the code under test calls them: attrs and
# cattrs (events, schemas, tools), requests and urllib3 (transport, clients, recording, faults), click
# and rich (the command line), OpenTelemetry, redis-py, SQLAlchemy and psycopg (the relay). Tests of our
# own code alone are left out.
FLOORS_TESTS := tests/events tests/test_streamer.py tests/test_schema.py tests/test_tools.py \
	tests/test_transport.py tests/test_trust.py tests/test_unusual_answers.py tests/test_errors.py \
	tests/aio_http \
	tests/test_client.py tests/test_client_apis.py tests/recording tests/testing \
	tests/faults/test_table.py tests/faults/test_slices.py tests/faults/test_routes.py \
	tests/faults/test_compression.py tests/faults/test_wire.py tests/cli tests/test_telemetry.py \
	tests/aio tests/relay/test_logs.py tests/relay/test_redis_log.py tests/relay/test_sql_log.py \
	tests/relay/test_sql_store.py

# Of these, `make test` leaves out what calls the dependencies as other tests do, or not at all: most
# processes of the command line, further framings and routes of a fault, further examples of a property,
# redaction, waiting in threads, and what a stream makes of events that other tests decode.
NOT_ON_FLOORS := -m 'not (further or hypothesis)' \
	$(patsubst %,--ignore=tests/cli/test_%.py,conversations doctor functions keys program relay) \
	--deselect='tests/cli/test_completion.py::test_the_tab_key[zsh]' \
	--deselect='tests/cli/test_completion.py::test_the_tab_key[fish]' \
	--ignore=tests/recording/test_redact.py --ignore=tests/aio/test_threads_wire.py \
	--ignore=tests/test_streamer.py --ignore=tests/test_errors.py

# Tests that need a browser: Chromium in `make test`, Firefox in `make firefox`.
IN_BROWSERS := tests/web/test_page.py tests/web/test_browser.py

# Tests that are slow and seldom fail alone: measurements, every cell of the fault table, terminals,
# browsers, databases, other people's programs, and the examples of the documentation. `make test` runs
# them, and those that repeat one thing.
NOT_QUICK := tests/bench tests/faults tests/cli tests/test_documents.py tests/test_generated.py \
	tests/test_pytest_plugin.py tests/test_sdist.py $(IN_BROWSERS) tests/relay/page \
	tests/relay/failures tests/relay/test_sql_store.py tests/relay/test_sql_log.py \
	tests/relay/test_redis_log.py tests/relay/test_ai_sdk.py tests/web/test_site.py tests/web/test_hosts.py

# Tests that repeat one thing many times, to find an unknown case or to count steps, and tests over
# another wire with the same code. They reach no lines that other tests do not reach, and measuring
# their coverage would take as long again.
REPEATED := unmeasured or hypothesis

# The tests are divided into parts, each of which is one process of pytest: a folder whose tests take
# long, the files directly in tests/, and the rest. Several parts run at a time. With pytest-xdist each
# of its processes would collect all tests, which took longer than a quarter of the tests themselves.
LONG := cli relay relay/page web faults relay/failures
PARTS := top $(subst /,-,$(LONG)) rest
$(foreach folder,$(LONG),$(eval IN.$(subst /,-,$(folder)) := $(wildcard tests/$(folder)/test_*.py)))
IN.top := $(wildcard tests/test_*.py)
TESTS := $(wildcard tests/test_*.py tests/*/test_*.py tests/*/*/test_*.py)
IN.rest := $(filter-out $(foreach part,$(PARTS),$(IN.$(part))),$(TESTS))

# The files whose tests are all repeated, and those that have one that is: a test that uses the fixture
# `wire` runs over several wires.
UNMEASURED := $(shell grep --files-with-matches '^pytestmark = .*unmeasured' $(TESTS))
WITH_REPEATED := $(shell grep --files-with-matches -w -E 'unmeasured|hypothesis|wire' $(TESTS))
MEASURED_PARTS := $(foreach part,$(PARTS),$(if $(filter-out $(UNMEASURED),$(IN.$(part))),measured-$(part)))
# Only these parts have many of them; those of all others are one part.
REPEATED_ALONE := top faults relay-failures
REPEATED_PARTS := $(REPEATED_ALONE:%=repeated-%) repeated-rest
REPEATED_IN.rest := $(filter-out $(foreach part,$(REPEATED_ALONE),$(IN.$(part))),$(TESTS))

# Thousands of processes are started, and each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

# What most tests import. `make test` has it compiled while it waits for downloads. Otherwise several
# parts would compile it at once, when they begin.
IMPORTED := aiohttp, cattrs, hypothesis, matplotlib.pyplot, openai, opentelemetry.sdk.metrics, \
	opentelemetry.sdk.trace, psycopg, pytest, redis, requests, rich.live, rich.markdown, \
	sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite, uvicorn

.PHONY: demo web quick test everything lint english types contracts unit measured erased $(MEASURED_PARTS) $(REPEATED_PARTS) search fast floors dist sbom unpacked release pythons references docs links fuzz soak failures bench bench-loops bench-relay bench-browser firefox model mutants mutants-web audit clients comparison hosts field clean help

help:  ## List what make can do here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/run  ## Stream a recorded answer over real HTTP and print it as it arrives
	@$(BIN)/python -m openai_scan demo

web: $(WEB)/ready  ## Build the page that streams without a backend, and serve it with a model that needs no key
	$(BIN)/python -m openai_scan.web build $(WEB)/site --pyodide $(WEB)/node_modules/pyodide \
		--node $(BIN)/node --base-url http://127.0.0.1:8001/v1
	$(BIN)/python -m openai_scan.web serve $(WEB)/site

# An environment is created before anything runs here, because its installation writes into this
# folder. So are the distributions, because that puts a copy of the source into it for a moment. Only
# what reads the text of tracked files runs beside it. `everything` does not repeat what is DONE.
test: $(VENV)/dev  ## Check everything but the build of the documentation
	$(TOGETHER) $(FLOORS)/dev $(WEB)/ready $(FAST)/ready $(VENV)/compiled english
	$(TOGETHER) dist erased $(FLOORS)/compiled
	$(TOGETHER) everything DONE='erased english'

# What takes longest comes first, and what waits beside what computes. The report of the coverage is
# written while other parts run.
everything: repeated-faults floors types repeated-top repeated-rest measured unit fast lint contracts

quick: $(VENV)/dev $(WEB)/ready  ## Check what a change breaks most often: style, types, and the tests that do not take long
	$(TOGETHER) lint types contracts
	OPENAI_SCAN_WIRES=blocking $(BIN)/python -m $(PYTEST) -m 'not ($(REPEATED))' $(NOT_QUICK:%=--ignore=%)

lint: $(VENV)/dev $(filter-out $(DONE),english)  ## Check the style of every file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

english: $(VENV)/dev  ## Check the English of documentation, docstrings, comments and messages
	$(BIN)/python scripts/check_english.py

types: $(VENV)/dev  ## Check types, also those of the examples in README and docs, with two type checkers
	$(BIN)/mypy
	$(BIN)/python tests/pages.py build/examples
	$(BIN)/mypy build/examples
	$(BIN)/basedpyright --project pyproject.toml --pythonpath $(BIN)/python

contracts: $(VENV)/dev  ## Check which modules may import which
	$(BIN)/lint-imports

unit: measured $(REPEATED_PARTS)  ## Run all tests, with the examples in README and docs; --jobs=3 runs three parts of them at a time

measured: $(MEASURED_PARTS)  ## Run the tests that reach every line, and measure the branch coverage of the package
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

$(MEASURED_PARTS): measured-%: $(VENV)/dev $(WEB)/ready | $(filter-out $(DONE),erased)
	@OPENAI_SCAN_WIRES="blocking aiohttp" $(BIN)/coverage run -m $(PYTEST_ALONE) -m 'not ($(REPEATED))' \
		$(filter-out $(UNMEASURED),$(IN.$*))

$(REPEATED_PARTS): repeated-%: $(VENV)/dev $(WEB)/ready
	@$(BIN)/python -m $(PYTEST_ALONE) -m '$(REPEATED)' $(filter $(WITH_REPEATED),$(or $(REPEATED_IN.$*),$(IN.$*)))

erased: $(VENV)/dev
	@$(BIN)/coverage erase

search: $(VENV)/dev  ## Check the properties with new examples; the tests use fixed ones
	$(BIN)/python -m $(PYTEST) -m hypothesis --hypothesis-profile=search
	OPENAI_SCAN_SCOPE=5 $(BIN)/python -m $(PYTEST) tests/promises/test_every_short_stream.py

fast: $(FAST)/ready  ## Run the tests that may differ with the extra `fast`
	PYTHONPATH=$(FAST) OPENAI_SCAN_WIRES=blocking $(BIN)/python -m $(PYTEST_ALONE) $(FAST_TESTS)

floors: $(FLOORS)/dev  ## Run the tests that may differ with the oldest dependencies that setup.cfg allows
	OPENAI_SCAN_WIRES=blocking $(FLOORS)/bin/python -m $(PYTEST_ALONE) $(NOT_ON_FLOORS) $(FLOORS_TESTS)

# The wheel is built from the source distribution, as an index or a packager builds it. Without
# isolation the build uses the tools of this environment, and needs no network.
# The time of the commit instead of that of the build makes a wheel that others can build again.
dist: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2> /dev/null || echo 1577836800)
dist: $(VENV)/dev  ## Build the source distribution and the wheel into dist/, and check both
	rm -rf dist && mkdir -p build
	@$(BIN)/python -m build --no-isolation --outdir dist . > build/dist.log 2>&1 || { cat build/dist.log; exit 1; }
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# A user's installation: the wheel with what it needs, and nothing else, not even pip.
sbom: dist $(CYCLONEDX)/ready  ## List what is installed with the package, as an SBOM beside the distributions in dist/
	rm -rf $(SBOM)
	$(INSTALL) $(SBOM) dist/*.whl
	@$(SBOM)/bin/python -m pip uninstall --quiet --yes pip setuptools 2> /dev/null || true
	@rm -f $(SBOM)/lib/python*/site-packages/openai_scan-*/direct_url.json # it names a folder of this machine
	$(CYCLONEDX)/bin/cyclonedx-py environment --output-reproducible --mc-type library --spec-version 1.6 \
		--output-file $(patsubst %-py3-none-any.whl,%.cdx.json,$(wildcard dist/*.whl)) $(SBOM)/bin/python
	$(BIN)/python scripts/check_sbom.py dist/*.cdx.json $(SBOM)

# No other target runs it: it makes a second environment, and then repeats `make quick`.
unpacked: dist  ## Unpack the source distribution into build/unpacked, and run the quick tests there
	rm -rf build/unpacked
	@mkdir -p build/unpacked
	tar --extract --strip-components=1 --directory build/unpacked --file dist/*.tar.gz
	$(MAKE) --directory build/unpacked quick

release: sbom unpacked  ## Build and check what docs/releasing.md releases, from a tagged commit
	$(BIN)/python scripts/check_release.py dist

# No other target runs it: it takes minutes for each Python. PYTHONS=/path/to/python adds an interpreter
# that is not on the path, ONLY="3.10 3.14" leaves others out, and SUITE=tests runs all tests.
SUITE ?= $(FLOORS_TESTS)
pythons:  ## Run the tests that can differ on every Python from 3.10 to 3.14 that is found, and name the missing ones
	$(PYTHON) scripts/run_pythons.py $(if $(ONLY),--only $(ONLY)) -- $(PYTEST:pytest%=%) $(SUITE)

# The kind of quotation marks does not matter here, and choosing it takes a tenth of the time.
references: $(VENV)/dev  ## Check that the documentation builds without a warning, but do not write it; CI does so too
	$(BIN)/sphinx-build --builder dummy --define smartquotes=0 --fail-on-warning --keep-going --quiet \
		docs docs/_build/dummy

# From scratch: what Sphinx keeps of a module that has changed since leads to links that are broken.
docs: $(VENV)/dev english  ## Build the documentation into docs/_build/html; a warning or a broken link is an error
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet docs docs/_build/html
	$(BIN)/lychee --offline --include-fragments --no-progress *.md 'docs/_build/html/**/*.html'

# No other target runs it: it needs the network, and other people's pages change without a change here.
links: $(VENV)/dev  ## Whether the links to other people's pages still work
	$(BIN)/lychee --no-progress --scheme=https --scheme=http --exclude-path=docs/_build *.md 'docs/**/*.md'

fuzz: $(VENV)/fuzz  ## Fuzz for FUZZ_SECONDS (60) per harness
	@mkdir -p build/fuzz/tokenizer build/fuzz/streamer build/fuzz/cost build/fuzz/ends build/fuzz/answers
	$(BIN)/python fuzz/fuzz_tokenizer.py -max_total_time=$(FUZZ_SECONDS) -max_len=256 \
		-artifact_prefix=build/fuzz/ build/fuzz/tokenizer fuzz/corpus/tokenizer
	$(BIN)/python fuzz/fuzz_streamer.py -max_total_time=$(FUZZ_SECONDS) -max_len=512 \
		-artifact_prefix=build/fuzz/ build/fuzz/streamer fuzz/corpus/streamer
	$(BIN)/python fuzz/fuzz_cost.py -max_total_time=$(FUZZ_SECONDS) -max_len=128 \
		-artifact_prefix=build/fuzz/ build/fuzz/cost fuzz/corpus/cost
	$(BIN)/python fuzz/fuzz_ends.py -max_total_time=$(FUZZ_SECONDS) -max_len=32 \
		-artifact_prefix=build/fuzz/ build/fuzz/ends
	$(BIN)/python fuzz/fuzz_answers.py -max_total_time=$(FUZZ_SECONDS) -max_len=1024 \
		-artifact_prefix=build/fuzz/ build/fuzz/answers

soak: $(VENV)/dev  ## Read 100,000 streams with random faults; SOAK='--streams 1000 --seed 2' for less
	PYTHONPATH=tests $(BIN)/python -m faults.soak $(SOAK)

# `make test` runs a fifth of them.
failures: $(VENV)/dev  ## Test every fault of the relay: processes killed at each point, databases stopped, networks cut
	OPENAI_SCAN_FAILURES=all $(BIN)/python -m $(PYTEST) tests/relay/failures

bench: export PYTHONPATH := tests
bench: $(BENCH_PLAIN)/ready $(BENCH_FAST)/ready $(if $(FREE_THREADED),$(BENCH_FREE)/ready)  ## Run all benchmarks and write them into the documentation, or only BENCH=decode, drivers, floor, startup, paced, http, memory, threads
	$(BENCH_PLAIN)/bin/python -m pytest --quiet --noconftest tests/bench/test_workloads.py
	$(if $(FREE_THREADED),BENCH_FREE_THREADED=$(BENCH_FREE)/bin/python) \
		$(BENCH_PLAIN)/bin/python -m bench $(BENCH)
	$(BENCH_FAST)/bin/python -m bench --fast $(BENCH)
	$(if $(filter all,$(BENCH)),$(BENCH_PLAIN)/bin/python -m bench page)

bench-loops: export PYTHONPATH := tests
bench-loops: $(BENCH_PLAIN)/ready  ## Benchmark many streams in one event loop, over aiohttp
	$(BENCH_PLAIN)/bin/python -m bench.bench_loops

bench-relay: export PYTHONPATH := tests
bench-relay: $(VENV)/dev  ## Benchmark the relay: CPU, memory and delay, compared with a bare reader
	$(BIN)/python -m bench.bench_relay

bench-browser: export PYTHONPATH := tests
bench-browser: $(WEB)/ready  ## Benchmark the web page in Chromium, and write the result into the documentation
	$(BIN)/python -m bench.bench_browser

firefox: $(WEB)/ready  ## Run the tests of web pages in Firefox; apt-get installs it if it is missing
	@command -v firefox-esr || command -v firefox || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends firefox-esr; }
	OPENAI_SCAN_BROWSER=firefox $(BIN)/python -m pytest --quiet --timeout=300 $(IN_BROWSERS)

model: export PYTHONPATH := tests
model: $(VENV)/dev  ## Check every state of a model of the relay with spin; MODEL=deep checks more
	$(BIN)/python -m relay.model.check $(MODEL)

mutants: $(VENV)/mutants  ## Change the code in every place, and check that a test notices
	$(BIN)/mutmut run
	$(BIN)/mutmut results

mutants-web: export PYTHONPATH := tests
mutants-web: $(WEB)/ready  ## Break what a web page needs, one thing at a time, and check that a test notices
	$(BIN)/python -m web.mutants

# No other target runs it: it needs the network, and its result changes without a change here.
audit: $(FLOORS)/dev $(AUDIT)/ready  ## Check the oldest dependencies for known vulnerabilities
	@mkdir -p build
	@$(FLOORS)/bin/python -c 'from importlib.metadata import distributions; \
		print(*(f"{one.name}=={one.version}" for one in distributions() \
		if one.name != "openai_scan"), sep="\n")' > build/floors.txt
	$(AUDIT)/bin/pip-audit --strict --disable-pip --no-deps --requirement build/floors.txt

# No other target runs it: it needs the network, and the clients change without a change here.
clients: export PATH := $(abspath $(CLIENTS)/bin):$(PATH)
clients: export NODE_CLIENTS := $(abspath $(CLIENTS)/js)
clients: $(CLIENTS)/ready  ## Test the fake server with the newest clients of other projects, in Python and JavaScript
	$(CLIENTS)/bin/python -m pytest --quiet --noconftest --timeout=300 -W ignore \
		tests/clients/check_python.py tests/clients/check_node.py

# No other target runs it: it needs the network, and the newest libraries change without a change here.
comparison: export PATH := $(abspath $(COMPARISON)/bin):$(PATH)
comparison: export COMPARISON_NODE := $(abspath $(COMPARISON)/js)
comparison: export COMPARISON_PYTHON := $(abspath $(BIN)/python)
comparison: export PYTHONPATH := tests
comparison: $(COMPARISON)/ready $(WEB)/ready  ## Compare the client with what people use instead, into README and documentation
	$(COMPARISON)/bin/python -m comparison

# No other target runs it: it needs the network, and 300 MB.
hosts: $(VENV)/dev $(HOSTED)/ready  ## Run the client in PyScript, JupyterLite, Cloudflare's workerd and WASI, as the documentation says
	$(BIN)/python -m pytest --quiet --timeout=300 tests/web/hosts/check_*.py

# No other target runs it: it needs the network, and compares other projects.
field: export PATH := $(abspath $(FIELD)/bin):$(PATH)
field: export FIELD_NODE := $(abspath $(FIELD)/js)
field: export PYTHONPATH := tests
field: $(FIELD)/ready  ## Compare the relay with alternatives, and write the result into the documentation; ONLY=LiteLLM for some
	$(FIELD)/bin/python -m bench.field $(ONLY)

clean:  ## Remove what the other targets have created
	rm -rf $(VENV) .venv-uv $(FLOORS) $(AUDIT) $(CLIENTS) $(COMPARISON) $(HOSTS) $(FIELD) \
		$(PYTHONS_VENV) $(SBOM) $(CYCLONEDX) $(BENCH_PLAIN) $(BENCH_FAST) $(BENCH_FREE) .coverage* .hypothesis .*_cache \
		docs/_build build dist mutants openai_scan/_built.py *.egg-info

INSTALL := PYTHON='$(PYTHON)' .ci/install

$(VENV)/run: setup.cfg pyproject.toml
	$(INSTALL) $(VENV) --editable '.[cli]'
	@touch $@

$(VENV)/dev: setup.cfg pyproject.toml
	$(INSTALL) $(VENV) --editable '.[dev]'
	@touch $@

# The lock file names no registry, but has the checksums of the packages.
$(WEB)/ready: $(VENV)/dev tests/web/package.json tests/web/package-lock.json
	@mkdir -p $(WEB)
	cp tests/web/package.json tests/web/package-lock.json $(WEB)/
	cd $(WEB) && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund --silent
	@touch $@

$(VENV)/compiled $(FLOORS)/compiled: %/compiled: %/dev
	@$*/bin/python -c 'import $(IMPORTED)'
	@$*/bin/python -m compileall -q openai_scan
	@touch $@

$(VENV)/mutants: $(VENV)/dev
	$(INSTALL) $(VENV) --editable '.[mutants]'
	@touch $@

$(VENV)/fuzz: $(VENV)/dev
	$(INSTALL) $(VENV) --editable '.[fuzz]'
	@touch $@

$(FLOORS)/dev: setup.cfg pyproject.toml tests/floors.txt
	$(INSTALL) $(FLOORS) --constraint tests/floors.txt --editable '.[test]'
	@touch $@

# Not in the environment of the tests: what it brings makes `import jsonschema` take a second.
$(CYCLONEDX)/ready:
	$(INSTALL) $(CYCLONEDX) 'cyclonedx-bom>=7'
	@touch $@

$(AUDIT)/ready:
	$(INSTALL) $(AUDIT) pip-audit
	@touch $@

$(CLIENTS)/ready: setup.cfg pyproject.toml tests/clients/requirements.txt tests/clients/package.json
	$(INSTALL) $(CLIENTS) --upgrade --requirement tests/clients/requirements.txt --editable '.[testing]'
	@mkdir -p $(CLIENTS)/js
	cp tests/clients/package.json $(CLIENTS)/js/
	cd $(CLIENTS)/js && PATH="$(abspath $(CLIENTS)/bin):$$PATH" npm install --no-audit --no-fund --silent
	@touch $@

$(COMPARISON)/ready: setup.cfg pyproject.toml tests/comparison/requirements.txt tests/comparison/package.json
	$(INSTALL) $(COMPARISON) --upgrade --requirement tests/comparison/requirements.txt --editable '.[testing]'
	@mkdir -p $(COMPARISON)/js
	cp tests/comparison/package.json $(COMPARISON)/js/
	cd $(COMPARISON)/js && PATH="$(abspath $(COMPARISON)/bin):$$PATH" npm install --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(HOSTED)/ready: $(VENV)/dev $(wildcard tests/web/hosts/*.json tests/web/hosts/*.txt)
	$(INSTALL) $(HOSTS) --requirement tests/web/hosts/requirements.txt
	rm -rf $(HOSTED)
	@mkdir -p $(HOSTED)
	cp tests/web/hosts/package.json tests/web/hosts/package-lock.json $(HOSTED)/
	cd $(HOSTED) && PATH="$(abspath $(BIN)):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --silent
	$(HOSTS)/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--python-version 3.14 --platform any --dest $(HOSTED)/wheels --requirement tests/web/hosts/wheels.txt
	@touch $@

# The lock file names no registry, but has the checksums of the packages.
$(FIELD)/ready: setup.cfg pyproject.toml $(wildcard tests/bench/field/*.json tests/bench/field/*.txt)
	$(INSTALL) $(FIELD) --requirement tests/bench/field/requirements.txt --editable '.[aio,cli,relay]'
	@mkdir -p $(FIELD)/js
	cp tests/bench/field/package.json tests/bench/field/package-lock.json $(FIELD)/js/
	cd $(FIELD)/js && PATH="$(abspath $(FIELD)/bin):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(FAST)/ready: $(VENV)/dev
	rm -rf $(FAST)
	$(INSTALL) $(VENV) --target $(FAST) $$($(BIN)/python -c 'from importlib.metadata import requires; \
		print(*(one.partition(";")[0] for one in requires("openai_scan") if "\"fast\"" in one))')
	@touch $@

$(BENCH_PLAIN)/ready $(BENCH_FAST)/ready: setup.cfg pyproject.toml tests/bench/requirements.txt
	$(INSTALL) $(@D) --requirement tests/bench/requirements.txt $(BENCH_EXTRA)
	@touch $@

$(BENCH_PLAIN)/ready: BENCH_EXTRA := --editable .
$(BENCH_FAST)/ready: BENCH_EXTRA := --editable '.[fast]'

$(BENCH_FREE)/ready: setup.cfg pyproject.toml
	PYTHON='$(FREE_THREADED)' .ci/install $(@D) --editable .
	@touch $@
