"""The environment that make keeps: what is right is left alone, what fails says why."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.tools import environment

HAS_MAKE = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A checkout of its own whose commands are recorded, not run; ``answers`` says what they do."""
    for name in environment.PINS:
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / ".installed")
    (tmp_path / ".venv").mkdir()
    course = SimpleNamespace(calls=[], works=True, kept=True, made=0, error="", root=tmp_path)

    def run(*command):
        course.calls.append(command)
        network = "install" in command and "--no-index" not in command
        return SimpleNamespace(returncode=int(network and bool(course.error)), stderr=course.error)

    def make_venv():
        course.made, course.error, course.works = course.made + 1, "", True

    monkeypatch.setattr(environment, "run", run)
    monkeypatch.setattr(environment, "venv_works", lambda: course.works)
    monkeypatch.setattr(environment, "can_be_kept", lambda: course.kept)
    monkeypatch.setattr(environment, "make_venv", make_venv)
    environment.STAMP.write_text(environment.state())
    return course


def test_a_touched_file_needs_no_network(course):
    (course.root / "requirements.txt").write_text("requirements.txt")
    environment.update()
    assert course.calls == [] and course.made == 0


def test_a_changed_file_is_installed_with_the_constraints(course):
    (course.root / "requirements.txt").write_text("numpy==9.*")
    environment.update()
    (step,) = [call for call in course.calls if "requirements.txt" in call]
    assert step[-2:] == ("--constraint", "constraints.txt")
    assert environment.STAMP.read_text() == environment.state()


@pytest.mark.parametrize("error", ["ResolutionImpossible: for help", "No matching distribution"])
def test_a_withdrawn_version_does_not_stop_the_installation(course, monkeypatch, capsys, error):
    (course.root / "requirements.txt").write_text("numpy==9.*")

    def run(*command):
        course.calls.append(command)
        gone = "--constraint" in command
        return SimpleNamespace(returncode=int(gone), stderr=error if gone else "")

    monkeypatch.setattr(environment, "run", run)
    environment.update()
    last = [call for call in course.calls if "requirements.txt" in call][-1]
    assert last[-2:] == ("--requirement", "requirements.txt")
    assert "taking what requirements.txt allows" in capsys.readouterr().out
    assert environment.STAMP.read_text() == environment.state()


def test_without_network_a_working_environment_is_used_and_tried_again_later(course, capsys):
    (course.root / "requirements.txt").write_text("numpy==9.*")
    course.error = "no network"
    environment.update()
    assert "Going on with those" in capsys.readouterr().err
    assert environment.STAMP.read_text() != environment.state()


def test_without_network_an_incomplete_environment_says_so(course):
    course.works, course.error = False, "no network"
    with pytest.raises(SystemExit, match="(?s)no network.*not complete. Run the same command"):
        environment.update()


def test_a_cut_off_installation_is_made_again(course):
    (course.root / "requirements.txt").write_text("numpy==9.*")
    course.error = "Cannot uninstall numpy 2.4, RECORD file not found"
    environment.update()
    assert course.made == 1 and environment.STAMP.read_text() == environment.state()


def test_an_environment_without_its_python_is_made_again(course):
    course.kept = False
    environment.update()
    assert course.made == 1


def test_packages_that_pip_put_elsewhere_are_noticed(course):
    course.works = False
    with pytest.raises(SystemExit, match="settings send packages elsewhere"):
        environment.update()


@pytest.mark.parametrize(
    "change, reason",
    [
        (("os.pathsep", "t"), "move the course to a folder without one"),
        (("os.access", lambda *_: False), "copy the course to a folder of your own"),
        (("shutil.disk_usage", lambda _: SimpleNamespace(free=1e9)), "The disk is full"),
        (("find_spec", lambda _: None), "apt install python3-venv"),
    ],
)
def test_the_true_reason_is_the_last_word(course, monkeypatch, change, reason):
    monkeypatch.setattr(f"course_utils.tools.environment.{change[0]}", change[1])
    assert reason in environment.why_no_venv()


