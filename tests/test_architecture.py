"""The rules of form that a reader relies on: sizes, layers, and a seam that drags nothing in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("arpo_engine", "webapp", "workers")
MODULE_LINES = 400
FUNCTION_LINES = 50

LONG_MODULES: dict[str, str] = {}
"""Modules that may be longer, each with its reason."""
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer, as path::name, each with its reason."""


def sources() -> list[Path]:
    found = (path for folder in CODE for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    too_long = {name: n for name, n in lengths.items() if n > MODULE_LINES and name not in LONG_MODULES}
    assert not too_long, f"split these by noun, or list them with a reason: {too_long}"


def test_every_function_fits_a_screen() -> None:
    too_long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                name, lines = f"{name_of(path)}::{node.name}", node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES and name not in LONG_FUNCTIONS:
                    too_long[name] = lines
    assert not too_long, f"split these, or list them with a reason: {too_long}"


def test_every_module_says_why_it_exists() -> None:
    silent = [
        name_of(path)
        for path in sources()
        if path.name != "__init__.py" and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert not silent, f"these have no module docstring: {silent}"


@pytest.mark.parametrize(
    ("seam", "too_heavy"),
    [
        (
            "arpo_engine.contract.config, arpo_engine.contract.events, arpo_engine.contract.tasks, "
            "arpo_engine.contract.reporting",
            {"torch", "ray", "vllm", "transformers", "django", "numpy", "PySide6"},
        ),
        ("arpo_engine.types", {"torch", "ray", "vllm", "transformers", "django"}),
        ("arpo_engine.filming.making", {"av", "torch", "ray", "django", "numpy"}),
        ("arpo_engine.cli.preflight", {"torch", "ray", "vllm", "transformers", "django", "PySide6"}),
        ("webapp.settings, webapp.celery", {"torch", "ray", "vllm", "transformers", "numpy", "PySide6"}),
        ("webapp.supervisor.cli", {"django", "celery", "psycopg", "redis", "psutil", "torch", "ray"}),
    ],
)
def test_importing_the_seam_in_a_fresh_interpreter_drags_nothing_in(seam: str, too_heavy: set[str]) -> None:
    script = f"import sys, {seam}; print('\\n'.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & too_heavy == set()


def test_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
