"""The wire: everything that the engine tells the world, as one union on `kind`.

The engine numbers events per attempt and appends them to the spool (`events.jsonl`), one `Envelope` a line; the
console ingests the same lines, idempotent on (run, attempt, seq). To add one: a class here, a branch in ingest, a test.
"""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from arpo_engine.contract.actions import Action
from arpo_engine.contract.agreement import FIRST_VERSION
from arpo_engine.contract.base import Wire
from arpo_engine.contract.figures import Report
from arpo_engine.contract.fleet import DesktopOrder, DesktopSeen, MachineSeen, OrderOutcome
from arpo_engine.contract.frame_refs import FrameRef as FrameRef
from arpo_engine.contract.keys import Key
from arpo_engine.contract.outcomes import Directive, EndedBy, Fault, RunOutcome, Split
from arpo_engine.contract.selection import Choice
from arpo_engine.contract.tryouts import Direction
from arpo_engine.contract.tryouts import TryoutChanged as TryoutChanged

WIRE_VERSION = 1


class Provenance(Wire):
    """What a number depends on besides its config: enough to run it again."""

    git_commit: str | None = None
    git_dirty: bool | None = None
    lock_hash: str | None = None
    config_hash: str
    task_set_hash: str | None = None
    model_hash: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    seed: int
    host: str = ""
    command: list[str] = Field(default_factory=list)


class NumericCheck(Wire):
    """A small computation by the engine's own functions beside values by hand, for the report of fidelity."""

    component: str
    """Of the report, such as `clip ratios`."""
    agrees: bool
    told: str
    """The numbers in words."""


class RunStarted(Wire):
    """An attempt began. `resumed_from_step` is the training step of the checkpoint it continues."""

    kind: Literal["RunStarted"] = "RunStarted"
    run_kind: Literal["train", "evaluate", "try"]
    total_steps: int
    resumed_from_step: int | None = None
    train_tasks: int = 0
    held_out_tasks: int = 0
    desktops: int = 0
    provenance: Provenance
    checks: list[NumericCheck] = Field(default_factory=list)
    """Made as the attempt began."""


class PhaseChanged(Wire):
    """What the run is busy with now; `detail` is a sentence for the person who waits."""

    kind: Literal["PhaseChanged"] = "PhaseChanged"
    phase: Literal[
        "preparing",
        "selecting",
        "collecting",
        "learning",
        "validating",
        "saving",
        "trying",
        "stopping",
        "paused",
        "done",
    ]
    step: int = 0
    detail: str = ""
    done: int | None = None
    """How much of a phase that can be counted is over, and of what (`total`)."""
    total: int | None = None
    eta_s: float | None = None
    """Seconds until the phase is over, as far as can be told."""


class TasksSelected(Wire):
    """Which tasks the run practises and why: each was tried with the policy that the run starts from."""

    kind: Literal["TasksSelected"] = "TasksSelected"
    choice: Choice
    kept: bool = False
    """Made by an earlier attempt of the run, and used again."""


class EpisodeStarted(Wire):
    """A desktop was leased and a task begins on it."""

    kind: Literal["EpisodeStarted"] = "EpisodeStarted"
    episode_id: Key
    group_id: Key | None = None
    task_id: str
    instruction: str
    infeasible: bool = False
    domain: str = ""
    """What results are grouped by, such as an application; empty from an older engine, and where a task says none."""
    split: Split
    step: int
    """Training step in which it was collected."""
    desktop: str
    retry_of: Key | None = None
    """The episode that was lost to a fault and is run again as this one."""
    evaluator: str = ""
    """How it will be scored, in the words of the task's evaluator; empty from an older engine."""


class EpisodeStepTaken(Wire):
    """The agent saw `frame`, said `raw_text`, and did `action` (None: the reply was unreadable)."""

    kind: Literal["EpisodeStepTaken"] = "EpisodeStepTaken"
    episode_id: Key
    index: int = Field(ge=0)
    frame: FrameRef | None = None
    """None: not sampled under the frame settings; the step is still recorded."""
    thought: str = ""
    action: Action | None = None
    raw_text: str = ""
    problem: str = ""
    """Why the reply was unreadable."""
    tokens: int = 0
    mean_logprob: float | None = None
    weight_version: int = 0
    generate_s: float = 0.0
    act_s: float = 0.0
    by: str = ""
    """The person who acted; such a step has no reply. Empty: the agent."""


