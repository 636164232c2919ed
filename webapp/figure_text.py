"""Words of people and models in a figure: plotly reads a few HTML tags in every text. Knows letters, and no figure."""

from __future__ import annotations


def as_label(words: str) -> str:
    """The words so that plotly shows them as they are, and makes no link or bold type of what is in them."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
