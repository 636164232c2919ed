"""Ids that stand in an address: what a run calls its episodes and groups. Knows letters, and no address of a page."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

MAX_KEY: Final = 80
_ADDRESSABLE: Final = re.compile(r"[^./?#\\\s\x00-\x1f\x7f][^/?#\\\s\x00-\x1f\x7f]*")


def addressable(key: str) -> str:
    """The key, if a page's address can hold it as one of its parts.

    Raises:
        ValueError: it is empty, too long, begins with a dot, or holds a letter that means something in an address.
    """
    if len(key) > MAX_KEY or not _ADDRESSABLE.fullmatch(key):
        raise ValueError(
            f"an episode or a group is named by 1 to {MAX_KEY} letters that can stand in an address: no blank, no "
            f"control character, none of / \\ ? # and no dot at the beginning; it is {key[: MAX_KEY + 1]!r}"
        )
    return key


Key = Annotated[str, AfterValidator(addressable)]
"""The id of an episode or a group."""