class EpisodeEnded(Wire):
    """An episode is over. Only one without a fault has a score, and only one with a score has a reward."""

    kind: Literal["EpisodeEnded"] = "EpisodeEnded"
    episode_id: Key
    ended_by: EndedBy
    fault: Fault | None = None
    note: str = ""
    score: float | None = None
    format_reward: float | None = None
    reward: float | None = None
    steps: int = 0
    tokens: int = 0
    duration_s: float = 0.0
    frame: FrameRef | None = None
    """The desktop as it was scored."""


class Injection(Wire):
    """Where a replayed member of a group came from."""

    source_episode_id: Key
    source_step: int
    source_weight_version: int
    replaced_episode_id: Key
    """The failed sibling whose place it took."""
    age_steps: int | None = None
    """Training steps since it was collected; unknown to older engines."""
    advantage_before: float | None = None
    """The advantage that the failed sibling would have had; what came of it is the member's `advantage`."""


class GroupMember(Wire):
    """One trajectory of a group as it is trained on. `advantage` is None where there is none (a fault)."""

    episode_id: Key
    reward: float | None
    advantage: float | None
    injected: Injection | None = None
    advantage_before: float | None = None
    """In a group that replay changed: what stood in this place would have had, had replay left the group alone."""


class GroupCollected(Wire):
    """All rollouts of one task in one step, after replay."""

    kind: Literal["GroupCollected"] = "GroupCollected"
    group_id: Key
    step: int
    task_id: str
    members: list[GroupMember]
    zero_gradient: bool
    """All rewards equal: nothing to learn from, left out of the update."""
    faults: int = 0


class ReplayChanged(Wire):
    """The stock of remembered successes changed."""

    kind: Literal["ReplayChanged"] = "ReplayChanged"
    step: int
    size: int
    admitted: dict[str, list[Key]] = Field(default_factory=dict)
    """Task id to the episodes that were remembered."""
    evicted: dict[str, list[Key]] = Field(default_factory=dict)
    stock: dict[str, int] = Field(default_factory=dict)
    """Task id to the number of successes now remembered for it; only tasks whose number changed."""


class MetricsLogged(Wire):
    """Numbers of one training step by key (`train/success`, `time/collect_s`, …). NaN and Inf are sent as null."""

    kind: Literal["MetricsLogged"] = "MetricsLogged"
    step: int
    values: dict[str, float | None]
    not_finite: dict[str, Literal["nan", "inf", "-inf"]] = Field(default_factory=dict)
    """What such a null was, by key; JSON itself has no word for it."""

    @model_validator(mode="before")
    @classmethod
    def _name_what_is_not_finite(cls, data: Any) -> Any:
        values = data.get("values") if isinstance(data, dict) else None
        try:
            # Quick for the many that are finite: one that is not makes the sum so.
            if not values or isfinite(sum(filter(None, values.values()))):
                return data
        except (TypeError, AttributeError, OverflowError):
            return data  # what is no number is refused by its type
        odd = {key: str(float(one)) for key, one in values.items() if isinstance(one, float) and not isfinite(one)}
        return {**data, "not_finite": {**data.get("not_finite", {}), **odd}}


class StepFinished(Wire):
    """One training step (or one evaluated batch) is complete."""

    kind: Literal["StepFinished"] = "StepFinished"
    step: int
    total_steps: int
    successes: int
    attempts: int
    eta_s: float | None = None


class ValidationFinished(Wire):
    """A set of tasks was tried with the validation's own sampling. `by_task`: task id to (successes, attempts)."""

    kind: Literal["ValidationFinished"] = "ValidationFinished"
    step: int
    split: Split
    successes: int
    attempts: int
    faults: int = 0
    infeasible_successes: int = 0
    infeasible_attempts: int = 0
    """Infeasible tasks are counted here and not in `successes` / `attempts`."""
    by_task: dict[str, tuple[int, int]] = Field(default_factory=dict)
    tasks: str = ""
    """Which tasks they are, where the split does not say it: an evaluation tries `train` and `held_out`."""
    figures: Report | None = None
    """Intervals, pass@1 over trials, pass@k and domains; None from an older engine."""


