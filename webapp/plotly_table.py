"""Plotly's table of what each of its 10,000 properties may be, kept as text until one of them is asked for.

Plotly reads the table when the first figure is drawn and asks it once about each property that our figures use, a few
hundred of them. Unpacked it holds 20 MB of a web server for as long as that lives; as text it is 4 MB.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import plotly
from plotly.validator_cache import ValidatorCache

TABLE = Path(plotly.__file__).parent / "validators" / "_validators.json"
NAME = re.compile(r'[{,]\s*"([^"]+)"\s*:\s*')


class PackedTable:
    """Answers as the dictionary does that plotly would keep; each answer is unpacked anew."""

    @cached_property
    def _rows(self) -> dict[str, str]:
        """Each row as the table has it. Rows are told apart one at a time, so that never all of them are unpacked."""
        text, at, rows = TABLE.read_text(encoding="utf-8"), 0, {}
        decoder = json.JSONDecoder()
        while name := NAME.match(text, at):
            _, at = decoder.raw_decode(text, name.end())
            rows[name[1]] = text[name.end() : at]
        return rows

    def get(self, name: str) -> Any:
        """What plotly knows of a property by its whole path, such as `scatter.line.color`; None of one it hasn't."""
        row = self._rows.get(name)
        return None if row is None else json.loads(row)


def keep_packed() -> None:
    """Give plotly the packed table before it reads its own. Whatever it has read is forgotten."""
    ValidatorCache._json_cache = PackedTable()
