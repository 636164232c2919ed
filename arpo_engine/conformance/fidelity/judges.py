"""What is said of a claimed value: whether it is the published one, and the evidence. Knows no patterns.

Numbers are not repeated here: published values come from `contract/config/verl`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from arpo_engine.conformance.fidelity.checks import advantage_check, loss_check
from arpo_engine.conformance.fidelity.statements import Side
from arpo_engine.contract.config.verl import faults_of, import_verl
from arpo_engine.contract.config.verl.published import BASE_CONFIG, BASE_CONFIG_NAME, SPELLINGS
from arpo_engine.contract.config.verl.published_run import MODEL, NAMES, command_of, published_run
from arpo_engine.contract.fidelity.rows import Likeness

RUNS = tuple(published_run(name) for name in NAMES)
"""Both published runs; the one on 128 desktops first."""
OURS = RUNS[0].config
ADMIT_ABOVE = OURS.model_dump()["algorithm"]["replay"]["admit_above"]
"""Score above which the published code remembers a rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A value that a document claims."""

    value: str
    side: Side
    around: str = ""
    """The sentence, or the block of code, that it stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader says of one value."""

    likeness: Likeness
    published: str
    evidence: str


Judge = Callable[[Said], Answer]


def settings(key: str) -> list[str]:
    """What a key is in the published runs, as it would be written; one value where both have the same."""
    return list(dict.fromkeys(str(run.imported.reading.get(key)) for run in RUNS))


def _among(key: str) -> str:
    """Which run has which value, where they differ."""
    if len(settings(key)) == 1:
        return f"{key} of both published scripts"
    return ", ".join(f"{run.imported.reading.get(key)} in {run.script}" for run in RUNS) + f" ({key})"


def _alike(said: str, published: str) -> bool:
    try:
        return float(said) == float(published)
    except ValueError:
        return said.strip("\"'").casefold() == published.casefold()


def one_of(published: Iterable[object], evidence: str, *, on_purpose: bool = False) -> Judge:
    """Same if the value is one of the published ones. `on_purpose`: a replica may well have another one."""
    known = [str(value) for value in published]

    def judge(said: Said) -> Answer:
        if any(_alike(said.value, value) for value in known):
            likeness = Likeness.SAME
        else:
            likeness = Likeness.ADAPTED if on_purpose and said.side is Side.OURS else Likeness.DIFFERENT
        return Answer(likeness=likeness, published=" or ".join(known), evidence=evidence)

    return judge


def of_key(key: str, evidence: str = "", *, on_purpose: bool = False) -> Judge:
    """Same if the value is that of the key in a published run."""
    return one_of(settings(key), f"{_among(key)}{evidence}", on_purpose=on_purpose)


def fixed(likeness: Likeness, published: str, evidence: str) -> Judge:
    """An answer that the value does not change."""
    return lambda said: Answer(likeness=likeness, published=published, evidence=evidence)


def of_whom(theirs: Judge, ours: Judge) -> Judge:
    """Two judges: what is said of the paper, and what is said of the document's own pipeline."""
    return lambda said: (theirs if said.side is Side.PAPER else ours)(said)


def optimizer(said: Said) -> Answer:
    """The optimizer of both scripts, which is not that of the base config."""
    key = "worker.actor.optim.strategy"
    (used,) = settings(key)
    base = f"{BASE_CONFIG_NAME} has {BASE_CONFIG[key]}, which both published scripts override: {key}={used}"
    return one_of([used], base)(said)


def epsilon(said: Said) -> Answer:
    """What is added to a group's standard deviation, with the advantages that come of it."""
    published = OURS.algorithm.advantage_eps
    agrees, told = advantage_check(float(said.value), published)
    same = float(said.value) == published
    more = "" if same else f"; here the results {'agree' if agrees else 'do not agree'} within 1e-6"
    return Answer(
        likeness=Likeness.SAME if same else Likeness.DIFFERENT,
        published=f"{published:g}",
        evidence=f"core_algos.py, (score - mean) / (std + eps); {told}{more}",
    )


def deviation(said: Said) -> Answer:
    """Which standard deviation a group's scores are divided by."""
    population = re.search(r"\b(?:np|numpy)\.std|unbiased\s*=\s*False|correction\s*=\s*0|ddof\s*=\s*0", said.around)
    told = f"core_algos.py, torch.std; {advantage_check(OURS.algorithm.advantage_eps, OURS.algorithm.advantage_eps)[1]}"
    return Answer(
        likeness=Likeness.DIFFERENT if population else Likeness.SAME,
        published="torch.std, which divides by n - 1",
        evidence=f"{told}; the population's would give {7**0.5:+.6f}" if population else told,
    )


_DUAL = re.compile(r"dual|clip_ratio_c\b", re.IGNORECASE)
_DUAL_BOUND = re.compile(r"(?:dual\w*|clip_ratio_c)\b[^\d\n]{0,24}?(\d+(?:\.\d+)?)", re.IGNORECASE)


