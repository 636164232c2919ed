"""A fact that preflight tells, and the guard under which each is found: a check that raises is told like any other.

Knows no check by name, and nothing of runs.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from arpo_engine.contract.errors import ArpoError
from arpo_engine.runtime.plan_checks import Status

log = logging.getLogger(__name__)

Found = TypeVar("Found")
UNFORESEEN = "its traceback is in the log; mend what it names, or report it as a fault of the check"


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about this machine and this config."""

    name: str
    status: Status
    message: str
    cure: str = ""


async def guarded(name: str, find: Callable[..., Awaitable[Found]], *arguments: Any) -> Found | Check:
    """What `find` gives; where it raises, a failed check of this name, so that the checks after it are still made.

    An error of ours is the very one that the run would meet, and its text says the cure.
    """
    try:
        return await find(*arguments)
    except ArpoError as error:
        message, _, cure = str(error).partition("; ")
        return Check(name, "fail", message, cure)
    except Exception as error:
        log.exception("a check of preflight ended", extra={"check": name})
        return Check(name, "fail", f"the check itself ended with {type(error).__name__}: {error}", UNFORESEEN)
