"""The web may import the seam because it brings no machine-learning and no web framework with it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

STRANGERS = {"torch", "ray", "vllm", "transformers", "django", "celery", "channels", "numpy", "PIL", "PySide6"}
LOOK = """
import importlib, json, pkgutil, sys
import arpo_engine.{part} as part
for module in pkgutil.walk_packages(getattr(part, "__path__", []), part.__name__ + "."):
    importlib.import_module(module.name)
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""


def loaded_by(part: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOOK.format(part=part)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_whole_seam_loads_without_any_stranger() -> None:
    loaded = loaded_by("contract")
    assert "pydantic" in loaded
    assert loaded & STRANGERS == set()


@pytest.mark.parametrize("part", ["types", "desktops.base", "agents.base", "inference.base"])
def test_plain_data_and_protocols_load_without_tensors_or_servers(part: str) -> None:
    assert loaded_by(part) & (STRANGERS - {"numpy"}) == set()
