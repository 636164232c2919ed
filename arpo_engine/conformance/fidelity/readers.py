"""What each reader understands: a pattern for what is claimed, and who judges it.

A reader is one idea. They are asked in order, and what one has read no later one reads again. Knows no Markdown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from arpo_engine.conformance.fidelity import judges
from arpo_engine.conformance.fidelity.rows import Likeness
from arpo_engine.contract.config.verl.published import TASK_LISTS
from arpo_engine.contract.config.verl.published_run import OSWORLD_REVISION, SMALL_ENVIRONMENTS

NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One idea: what to look for, and what to say of it."""

    component: str
    pattern: re.Pattern[str]
    """Its first group that took part is the claimed value."""
    judge: judges.Judge


def _read(component: str, pattern: str, judge: judges.Judge) -> Reader:
    return Reader(component=component, pattern=re.compile(pattern, re.IGNORECASE), judge=judge)


def _key_reader(component: str, names: str, key: str) -> Reader:
    found = rf"(?<![\w])(?:[\w.]+\.)?(?:{names})\b(?:\s*[=:≈]\s*|\s+)(?:is |of )?{NUMBER}"
    return _read(component, found, judges.one_of([judges.setting(key)], f"{key} of the published run"))


_ENVIRONMENTS = judges.one_of(
    [judges.setting("env.num_envs"), SMALL_ENVIRONMENTS],
    "env.num_envs of the two published scripts, which must equal tasks a step x rollouts a task",
    on_purpose=True,
)
_EPOCHS = judges.one_of(
    [judges.setting("trainer.total_episodes")], "trainer.total_episodes of both scripts", on_purpose=True
)
_TASKS = judges.one_of(
    [judges.SETTINGS.tasks, TASK_LISTS["test_success_middle_difficult"]],
    "task lists of the two scripts; the second was never published",
)
_LOW, _HIGH = judges.setting("worker.actor.clip_ratio_low"), judges.setting("worker.actor.clip_ratio_high")

READERS: tuple[Reader, ...] = (
    _read("replay switch", r"enable_replay\s*[=:]\s*(\w+)", judges.replay_switch),
    _read(
        "advantage epsilon",
        rf"std\w*(?:\(\))?\s*\+\s*{NUMBER}" rf"|\b(?:adv\w*[ _])?eps(?:ilon)?\b\s*[=:]?\s*{NUMBER}",
        judges.epsilon,
    ),
    _key_reader("clip ratio, low", "clip_ratio_low|clip_low|ε_low|eps_low|epsilon_low", "worker.actor.clip_ratio_low"),
    _key_reader(
        "clip ratio, high", "clip_ratio_high|clip_high|ε_high|eps_high|epsilon_high", "worker.actor.clip_ratio_high"
    ),
    _read(
        "clip ratios",
        r"clip\w*(?: ratios?)?\W{0,4}(?:of |is )?[\[(]?(\d\.\d+\s*(?:,|/|and|-)\s*\d\.\d+)",
        lambda said, side: judges.one_of([f"{_LOW}, {_HIGH}"], "worker.actor.clip_ratio_low and _high")(
            ", ".join(re.findall(r"\d\.\d+", said)), side
        ),
    ),
    _key_reader("learning rate", r"lr|learning[ _]rate", "worker.actor.optim.lr"),
    _read("optimizer", r"(?:strategy\s*[=:]\s*)?\b(adamw_bf16|adamw?|sgd|muon|adafactor|lion)\b", judges.optimizer),
    _read(
        "steps of an episode",
        r"(?<!trainer\.)\bmax[_ ]steps\b\W{0,3}(\d+)|(\d+) steps (?:per|an|a|each) (?:episode|task)",
        judges.one_of([judges.setting("env.max_steps")], "env.max_steps of both published scripts"),
    ),
    _read(
        "environments",
        r"num_envs\s*[=:]\s*(\d+)|(?:environments|envs|desktops|VMs)\W{1,3}(\d+)"
        r"|(\d+)(?:\s*[-–]\s*\d+)?\s+(?:\w+ )?"
        r"(?:environments|envs|desktops|VMs|virtual machines|containers)\b",
        _ENVIRONMENTS,
    ),
    _read("environments", r"(?<=vs )(\d+)(?=,? ?\d* epoch| envs)", _ENVIRONMENTS),
    _read("tasks", r"(\d+)\s+(?:training |osworld )?tasks\b", _TASKS),
    _read("epochs", r"(?:total_episodes|total_epochs|epochs)\s*[=:]\s*(\d+)|(\d+)\s+epochs?\b", _EPOCHS),
    _read(
        "group size",
        r"(?:rollout\.n|group[_ ]size|n)\s*[=:]\s*(\d+)|(\d+) rollouts (?:per|a|each) task",
        judges.one_of([judges.setting("worker.rollout.n")], "worker.rollout.n of both scripts"),
    ),
    _read(
        "KL",
        r"disable_kl\s*[=:]\s*(\w+)",
        judges.one_of([judges.setting("algorithm.disable_kl")], "algorithm.disable_kl of both scripts"),
    ),
    _key_reader("KL", "kl_coef", "algorithm.kl_coef"),
    _read(
        "KL",
        r"((?:without|no) KL)\b",
        lambda said, side: judges.Answer(
            likeness=Likeness.SAME, published="no KL", evidence="algorithm.disable_kl of both scripts"
        ),
    ),
    _read(
        "replay, admission",
        rf"(?:eval_result\w*|scores?|rewards?)\s*>\s*{NUMBER}",
        judges.one_of(
            [judges.ADMIT_ABOVE],
            "replay_buffer.py",
        ),
    ),
    _read(
        "algorithm",
        r"(?:adv_estimator\s*[=:]\s*)?\b(grpo|rloo|remax|gae|ppo|dapo)\b(?!\w)",
        judges.one_of([judges.setting("algorithm.adv_estimator")], "algorithm.adv_estimator of the base config"),
    ),
    _read("policy loss", r"(loss\s*=\s*-?\s*torch\.min)\b", judges.loss),
    _read(
        "OSWorld revision",
        r"\b(?=[0-9a-f]*\d)(?=\d*[a-f])([0-9a-f]{7})[0-9a-f]{0,33}\b",
        judges.one_of(
            [OSWORLD_REVISION], "submodule of the published repository; no checkout of the document's was looked at"
        ),
    ),
    _read("model", r"(?:[\w.]*model_path\s*=\s*[\w./-]*?)?(UI-TARS[-\w.]*(?:\s*\(\d+B)?)|\b(\d+B)\b", judges.model),
    _read(
        "provider",
        r"\b(docker|vmware|virtualbox|aws)\b",
        judges.one_of(["Docker"], "the published environment's provider", on_purpose=True),
    ),
    _read("framework", r"\b(EasyR1|VERL)\b(?![/.])", judges.framework),
    _read("key", r"\b((?:algorithm|data|worker|env|trainer)(?:\.\w+)+\s*=\s*[^\s,;\0]+)", judges.key),
)
"""In the order in which they are asked."""
