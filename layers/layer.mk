# What the Makefiles of the layers share. `sam build` runs them in the folder of layers/targets that the template names
# by its parameters PythonRuntime and Architecture, so these alone say for what a layer is built.
include target.mk
PYTHON ?= python3
layer := $(dir $(abspath $(firstword $(MAKEFILE_LIST))))
content = $(ARTIFACTS_DIR)/python
# The interpreter that writes bytecode for the target, where this machine has one.
compiler := $(firstword $(foreach python,$(PYTHON) python$(VERSION),$(shell \
	$(python) -c 'import sys; print(sys.executable) if "%d.%d" % sys.version_info[:2] == "$(VERSION)" else None' 2>/dev/null)))

.PHONY: packages bytecode
packages:
	mkdir -p "$(content)"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --target "$(content)" \
		--python-version $(VERSION) --platform manylinux_2_28_$(MACHINE) --platform manylinux2014_$(MACHINE) \
		--only-binary=:all: $(addprefix --no-binary=,$(SOURCES)) --no-deps --require-hashes --requirement "$(layer)requirements.txt"
	find "$(content)" -name __pycache__ -type d -prune -exec rm -rf {} +

bytecode: packages
ifeq ($(compiler),)
	@echo "No Python $(VERSION) is on the PATH: the layer carries no bytecode, and functions start slower."
else
	"$(compiler)" -m compileall -q --invalidation-mode unchecked-hash -s "$(ARTIFACTS_DIR)" -p /opt "$(content)"
endif