class CheckpointSaved(Wire):
    """A checkpoint is complete on disk. `path` is relative to the run folder."""

    kind: Literal["CheckpointSaved"] = "CheckpointSaved"
    step: int
    path: str
    best: bool = False
    bytes: int = 0
    export_path: str | None = None
    """The same weights as a Hugging Face folder, relative to the run folder."""


class CollapseNoticed(Wire):
    """The guard saw the policy fall apart and went back to its best checkpoint."""

    kind: Literal["CollapseNoticed"] = "CollapseNoticed"
    step: int
    signal: Literal["format", "entropy", "success", "not_finite"]
    value: float | None
    bound: float
    returned_to_step: int | None
    message: str


class FaultNoticed(Wire):
    """Something around the agents broke and was dealt with; `message` says what and how."""

    kind: Literal["FaultNoticed"] = "FaultNoticed"
    fault: Fault
    episode_id: Key | None = None
    desktop: str | None = None
    message: str


class HostSampled(Wire):
    """What the machine and the run's processes use. CPU in percent of one core; memory in MB (10^6 bytes)."""

    kind: Literal["HostSampled"] = "HostSampled"
    host: str
    cpu_percent: float
    cores: int
    memory_used_mb: float
    memory_total_mb: float
    disk_free_mb: float
    run_cpu_percent: float = 0.0
    run_memory_mb: float = 0.0
    gpus: list[dict[str, float | str]] = Field(default_factory=list)


class DesktopsSeen(Wire):
    """The desktops of the run that changed since the last such event; at most one of these every few seconds."""

    kind: Literal["DesktopsSeen"] = "DesktopsSeen"
    whole: bool = False
    """All desktops of the attempt are named, not only those that changed."""
    desktops: list[DesktopSeen] = Field(default_factory=list)
    machines: list[MachineSeen] = Field(default_factory=list)
    orders: list[OrderOutcome] = Field(default_factory=list)
    """What came of the console's orders."""


class LogWritten(Wire):
    """A log record worth showing beside the run."""

    kind: Literal["LogWritten"] = "LogWritten"
    level: Literal["debug", "info", "warning", "error"]
    logger: str
    message: str


class RunEnded(Wire):
    """The last event of an attempt that could still speak. `reason` is a sentence with the cure, if one is needed."""

    kind: Literal["RunEnded"] = "RunEnded"
    outcome: RunOutcome
    step: int
    reason: str = ""


Event = Annotated[
    RunStarted
    | PhaseChanged
    | TasksSelected
    | EpisodeStarted
    | EpisodeStepTaken
    | EpisodeEnded
    | GroupCollected
    | ReplayChanged
    | MetricsLogged
    | StepFinished
    | ValidationFinished
    | CheckpointSaved
    | CollapseNoticed
    | FaultNoticed
    | HostSampled
    | DesktopsSeen
    | TryoutChanged
    | LogWritten
    | RunEnded,
    Field(discriminator="kind"),
]


class Envelope(Wire):
    """One line of the spool."""

    v: int = WIRE_VERSION
    attempt: int = Field(ge=1)
    seq: int = Field(ge=1)
    at: datetime
    """UTC."""
    event: Event


class IngestAnswer(Wire):
    """The console's answer to a batch: how far it has read this attempt, which frames it lacks, and what to do next."""

    directive: Directive
    contract: int = FIRST_VERSION
    """The console's version of the contract; one that names none is of the first."""
    last_seq: int
    """Highest seq of the attempt that is stored with none missing below it."""
    missing_frames: list[str] = Field(default_factory=list)
    orders: list[DesktopOrder] = Field(default_factory=list)
    """For the desktops, oldest first; each is repeated until a `DesktopsSeen` says what came of it."""
    directions: list[Direction] = Field(default_factory=list)
    """For a try-out, in the order of their numbers; each is repeated until a `TryoutChanged` says that it was taken."""
