.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/vitrine

.PHONY: help check test lock docs robots
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

check: $(VENV)  ## what CI checks beside the tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy layers/vitrine/vitrine functions commands
	$(VENV)/bin/lint-imports
	$(VENV)/bin/cfn-lint template.yaml
	$(VENV)/bin/bandit -q -r layers/vitrine/vitrine functions commands
	$(PYTHON) -m commands.openapi --check

test: $(VENV)  ## all tests
	$(VENV)/bin/pytest

docs: $(VENV)  ## write the OpenAPI document
	$(PYTHON) -m commands.openapi

robots: $(VENV)  ## write the list of known robots
	$(PYTHON) -m commands.robots

lock: $(VENV)  ## lock all dependencies anew
	$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--extra dev pyproject.toml -o requirements.lock
	for layer in layers/*/requirements.in; do \
		$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
			-c requirements.lock $$layer -o $${layer%.in}.txt; done

$(VENV):
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check uv
	$(VENV)/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
