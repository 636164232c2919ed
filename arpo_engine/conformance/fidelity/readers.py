"""What each reader understands: a pattern for what is claimed, and who judges it.

A reader is one idea. They are asked in order, and what one has read no later one reads again. Knows no Markdown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from arpo_engine.conformance.fidelity import judges
from arpo_engine.contract.config.verl.published import BASE_CONFIG_NAME
from arpo_engine.contract.config.verl.published_run import OSWORLD_REVISION
from arpo_engine.contract.fidelity.rows import Likeness

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
    return _read(component, found, judges.of_key(key))


_GPU = r"(?:NVIDIA )?(?:GPUs?|A100|H100|H200|H20|V100|A800|H800|L40S?|A6000|RTX[ -]?\d{4})\b"
_ENVIRONMENTS = judges.of_key("env.num_envs", ", which must equal tasks a step x rollouts a task", on_purpose=True)
_TASKS = judges.one_of(
    [run.imported.reading.tasks for run in judges.RUNS],
    "task lists of the two scripts; the second was never published",
)
_CLIPS = ", ".join(judges.settings("worker.actor.clip_ratio_low") + judges.settings("worker.actor.clip_ratio_high"))
_FORK = f"FanbinLu/OSWorld at {OSWORLD_REVISION}"
_UNSEEN = "no checkout of the document's was looked at: see what `git submodule status OSWorld` says there"

READERS: tuple[Reader, ...] = (
    _read("replay switch", r"enable_replay\s*[=:]\s*(\w+)", judges.replay_switch),
    _read(
        "advantage epsilon",
        rf"std\w*(?:\(\))?\s*\+\s*{NUMBER}" rf"|\b(?:adv\w*[ _])?eps(?:ilon)?\b\s*[=:]?\s*{NUMBER}",
        judges.epsilon,
    ),
    _read("advantage, spread", r"\b(std\s*=\s*[\w.]*\bstd\([^)]*\))", judges.deviation),
    _read(
        "advantage, mean",
        r"\b(mean\s*=\s*[\w.]*\bmean\([^)]*\))",
        judges.fixed(Likeness.SAME, "the mean of the group", "core_algos.py, compute_grpo_outcome_advantage"),
    ),
    _key_reader("clip ratio, low", "clip_ratio_low|clip_low|ε_low|eps_low|epsilon_low", "worker.actor.clip_ratio_low"),
    _key_reader(
        "clip ratio, high", "clip_ratio_high|clip_high|ε_high|eps_high|epsilon_high", "worker.actor.clip_ratio_high"
    ),
    _read(
        "clip ratios",
        r"clip\w*(?: ratios?)?\W{0,4}(?:of |is )?[\[(]?(\d\.\d+\s*(?:,|/|and|-)\s*\d\.\d+)",
        lambda said: judges.one_of([_CLIPS], "worker.actor.clip_ratio_low and _high")(
            replace(said, value=", ".join(re.findall(r"\d\.\d+", said.value)))
        ),
    ),
    _key_reader("learning rate", r"lr|learning[ _]rate", "worker.actor.optim.lr"),
    _read("optimizer", r"(?:strategy\s*[=:]\s*)?\b(adamw_bf16|adamw?|sgd|muon|adafactor|lion)\b", judges.optimizer),
    _read(
        "steps of an episode",
        r"(?<!trainer\.)\bmax[_ ]steps\b\W{0,3}(\d+)|(\d+) steps (?:per|an|a|each) (?:episode|task)",
        judges.of_key("env.max_steps"),
    ),
    _read(
        "GPUs",
        rf"((?:\d+\s*(?:nodes?\s*)?(?:[x×*]|of|with)\s*)?(?:(?<!\d)\d+\s*[x×*]?|\bsingle|\bone)\s*{_GPU}"
        r"|\b\d+\s*[x×]\s*\d+(?=\s*[,.;)]|\s*$)(?<=[x×]8)|\b\d+\s*nodes?\s*[x×*]\s*\d+)",
        judges.gpus,
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
    _read(
        "epochs",
        r"(?:total_episodes|total_epochs|epochs)\s*[=:]\s*(\d+)|(\d+)\s+epochs?\b|(?<=epoch vs )(\d+)",
        judges.of_key("trainer.total_episodes", on_purpose=True),
    ),
    _read(
        "group size",
        r"(?:rollout\.n|group[_ ]size|n)\s*[=:]\s*(\d+)|(\d+) rollouts (?:per|a|each) task",
        judges.of_key("worker.rollout.n"),
    ),
    _read("KL", r"disable_kl\s*[=:]\s*(\w+)", judges.of_key("algorithm.disable_kl")),
    _key_reader("KL", "kl_coef", "algorithm.kl_coef"),
    _read(
        "KL",
        r"((?:without|no) KL)\b",
        judges.fixed(Likeness.SAME, "no KL", "algorithm.disable_kl of both scripts"),
    ),
    _read(
        "replay, admission",
        rf"(?:eval_result\w*|scores?|rewards?)\s*>\s*{NUMBER}",
        judges.one_of([judges.ADMIT_ABOVE], "replay_buffer.py"),
    ),
    _read(
        "replay, injection",
        r"(?:all \w+ fail[^,.]{0,30},?\s*)?\b(replac\w+ (?:one|it|a|the first)\b[^.]{0,60}\b(?:success|positive)\w*)",
        judges.injection,
    ),
    _read(
        "algorithm",
        r"(?:adv_estimator\s*[=:]\s*)?\b(grpo|rloo|remax|gae|ppo|dapo)\b(?!\w)",
        judges.of_key("algorithm.adv_estimator"),
    ),
    _read(
        "policy loss",
        r"(\w*loss\s*=\s*-?\s*torch\.(?:min|max)\((?:[^()]|\([^()]*\))*\)?)",
        judges.loss,
    ),
    _read(
        "OSWorld revision",
        r"\b(?=[0-9a-f]*\d)(?=\d*[a-f])([0-9a-f]{7})[0-9a-f]{0,33}\b",
        judges.one_of(
            [OSWORLD_REVISION], "submodule of the published repository; no checkout of the document's was looked at"
        ),
    ),
    _read(
        "OSWorld revision",
        r"\b((?:OSWorld|same) (?:fork|submodule))\b",
        judges.of_whom(
            judges.fixed(Likeness.SAME, _FORK, "submodule of the published repository"),
            judges.fixed(Likeness.UNCHECKED, _FORK, _UNSEEN),
        ),
    ),
    _read(
        "entry point",
        r"\b(verl[./]trainer[./]main(?:_ppo)?)\b(?:\.py)?",
        judges.one_of(["verl.trainer.main"], "how both published scripts start; verl's own trainer is main_ppo"),
    ),
    _read(
        "script",
        r"\b(osworld_\w+\.sh)\b",
        judges.one_of([PurePosixPath(run.script).name for run in judges.RUNS], "examples/ of the published repository"),
    ),
    _read(
        "config file",
        r"\bconfig\s*=\s*([\w./-]+\.ya?ml)\b",
        judges.one_of([BASE_CONFIG_NAME], "config= of both published scripts", on_purpose=True),
    ),
    _read(
        "model",
        r"(?:[\w.]*model_path\s*=\s*[\w./-]*?)?"
        r"(UI-TARS[-\w.]*(?: ?v?1\.[05])?(?:[ -]\d+B)?(?:\s*\(\d+B\b[^)]{0,20}\))?)|\b(\d+B)\b",
        judges.model,
    ),
    _read(
        "provider",
        r"\b(docker|vmware|virtualbox|aws)\b",
        judges.one_of(["Docker"], "the published environment's provider", on_purpose=True),
    ),
    _read("framework", r"\b(EasyR1|VERL)\b(?![/.])", judges.framework),
    _read("key", r"\b((?:algorithm|data|worker|env|trainer)(?:\.\w+)+\s*=\s*[^\s,;\0]+)", judges.key),
)
"""In the order in which they are asked."""
