"""What is said of a claimed value: whether it is the published one, and the evidence. Knows no patterns.

Numbers are not repeated here: published values come from `contract/config/verl`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from arpo_engine.conformance.fidelity.checks import advantage_check, loss_check
from arpo_engine.conformance.fidelity.rows import Likeness
from arpo_engine.conformance.fidelity.statements import Side
from arpo_engine.contract.config.verl import faults_of, import_verl
from arpo_engine.contract.config.verl.published import BASE_CONFIG, BASE_CONFIG_NAME, SPELLINGS
from arpo_engine.contract.config.verl.published_run import (
    COMMAND,
    MODEL,
    published_run,
)

SETTINGS = published_run().reading
OURS = published_run().ready()
ADMIT_ABOVE = OURS.model_dump()["algorithm"]["replay"]["admit_above"]
"""Score above which the published code remembers a rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader says of one value."""

    likeness: Likeness
    published: str
    evidence: str


Judge = Callable[[str, Side], Answer]


def setting(key: str) -> str:
    """A setting of the published run, as it would be written."""
    return str(SETTINGS.get(key))


def _alike(said: str, published: str) -> bool:
    try:
        return float(said) == float(published)
    except ValueError:
        return said.strip("\"'").casefold() == published.casefold()


def one_of(published: Iterable[object], evidence: str, *, on_purpose: bool = False) -> Judge:
    """Same if the value is one of the published ones. `on_purpose`: a replica may well have another one."""
    known = [str(value) for value in published]

    def judge(said: str, side: Side) -> Answer:
        if any(_alike(said, value) for value in known):
            likeness = Likeness.SAME
        else:
            likeness = Likeness.ADAPTED if on_purpose and side is Side.OURS else Likeness.DIFFERENT
        return Answer(likeness=likeness, published=" or ".join(known), evidence=evidence)

    return judge


def optimizer(said: str, side: Side) -> Answer:
    """The optimizer of both scripts, which is not that of the base config."""
    key = "worker.actor.optim.strategy"
    base = f"{BASE_CONFIG_NAME} has {BASE_CONFIG[key]}, which both published scripts override: {key}={setting(key)}"
    return one_of([setting(key)], base)(said, side)


def epsilon(said: str, side: Side) -> Answer:
    """What is added to a group's standard deviation, with the advantages that come of it."""
    published = OURS.algorithm.advantage_eps
    agrees, told = advantage_check(float(said), published)
    same = float(said) == published
    more = "" if same else f"; here the results {'agree' if agrees else 'do not agree'} within 1e-6"
    return Answer(
        likeness=Likeness.SAME if same else Likeness.DIFFERENT,
        published=f"{published:g}",
        evidence=f"core_algos.py, (score - mean) / (std + eps); {told}{more}",
    )


def loss(said: str, side: Side) -> Answer:
    """Code of a policy loss: the published one has a sign and a second clip."""
    sign = "" if "-" in said else "; torch.min of ratio x advantage is a gain, so as a loss it lacks its minus sign"
    clip = OURS.algorithm.clip
    _, told = loss_check(clip, clip)
    return Answer(
        likeness=Likeness.DIFFERENT,
        published=f"the maximum of two losses, with a dual clip at {clip.dual:g}",
        evidence=f"core_algos.py, compute_policy_loss; the dual clip is not in it{sign}; {told}",
    )


def replay_switch(said: str, side: Side) -> Answer:
    """A switch that the published code never reads."""
    asked = import_verl(COMMAND.replace("\n", " \\\n"), words=[f"algorithm.enable_replay={said}"])
    fault = next(fault for fault in faults_of(asked.reading) if fault.name.startswith("replay cannot"))
    return Answer(
        likeness=Likeness.DIFFERENT,
        published="a dead switch: replay is always on",
        evidence=f"{fault.what} ({fault.place}); it is no evidence that replay is on",
    )


def model(said: str, side: Side) -> Answer:
    """A model's name or its size; a smaller one of a replica is adapted."""
    size = re.search(r"(\d+)B\b", said, re.IGNORECASE)
    same = size is None or size[0].upper() in MODEL
    return Answer(
        likeness=Likeness.SAME if same else Likeness.DIFFERENT if side is Side.PAPER else Likeness.ADAPTED,
        published=MODEL,
        evidence="worker.actor.model.model_path of the published scripts"
        + ("" if same else "; UI-TARS 1.0 says thousandths of the screen, which the published code reads as pixels"),
    )


def framework(said: str, side: Side) -> Answer:
    """The code base by its name."""
    return Answer(
        likeness=Likeness.ADAPTED,
        published="a fork of EasyR1, itself of verl",
        evidence="the package is named verl, but its code is EasyR1's, changed",
    )


def key(said: str, side: Side) -> Answer:
    """`key=value` in the trainer's words, for keys that have no reader of their own."""
    key, _, value = said.partition("=")
    key = SPELLINGS.get(key.strip(), key.strip())
    value = value.strip()
    if key not in SETTINGS.settings:
        return Answer(likeness=Likeness.UNCHECKED, published="", evidence="the published code has no such key")
    if "$" in value or key == "config":
        return Answer(likeness=Likeness.UNCHECKED, published=setting(key), evidence="the value is not in the document")
    return one_of([setting(key)], f"{key} of the published run")(value, side)
