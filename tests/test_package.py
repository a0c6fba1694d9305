"""The package as a whole: importing it is light, and the street has one direction."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")

# A module may import only from those to its left.
STREET = [
    *("sampling", "sources", "datasets", "pooling", "similarity", "objectives", "training"),
    *("packing", "encoders", "attention", "masked", "search", "qdrant"),
    *("engines", "evaluation", "plots", "widgets", "views"),
    *("geometry", "explorers"),
]


def loaded_after(statement):
    """Names of the top-level modules that are loaded after ``statement``, in a fresh Python."""
    code = f"{statement}\nimport sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_else():
    found = loaded_after("import course_utils")
    heavy = {"torch", "transformers", "sentence_transformers", "numpy", "matplotlib", "pyarrow"}
    assert "course_utils" in found
    assert not found & heavy


def test_importing_the_light_modules_loads_no_torch():
    light = "sampling, similarity, datasets, encoders, search, engines, evaluation, lab"
    found = loaded_after(f"from course_utils import {light}")
    assert not found & {"torch", "transformers", "sentence_transformers", "matplotlib"}
    assert not found & {"faiss", "qdrant_client"}


def test_version_is_that_of_the_project():
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{course_utils.__version__}"\n' in text


@pytest.mark.parametrize("module", STREET)
def test_modules_import_only_from_their_left(module):
    """Imports inside functions count as well."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "course_utils":
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils."):
            used.add(node.module.split(".")[1])
    assert used <= set(STREET[: STREET.index(module)])


@pytest.mark.parametrize("module", STREET)
def test_the_examples_in_docstrings_are_right(module):
    assert doctest.testmod(importlib.import_module(f"course_utils.{module}")).failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_every_public_function_and_class_says_what_it_does(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    assert [n.name for n in public if n.name != "main" and not ast.get_docstring(n)] == []
