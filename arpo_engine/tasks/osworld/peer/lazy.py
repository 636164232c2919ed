"""Loads of `desktop_env` only what a task needs. Knows packages and names; knows no task and no desktop.

`desktop_env.evaluators.metrics` imports every metric with all that any of them needs, torch among it. Here the package
stands in `sys.modules` as an object that imports a metric's own file when the metric is asked for. What is then run is
the file of the package, unchanged.
"""

from __future__ import annotations

import ast
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "desktop_env"
LAZY = (f"{PACKAGE}.evaluators.metrics", f"{PACKAGE}.evaluators.getters")
HEAVY = ("easyocr", "librosa")
"""Imported at the top of `docs.py` and `vlc.py`, and used by two metrics (`vocabulary.HEAVY_FUNCTIONS`)."""


class HeavyPackageMissing(Exception):
    """A metric needs a package that is installed on request only."""


class LazyPackage(ModuleType):
    """A package whose names are imported one by one, from the files in which its `__init__.py` says they are."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.__path__ = [str(folder)]
        self.index = names_of(folder / "__init__.py")
        """Public name to the module that holds it."""

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("index", {}).get(name)
        if module is None:
            raise AttributeError(f"{self.__name__} has no {name!r}")
        found = getattr(importlib.import_module(f"{self.__name__}.{module}"), name)
        setattr(self, name, found)
        return found


class AbsentPackage(ModuleType):
    """Stands for a heavy package that is not installed: it can be imported, and says so when it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise HeavyPackageMissing(
            f"{self.__name__}.{name} is needed, and {self.__name__} is not installed; run ./arpo setup osworld --heavy"
        )


def names_of(init: Path) -> dict[str, str]:
    """What an `__init__.py` takes from its own modules: name to module. The file is read, not run."""
    tree = ast.parse(init.read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        for alias in node.names
    }


def infeasible() -> None:
    """Stands where the package has an empty function, too: such a task is decided before a metric is called."""


def make_lazy() -> dict[str, bool]:
    """Put the lazy packages, and stand-ins for what is not installed, in place; which heavy packages are there.

    Raises:
        ModuleNotFoundError: there is no `desktop_env` in this environment.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no module named {PACKAGE!r}", name=PACKAGE)
    root = Path(next(iter(spec.submodule_search_locations)))
    evaluators = importlib.import_module(f"{PACKAGE}.evaluators")
    for name in LAZY:
        last = name.rpartition(".")[2]
        package = LazyPackage(name, root / "evaluators" / last)
        sys.modules[name] = package
        setattr(evaluators, last, package)
    vars(sys.modules[LAZY[0]])["infeasible"] = infeasible
    there = {name: find_spec(name) is not None for name in HEAVY}
    for name in (name for name, found in there.items() if not found):
        sys.modules[name] = AbsentPackage(name)
    return there
