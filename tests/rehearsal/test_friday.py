"""An 8-GPU Friday on two cores: the published subset script on a pocket-sized policy, and everything that breaks.

The script is the published one but for the model's path and the number of GPUs; the words behind it are those that
`import-config` itself advises where there are no OSWorld machines. Two Ray nodes stand in network namespaces of their
own; a rank of the learner, a replica of the generator, a desktop and a node are killed, one by one. Takes minutes.

    ./arpo test -m slow tests/rehearsal -s          (as root, for the namespaces; -s shows the story)
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText

from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.events import (
    CheckpointSaved,
    Envelope,
    EpisodeEnded,
    EpisodeStarted,
    FaultNoticed,
    RunEnded,
    RunStarted,
    StepFinished,
)
from arpo_engine.contract.outcomes import Fault, RunOutcome
from arpo_engine.inference.vllm_home import vllm_python
from tests.rehearsal.cluster import TwoNodes
from tests.rehearsal.driver import Run, cmdline
from tests.rehearsal.network import two_machines

SCRIPT = Path("tests/data/verl/subset32.sh")
CHANGED = {"MODEL_PATH=UI-TARS-1.5-7B": "MODEL_PATH=builtin:pocket", "NUM_GPUS=8": "NUM_GPUS=4"}
DESKTOPS, ROLLOUTS, STEPS = 16, 16, 3
ADVISED = [
    "data.train_files=configs/tasks/pocket/train.json",
    "data.val_files=configs/tasks/pocket/held_out.json",
    "agent.prompt=short",
    "model.dtype=float32",
]
SMALL = [
    f"trainer.max_steps={STEPS}",
    "trainer.logger=['console']",
    "trainer.save_freq=1",
    "trainer.val_before_train=false",
]
OURS = ["desktops.per_process=4", "rollout.episode_timeout_s=3600", "validation.tasks=8"]
VLLM = "generator={kind: vllm, max_new_tokens: 24, replicas: 2, start_timeout_s: 3000, timeout_s: 1200}"
HF = "generator.max_new_tokens=24"

pytestmark = pytest.mark.slow


def has_vllm() -> bool:
    try:
        return bool(vllm_python())
    except ModelError:
        return False


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, since the paths of Ray's sockets may have about a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="arpo-reh-") as name:
        yield Path(name)


@pytest.fixture
def nodes(folder: Path) -> Iterator[TwoNodes]:
    with two_machines("reh") as (east, west):
        cluster = TwoNodes(east, west, folder, desktops=DESKTOPS // 2)
        cluster.start_head()
        cluster.start_node()
        yield cluster


def the_script(folder: Path) -> Path:
    """The published script with two lines changed."""
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert sum(line in CHANGED for line in lines) == len(CHANGED)
    path = folder / "subset32.sh"
    path.write_text("\n".join(CHANGED.get(line, line) for line in lines) + "\n", encoding="utf-8")
    return path


def test_the_friday_goes_on_whatever_dies_and_no_finished_episode_is_lost(folder: Path, nodes: TwoNodes) -> None:
    vllm = has_vllm()
    words = ["--from", str(the_script(folder)), *ADVISED, *SMALL, *OURS, VLLM if vllm else HF]
    run = Run(nodes, folder / "run", words)

    run.start()
    run.until(lambda seen: bool(of(seen, CheckpointSaved, step=1)), "step 1 is learnt and saved")
    kept = run.until(lambda seen: bool(ended_in(seen, 1, 2)), "an episode of step 2 is finished")
    run.strike("a rank of the learner", lambda process: "ray::RankActor" in cmdline(process))
    assert run.wait() != 0
    assert "rank" in run.events()[-1].event.reason, "the end has a name"

    run.start()
    run.until(lambda seen: bool(of(seen, RunStarted, attempt=2)), "the run goes on")
    run.until(lambda seen: bool(ended_in(seen, 2, 2)), "an episode of step 2 is finished again")
    if vllm:
        run.strike("a replica", lambda process: "arpo_engine.inference.vllm_process" in cmdline(process))
    run.strike("a process of desktops", lambda process: "ray::DesktopActor" in cmdline(process))
    run.until(lambda seen: any(lost(line, 2) for line in seen), "the episodes on it are known to be lost")
    run.until(lambda seen: bool(ended_in(seen, 2, 3)), "an episode of step 3 is finished")
    nodes.west.pull_the_plug()
    run.tell(f"the whole node {nodes.west.address} is killed")
    run.until(lambda seen: any(lost(line, 3) for line in seen), "the episodes on it are known to be lost")
    nodes.start_node()
    run.tell("the node has joined again")
    if run.wait() != 0:  # some of the ranks stood on it, and a learner that has lost a part ends its attempt
        assert "rank" in run.events()[-1].event.reason, "the end has a name"
        run.start()
        assert run.wait() == 0
    seen = run.events()

    again = len(of(seen, FaultNoticed, fault=Fault.DESKTOP_LOST))
    run.tell(f"{again} processes of desktops were started again, beside those that were still starting at the end")
    sys.stdout.write("\n".join(["", *run.told, ""]))
    judge(seen, kept)
    load(folder / "run" / "checkpoints" / f"step_{STEPS:06d}" / "policy")


def judge(seen: list[Envelope], kept: list[Envelope]) -> None:
    """The run is whole: three steps of sixteen scored rollouts each, and nothing that was finished is missing."""
    ended = of(seen, RunEnded)[-1]
    assert (ended.event.outcome, ended.event.step) == (RunOutcome.FINISHED, STEPS)
    assert [(line.event.step, line.event.attempts) for line in of(seen, StepFinished)] == [
        (step, ROLLOUTS) for step in range(1, STEPS + 1)
    ]
    began = [line.event.resumed_from_step for line in of(seen, RunStarted)]
    assert began[:2] == [None, 1] and began[2:] in ([], [2]), "each attempt goes on from the last finished step"
    before = {line.event.episode_id for line in of(kept, EpisodeEnded)}
    episodes = [line.event.episode_id for line in of(seen, EpisodeEnded)]
    assert before <= set(episodes) and len(set(episodes)) == len(episodes)
    assert not [line.event for line in of(seen, EpisodeEnded) if line.event.fault and line.event.score is not None]


def load(export: Path) -> None:
    """The export is a model folder like any other."""
    model = AutoModelForImageTextToText.from_pretrained(export)
    assert json.loads((export / "config.json").read_text())["architectures"] == [type(model).__name__]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def of(lines: list[Envelope], kind: type[Any], attempt: int | None = None, **fields: object) -> list[Any]:
    """The lines with an event of a kind."""
    return [
        line
        for line in lines
        if isinstance(line.event, kind)
        and attempt in (None, line.attempt)
        and all(getattr(line.event, name) == value for name, value in fields.items())
    ]


def ended_in(lines: list[Envelope], attempt: int, step: int) -> list[Any]:
    """Scored episodes that an attempt finished for a step."""
    begun = {line.event.episode_id for line in of(lines, EpisodeStarted, attempt=attempt, step=step)}
    return [
        line
        for line in of(lines, EpisodeEnded, attempt=attempt)
        if line.event.episode_id in begun and line.event.score is not None
    ]


def lost(line: Envelope, step: int) -> bool:
    """Whether a line tells of an episode of attempt 2 that went down with its desktop."""
    event = line.event
    return isinstance(event, EpisodeEnded) and event.fault is Fault.DESKTOP_LOST and f"-s{step}-" in event.episode_id
