"""What the ranks of a learner ask of Ray, said in Ray's words."""

from __future__ import annotations

import contextlib
from typing import Any

import ray
from ray.exceptions import RayError


class RankCluster:
    """Implements `rank_group.Cluster` on the cluster that this process has joined."""

    def gpus(self) -> int:
        """See `Cluster`."""
        untyped: Any = ray
        return int(untyped.cluster_resources().get("GPU", 0))

    def free_gpus(self) -> int:
        """GPUs of the cluster that nobody has reserved."""
        untyped: Any = ray
        return int(untyped.available_resources().get("GPU", 0))

    def kinds(self) -> list[str]:
        """Names of all resources of the cluster."""
        untyped: Any = ray
        return list(untyped.cluster_resources())

    def actor(self, kind: type, gpus: int) -> Any:
        """See `Cluster`."""
        remote: Any = ray.remote(kind)
        return remote.options(num_cpus=0, num_gpus=gpus, max_restarts=0).remote(ray.util.get_node_ip_address)

    def kill(self, actor: Any) -> None:
        """See `Cluster`."""
        with contextlib.suppress(RayError):
            ray.kill(actor)

    def keep(self, value: object) -> Any:
        """See `Cluster`."""
        return ray.put(value)

    def some_of(self, references: list[Any], timeout_s: float) -> list[Any]:
        """See `Cluster`."""
        there: list[Any] = ray.wait(references, num_returns=1, timeout=timeout_s)[0]
        return there

    def value(self, reference: Any) -> Any:
        """See `Cluster`."""
        try:
            return ray.get(reference)
        except RayError as error:
            raise OSError(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error
