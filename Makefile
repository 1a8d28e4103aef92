PYTHON ?= python3
BIN := .venv/bin

# An environment belongs to a folder and to a Python, and .venv/book.installed says to which. It is made anew if one
# is another now, if it was left half-made, or if its Python is gone. PYTHON counts only if the user gives it.
IDENTITY := import os, sys; print("Python %d.%d of" % sys.version_info[:2], os.path.realpath(sys.base_prefix))
belongs = $(CURDIR), $(shell $(1) -c '$(IDENTITY)' 2>/dev/null)
WANTED := $(call belongs,$(if $(filter file,$(origin PYTHON)),$(BIN)/python,$(PYTHON)))
ifneq ($(WANTED),$(shell cat .venv/book.installed 2>/dev/null))
.venv/book.installed: environment
endif

# node and npm come with a Python package, so the kernel and Sphinx find them here.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# The Chromium of the tests also draws the book's pictures. Only if it is known: an empty name hides any other.
ifneq ($(wildcard .venv/chromium),)
export BROWSER_PATH ?= $(shell cat .venv/chromium)
endif

# A commit makes the same site whenever it is built: the dates in the pages are its own.
ifneq ($(shell git log -1 --format=%ct 2>/dev/null),)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
endif

.PHONY: book pdf serve check test pytest audit quick-audit matrix bench chromium links lint lock clean environment
.NOTPARALLEL:

# Sphinx warns about a page only when it reads it: unless the last build went through, everything is read again.
book: .venv/book.installed node_modules/.book.installed _build/.contents
	@$(enough_disk)
	@[ -e _build/.went-through ] || rm -rf _build/.doctrees
	@rm -f _build/.went-through; started=$$(date +%s); \
	$(BIN)/jupyter-book build . -W -n --keep-going && touch _build/.went-through && \
	echo && echo "The book is in _build/html, built in $$(($$(date +%s) - started)) s." \
		"Open _build/html/index.html, or run 'make serve'." || { $(enough_disk); exit 1; }

# The site with the whole book as one PDF in it, which a Chromium prints.
pdf: export WHOLE_BOOK = yes
pdf: book

serve: book
	@echo "The book is at http://localhost:8000 (Ctrl-C stops it)."
	@$(BIN)/python -m http.server 8000 --bind localhost --directory _build/html

# What needs no build, no browser and no Node.
SIDE_BY_SIDE := --numprocesses auto --dist worksteal --durations 15
check: lint
	$(BIN)/pytest $(SIDE_BY_SIDE) -m 'not integration' --ignore tests/site --ignore tests/live_demo

# The Chromium first, as the book is built with it; a make of its own knows of it.
test: chromium lint node_modules/.test.installed
	$(MAKE) pdf pytest

# Every page of the site, examined: _build/audit/index.html is the table.
audit: chromium node_modules/.test.installed
	$(MAKE) pdf
	$(BIN)/python tests/site/audit.py

# What no change may break: each page loaded once, Lighthouse on five pages.
quick-audit: chromium node_modules/.test.installed
	$(MAKE) pdf
	$(BIN)/python tests/site/audit.py --quick

# What the chapters say, on every Python and under other conditions.
matrix: .venv/test.installed
	$(BIN)/nox

# How long the site takes to build, from nothing and after an edit. How much the pages weigh, and how fast figures are
# beside Plotly's own ways to show them, and the live demo beside an empty control. Then how fast sweeps are beside
# torch.optim and JAX, and updates of a few rows of a table beside torch.optim, which this does not install.
bench: chromium
	$(MAKE) book
	$(BIN)/python tests/site/bench_builds.py
	$(BIN)/python tests/site/bench_figures.py
	$(BIN)/python tests/site/bench_live_demo.py
	$(BIN)/python tests/adaptive_optim/bench_sweeps.py
	$(BIN)/python tests/adaptive_optim/bench_sparse.py

pytest:
	$(BIN)/pytest $(SIDE_BY_SIDE)

chromium: .venv/test.installed
	$(BIN)/python tests/site/chromium.py .venv/chromium

# Other sites change by themselves: a link that no longer works is told, and stops nothing.
links: book
	-$(BIN)/jupyter-book build . --builder custom --custom-builder linkcheck
	@echo "Links to other sites that need a look, as in _build/linkcheck/output.txt:"
	@cat _build/linkcheck/output.txt

lint: .venv/test.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Renew every pinned version. The three files agree: what builds is what is tested.
lock: .venv/test.installed
	$(call compile,test,tests/requirements.txt) --upgrade
	$(call compile,book,book/requirements.txt) --constraint tests/requirements.txt
	$(call compile,reader,requirements.txt) --upgrade --constraint tests/requirements.txt
	$(BIN)/npm update

compile = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" --extra $(1) --output-file $(2)

clean:
	rm -rf _build

# Sphinx leaves pages and files that are no longer in the book where they are, and reads what other versions stored.
_build/.contents: _toc.yml book/_static book/requirements.txt
	rm -rf _build/html _build/.doctrees
	@mkdir -p _build && touch $@

# The Python is looked for where the user has it, not in the environment.
environment: export PATH := $(subst $(CURDIR)/$(BIN):,,$(PATH))
environment:
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
	case "$$version" in \
	3.11 | 3.12 | 3.13 | 3.14) $(PYTHON) -c 'from ensurepip import bootstrap' 2>/dev/null && exit; \
		wrong="cannot make environments: on Debian and Ubuntu, install python3-venv" ;; \
	2.* | 3.? | 3.10) wrong="is Python $$version, which is too old" ;; \
	"") wrong="is not installed here, or does not start" ;; \
	*) wrong="is Python $$version, which is too new: the pinned NumPy has no wheel for it" ;; \
	esac; \
	echo "$(PYTHON) $$wrong. Name another Python, from 3.11 to 3.14:" \
		"make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1
	@[ ! -s .venv/book.installed ] || echo ".venv was made for $$(cat .venv/book.installed): it is made anew."
	@rm -f _build/.contents node_modules/.*.installed; $(PYTHON) -m venv --clear .venv $(or_say_why)

.venv/book.installed: book/requirements.txt pyproject.toml
	@$(BIN)/python -m pip install --retries 2 --progress-bar on -r book/requirements.txt $(or_say_why)
	@$(BIN)/python -m pip install --retries 2 --no-deps --editable . $(or_say_why)
	@echo "$(call belongs,$(BIN)/python)" > $@

.venv/test.installed: tests/requirements.txt .venv/book.installed
	@$(BIN)/python -m pip install --retries 2 -r tests/requirements.txt $(or_say_why)
	@touch $@

node_modules/.book.installed: package-lock.json | .venv/book.installed
	@$(BIN)/npm ci --omit=dev $(or_say_why)
	@touch $@

# npm starts from nothing, and what it installs for the tests has all that the book needs.
node_modules/.test.installed: package-lock.json | .venv/book.installed
	@$(BIN)/npm ci $(or_say_why)
	@touch node_modules/.book.installed $@

# Other programs say "no network" and "disk full" in many lines.
or_say_why = || { echo "The installation stopped, for the reason above. If there is no network, or less than 2 GB" \
	"of disk, repair that and run make again: it goes on from here." >&2; exit 1; }
enough_disk = df -Pk _build | awk 'NR == 2 && $$4 < 200000 { exit 1 }' || \
	{ echo "Less than 200 MB of disk are free: free some, then run make again." >&2; exit 1; }
