# Two commands: `make repro` runs the active recipe, `make test` the test suite. Both make .venv first.
# `make test-long` runs the tests that take over ten seconds each.
PYTHON ?= python3
BIN := .venv/bin
# The environment's own bin first: DVC starts stages as `python -m yue`.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: repro test test-long lint keys deps constraints clean

repro: .venv.stamp
	$(RUN) dvc repro

test: .venv.stamp
	$(RUN) python -m pytest -n 2 --dist loadgroup

test-long: .venv.stamp
	$(RUN) python -m pytest -n 2 --dist loadgroup -m long

lint: .venv.stamp
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

# What follows from the recipe's schema: dataclasses, the reference page, keys of params.yaml.
keys: .venv.stamp
	$(RUN) python -m tests.recipe_keys

# The code that each stage runs, as dependencies in dvc.yaml and demo/dvc.yaml.
deps: .venv.stamp
	$(RUN) python -m tests.pipeline_deps

# Reinstalls when the metadata, the build or the C sources change; otherwise costs nothing.
.venv.stamp: pyproject.toml constraints.txt setup.py yue/native/build.py $(wildcard yue/native/*.c yue/native/*.h)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch .venv.stamp

# The newest versions that pyproject.toml admits: run the tests before they are committed.
constraints:
	rm -rf .venv.new && $(PYTHON) -m venv .venv.new
	.venv.new/bin/python -m pip install --quiet --editable '.[dev]'
	(sed '/^[^#]/,$$d' constraints.txt; .venv.new/bin/python -m pip freeze --exclude-editable) > constraints.new
	mv constraints.new constraints.txt && rm -rf .venv.new

clean:
	rm -rf .venv .venv.new .venv.stamp build work demo/work .yue
