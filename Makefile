# FastAPI Model Server. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := shared gateway prediction-service metrics-service analytics-service cli
.DEFAULT_GOAL := help

.PHONY: help
help: ## List every target
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(VENV)/installed ## Make .venv with everything, from pinned and hashed packages

# A PYTHON that was asked for, and is not the one that .venv was made with, makes it anew.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(BIN)/python -V 2>/dev/null),$(shell $(PYTHON) -V 2>/dev/null || echo none))
ANEW := --anew
$(VENV)/installed: FORCE
FORCE:
endif
endif

# What a start imports: compiled once, when it is installed, also where Python is told to write no bytecode.
STARTED := gateway prediction-service metrics-service analytics-service local supervisor.supervisord

INSTALL = PYTHON='$(PYTHON)' deploy/install

$(VENV)/installed: requirements.txt deploy/requirements/uv.txt deploy/import_all.py $(DISTRIBUTIONS:%=%/pyproject.toml)
	@echo "Installing into $(VENV) …"
	@$(INSTALL) $(ANEW) $(VENV) requirements.txt -- $(DISTRIBUTIONS:%=./%)
	@env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=deploy $(BIN)/python deploy/import_all.py $(STARTED) || \
		echo "Installed, but a module cannot be imported, as above: what is not compiled yet is compiled at each start." >&2
	@touch $@

.PHONY: run
run: install ## Start everything, without Docker: http://localhost:8000 (PORT=, LOCAL_DIR=)
	@exec env PYTHONPATH=deploy $(BIN)/python -m local

.PHONY: backup
backup: install ## Write record, thresholds, alerts and models to FILE=, of make run or, with STACK=containers, of make up
	@test -n "$(FILE)" || { echo "make: say where to, FILE=<file>" >&2; exit 2; }
	@if [ "$(STACK)" = containers ]; then exec deploy/backup backup "$(FILE)"; fi; exec env PYTHONPATH=deploy $(BIN)/python -m local backup "$(FILE)"

.PHONY: restore
restore: install ## Fill an empty stack with a backup: FILE= (STACK=containers, LOCAL_DIR=)
	@test -n "$(FILE)" || { echo "make: say from where, FILE=<file>" >&2; exit 2; }
	@if [ "$(STACK)" = containers ]; then exec deploy/backup restore "$(FILE)"; fi; exec env PYTHONPATH=deploy $(BIN)/python -m local restore "$(FILE)"

.PHONY: model-env
model-env: install ## Make the environment of a Python model with a requirements.txt: NAME=<model>[/<version>]; not set: of all
	@exec env PYTHONPATH=deploy $(BIN)/python -m local model-env $(NAME)

.PHONY: psql
psql: install ## Open the database of `make run`, or print its URL where there is no psql
	@exec env PYTHONPATH=deploy $(BIN)/python -m local psql

.PHONY: up
up: ## Start everything in containers, and wait until it is healthy: http://localhost:8000
	@deploy/make-secrets
	docker compose up --detach --build --wait --wait-timeout 300
	@curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-all-errors --output /dev/null http://localhost:$(or $(HTTP_PORT),8000)/health
	@echo "make up: everything is healthy: http://localhost:$(or $(HTTP_PORT),8000)"

.PHONY: down
down: ## Stop the containers; the data stays (docker compose down --volumes removes it)
	docker compose down

.PHONY: swarm
swarm: ## Deploy to the Docker Swarm that this machine manages, or roll it over to VERSION=
	deploy/swarm/deploy

EXAMPLES := .venv-examples

.PHONY: examples-install
examples-install: $(EXAMPLES)/installed ## What the examples are made with (and modelserver import is tested with), into .venv-examples

$(EXAMPLES)/installed: examples/requirements.txt deploy/requirements/uv.txt cli/pyproject.toml
	@echo "Installing into $(EXAMPLES) …"
	@$(INSTALL) $(EXAMPLES) examples/requirements.txt -- ./cli
	@touch $@

