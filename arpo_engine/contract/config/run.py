"""The whole configuration of one run."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from arpo_engine.contract.base import Strict
from arpo_engine.contract.config.algorithm import AlgorithmConfig, ArpoConfig
from arpo_engine.contract.config.parts import (
    CheckpointConfig,
    EvaluationConfig,
    FramesConfig,
    GuardConfig,
    HfGeneratorConfig,
    LimitsConfig,
    ModelConfig,
    OptimizerConfig,
    PocketDesktopsConfig,
    RecordsConfig,
    RewardConfig,
    RolloutConfig,
    TasksConfig,
    UiTarsAgentConfig,
    ValidationConfig,
)


class RunConfig(Strict):
    """Everything that decides what a run does; two runs with equal configs and seeds do the same."""

    kind: Literal["train", "evaluate"] = "train"
    """Train a policy, or only measure one."""
    title: str = Field("Untitled run", max_length=120)
    story: str = ""
    """What this setting is for and what to expect of it, for the person who picks it."""
    seed: int = Field(0, ge=0)

    model: ModelConfig = ModelConfig()
    tasks: TasksConfig = TasksConfig()
    desktops: PocketDesktopsConfig = PocketDesktopsConfig()
    agent: UiTarsAgentConfig = UiTarsAgentConfig()
    generator: HfGeneratorConfig = HfGeneratorConfig()
    rollout: RolloutConfig = RolloutConfig()
    reward: RewardConfig = RewardConfig()
    algorithm: AlgorithmConfig = ArpoConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    validation: ValidationConfig = ValidationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    guard: GuardConfig = GuardConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    frames: FramesConfig = FramesConfig()
    records: RecordsConfig = RecordsConfig()
    limits: LimitsConfig = LimitsConfig()

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        """Settings that contradict each other are refused here, each with the cure."""
        rollouts = self.rollout.tasks_per_step * self.rollout.group_size
        minibatches = self.algorithm.minibatches
        if minibatches > rollouts:
            raise ValueError(
                f"algorithm.minibatches is {minibatches}, but a step has only {rollouts} rollouts "
                f"(rollout.tasks_per_step x rollout.group_size); use {rollouts} or fewer"
            )
        if self.optimizer.warmup_steps >= self.limits.steps > 1:
            raise ValueError(
                f"optimizer.warmup_steps is {self.optimizer.warmup_steps}, but the run ends after limits.steps = "
                f"{self.limits.steps}; use fewer warm-up steps or more steps"
            )
        if self.agent.max_images < self.rollout.max_steps:
            raise ValueError(
                f"agent.max_images is {self.agent.max_images}, but rollout.max_steps is {self.rollout.max_steps} and "
                "each step adds a screenshot; raise agent.max_images or lower rollout.max_steps"
            )
        return self


