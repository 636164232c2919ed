"""The grammar of tool calls: `<tool_call>` blocks of JSON in a reply, into plain values. Nothing is ever evaluated.

    reply = words block { words block } words
    block = "<tool_call>" JSON object with "name" and "arguments" "</tool_call>"

JSON as the standard has it: no NaN, no key twice. Must not know what a tool does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from arpo_engine.agents.grammar import SHOWN, refuse_too_long
from arpo_engine.contract.errors import ActionUnreadable

OPEN, CLOSE = "<tool_call>", "</tool_call>"


def read_tool_calls(text: str, tool: str) -> tuple[str, list[Mapping[str, Any]]]:
    """The words before the first block, and the arguments of every call; all must be of `tool`.

    Raises:
        ActionUnreadable: there is no block, one is not closed, holds no such call, or is not JSON.
    """
    refuse_too_long(text)
    words, opened, rest = text.partition(OPEN)
    if not opened:
        raise ActionUnreadable(f"the reply has no {OPEN}: {text[:SHOWN]!r}")
    calls = []
    while opened:
        block, closed, rest = rest.partition(CLOSE)
        if not closed:
            raise ActionUnreadable(f"a {OPEN} is not closed by {CLOSE}; the reply was cut off")
        calls.append(_arguments(block, tool))
        _, opened, rest = rest.partition(OPEN)
    return words.strip(), calls


def _arguments(block: str, tool: str) -> Mapping[str, Any]:
    try:
        call = json.loads(block, object_pairs_hook=_without_twins, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        shown = block.strip()[:SHOWN]
        raise ActionUnreadable(f"a tool call is not JSON ({type(error).__name__}): {shown!r}") from None
    if not isinstance(call, dict) or call.get("name") != tool:
        raise ActionUnreadable(f"a tool call does not call {tool!r}: {block.strip()[:SHOWN]!r}")
    arguments = call.get("arguments")
    if not isinstance(arguments, dict):
        raise ActionUnreadable(f"a call of {tool} has no arguments; write them as a JSON object")
    return arguments


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice")
    return table


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