def test_somebody_elses_environment_is_not_cleared(tmp_path, monkeypatch):
    """On a shared machine, where a student may neither write nor run the teacher's Python."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "python")
    environment.VENV.mkdir()
    environment.PYTHON.touch()
    refused = PermissionError(13, "Permission denied")

    def stat(path, **_):
        raise refused

    with monkeypatch.context() as patch:
        patch.setattr("os.stat", stat)
        assert not environment.can_be_kept() and not environment.venv_works()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SystemExit, match="copy the course to a folder of your own"):
        environment.make_venv()
    assert environment.PYTHON.exists()


def test_another_pythons_settings_do_not_reach_in(tmp_path, monkeypatch):
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ours = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    kept = {"PIP_INDEX_URL": "https://packages.example", "PIP_CERT": "/own.pem"}
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in ("USER", "TARGET", "NO_DEPS", "CONSTRAINT", "DRY_RUN", "REQUIREMENT", "PYTHON"):
        monkeypatch.setenv(f"PIP_{name}", "1")
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    for name in ("PYTHONOPTIMIZE", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    seen = "import json, os, sys; print(json.dumps(dict(os.environ)), file=sys.stderr)"
    env = json.loads(environment.run("-c", seen).stderr)
    assert {name: value for name, value in env.items() if name[:4] == "PIP_"} == ours | kept
    assert not {"PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONSTARTUP"} & env.keys()
    if os.path.samefile(sys.prefix, environment.ROOT / ".venv"):
        assert environment.venv_works()


def test_a_message_in_another_code_page_is_no_crash(monkeypatch):
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    said = environment.run("-c", "import os; os.write(2, b'no file \\xff\\x81'); os._exit(3)")
    assert said.returncode == 3 and said.stderr.startswith("no file ")


def test_constraints_name_every_package_but_those_of_one_processor():
    lines = environment.constraints().splitlines()[1:]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.!]+", line) for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert {"numpy", "transformers", "jupyterlab-server"} <= names
    assert not {"torch", "sentence-transformers-course"} & names
    assert not [name for name in names if name.startswith("nvidia")]


def test_the_stored_constraints_fit_the_requirements():
    read = {
        name: (environment.ROOT / name).read_text(encoding="utf-8")
        for name in ("requirements.txt", "constraints.txt")
    }
    fixed = dict(re.findall(r"^([\w.-]+)==(\S+)$", read["constraints.txt"], re.M))
    for name, minor in re.findall(
        r"^([\w.-]+)(?:\[.*\])?==([\d.]+)\.\*$", read["requirements.txt"], re.M
    ):
        assert fixed[name.replace("_", "-")].startswith(f"{minor}."), name


# ---- The Makefile -------------------------------------------------------------------------------


@HAS_MAKE
def test_make_help_lists_every_target():
    text = (environment.ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*) FORCE$", text, re.M)[1].split())
    command = ["make", "--no-print-directory", "help"]  # these tests may run under make themselves
    done = subprocess.run(command, cwd=environment.ROOT, capture_output=True, text=True)
    assert {line.split()[1] for line in done.stdout.splitlines()} == targets


@HAS_MAKE
def test_settings_of_the_callers_python_are_not_used():
    """The first would take every check out of the tests, unseen; the last slows them down."""
    command = ["make", "-f", "-", "--no-print-directory", "seen"]
    text = (environment.ROOT / "Makefile").read_text(encoding="utf-8")
    text += "\nseen:\n\t@echo [$$PYTHONOPTIMIZE$$PYTHONSTARTUP$$PYTHONDONTWRITEBYTECODE]\n"
    foreign = {"PYTHONOPTIMIZE": "2", "PYTHONSTARTUP": "x", "PYTHONDONTWRITEBYTECODE": "1"}
    told = {"input": text, "cwd": environment.ROOT, "env": os.environ | foreign, "text": True}
    assert subprocess.run(command, capture_output=True, **told).stdout == "[]\n"


@HAS_MAKE
def test_a_foreign_search_path_does_not_make_the_environment_stale(tmp_path):
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "__init__.py").touch()
    (tmp_path / "sitecustomize.py").write_text("print('noise')")
    command, foreign = ["make", "-n", "lab"], os.environ | {"PYTHONPATH": str(tmp_path)}
    plain, with_path = (
        subprocess.run(command, cwd=environment.ROOT, env=env, capture_output=True, text=True)
        for env in (os.environ, foreign)
    )
    assert plain.stdout == with_path.stdout