HUGGING_FACE := .venv-hugging-face

.PHONY: hugging-face-install
hugging-face-install: $(HUGGING_FACE)/installed ## The same with PyTorch and transformers, into .venv-hugging-face (TORCH=torch-cpu: a small PyTorch)

$(HUGGING_FACE)/installed: examples/requirements.txt examples/hugging-face/requirements.txt deploy/requirements/uv.txt cli/pyproject.toml
	@echo "Installing into $(HUGGING_FACE) …"
	@$(INSTALL) $(HUGGING_FACE) examples/requirements.txt examples/hugging-face/requirements.txt training/$(TORCH).txt -- ./cli
	@touch $@

TOOLS := .venv-tools

.PHONY: tools-install
tools-install: $(TOOLS)/installed ## import-linter and schemathesis, into .venv-tools

$(TOOLS)/installed: deploy/tools/requirements.txt deploy/requirements/uv.txt
	@echo "Installing into $(TOOLS) …"
	@$(INSTALL) $(TOOLS) deploy/tools/requirements.txt
	@touch $@

# MAKEFLAGS: what tests start with make is no part of this one's -j. AGAIN: a command before each pytest (CI has one).
PYTEST = MAKEFLAGS= $(if $(AGAIN),"$(AGAIN)") "$(CURDIR)/$(BIN)/pytest"
SUITES := $(DISTRIBUTIONS:%=test-of-%)

.PHONY: test
test: $(SUITES) test-of-the-stack ## All tests but the long fault tests: each distribution alone, then the whole stack (-j2: two at a time)

$(SUITES): test-of-%: install examples-install
	@echo "== $*"; cd $* && $(PYTEST) --quiet -m "not faults"

.PHONY: test-of-the-stack
test-of-the-stack: install examples-install tools-install ## Of these, the tests of the whole stack (test-of-<distribution>: its own)
	@echo "== the whole stack"; $(PYTEST) --quiet -m "not faults" --ignore tests/test_install.py tests training

CONSOLE_TESTS = $(PYTEST) --quiet -c pyproject.toml --rootdir . gateway/console_tests

.PHONY: test-console
test-console: console-install ## Test the console in a real browser (needs Debian's chromium)
	$(CONSOLE_TESTS) --ignore gateway/console_tests/test_screenshots.py

.PHONY: screenshots
screenshots: console-install ## Take the pictures in docs/images anew, of a stack with a day's traffic
	$(CONSOLE_TESTS)/test_screenshots.py

.PHONY: console-install
console-install: $(VENV)/console-installed ## What the browser tests of the console need, into .venv

$(VENV)/console-installed: $(VENV)/installed gateway/console_tests/requirements.txt
	@$(INSTALL) $(VENV) requirements.txt gateway/console_tests/requirements.txt -- $(DISTRIBUTIONS:%=./%)
	@touch $@

.PHONY: test-install
test-install: install ## The installation: old and new pips, an index that moves on, a kill in the middle
	$(PYTEST) --quiet tests/test_install.py

FAULT_SUITES := $(DISTRIBUTIONS:%=faults-of-%)

.PHONY: test-faults
test-faults: $(FAULT_SUITES) faults-of-the-stack ## The long fault tests: servers killed, paused and flooded under load (-j2: two suites at a time)

$(FAULT_SUITES): faults-of-%: install
	@echo "== faults: $*"; cd $* && { $(PYTEST) --quiet -m faults || test $$? -eq 5; }

faults-of-the-stack: install
	@echo "== faults: the whole stack"; $(PYTEST) --quiet -m faults tests

.PHONY: test-containers
test-containers: install ## Build and test the stack in containers (needs Docker with Compose)
	$(PYTEST) --quiet --timeout 900 deploy/container_tests

