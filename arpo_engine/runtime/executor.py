"""Where the processes of a run live. Two forms: `local` (plain child processes) and `ray` (actors of a cluster)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.desktops.host import DesktopHost
from arpo_engine.runtime.gpu_room import Gpus

if TYPE_CHECKING:
    # Whoever only starts desktops does without torch.
    from arpo_engine.trainer.rank_wire import RankGroup


class Executor(Protocol):
    """Starts processes and ends them; what runs in them is the same in every form."""

    @property
    def pids(self) -> list[int]:
        """Processes of the run that are not children of this one."""
        ...

    async def start_desktops(self, config: DesktopsConfig) -> Sequence[DesktopHost]:
        """Processes for all desktops of the config. The first, which hold `least` of them, are ready when this returns;
        the others are started when they are asked to (`DesktopHost.restart`).

        Raises:
            DesktopLost: one did not come up; the text says why.
        """
        ...

    def gpus(self) -> Gpus:
        """GPUs that ranks may have."""
        ...

    async def start_ranks(self, config: RunConfig) -> RankGroup:
        """Start the processes that learn; each has loaded the model when this returns.

        Raises:
            LearnerLost: one did not come up; the text says why.
            ConfigError: there are fewer GPUs than the config asks for.
        """
        ...

    async def close(self) -> None:
        """End whatever was started; may be called twice."""
        ...


def split_evenly(count: int, per_process: int) -> list[int]:
    """Desktops of each process, so that none has more than `per_process` and all have nearly the same number."""
    processes = -(-count // per_process)
    return [count // processes + (number < count % processes) for number in range(processes)]


def process_sizes(config: DesktopsConfig) -> tuple[list[int], list[int]]:
    """Desktops of each process that runs from the beginning, and of each that is started when episodes wait."""
    beyond = config.count - config.least
    return split_evenly(config.least, config.per_process), split_evenly(beyond, config.per_process)
