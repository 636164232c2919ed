"""Executors by name."""

from __future__ import annotations

from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.local import LocalExecutor


def build_executor(name: str) -> Executor:
    """`local` or `ray`; Ray is imported only when it is asked for."""
    if name == "local":
        return LocalExecutor()
    from arpo_engine.runtime.cluster.executor import RayExecutor

    return RayExecutor()