def loss(said: Said) -> Answer:
    """A policy loss: the published one has a sign and a second clip, which may stand some lines further on."""
    clip = OURS.algorithm.clip
    bound = _DUAL_BOUND.search(said.around)
    named = said.value.partition("(")[0]
    signed = "-" in named or "max" in named
    faults = [] if signed else ["torch.min of ratio x advantage is a gain, so as a loss it lacks its minus sign"]
    if _DUAL.search(said.around) is None:
        faults.append("the dual clip is not in it")
    elif bound is not None and float(bound[1]) != clip.dual:
        faults.append(f"its dual clip is at {bound[1]}")
    _, told = loss_check(clip, clip)
    return Answer(
        likeness=Likeness.DIFFERENT if faults else Likeness.SAME,
        published=f"the maximum of two losses, with a dual clip at {clip.dual:g}",
        evidence="; ".join(["core_algos.py, compute_policy_loss", *faults, told]),
    )


def replay_switch(said: Said) -> Answer:
    """A switch that the published code never reads."""
    asked = import_verl(command_of("full128"), words=[f"algorithm.enable_replay={said.value}"])
    fault = next(fault for fault in faults_of(asked.reading) if fault.name.startswith("replay cannot"))
    return Answer(
        likeness=Likeness.DIFFERENT,
        published="a dead switch: replay is always on",
        evidence=f"{fault.what} ({fault.place}); it is no evidence that replay is on",
    )


def injection(said: Said) -> Answer:
    """When the published code puts a remembered success into a group, and where."""
    replay = OURS.model_dump()["algorithm"]["replay"]
    below = f"std < {replay['inject_if_std_below']:g} and mean < {replay['inject_if_mean_below']:g}"
    return Answer(
        likeness=Likeness.SAME,
        published=f"one success for the group's first rollout, where {below}",
        evidence="ray_trainer.py, apply_replay; for scores of 0 and 1 that is a group without a success",
    )


def model(said: Said) -> Answer:
    """A model's name or its size; another one of a replica is adapted."""
    name, size = said.value, re.search(r"(\d+)B\b", said.value, re.IGNORECASE)
    version = _version_of(name)
    published_size = re.search(r"\d+B", MODEL)
    other_size = size is not None and published_size is not None and size[0].upper() != published_size[0]
    if version == "" and size is None:
        return Answer(likeness=Likeness.UNCHECKED, published=MODEL, evidence="it names a family and no model")
    same = version in ("", "1.5") and not other_size
    older = (
        ""
        if version != "1.0"
        else "; UI-TARS 1.0 says thousandths of the screen, which the published code reads as pixels"
    )
    return Answer(
        likeness=Likeness.SAME if same else Likeness.DIFFERENT if said.side is Side.PAPER else Likeness.ADAPTED,
        published=MODEL,
        evidence=f"worker.actor.model.model_path of both published scripts{older}",
    )


def _version_of(name: str) -> str:
    """The generation of UI-TARS by its name: only the first has sizes, SFT or DPO right behind the family's name."""
    found = re.search(r"UI-?TARS[- ]?v?(\d(?:\.\d)?)(?![\d]*B)", name, re.IGNORECASE)
    if found is not None:
        return found[1]
    return "1.0" if re.search(r"UI-?TARS[- ]\d+B|(?:SFT|DPO)\b", name, re.IGNORECASE) else ""


def gpus(said: Said) -> Answer:
    """How many GPUs; which make is in neither script."""
    numbers = [int(number) for number in re.findall(r"\d+", _MAKE.sub("", said.value))[:2]]
    count = numbers[0] * (numbers[1] if len(numbers) == 2 and _PRODUCT.search(said.value) else 1) if numbers else 1
    known = {
        int(run.imported.reading.get("trainer.nnodes")) * int(run.imported.reading.get("trainer.n_gpus_per_node")): run
        for run in RUNS
    }
    likeness = Likeness.DIFFERENT if said.side is Side.PAPER else Likeness.ADAPTED
    return Answer(
        likeness=Likeness.SAME if count in known else likeness,
        published=" or ".join(f"{number} ({run.name})" for number, run in known.items()),
        evidence=f"read as {count}; trainer.nnodes x trainer.n_gpus_per_node, the make of the GPUs is in no script",
    )


_MAKE = re.compile(r"(?:\b|(?<=[x×]))(?:[AHVL]|RTX[ -]?)\d+S?", re.IGNORECASE)
_PRODUCT = re.compile(r"\d+\s*(?:nodes?|machines?)?\s*(?:[x×*]|of|with)\s*\d+", re.IGNORECASE)


def framework(said: Said) -> Answer:
    """The code base by its name."""
    return Answer(
        likeness=Likeness.ADAPTED,
        published="a fork of EasyR1, itself of verl",
        evidence="the package is named verl, but its code is EasyR1's, changed",
    )


def key(said: Said) -> Answer:
    """`key=value` in the trainer's words, for keys that have no reader of their own."""
    key, _, value = said.value.partition("=")
    key = SPELLINGS.get(key.strip(), key.strip())
    value = value.strip()
    if key not in RUNS[0].imported.reading.settings:
        return Answer(likeness=Likeness.UNCHECKED, published="", evidence="the published code has no such key")
    if "$" in value:
        known = " or ".join(settings(key))
        return Answer(likeness=Likeness.UNCHECKED, published=known, evidence="the value is not in the document")
    return of_key(key)(Said(value=value, side=said.side))
