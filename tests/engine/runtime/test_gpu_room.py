"""GPUs of a cluster held against a run: the head's own count for nothing, and what others hold is said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.plan.planning import Machine
from arpo_engine.runtime import preflight
from arpo_engine.runtime.gpu_room import Gpus, machine_of_ranks, shortage, smallest_memory

EIGHT = Gpus(total=8, free=8, where="the cluster", memory_gb=141.0)


def short(gpus: Gpus, ranks: int, **generator: Any) -> tuple[str, str] | None:
    config = {"learner": {"ranks": ranks}, "generator": {"kind": "vllm", **generator} if generator else {"kind": "hf"}}
    return shortage(parse_config(config), gpus)


def test_ranks_that_fit_beside_their_engines_lack_nothing():
    assert short(EIGHT, 8) is None
    assert short(EIGHT, 6, replicas=2) is None
    assert short(EIGHT, 8, replicas=8, sleep=True) is None, "they take turns"
    assert short(Gpus(total=0, free=0, where="the cluster"), 8, replicas=8) is None, "on processors"


def test_engines_that_ray_does_not_count_are_added_up_with_the_ranks():
    fact, cure = short(EIGHT, 7, replicas=2) or ("", "")
    assert fact.startswith("7 GPUs for ranks and 2 for engines of vLLM are 9, and the cluster has 8 free")
    assert "never gives back its 60%" in fact and "generator.sleep = true" in cure


def test_gpus_that_others_hold_are_not_there_yet():
    fact, cure = short(Gpus(total=8, free=3, where="the cluster"), 4) or ("", "")
    assert fact == "4 ranks take a GPU each, and of the 8 of the cluster others hold 5 now"
    assert "learner.start_timeout_s" in cure


def test_a_plan_is_held_against_the_gpus_of_the_cluster_and_not_against_those_of_the_head():
    head = Machine(gpus=0, memory_gb=32.0, cores=4)
    assert machine_of_ranks(head, EIGHT) == Machine(gpus=8, gpu_gb=141.0, memory_gb=32.0, cores=4)
    unknown = Gpus(total=8, free=8, where="the cluster")
    assert machine_of_ranks(head, unknown).gpu_gb == Machine().gpu_gb


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (["GPU", "accelerator_type:H200", "CPU"], 141),
        (["accelerator_type:H200", "accelerator_type:L4"], 24),
        (["accelerator_type:H200", "accelerator_type:SomethingNew"], None),
        (["CPU"], None),
    ],
)
def test_the_smallest_gpu_of_a_cluster_decides_if_all_are_known(resources: list[str], expected: float | None):
    assert smallest_memory(resources) == expected


class Cluster:
    """An executor whose GPUs are elsewhere."""

    closed = False

    def gpus(self) -> Gpus:
        return EIGHT

    async def start_desktops(self, config: object) -> list[object]:
        raise AssertionError("tasks that are not there are noticed before")

    async def close(self) -> None:
        self.closed = True


def test_a_preflight_on_a_head_without_gpus_lets_ranks_pass_that_the_cluster_has_gpus_for(tmp_path: Path):
    config = parse_config({"learner": {"ranks": 8, "backend": "nccl"}, "tasks": {"source": "nowhere"}})
    executor: Any = Cluster()
    checks = asyncio.run(preflight.preflight(config, run_dir=tmp_path, executor=executor))
    found = {check.name: check for check in checks}
    assert (found["ranks"].status, found["ranks"].message) == (
        "ok",
        "8 ranks learn, one GPU each; the cluster has 8",
    )
    assert "141 GB on each of 8 GPUs" in found["memory"].message
    assert executor.closed
