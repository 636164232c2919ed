"""What an address asks of the matrix and of the comparison. Words that are not understood take their default.

Everything that a person can change about these pages is in the address, so that it can be shared.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from django.http import QueryDict

from webapp.analysis.cells import ORDERS
from webapp.analysis.chosen import named_ids
from webapp.analysis.counts import SETS
from webapp.runs.rates import Faults

By = Literal["runs", "steps"]
MAX_WORD: Final = 200
WHEN: Final[dict[str, str]] = {"all": "All steps", "late": "Last fifth of the steps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixAsk:
    """What the matrix shows."""

    ids: tuple[str, ...] = ()
    by: By = "runs"
    tries: str = ""
    """A word of `SETS`; empty: measured ones where there are any."""
    when: str = "all"
    faults: Faults = Faults.LEFT_OUT
    """What becomes of tries that a fault ended and that no other try made good."""
    order: str = "disagreement"
    domain: str = ""
    search: str = ""
    """Words of tasks."""
    query: str = ""
    """Which runs, in the language of their list, beside those that are named."""
    page: int = 1

    @property
    def faults_count(self) -> bool:
        """Whether a try that was lost to a fault counts as a failure."""
        return self.faults is Faults.FAILURES

    @property
    def narrowed(self) -> bool:
        """Whether tasks are filtered out."""
        return bool(self.domain or self.search)


def read_matrix(words: QueryDict, faults: Faults) -> MatrixAsk:
    """What an address asks of the matrix; how faults count is the person's too (`webapp.runs.counting`)."""
    page = words.get("page", "")
    return MatrixAsk(
        ids=tuple(named_ids(words.getlist("runs"))),
        by="steps" if words.get("by") == "steps" else "runs",
        tries=one_of(SETS, words.get("tries"), ""),
        when=one_of(WHEN, words.get("when"), "all"),
        faults=faults,
        order=one_of(ORDERS, words.get("sort"), "disagreement"),
        domain=clean(words.get("domain", "")),
        search=clean(words.get("search", "")),
        query=words.get("q", "").replace("\x00", "").strip(),
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
    )


def one_of(known: Container[str], word: str | None, usual: str) -> str:
    """The word if it is known, else the usual one."""
    return word if word is not None and word in known else usual


def clean(word: str) -> str:
    """A word of an address as the database takes it: no NUL character, no blanks around, not without end."""
    return word.replace("\x00", "").strip()[:MAX_WORD]


def query_of(**words: object) -> str:
    """The words as a query; empty ones are left out."""
    return urlencode({name: str(word) for name, word in words.items() if word not in (None, "")})
