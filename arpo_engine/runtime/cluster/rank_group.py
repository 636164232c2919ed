"""The ranks of a learner as actors of a Ray cluster, on whichever machines have GPUs; without any, on processors.

Requests go through Ray's object store, once for each machine. What Ray is, `rank_cluster` knows; this module never
imports it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import LearnerLost
from arpo_engine.runtime.devices import check_ranks
from arpo_engine.runtime.rank_answers import Patience, answer_of_first
from arpo_engine.runtime.rank_process import open_rank, unable
from arpo_engine.runtime.rank_trouble import died, failed
from arpo_engine.trainer.rank_wire import Answer, Done, Failed, RankSettings, Request

if TYPE_CHECKING:
    from arpo_engine.trainer.rank import Rank

log = logging.getLogger(__name__)


class Cluster(Protocol):
    """What is asked of Ray."""

    def gpus(self) -> int:
        """All GPUs of the cluster."""
        ...

    def actor(self, kind: type, gpus: int) -> Any:
        """Start an actor that holds so many GPUs until it is killed; it is made with a function that says its
        machine's address."""
        ...

    def kill(self, actor: Any) -> None:
        """End an actor; may be called twice."""
        ...

    def keep(self, value: object) -> Any:
        """A reference to a value that every machine gets once."""
        ...

    def some_of(self, references: list[Any], timeout_s: float) -> list[Any]:
        """Those of the references that are there, waiting for one; none when none came in time."""
        ...

    def value(self, reference: Any) -> Any:
        """What a reference stands for.

        Raises:
            OSError: the actor that was to make it is gone.
        """
        ...


class RankActor:
    """The body of an actor; the same rank as in a child process."""

    def __init__(self, own_address: Callable[[], str]) -> None:
        self._own_address = own_address
        self._rank: Rank | None = None

    def address(self) -> str:
        """Where siblings meet, if this is the first rank."""
        with socket.socket() as probe:
            probe.bind(("", 0))
            return f"tcp://{self._own_address()}:{probe.getsockname()[1]}"

    def open(self, settings: RankSettings) -> Answer:
        """Meet the siblings and load the policy."""
        try:
            variables = {**interface_of(self._own_address()), **settings.variables}
            self._rank = open_rank(replace(settings, variables=variables))
        # Whatever keeps a rank from starting is told to the person by the run's process.
        except Exception as error:
            log.exception("a rank cannot start")
            return unable(error)
        return Done()

    def ask(self, request: Request) -> Answer:
        """See `Rank.answer`."""
        assert self._rank is not None, "opened first"
        return self._rank.answer(request)


def interface_of(address: str) -> dict[str, str]:
    """The network that ranks of other machines reach this one through: gloo would take what the host's name stands for,
    which often is the machine alone."""
    found = [name for name, own in psutil.net_if_addrs().items() if any(item.address == address for item in own)]
    return {"GLOO_SOCKET_IFNAME": found[0]} if found else {}


class RayRanks:
    """Implements `RankGroup` with actors."""

    def __init__(self, config: RunConfig, cluster: Cluster) -> None:
        self.size = config.learner.ranks
        self._config = config
        self._cluster = cluster
        self._actors: list[Any] = []
        self._ended = threading.Lock()
        self._gone = ""

    def open(self) -> None:
        """Start all ranks and wait until each has loaded the model.

        Raises:
            LearnerLost: one did not come up; the text says why.
            ConfigError: the cluster has fewer GPUs than there are ranks.
        """
        learner = self._config.learner
        gpus = 0 if learner.backend == "gloo" else self._cluster.gpus()
        check_ranks(learner, gpus, "the cluster")
        self._actors = [self._cluster.actor(RankActor, 1 if gpus else 0) for _ in range(self.size)]
        limit = Patience(seconds=learner.start_timeout_s, setting="learner.start_timeout_s")
        meet_at = self._answers([self._actors[0].address.remote()], "start as a Ray actor", limit)
        settings = [
            RankSettings(
                config=self._config.model_dump(mode="json"),
                rank=rank,
                size=self.size,
                meet_at=str(meet_at),
                device="cuda:0" if gpus else "cpu",  # Ray shows an actor its own GPU only
            )
            for rank in range(self.size)
        ]
        opened = [actor.open.remote(own) for actor, own in zip(self._actors, settings, strict=True)]
        self._answers(opened, "load the model", limit)

    def ask(self, request: Request) -> Done:
        """See `RankGroup`."""
        if self._gone:
            raise LearnerLost(self._gone)
        kept = self._cluster.keep(request)
        references = [actor.ask.remote(kept) for actor in self._actors]
        limit = Patience(seconds=self._config.learner.answer_timeout_s, setting="learner.answer_timeout_s")
        done: Done = self._answers(references, type(request).__name__, limit)
        return done

    def close(self) -> None:
        """See `RankGroup`."""
        self._end("the ranks of the learner were ended")

    def _answers(self, references: list[Any], doing: str, patience: Patience) -> Any:
        return answer_of_first(
            {reference: rank for rank, reference in enumerate(references)},
            doing=doing,
            patience=patience,
            some_of=self._cluster.some_of,
            received=lambda reference: self._received(references.index(reference), reference),
            end=self._end,
        )

    def _received(self, rank: int, reference: Any) -> Any:
        try:
            answer = self._cluster.value(reference)
        except OSError as error:
            return died(rank, f"a Ray actor: {error}", None)
        return failed(rank, answer) if isinstance(answer, Failed) else answer

    def _end(self, reason: str) -> None:
        with self._ended:
            if self._gone:
                return
            self._gone = reason
        for actor in self._actors:
            self._cluster.kill(actor)
