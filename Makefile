# `make demo` and `make test` set everything up by themselves; `make help` lists the rest.

PYTHON ?= python3
PORT   ?= 5000
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input install
PYTEST := $(BIN)/python -m pytest

# Numeric libraries would otherwise start a thread for every core in every process.
export OMP_NUM_THREADS ?= 1

# Without bytecode each process of the tests compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE

# Runs a command only if its inputs have changed.
CHANGED = .ci/when-changed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all coverage lint types contracts unit browser screenshots docs docs-html texts evaluate measure identity replay tools engines friction mutants fuzz audit sbom bench load soak page-time lock format clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# Browsers make passkeys for names, not for numbers, so the address is a name.
demo: $(VENV)/.demo ## serve the example app on http://localhost:5000 (PORT= to change, NEW_BROWSER=movement)
	@echo "The example app: http://localhost:$(PORT)   (Ctrl-C stops it)"
	@$(if $(NEW_BROWSER),FLASK_ZEROTRUST_NEW_BROWSER='"$(NEW_BROWSER)"') \
		$(BIN)/flask --app example_app run --debug --no-reload --no-debugger --host localhost --port $(PORT)

LANES = lane-browser lane-pages lane-challenges lane-security lane-rest

test: system $(VENV)/.dev ## check the work of a day: lint, types, contracts, most tests
	@.ci/side-by-side $(MAKE) lint types contracts -- $(LANES)

test-all: system $(VENV)/.dev ## check everything: also slow tests, recordings, every store, coverage, the docs
	@mkdir -p build
	@$(ALL) .ci/side-by-side $(MAKE) lint types contracts docs-html -- $(LANES)
	@$(COVERAGE)

coverage: system $(VENV)/.dev ## run all tests, and list the lines that none of them reaches
	@mkdir -p build
	@$(ALL) .ci/side-by-side $(MAKE) -- $(LANES)
	@$(COVERAGE)

lint: $(VENV)/.dev ## ruff: rules and format; and the language of docstrings, comments and names
	@$(BIN)/ruff check --quiet .
	@$(BIN)/python .ci/prose
	@$(BIN)/ruff format --quiet --check . || { echo "make format fixes the format."; exit 1; }

types: $(VENV)/.dev ## mypy --strict, if the code has changed since it last passed
	@$(CHANGED) types $(BIN)/python flask_zerotrust research example_app tests pyproject.toml -- $(BIN)/mypy --no-error-summary

contracts: $(VENV)/.dev ## who may import whom
	@said=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$said"; exit 1; }

# Options of all lanes: `make test` leaves out what moves a hand, is slow or reads recordings.
CHOSEN ?= -m "not hand and not slow and (not data or smoke)"
ALL = ZEROTRUST_FUZZ=300 CHOSEN="--every-store --cov --cov-report= --cov-fail-under=0"
COVERAGE = $(BIN)/coverage combine -q $(LANES:lane-%=build/.coverage.%) && $(BIN)/coverage report

.PHONY: $(LANES)
STAND_BACK = nice -n 5
LANE = env COVERAGE_FILE=build/.coverage.$(@:lane-%=%) $(PYTEST) -q -p no:benchmark $(CHOSEN)

# All hands are in this lane: one process never moves two of them at once.
lane-browser: $(VENV)/.dev
	@$(LANE) tests/browser $(patsubst %,--ignore %,$(PAGES) $(CHALLENGES))

# A test of a page waits for the browser half of its time, so each core has room for two lanes of them.
PAGES = tests/browser/test_wcag.py
CHALLENGES = $(addprefix tests/browser/,test_known_browsers.py test_challenge_js.py test_passkeys.py)

lane-pages: $(VENV)/.dev
	@$(LANE) $(PAGES)

lane-challenges: $(VENV)/.dev
	@$(LANE) $(CHALLENGES)

# A page that waits for the processor times out, so the lanes without a browser stand back.
lane-security: $(VENV)/.dev
	@$(STAND_BACK) $(LANE) tests/security tests/integration

lane-rest: $(VENV)/.dev
	@$(STAND_BACK) $(LANE) tests --ignore tests/browser --ignore tests/security --ignore tests/integration

unit: $(VENV)/.dev ## the unit tests only
	@$(PYTEST) -q tests/unit

browser: system $(VENV)/.dev ## the tests in a real Chromium, also the slow ones
	@$(PYTEST) -q tests/browser

screenshots: system $(VENV)/.dev ## take the pictures in docs/screenshots again
	@$(RESEARCH) screenshots

# Read anew each time: what an index page lists makes its table of contents, and Sphinx would keep the old one.
SPHINX = $(BIN)/python -m sphinx -q -W --keep-going -d docs/_build/doctrees

