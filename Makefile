# For a newcomer: `make demo` and `make test`. Both make their own virtual environment.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# What a wheel is built from; `build/` would keep files that no longer exist.
SOURCES = setup.cfg pyproject.toml $(shell find kerasnn cli models -name '*.py' -o -name '*.html' -o -name '*.css')

.PHONY: help demo test slow fuzz check bounds docs install bench clean

help:
	@echo "make demo     install into $(VENV), then train, evaluate, predict and export on real data"
	@echo "make test     install with everything into $(VENV), then run the tests"
	@echo "make slow     the tests that take minutes"
	@echo "make fuzz     20,000 damaged and hostile bundles and runs; FUZZ='--seed 1' for others"
	@echo "make check    lint, format, types and the import contract"
	@echo "make bounds   the tests of every entrance with the lowest versions that setup.cfg allows"
	@echo "make docs     the documentation as a site, in build/docs"
	@echo "make install  an editable installation with everything in $(VENV)"
	@echo "make bench    speed against Keras"
	@echo "make clean    remove what these commands made"

demo: $(VENV)/.usable
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/demo.sh

# Most of a test is building small networks, which keeps one core busy: one process for each.
test: $(VENV)/.developed
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

slow: $(VENV)/.developed
	$(BIN)/python -m pytest -m slow

FUZZ = --cases 20000 --seed 0

fuzz: $(VENV)/.developed
	cd tests && $(abspath $(BIN))/python -m fuzz $(FUZZ)

# Type checkers and import-linter see the mapped packages only in an installed copy.
check: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build
	$(BIN)/python -m pip install --quiet --no-deps --target build/site .
	cd build/site && $(abspath $(BIN))/mypy --config-file ../../pyproject.toml -p kerasnn
	cd build/site && PYTHONPATH=. $(abspath $(BIN))/lint-imports --config ../../.importlinter

# What every entrance needs: files, estimators, forecasts, exports, bundles, reports.
BOUNDS_TESTS = tests/cli/test_runs.py tests/cli/test_train.py tests/data tests/estimators \
	tests/export tests/forecasting/test_forecaster.py tests/bundle/test_bundle.py \
	tests/report/test_report.py tests/evaluation tests/metrics tests/tuning

bounds: $(VENV)/.developed
	mkdir -p build
	$(BIN)/python -m uv pip compile --quiet --resolution lowest-direct --all-extras \
		--no-annotate --python $(BIN)/python --output-file build/bounds.txt setup.cfg
	sed -i '/^\(ruff\|mypy\|build\|sphinx\|furo\|myst-parser\|uv\|pytest\|hypothesis\)/d' build/bounds.txt
	rm -rf build/bounds && $(PYTHON) -m venv build/bounds
	$(BIN)/python -m uv pip install --quiet --python build/bounds/bin/python \
		--requirements build/bounds.txt pytest pytest-timeout pytest-xdist hypothesis
	$(BIN)/python -m uv pip install --quiet --python build/bounds/bin/python --no-deps --editable .
	build/bounds/bin/python -m pytest -W ignore::DeprecationWarning --numprocesses auto --maxprocesses 8 $(BOUNDS_TESTS)

docs: $(VENV)/.developed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "open build/docs/index.html"

install: $(VENV)/.developed

bench: $(VENV)/.developed
	$(BIN)/python benchmarks/throughput.py

clean:
	rm -rf $(VENV) build dist runs *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "kerasnn needs Python 3.11"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# An editable installation is usable too, so `make demo` after `make test` installs nothing.
$(VENV)/.usable: $(SOURCES) | $(BIN)/python
	@echo "installing kerasnn into $(VENV) (TensorFlow is large: a few minutes the first time)"
	test -e $(VENV)/.developed || { rm -rf build && $(BIN)/python -m pip install --quiet '.[onnx]' ; }
	touch $@

$(VENV)/.developed: setup.cfg pyproject.toml | $(BIN)/python
	@echo "installing kerasnn and its development tools into $(VENV) (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --editable '.[dev,all]'
	touch $@
