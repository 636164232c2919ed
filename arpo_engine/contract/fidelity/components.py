"""A config beside the published pipeline, component by component. Knows no documents and opens no files.

The published side is the published command as `contract/config/verl` imports it, so both sides have the same
settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.verl.faults import Fault, faults_of
from arpo_engine.contract.config.verl.published_run import OSWORLD_REVISION, REVISION, PublishedRun, published_run
from arpo_engine.contract.events import NumericCheck
from arpo_engine.contract.fidelity.rows import Likeness, Row

FIELDS: dict[str, tuple[str, ...]] = {
    "algorithm": (
        "algorithm.mode", "algorithm.kind", "algorithm.estimator", "algorithm.advantage_eps", "algorithm.loss",
        "algorithm.epochs", "algorithm.minibatches", "algorithm.old_logprobs", "algorithm.zero_variance",
        "algorithm.same_task_twice", "algorithm.max_learnt_tokens", "algorithm.retokenise",
    ),
    "replay": ("algorithm.replay",),
    "KL": ("algorithm.kl",),
    "clip ratios": ("algorithm.clip",),
    "learning rate": (
        "optimizer.lr", "optimizer.warmup_steps", "optimizer.warmup_ratio", "optimizer.warmup", "optimizer.decay",
    ),
    "optimizer": (
        "optimizer.kind", "optimizer.eps", "optimizer.weight_decay", "optimizer.beta1", "optimizer.beta2",
        "optimizer.max_grad_norm",
    ),
    "rewards": ("reward",),
    "task list": ("tasks",),
    "model": ("model.path", "model.dtype", "agent.kind", "agent.version", "agent.prompt", "agent.offer_fail"),
    "weights that learn": ("model.freeze_vision", "model.lora"),
    "rollouts": ("rollout.mode", "rollout.top_p", "agent.history_images"),
    "scale": (
        "desktops.count", "rollout.tasks_per_step", "rollout.group_size", "rollout.max_steps", "rollout.temperature",
        "limits.steps",
    ),
}  # fmt: skip
"""Settings that make up each component; a group of settings stands for all of its fields."""
ADAPTED = {"task list", "model", "scale"}
"""Components in which a replica on smaller means is expected to be otherwise."""
UNREAD: dict[str, tuple[str, object]] = {
    "algorithm.kl.": ("algorithm.kl.place", "off"),
    "model.lora.": ("model.lora.rank", 0),
}
"""Groups of settings of which only one is read while it has this value."""
MODE = "algorithm.mode"
OFFICIAL_MACHINES = ("osworld-docker", "vmware")
"""Kinds of desktops that are OSWorld's own virtual machine."""
_ABSENT = "(none)"
_WAITS = "a whole step is waited for"
"""Of both modes but `stream`: they differ in the time that they take, and not in what is learnt from."""
_AS_MODE = "as {} mode has it"


def compare_config(config: RunConfig, against: PublishedRun) -> tuple[Row, ...]:
    """A row for each component, in the order in which a training meets them."""
    ours, theirs = _flat(config), _flat(against.config)
    rows = [_framework()]
    rows += [_component(name, ours, theirs) for name in FIELDS]
    return (*rows, *_desktops(config), _infeasible(config, against))


