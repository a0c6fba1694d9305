# Two commands: `make lab` opens the course, `make test` proves that all of it works.
# Both make the environment .venv when it is missing, damaged or out of date.
#
#   make lab PORT=9000                     another port
#   make test TESTS=tests/test_lab.py      some of the tests
#   make PYTHON=python3.12 lab             the interpreter that a new .venv is made from

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

# An active environment or a search path of the caller's must not leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: lab test lint outputs images slides handout solutions bench pins FORCE
.DELETE_ON_ERROR:

lab: $(STAMP)
	@$(PY) -m course_utils.tools.lab $(if $(PORT),--port $(PORT))

test: $(STAMP)
	@$(PY) -m pytest $(TESTS)

lint: $(STAMP)
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

# One HTML file per notebook, build/slides/NAME.slides.html, which needs nothing else.
slides: $(STAMP)
	@$(PY) -m course_utils.slides $(NOTEBOOKS)

# For a class: the course without its solutions; the notebooks with all exercises solved. Into
# build/handout and build/solutions, or TO=FOLDER.
handout: $(STAMP)
	@$(PY) -m course_utils.tools.handout $(if $(TO),--to "$(TO)")

solutions: $(STAMP)
	@$(PY) -m course_utils.tools.handout --solutions $(if $(TO),--to "$(TO)")

# Runs notebooks and stores their outputs: make outputs, or make outputs NOTEBOOKS=notebooks/01_...
outputs: $(STAMP)
	@$(PY) -m course_utils.tools.outputs $(NOTEBOOKS)

# Draws the course's pictures anew.
images: $(STAMP)
	@$(PY) images/draw.py

# The course's speed beside the field's libraries. On an idle machine; ROWS="encode search" for some
# rows, QUICK=1 for a smoke test.
bench: $(STAMP)
	@$(PY) tests/benchmarks $(ROWS) $(if $(QUICK),--quick)

# ---- The environment --------------------------------------------------------------------------

# .venv works if its Python runs and finds this checkout's own course_utils (not so when Python was
# removed or upgraded away, when an installation was cut off, or when the folder has moved).
WORKS := import course_utils, os, sys; from importlib.util import find_spec; \
	sys.exit(not os.path.samefile(course_utils.__path__[0], "course_utils") \
	or None in map(find_spec, ("pip", "jupyterlab", "pytest", "nbval", "torch", "transformers")))
ifneq ($(shell $(PY) -P -c '$(WORKS)' 2>/dev/null && echo yes),yes)
$(STAMP): FORCE
endif

# What can be kept is kept: a .venv whose own Python and pip run is only brought up to date.
# (sys.prefix: without its pyvenv.cfg, .venv/bin/python would install into the system.)
KEEP := import pip, sys; sys.exit(sys.prefix == sys.base_prefix or sys.version_info < (3, 11))

$(STAMP): requirements.txt pyproject.toml
	@rm -f $@
	@$(PY) -m pip --version >/dev/null 2>&1 && $(PY) -c '$(KEEP)' 2>/dev/null || { \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'The course needs Python 3.11 or later; "$(PYTHON)" is not. Name one: make PYTHON=python3.12' >&2; exit 1; }; \
	  echo 'Making the environment $(VENV) with' "$$($(PYTHON) --version)"; \
	  $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	    echo 'This Python cannot make environments (on Debian and Ubuntu: apt install python3-venv).' >&2; exit 1; }; }
	@echo 'Installing the packages of requirements.txt into $(VENV): minutes the first time, then seconds.'
	@$(PY) -m pip install --quiet --requirement requirements.txt
	@touch $@

# ---- The pins ---------------------------------------------------------------------------------

define NEW_PINS
import importlib.metadata, pathlib, re
file = pathlib.Path("requirements.txt")
def pin(match):
    version = importlib.metadata.version(match[1]).split(".")
    return f"{match[1]}{match[2]}=={version[0]}.{version[1]}.*"
file.write_text(re.sub(r"^([\w.-]+)(\[.*\]|)==[\d.]+\.\*", pin, file.read_text(), flags=re.M))
endef
export NEW_PINS

# Everything at its newest; the tests decide whether that becomes the new requirements.txt. If they
# fail, the next make goes back to the old pins, as the stamp is gone.
pins: $(STAMP)
	@rm $(STAMP)
	sed 's/==[0-9.]*\.\*//' requirements.txt > $(VENV)/unpinned.txt
	$(PY) -m pip install --quiet --upgrade --requirement $(VENV)/unpinned.txt
	$(PY) -m pytest
	@$(PY) -c "$$NEW_PINS"
	@echo 'All tests passed: requirements.txt holds the new pins.'