.PHONY: lint
lint: install tools-install ## ruff, mypy (strict), import-linter, hadolint and compose-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy shared/shared gateway/gateway prediction-service/prediction_service metrics-service/metrics_service analytics-service/analytics_service cli/modelserver deploy/local deploy/installer deploy/observability deploy/healthcheck.py deploy/import_all.py benchmarks/*.py benchmarks/harness benchmarks/scenarios
	PYTHONPATH=shared:gateway:prediction-service:metrics-service:analytics-service:cli:deploy $(TOOLS)/bin/lint-imports
	@! ls shared/shared/database/migrations/versions | cut -c1-4 | uniq -d | grep . # two migrations with this number
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/compose-lint check docker-compose.yml

.PHONY: bench
bench: bench-install ## Every benchmark, in one to two hours: one table, benchmarks/results/, README (BENCH='--minutes 150', or other options)
	$(BIN)/python -m benchmarks --into benchmarks/results $(BENCH)
	$(BIN)/python -m benchmarks.readme

.PHONY: bench-prediction bench-gateway bench-analytics bench-metrics bench-record
bench-prediction: ## Predictions beside other model servers, processor time, start-up, memory, batching, containers
bench-gateway: ## Limiter decisions, proxied requests, refusals, latency added, idle connections, keys of callers
bench-analytics: ## A cached report through the gateway, the quota script, stampedes
bench-metrics: ## Ten million predictions: aggregates, the write path, size on disk
bench-record: ## Ten million predictions: pages, an export; keys that nobody sends, a shadow of all requests
bench-prediction bench-gateway bench-analytics bench-metrics bench-record: bench-install
	$(BIN)/python -m benchmarks $(@:bench-%=%) --details $(BENCH)

.PHONY: metrics-reference
metrics-reference: install ## Make docs/metrics-reference.md from the services that make run has started (FIRST=8010)
	@PYTHONPATH=deploy $(BIN)/python -m observability $(if $(FIRST),--port $(FIRST))

.PHONY: dashboards
dashboards: install ## Make the dashboards in deploy/grafana of deploy/observability/dashboards.toml
	@PYTHONPATH=deploy $(BIN)/python -m observability.dashboards

.PHONY: drift-table
drift-table: install ## How often drift is claimed by chance and found: the tables in docs/drift.md, in about half an hour
	cd metrics-service && ../$(BIN)/python -m simulations.drift_table --into ../docs/drift.md

.PHONY: morning
morning: install ## Play a morning with everything that can happen: the alerts that arrive, beside what was wanted
	cd metrics-service && ../$(BIN)/pytest --quiet --capture=no -m faults metrics_tests/test_a_morning.py | grep --invert-match '^2'

.PHONY: bench-peers
bench-peers: bench-install examples-install ## The model servers and caches to compare with, each in an environment of its own
	$(BIN)/python -m benchmarks.harness.environments

.PHONY: bench-install
bench-install: install ## What the benchmarks measure with and compare with, into .venv
	@$(INSTALL) $(VENV) requirements.txt benchmarks/requirements.txt -- $(DISTRIBUTIONS:%=./%)

TRAINING := .venv-training
TRAINS_WITH := training/requirements.txt
TORCH ?= torch
PART ?= test
RUN ?= build/sentiment
MINUTES ?= 60

.PHONY: evaluate
evaluate: $(TRAINING)/installed ## Score the sentiment models, VADER and TextBlob: DATA=<folder of sets> (PART=test)
	@test -n "$(DATA)" || { echo "make: say where the sets are, DATA=<folder>" >&2; exit 2; }
	PYTHONPATH=prediction-service $(TRAINING)/bin/python -m training.evaluate --data "$(abspath $(DATA))" --part $(PART) \
	    --models models --into "$(abspath $(RUN))/evaluation"