def _component(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> Row:
    paths = [path for path in {**theirs, **ours} if _belongs(path, FIELDS[name])]
    for group, (switch, off) in UNREAD.items():
        if ours[switch] == theirs[switch] == off:
            paths = [path for path in paths if path == switch or not path.startswith(group)]
    apart = [path for path in paths if ours.get(path, _ABSENT) != theirs.get(path, _ABSENT)]
    shown = apart or paths[:3]
    if not apart:
        likeness = Likeness.SAME
        evidence = "the one setting is equal" if len(paths) == 1 else f"{len(paths)} settings compared, all equal"
    else:
        mended = all(path == MODE or ours.get(path) == _AS_MODE.format("corrected") for path in apart)
        likeness = Likeness.ADAPTED if name in ADAPTED or mended else Likeness.DIFFERENT
        evidence = "the one setting differs" if len(paths) == 1 else f"{len(apart)} of {len(paths)} settings differ"
    return Row(
        component=name,
        likeness=likeness,
        here=_shown(shown, ours),
        published=_shown(shown, theirs),
        evidence=evidence,
    )


def with_checks(rows: Iterable[Row], checks: Iterable[NumericCheck]) -> tuple[Row, ...]:
    """The rows with what the engine's own functions computed beside values by hand; a gap makes a row different."""
    found = {check.component: check for check in checks}
    return tuple(_checked(row, found[row.component]) if row.component in found else row for row in rows)


def _checked(row: Row, check: NumericCheck) -> Row:
    return replace(
        row,
        likeness=row.likeness if check.agrees else Likeness.DIFFERENT,
        evidence=f"{row.evidence}; {check.told}",
    )


def _framework() -> Row:
    return Row(
        component="framework",
        likeness=Likeness.ADAPTED,
        here="the engine of ARPO Console",
        published=f"a fork of EasyR1, itself of verl (revision {REVISION})",
        evidence="written anew; `conformance` judges it case by case, docs/fidelity.md names every deviation",
    )


def _desktops(config: RunConfig) -> Iterator[Row]:
    kind = config.desktops.kind
    official = kind in OFFICIAL_MACHINES
    yield Row(
        component="OSWorld revision",
        likeness=Likeness.ADAPTED if official else Likeness.DIFFERENT,
        here="desktop-env 1.0.2 on OSWorld's machine" if official else f"none: desktops of kind {kind}",
        published=f"FanbinLu/OSWorld at {OSWORLD_REVISION}",
        evidence="the package's own setup and scoring, of another revision"
        if official
        else f"desktops.kind = {kind}; scores of other desktops are not comparable with OSWorld's",
    )
    yield Row(
        component="provider",
        likeness=Likeness.SAME if kind == "osworld-docker" else Likeness.ADAPTED,
        here=kind,
        published="virtual machines in Docker",
        evidence="desktops.kind beside the published environment",
    )


def infeasible_fault() -> Fault:
    """What the published code makes of infeasible tasks; only the list of 128 tasks is known to have some."""
    return next(fault for fault in faults_of(published_run().imported.reading) if fault.name.startswith("infeasible"))


def _infeasible(config: RunConfig, against: PublishedRun) -> Row:
    fault = infeasible_fault()
    same_list = config.tasks.train == against.config.tasks.train
    kept = same_list and config.tasks.infeasible == "keep"
    return Row(
        component="infeasible tasks",
        likeness=Likeness.SAME if kept else Likeness.ADAPTED,
        here=f"tasks.infeasible = {config.tasks.infeasible}, agent.offer_fail = {config.agent.offer_fail}",
        published=fault.what,
        evidence="counted apart here, in every figure"
        if same_list
        else "another task list; counted apart in every figure",
    )


def _flat(config: RunConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(tree: dict[str, Any], prefix: str) -> None:
        for name, value in tree.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}.")
            else:
                found[prefix + name] = _AS_MODE.format(config.algorithm.mode) if value == "as_mode" else value

    walk(config.model_dump(mode="json"), "")
    if config.rollout.mode != "stream":
        found["rollout.mode"] = _WAITS
    found["model.path"] = PurePosixPath(config.model.path).name  # Whoever's folder or hub it lies in.
    return found


def _belongs(path: str, fields: tuple[str, ...]) -> bool:
    return any(path == field or path.startswith(f"{field}.") for field in fields)


def _shown(paths: list[str], values: dict[str, Any]) -> str:
    parts = (f"{path.removeprefix('algorithm.')} = {values.get(path, _ABSENT)}" for path in paths)
    return ", ".join(parts)
