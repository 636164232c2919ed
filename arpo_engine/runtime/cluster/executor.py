"""The executor of a Ray cluster: desktop processes and ranks as actors.

The loop, the learner and the generator stay in the job's driver: on a small machine the weights are shared in one
process, so a step pays no copy of them, and an actor beside it would only wait.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ray

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.desktops.host import DesktopHost
from arpo_engine.runtime.cluster.desktops import RayHost
from arpo_engine.runtime.cluster.nodes import living_nodes, own_node
from arpo_engine.runtime.cluster.rank_cluster import RankCluster
from arpo_engine.runtime.executor import process_sizes
from arpo_engine.runtime.gpu_room import Gpus, smallest_memory
from arpo_engine.runtime.placement import Place, place
from arpo_engine.runtime.provenance import REPOSITORY

if TYPE_CHECKING:
    from arpo_engine.trainer.rank_wire import RankGroup

RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Variable that Ray sets in the driver of a job, whose code has come with it."""


class RayExecutor:
    """Implements `Executor` on the cluster that `RAY_ADDRESS` or the surrounding job names, else on a local one."""

    def __init__(self) -> None:
        self._hosts: list[RayHost] = []
        self._ranks: RankGroup | None = None
        self._connected = False
        self._node = ""

    @property
    def pids(self) -> list[int]:
        """Processes of the actors on this machine, for telemetry; elsewhere such a number is another process."""
        return [host.pid for host in self._hosts if host.pid is not None and host.node == self._node]

    async def start_desktops(self, config: DesktopsConfig) -> Sequence[DesktopHost]:
        """Start desktop actors side by side."""
        self._join()
        self._node = own_node()
        at_once = place(config.least, config.per_process, living_nodes())
        places: list[Place | int] = [*at_once, *process_sizes(config)[1]]
        self._hosts = [RayHost(f"{config.kind}-{number}", config, where) for number, where in enumerate(places)]
        await asyncio.gather(*(host.restart() for host in self._hosts[: len(at_once)]))
        return self._hosts

    def gpus(self) -> Gpus:
        """Of all machines of the cluster, by Ray's word."""
        self._join()
        cluster = RankCluster()
        memory = smallest_memory(cluster.kinds())
        return Gpus(total=cluster.gpus(), free=cluster.free_gpus(), where="the cluster", memory_gb=memory)

    async def start_ranks(self, config: RunConfig) -> RankGroup:
        """As actors, one GPU each where the cluster has GPUs."""
        # Only here: desktop actors do without torch.
        from arpo_engine.runtime.cluster.rank_group import RayRanks

        self._join()
        self._ranks = ranks = RayRanks(config, RankCluster())
        await asyncio.to_thread(ranks.open)
        return ranks

    async def close(self) -> None:
        """Kill the actors, and leave the cluster if this executor joined it."""
        if self._ranks is not None:
            await asyncio.to_thread(self._ranks.close)
        await asyncio.gather(*(host.close() for host in self._hosts))
        if self._connected:
            self._connected = False
            ray.shutdown()

    def _join(self) -> None:
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, runtime_env=_own_code())
            self._connected = True


def _own_code() -> dict[str, Any]:
    """What the nodes of a cluster need to run our actors: this package. A job brings it, and one machine has it."""
    if RAY_JOB in os.environ or not os.environ.get("RAY_ADDRESS"):
        return {}
    return {"py_modules": [str(REPOSITORY / "arpo_engine")], "excludes": ["__pycache__", "*.pyc"]}
