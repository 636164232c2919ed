"""A generator whose model lives elsewhere: it gets all weights after every step, may rest while the learner works, and
its numbers stand beside the step's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from arpo_engine.contract.events import MetricsLogged
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.stop import StopSwitch
from tests.engine.trainer.world import EndingGenerator, small_config, world


class Elsewhere(EndingGenerator):
    """Implements `OwnProcesses`, and keeps what happened in its order."""

    def __init__(self, inner: EndingGenerator) -> None:
        self.__dict__.update(inner.__dict__)
        self.order: list[str] = []
        self.pushed: list[set[str]] = []

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if self.order[-1:] != ["sample"]:
            self.order.append("sample")
        return await super().generate(prompt, sampling)

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        self.order.append(f"push {version}")
        self.pushed.append(set(weights))
        await super().push_weights(version, weights)

    async def rest(self) -> None:
        self.order.append("rest")

    def take_values(self) -> dict[str, float]:
        return {"rollout/prefix_hit_rate": 0.25}


def test_it_rests_while_the_learner_works_and_wakes_to_the_new_weights(tmp_path: Path) -> None:
    async def main() -> tuple[Elsewhere, set[str], list[MetricsLogged]]:
        async with world(small_config(limits={"steps": 2}), tmp_path) as parts:
            generator = Elsewhere(parts.generator)  # type: ignore[arg-type]
            parts.scheduler._runner._generator = generator
            await train(replace(parts, generator=generator), StopSwitch(parts.sink, minutes=None), resuming=False)
            logged = [event for event in parts.sink.events if isinstance(event, MetricsLogged)]  # type: ignore[attr-defined]
            return generator, set(parts.policy.weights()), logged

    generator, names, logged = asyncio.run(main())
    assert generator.order == ["push 0", "sample", "rest", "push 1", "sample", "rest", "push 2"]
    assert generator.pushed == [names] * 3
    steps = [event.values for event in logged if "train/loss" in event.values]
    assert [values["rollout/prefix_hit_rate"] for values in steps] == [0.25, 0.25]
    # It is the learner's own policy that sampled, so that both computed alike.
    assert all(values.get("train/sampler_gap", 0.0) < 1e-5 for values in steps)  # type: ignore[operator]