.PHONY: train
train: $(TRAINING)/installed ## Make the sentiment models anew, in about three hours: DATA=<folder> (TEACHER= and START=, MINUTES=60, TORCH=torch-cpu)
	@test -n "$(DATA)" || { echo "make: say where the sets are, DATA=<folder>" >&2; exit 2; }
	@$(INSTALL) $(TRAINING) $(TRAINS_WITH) training/$(TORCH).txt -- ./shared ./prediction-service
	@$(INSTALL) --unchecked .venv-encoder training/encoder.txt
	PYTHON="$(CURDIR)/$(TRAINING)/bin/python" ENCODER_PYTHON="$(CURDIR)/.venv-encoder/bin/python" \
	    DATA="$(abspath $(DATA))" RUN="$(abspath $(RUN))" MINUTES=$(MINUTES) \
	    TEACHER="$(if $(TEACHER),$(abspath $(TEACHER)))" START="$(if $(START),$(abspath $(START)))" sh training/all.sh

$(TRAINING)/installed: $(TRAINS_WITH) deploy/requirements/uv.txt
	@$(INSTALL) $(TRAINING) $(TRAINS_WITH) -- ./shared ./prediction-service
	@touch $@

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --no-build --generate-hashes --no-header --no-annotate --no-strip-extras --quiet
NEWEST := $(COMPILE) --upgrade
OWN := --constraint requirements.txt --no-emit-package modelserver-shared

.PHONY: requirements
requirements: install ## Compile every file of pinned packages again, with the newest versions, and check the machines
	$(NEWEST) --all-extras --no-emit-package modelserver-shared --no-emit-package modelserver-prediction-service $(DISTRIBUTIONS:%=%/pyproject.toml) deploy/local/requirements.in \
	    --output-file requirements.txt
	@# Each image installs what its own service declares, and nothing else; uv is the one of requirements.txt.
	set -e; for input in $(wordlist 2,5,$(DISTRIBUTIONS:%=%/pyproject.toml)) deploy/requirements/build.in deploy/requirements/uv.in; do \
	    name=$$(basename $${input%/pyproject.toml} .in); \
	    $(COMPILE) $(OWN) $$input --output-file deploy/requirements/$$name.txt; done
	$(NEWEST) $(OWN) deploy/tools/requirements.in --output-file deploy/tools/requirements.txt
	$(NEWEST) $(OWN) benchmarks/requirements.in --output-file benchmarks/requirements.txt
	$(NEWEST) $(OWN) gateway/console_tests/requirements.in --output-file gateway/console_tests/requirements.txt
	set -e; for input in benchmarks/peers/*/requirements.in prediction-service/prediction_tests/clients/*/requirements.in tests/pips/newest.in; do \
	    $(NEWEST) $$input --output-file $${input%.in}.txt; done
	$(NEWEST) $(OWN) prediction-service/pyproject.toml deploy/requirements/build.in $(TRAINS_WITH:.txt=.in) --output-file $(TRAINS_WITH)
	$(NEWEST) $(OWN) cli/pyproject.toml deploy/requirements/build.in examples/requirements.in --output-file examples/requirements.txt
	set -e; for name in hugging-face sentences; do \
	    $(NEWEST) $(OWN) --constraint examples/requirements.txt examples/$$name/requirements.in --output-file examples/$$name/requirements.txt; done
	@# The build of PyTorch for CPUs is on its publisher's own index; torch-cpu.txt is written by hand.
	$(COMPILE) $(OWN) --constraint $(TRAINS_WITH) training/torch.in --output-file training/torch.txt
	$(COMPILE) --no-deps training/encoder.in --output-file training/encoder.txt
	$(MAKE) machines

.PHONY: machines
machines: install ## Ask the index whether every pinned package has a wheel for every machine that README names
	@PYTHONPATH=deploy $(BIN)/python -m installer.machines requirements.txt deploy/tools/requirements.txt

.PHONY: clean
clean: ## Remove .venv and caches (not .local, where the data is)
	rm -rf $(VENV) $(EXAMPLES) $(TOOLS) $(HUGGING_FACE) .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