docs-html: $(VENV)/.dev ## build the pages in docs/_build/html and run their examples; a warning is an error
	@$(CHANGED) docs-html $(BIN)/python $(DOCS_READ) -- $(MAKE) --no-print-directory pages

# What the pages show, include or import.
DOCS_READ = docs flask_zerotrust research example_app deploy README.md CHANGES.md LICENSE Makefile pyproject.toml

.PHONY: pages
pages: $(VENV)/.dev
	@$(SPHINX) -E -b html docs docs/_build/html
	@$(SPHINX) -b doctest docs docs/_build/doctest

# The scripts import research, which only a checkout has.
DOCS = PYTHONPATH=. $(BIN)/python docs

docs: $(VENV)/.dev ## write the tables in docs/ and README.md again
	@$(DOCS)/make_config_table.py
	@$(DOCS)/make_model_card.py
	@$(DOCS)/make_identity.py
	@$(DOCS)/make_detection.py
	@$(DOCS)/make_performance.py
	@$(DOCS)/make_load.py
	@$(DOCS)/make_browsers.py
	@$(DOCS)/make_friction.py

# What only a checkout can do; `python -m research --help` lists it.
RESEARCH = $(BIN)/python -m research

# The recordings that are kept beside the repository; the report lands in build/evaluation.
DATA := $(or $(ZEROTRUST_TEST_DATA),../shared/data)
MEASURE = $(RESEARCH) measure $(DATA) --out build/evaluation \
	--keep docs/evaluation.json --data-sets docs/left-out.json --jobs 2
REPLAYS = $(RESEARCH) replays $(DATA)
IDENTITY = $(RESEARCH) identity $(DATA)

TEXTS = flask_zerotrust/translations

texts: $(VENV)/.dev ## collect the texts again, bring the translations up to date and compile them
	@$(BIN)/pybabel -q extract -F pyproject.toml -k zt_gettext -k zt_ngettext:1,2 --sort-by-file --no-location \
		--omit-header --width 110 -o $(TEXTS)/flask_zerotrust.pot flask_zerotrust
	@$(BIN)/pybabel -q update -D flask_zerotrust -i $(TEXTS)/flask_zerotrust.pot -d $(TEXTS) --width 110 \
		--ignore-pot-creation-date --no-fuzzy-matching
	@$(BIN)/pybabel -q compile -D flask_zerotrust -d $(TEXTS) --statistics

evaluate: system-tools $(VENV)/.dev ## measure what ships against every target, on all data and in browsers (hours)
	@$(MEASURE) --refit
	@$(REPLAYS)
	@$(IDENTITY)
	@$(MAKE) --no-print-directory replay tools

measure: $(VENV)/.dev ## the same without new fits and browsers: what make evaluate kept of them stays
	@$(MEASURE)
	@$(REPLAYS)
	@$(IDENTITY)
	@$(MAKE) --no-print-directory docs

identity: $(VENV)/.dev ## measure the background of identity alone; writes docs/research/identity.md again
	@$(IDENTITY)
	@$(MAKE) --no-print-directory docs

mutants: $(VENV)/.dev ## take the defences away one by one and see a test fail for each
	@$(BIN)/python -m tests.security.mutants

FUZZ ?= 10000

fuzz: $(VENV)/.dev ## try 10,000 bodies, forms, proofs and rows of the store each, for hours (FUZZ= to change)
	@ZEROTRUST_FUZZ=$(FUZZ) $(PYTEST) -v --timeout 0 $(wildcard tests/security/test_*_cannot_crash.py)

# What it is compared with, and what times it once more, belongs into no other command.
bench: system $(VENV)/.dev ## measure what the extension costs a request
	@$(PIP) "pytest-benchmark>=5.1" "synapse-shield==0.9.9"
	@mkdir -p build
	@$(PYTEST) -q research/benchmarks/bench_all.py --timeout 0 --benchmark-timer=time.process_time --benchmark-columns=min,median,iqr,rounds --benchmark-json=build/benchmarks.json
	@$(RESEARCH) bench
	@$(DOCS)/make_performance.py

load: system-load $(VENV)/.dev ## measure requests a second under gunicorn and wrk, full stores and empty ones
	@$(RESEARCH) load
	@$(DOCS)/make_load.py

MINUTES ?= 30

soak: system-load $(VENV)/.dev ## serve people for half an hour while workers are killed (MINUTES= to change)
	@$(RESEARCH) soak --minutes $(MINUTES) && said=0 || said=$$?; \
		$(DOCS)/make_load.py; exit $$said

