"""Names and bounds of settings in words, for the new-run form. Knows names and JSON schema; no form and no config."""

from __future__ import annotations

from typing import Any

UNITS = {"_s": "seconds", "_ms": "milliseconds", "_mb": "MB", "_gb": "GB", "_percent": "%"}
TITLES = {
    "": "Run",
    "algorithm": "Algorithm and replay",
    "rollout": "Rollouts",
    "generator": "Generation",
    "guard": "Collapse guard",
    "checkpoint": "Checkpoints",
    "frames": "Screenshots",
}
FULL_WORDS = {
    "lr": "learning rate",
    "std": "spread",
    "eps": "epsilon",
    "dtype": "number type",
    "logprobs": "log-probabilities",
    "max": "maximum",
    "min": "minimum",
    "grad": "gradient",
    "kl": "KL distance",
    "coef": "coefficient",
    "lora": "LoRA",
    "env": "environment variable",
}
"""Abbreviations that are fine in a config file and not on a page."""


def label_of(path: str) -> str:
    """The setting's name in words, with the groups inside its section before it."""
    parts = path.split(".")
    words = [_words(part) for part in (parts[1:] or parts)]
    return " · ".join([_begun(words[0]), *words[1:]])


def _words(name: str) -> str:
    for ending in UNITS:
        name = name.removesuffix(ending)
    return " ".join(FULL_WORDS.get(word, word) for word in name.split("_"))


def humanised(name: str) -> str:
    """A part of a setting's name in words, with a capital letter in front."""
    return _begun(_words(name))


def _begun(words: str) -> str:
    """With a capital letter in front; the others stay as they are."""
    return words[:1].upper() + words[1:]


def range_of(target: dict[str, Any]) -> str:
    """The bounds of a setting: "at least 0, less than 1"; empty where there are none."""
    words = [
        (f"at least {target['minimum']:g}" if "minimum" in target else ""),
        (f"more than {target['exclusiveMinimum']:g}" if "exclusiveMinimum" in target else ""),
        (f"at most {target['maximum']:g}" if "maximum" in target else ""),
        (f"less than {target['exclusiveMaximum']:g}" if "exclusiveMaximum" in target else ""),
    ]
    return ", ".join(word for word in words if word)
