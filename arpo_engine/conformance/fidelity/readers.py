"""What each reader understands: a pattern for what is claimed, and the published value that it is laid beside.

A reader is one idea. They are asked in order, and what one has read no later one reads again. Numbers are not repeated
here: published values come from `contract/config/verl`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from arpo_engine.conformance.fidelity.checks import advantage_check, loss_check
from arpo_engine.conformance.fidelity.rows import Likeness
from arpo_engine.conformance.fidelity.statements import Side
from arpo_engine.contract.config.verl import faults_of, import_verl
from arpo_engine.contract.config.verl.published import BASE_CONFIG, BASE_CONFIG_NAME, SPELLINGS, TASK_LISTS
from arpo_engine.contract.config.verl.published_run import (
    COMMAND,
    MODEL,
    OSWORLD_REVISION,
    SMALL_ENVIRONMENTS,
    published_run,
)

NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_SETTINGS = published_run().reading
_OURS = published_run().ready()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader says of one value."""

    likeness: Likeness
    published: str
    evidence: str


Judge = Callable[[str, Side], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One idea: what to look for, and what to say of it."""

    component: str
    pattern: re.Pattern[str]
    """Its first group that took part is the claimed value."""
    judge: Judge


def _setting(key: str) -> str:
    return str(_SETTINGS.get(key))


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


def _optimizer(said: str, side: Side) -> Answer:
    key = "worker.actor.optim.strategy"
    base = f"{BASE_CONFIG_NAME} has {BASE_CONFIG[key]}, which both published scripts override: {key}={_setting(key)}"
    return one_of([_setting(key)], base)(said, side)


def _epsilon(said: str, side: Side) -> Answer:
    published = _OURS.algorithm.advantage_eps
    agrees, told = advantage_check(float(said), published)
    same = float(said) == published
    more = "" if same else f"; here the results {'agree' if agrees else 'do not agree'} within 1e-6"
    return Answer(
        likeness=Likeness.SAME if same else Likeness.DIFFERENT,
        published=f"{published:g}",
        evidence=f"core_algos.py, (score - mean) / (std + eps); {told}{more}",
    )


def _loss(said: str, side: Side) -> Answer:
    sign = "" if "-" in said else "; torch.min of ratio x advantage is a gain, so as a loss it lacks its minus sign"
    clip = _OURS.algorithm.clip
    _, told = loss_check(clip, clip)
    return Answer(
        likeness=Likeness.DIFFERENT,
        published=f"the maximum of two losses, with a dual clip at {clip.dual:g}",
        evidence=f"core_algos.py, compute_policy_loss; the dual clip is not in it{sign}; {told}",
    )


def _replay_switch(said: str, side: Side) -> Answer:
    asked = import_verl(COMMAND.replace("\n", " \\\n"), words=[f"algorithm.enable_replay={said}"])
    fault = next(fault for fault in faults_of(asked.reading) if fault.name.startswith("replay cannot"))
    return Answer(
        likeness=Likeness.DIFFERENT,
        published="a dead switch: replay is always on",
        evidence=f"{fault.what} ({fault.place}); it is no evidence that replay is on",
    )


def _model(said: str, side: Side) -> Answer:
    size = re.search(r"(\d+)B\b", said, re.IGNORECASE)
    same = size is None or size[0].upper() in MODEL
    return Answer(
        likeness=Likeness.SAME if same else Likeness.DIFFERENT if side is Side.PAPER else Likeness.ADAPTED,
        published=MODEL,
        evidence="worker.actor.model.model_path of the published scripts"
        + ("" if same else "; UI-TARS 1.0 says thousandths of the screen, which the published code reads as pixels"),
    )


def _framework(said: str, side: Side) -> Answer:
    return Answer(
        likeness=Likeness.ADAPTED,
        published="a fork of EasyR1, itself of verl",
        evidence="the package is named verl, but its code is EasyR1's, changed",
    )


def _key(said: str, side: Side) -> Answer:
    key, _, value = said.partition("=")
    key = SPELLINGS.get(key.strip(), key.strip())
    value = value.strip()
    if key not in _SETTINGS.settings:
        return Answer(likeness=Likeness.UNCHECKED, published="", evidence="the published code has no such key")
    if "$" in value or key == "config":
        return Answer(likeness=Likeness.UNCHECKED, published=_setting(key), evidence="the value is not in the document")
    return one_of([_setting(key)], f"{key} of the published run")(value, side)


def _read(component: str, pattern: str, judge: Judge) -> Reader:
    return Reader(component=component, pattern=re.compile(pattern, re.IGNORECASE), judge=judge)


def _key_reader(component: str, names: str, key: str) -> Reader:
    found = rf"(?<![\w])(?:[\w.]+\.)?(?:{names})\b(?:\s*[=:≈]\s*|\s+)(?:is |of )?{NUMBER}"
    return _read(component, found, one_of([_setting(key)], f"{key} of the published run"))


_ENVIRONMENTS = one_of(
    [_setting("env.num_envs"), SMALL_ENVIRONMENTS],
    "env.num_envs of the two published scripts, which must equal tasks a step x rollouts a task",
    on_purpose=True,
)
_EPOCHS = one_of([_setting("trainer.total_episodes")], "trainer.total_episodes of both scripts", on_purpose=True)
_TASKS = one_of(
    [_SETTINGS.tasks, TASK_LISTS["test_success_middle_difficult"]],
    "task lists of the two scripts; the second was never published",
)
_LOW, _HIGH = _setting("worker.actor.clip_ratio_low"), _setting("worker.actor.clip_ratio_high")

READERS: tuple[Reader, ...] = (
    _read("replay switch", r"enable_replay\s*[=:]\s*(\w+)", _replay_switch),
    _read("advantage epsilon", rf"std\w*(?:\(\))?\s*\+\s*{NUMBER}|\b(?:adv\w*[ _])?eps(?:ilon)?\b\s*[=:]?\s*{NUMBER}", _epsilon),
    _key_reader("clip ratio, low", "clip_ratio_low|clip_low|ε_low|eps_low|epsilon_low", "worker.actor.clip_ratio_low"),
    _key_reader("clip ratio, high", "clip_ratio_high|clip_high|ε_high|eps_high|epsilon_high", "worker.actor.clip_ratio_high"),
    _read(
        "clip ratios",
        r"clip\w*(?: ratios?)?\W{0,4}(?:of |is )?[\[(]?(\d\.\d+\s*(?:,|/|and|-)\s*\d\.\d+)",
        lambda said, side: one_of([f"{_LOW}, {_HIGH}"], "worker.actor.clip_ratio_low and _high")(
            ", ".join(re.findall(r"\d\.\d+", said)), side
        ),
    ),
    _key_reader("learning rate", r"lr|learning[ _]rate", "worker.actor.optim.lr"),
    _read("optimizer", r"(?:strategy\s*[=:]\s*)?\b(adamw_bf16|adamw?|sgd|muon|adafactor|lion)\b", _optimizer),
    _read("steps of an episode", r"(?<!trainer\.)\bmax[_ ]steps\b\W{0,3}(\d+)|(\d+) steps (?:per|an|a|each) (?:episode|task)",
          one_of([_setting("env.max_steps")], "env.max_steps of both published scripts")),
    _read("environments", r"num_envs\s*[=:]\s*(\d+)|(?:environments|envs|desktops|VMs)\W{1,3}(\d+)"
          r"|(\d+)(?:\s*[-–]\s*\d+)?\s+(?:\w+ )?(?:environments|envs|desktops|VMs|virtual machines|containers)\b", _ENVIRONMENTS),
    _read("environments", r"(?<=vs )(\d+)(?=,? ?\d* epoch| envs)", _ENVIRONMENTS),
    _read("tasks", r"(\d+)\s+(?:training |osworld )?tasks\b", _TASKS),
    _read("epochs", r"(?:total_episodes|total_epochs|epochs)\s*[=:]\s*(\d+)|(\d+)\s+epochs?\b", _EPOCHS),
    _read("group size", r"(?:rollout\.n|group[_ ]size|n)\s*[=:]\s*(\d+)|(\d+) rollouts (?:per|a|each) task",
          one_of([_setting("worker.rollout.n")], "worker.rollout.n of both scripts")),
    _read("KL", r"disable_kl\s*[=:]\s*(\w+)", one_of([_setting("algorithm.disable_kl")], "algorithm.disable_kl of both scripts")),
    _key_reader("KL", "kl_coef", "algorithm.kl_coef"),
    _read("KL", r"((?:without|no) KL)\b", lambda said, side: Answer(
        likeness=Likeness.SAME, published="no KL", evidence="algorithm.disable_kl of both scripts")),
    _read("replay, admission", rf"(?:eval_result\w*|scores?|rewards?)\s*>\s*{NUMBER}",
          one_of([_OURS.algorithm.replay.admit_above if _OURS.algorithm.kind == "arpo" else ""], "replay_buffer.py")),
    _read("algorithm", r"(?:adv_estimator\s*[=:]\s*)?\b(grpo|rloo|remax|gae|ppo|dapo)\b(?!\w)",
          one_of([_setting("algorithm.adv_estimator")], "algorithm.adv_estimator of the base config")),
    _read("policy loss", r"(loss\s*=\s*-?\s*torch\.min)\b", _loss),
    _read("OSWorld revision", r"\b(?=[0-9a-f]*\d)(?=\d*[a-f])([0-9a-f]{7})[0-9a-f]{0,33}\b",
          one_of([OSWORLD_REVISION], "submodule of the published repository; no checkout of the document's was looked at")),
    _read("model", r"(UI-TARS[-\w.]*(?:\s*\(\d+B)?)|\b(\d+B)\b", _model),
    _read("provider", r"\b(docker|vmware|virtualbox|aws)\b",
          one_of(["Docker"], "the published environment's provider", on_purpose=True)),
    _read("framework", r"\b(EasyR1|VERL)\b(?![/.])", _framework),
    _read("key", r"\b((?:algorithm|data|worker|env|trainer)(?:\.\w+)+\s*=\s*[^\s,;\0]+)", _key),
)  # fmt: skip
"""In the order in which they are asked."""