page-time: system $(VENV)/.dev ## measure what the collector takes of a page's main thread, in a real Chromium
	@$(RESEARCH) page-time
	@$(DOCS)/make_performance.py

replay: system $(VENV)/.dev ## replay twenty recorded people to the example app: half an hour
	@ZEROTRUST_TEST_PEOPLE=20 ZEROTRUST_TEST_PEOPLE_FILE=docs/people.json $(PYTEST) -q tests/browser/test_people.py
	@$(MAKE) --no-print-directory docs

tools: system-tools $(VENV)/.dev ## let automation tools visit the example app
	@$(PIP) "selenium>=4.20"
	@$(RESEARCH) tools
	@$(MAKE) --no-print-directory docs

# The ways first: a browser in which they fail need not be shown people for half an hour.
engines: system-engines $(VENV)/.dev ## the same in Firefox and WebKit, and the ways through the bank: over an hour
	@$(PIP) "selenium>=4.20" "websocket-client>=1.8"
	@for engine in firefox webkit; do export ZEROTRUST_TEST_ENGINE=$$engine; \
		$(PYTEST) -q tests/browser/walk_engines.py && ZEROTRUST_TEST_PEOPLE=20 \
		ZEROTRUST_TEST_PEOPLE_FILE=docs/people-$$engine.json $(PYTEST) -q tests/browser/test_people.py || exit 1; done
	@$(RESEARCH) tools firefox firefox-steps webkit webkit-steps --file docs/engines.json
	@$(DOCS)/make_browsers.py

friction: system-engines $(VENV)/.dev ## count the codes of ten visits in three browsers, and what attackers open: two hours
	@$(PIP) "selenium>=4.20" "websocket-client>=1.8"
	@$(RESEARCH) friction
	@$(RESEARCH) friction-attackers
	@$(DOCS)/make_friction.py

# What users install, with every extra, and none of the development tools. Auditors have an environment apart.
SHIPPED = build/shipped
AUDITORS = build/auditors

.PHONY: $(SHIPPED)
$(SHIPPED): $(BIN)/python
	@rm -rf $(SHIPPED) && $(PYTHON) -m venv $(SHIPPED)
	@$(SHIPPED)/bin/python -m pip -qq --disable-pip-version-check --no-input install '.[train,sms,webauthn,redis,async]'

$(AUDITORS)/bin/python:
	@$(PYTHON) -m venv $(AUDITORS)
	@$(AUDITORS)/bin/python -m pip -qq --disable-pip-version-check --no-input install "pip-audit>=2.7" "cyclonedx-bom>=5" \
		|| { rm -rf $(AUDITORS); echo "not audited: pip-audit cannot be installed" >&2; exit 1; }

audit: $(SHIPPED) $(AUDITORS)/bin/python ## look what the package needs up in a database of vulnerabilities; fails if that cannot be done
	@.ci/audit $(AUDITORS)/bin/pip-audit "$$($(SHIPPED)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

sbom: $(SHIPPED) $(AUDITORS)/bin/python ## write build/sbom.json (CycloneDX): what the package needs, with versions
	@$(AUDITORS)/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
		--output-file build/sbom.json $(SHIPPED)/bin/python
	@echo "Wrote build/sbom.json"

LOCK = build/lock

# By the oldest Python that is supported: its versions have to do for the others.
lock: ## choose the versions of constraints.txt again (PYTHON=python3.11)
	@mkdir -p build && rm -rf $(LOCK) && $(PYTHON) -m venv $(LOCK)
	@$(LOCK)/bin/python -m pip -qq --disable-pip-version-check --no-input install '.[dev]'
	@head -n 2 constraints.txt > build/constraints.txt
	@$(LOCK)/bin/python -m pip --disable-pip-version-check freeze --all --exclude pip --exclude Flask-ZeroTrust \
		>> build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf $(LOCK)

format: $(VENV)/.dev ## let ruff fix what it can
	@$(BIN)/ruff check --quiet --fix . && $(BIN)/ruff format --quiet .

clean: ## remove the environment and everything else that was made
	@rm -rf $(VENV) *.egg-info build dist docs/_build .coverage .coverage.* htmlcov
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: system system-tools system-engines system-load
system:
	@.ci/system-packages $(PYTHON) tests

system-tools:
	@.ci/system-packages $(PYTHON) tools

system-engines:
	@.ci/system-packages $(PYTHON) engines

system-load:
	@.ci/system-packages $(PYTHON) load

$(BIN)/python:
	@.ci/system-packages $(PYTHON)
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# The stamps are older than pyproject.toml when it has changed: then pip looks again.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the extension and what the example app needs"
	@$(PIP) --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the extension and the development tools"
	@$(PIP) --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.demo
