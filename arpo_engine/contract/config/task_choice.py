"""Which of the training tasks are practised, and in which order. Settings only; carrying them out is the trainer's.

Both choices are off by default: every task is practised, once an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from arpo_engine.contract.base import Strict


class AllTasksConfig(Strict):
    """Every training task is practised."""

    kind: Literal["all"] = "all"


class LearnableTasksConfig(Strict):
    """Each training task is first tried a number of times with the policy that the run starts from. Practised are those
    that it solves now and then: siblings that all fail, or all succeed, have no advantage."""

    kind: Literal["learnable"] = "learnable"
    attempts: int = Field(16, ge=2)
    """Tries of each task. The published work counts 16."""
    success_above: float | None = Field(0.0, ge=0, lt=1)
    """A task is chosen if its share of solved tries is more than this; 0: solved at least once. None for no bound."""
    success_below: float | None = Field(1.0, gt=0, le=1)
    """A task is chosen if its share of solved tries is less than this; 1: not always. None for no bound: the published
    list of tasks was made by the lower bound alone."""
    least_scored: float = Field(0.5, gt=0, le=1)
    """Share of a task's tries that must have a score. With fewer, because the others were lost to faults, it could not
    be measured and is not practised; a fault is no failure."""
    infeasible: Literal["same_rule", "leave_out"] = "same_rule"
    """Training tasks that cannot be done. `same_rule`: tried, judged and counted apart like the others, where solving
    means saying so. `leave_out`: neither tried nor practised. With tasks.infeasible = leave_out there are none."""
    temperature: float | None = Field(None, gt=0)
    """None: as in rollouts."""
    top_p: float | None = Field(None, gt=0, le=1)
    """None: as in rollouts."""
    max_steps: int | None = Field(None, ge=1)
    """Actions that a try may take; none: as many as a rollout."""
    max_new_tokens: int | None = Field(None, ge=1)
    """Longest reply of a try; none: the generator's."""

    def chooses(self, successes: int, scored: int) -> bool:
        """Whether a task with so many solved tries among the scored ones is within the bounds."""
        share = successes / scored
        above = self.success_above is None or share > self.success_above
        return above and (self.success_below is None or share < self.success_below)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """(field, sentence) of each setting that no task can meet."""
        if not any(self.chooses(successes, self.attempts) for successes in range(self.attempts + 1)):
            yield (
                "tasks.selection.success_above",
                f"no number of successes in tasks.selection.attempts = {self.attempts} tries is a share above "
                f"{self.success_above} and below {self.success_below} (success_below); widen the bounds or raise the "
                "attempts",
            )


SelectionConfig = Annotated[AllTasksConfig | LearnableTasksConfig, Field(discriminator="kind")]


class EpochsConfig(Strict):
    """Every task once an epoch, shuffled by the seed."""

    kind: Literal["epochs"] = "epochs"


class SuccessRateConfig(Strict):
    """A curriculum: tasks are drawn with the weight max(floor, p·(1 - p)), where p is the running success rate of the
    task's rollouts. p·(1 - p) is the variance of a success, which is largest for tasks that are solved half of the time
    (learnability: arXiv 2408.15099 for environments, arXiv 2502.12272 for language models). The tasks of a step differ,
    as long as there are enough."""

    kind: Literal["success_rate"] = "success_rate"
    floor: float = Field(0.025, gt=0, le=0.25)
    """Least weight, so that no task starves: one that always fails may be learnt later, one that always succeeds
    forgotten. 0.25, the most that p·(1 - p) can be, draws all tasks alike."""
    memory: float = Field(0.7, ge=0, lt=1)
    """What earlier counts are still worth when a task is tried again: p is (s + 1) / (n + 2), and a step that tries the
    task makes memory·s + successes of s and memory·n + attempts of n. 0: only the newest step counts. A task that was
    never tried has p = 1/2; with tasks.selection its tries there are the first count."""


OrderConfig = Annotated[EpochsConfig | SuccessRateConfig, Field(discriminator="kind")]
