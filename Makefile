# make demo | app | test | lint | browser | screenshots | requirements | bench [DATA=DIR]
# Another Python: make demo PYTHON=python3.12. Another place for the environment: VENV=DIR.
PYTHON ?= python3
VENV ?= .venv
MODEL ?= texture-x4
DATA ?=

bin := $(VENV)/bin
base := $(VENV)/.base-installed
full := $(VENV)/.full-installed

.PHONY: demo app test lint browser screenshots requirements bench
.DELETE_ON_ERROR:

demo: $(base)
	$(bin)/translate run examples -m $(MODEL) -o out --exclude labels/* --overview out/overview.png
	$(bin)/translate run examples/textures -m texture-x4-detail -o out/detail
	$(bin)/translate run examples/photographs/horses.jpg -m horse2zebra -o out/zebras
	$(bin)/translate run examples/photographs/zebra.jpg -m zebra2horse -o out/horses
	$(bin)/translate run examples/photographs/temple.jpg -m day2night -o out/night
	$(bin)/translate run examples/photographs/rocket.jpg -m night2day -o out/day
	$(bin)/translate run examples/labels -m facades -o out/facades
	@echo "before and after, side by side: out/overview.png; textures with grain: out/detail; translations: out/zebras, out/horses, out/night, out/day, out/facades"

app: $(base)
	$(bin)/python app.py

test: lint
	$(bin)/python -m pytest

lint: $(full)
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

# Exported files in a browser: fetches onnxruntime-web (140 MB) into node_modules; needs npm and Chromium.
browser: $(full)
	npm install --no-save --no-package-lock --no-audit --no-fund --prefix . onnxruntime-web@^1.22
	$(bin)/python -m pytest tests/export/test_runtimes.py

requirements: | $(bin)/python
	@{ sed -n 1p requirements.txt; $(bin)/python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")'; } > requirements.new
	@mv requirements.new requirements.txt

screenshots: $(full)
	$(bin)/python -m benchmarks.screenshots

bench: $(full)
	$(bin)/python -m benchmarks.engine
	$(bin)/python -m benchmarks.memory
	$(bin)/python -m benchmarks.training
	@if test -n "$(DATA)"; then $(bin)/python -m benchmarks.textures --data "$(DATA)"; \
	  else echo "make bench DATA=DIR also measures quality; DIR holds the pictures, see README.md"; fi

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than Python 3.11; name a newer one: make demo PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(base): pyproject.toml | $(bin)/python
	$(bin)/python -m pip install --disable-pip-version-check --quiet --editable .
	@touch $@

$(full): pyproject.toml | $(bin)/python
	$(bin)/python -m pip install --disable-pip-version-check --quiet --editable '.[train,published,cuda,dev]'
	@touch $@ $(base)
