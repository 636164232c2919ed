"""The whole configuration of one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from arpo_engine.contract.base import Strict
from arpo_engine.contract.config.algorithm import AlgorithmConfig, ArpoConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.contract.config.desktops import DesktopsConfig, PocketDesktopsConfig
from arpo_engine.contract.config.generators import (
    GeneratorConfig,
    HfGeneratorConfig,
    OpenAiGeneratorConfig,
    OracleGeneratorConfig,
    VllmGeneratorConfig,
)
from arpo_engine.contract.config.learner import LearnerConfig
from arpo_engine.contract.config.parts import (
    AgentConfig,
    CheckpointConfig,
    EvaluationConfig,
    FramesConfig,
    GuardConfig,
    LimitsConfig,
    ModelConfig,
    OptimizerConfig,
    RewardConfig,
    RolloutConfig,
    TasksConfig,
    UiTarsAgentConfig,
    ValidationConfig,
)
from arpo_engine.contract.config.records import RecordsConfig
from arpo_engine.contract.config.task_choice import LearnableTasksConfig
from arpo_engine.contract.config.tryout import TryoutConfig

CONTRADICTIONS = "contradictions"
"""Type of the error that carries what does not fit together; its context has (field, sentence) pairs in `found`."""


class RunConfig(Strict):
    """Everything that decides what a run does; two runs with equal configs and seeds do the same."""

    kind: Literal["train", "evaluate", "try"] = "train"
    """Train a policy, only measure one, or try one on a desktop while you direct it."""
    title: str = Field("Untitled run", max_length=120)
    story: str = ""
    """What this setting is for and what to expect of it, for the person who picks it."""
    seed: int = Field(0, ge=0)

    model: ModelConfig = ModelConfig()
    tasks: TasksConfig = TasksConfig()
    desktops: DesktopsConfig = PocketDesktopsConfig()
    agent: AgentConfig = UiTarsAgentConfig()
    generator: GeneratorConfig = HfGeneratorConfig()
    rollout: RolloutConfig = RolloutConfig()
    reward: RewardConfig = RewardConfig()
    algorithm: AlgorithmConfig = ArpoConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    learner: LearnerConfig = LearnerConfig()
    validation: ValidationConfig = ValidationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    tryout: TryoutConfig = TryoutConfig()
    guard: GuardConfig = GuardConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    frames: FramesConfig = FramesConfig()
    records: RecordsConfig = RecordsConfig()
    limits: LimitsConfig = LimitsConfig()

    @property
    def model_name(self) -> str:
        """What results are filed under: the model at the server that samples, or the path of the local one."""
        if isinstance(self.generator, OracleGeneratorConfig):
            return "oracle"
        return self.generator.model if isinstance(self.generator, OpenAiGeneratorConfig) else self.model.path

    def as_it_runs(self) -> Self:
        """The same run with what its kind needs of it: a try-out has one desktop, however many the config names."""
        if self.kind != "try":
            return self
        desktops = self.desktops.model_copy(update={"count": 1, "min_count": None})
        return self.model_copy(update={"desktops": desktops})

    @field_validator("agent", mode="before")
    @classmethod
    def _agent_of_old(cls, value: Any) -> Any:
        """Configs from before there was a choice of agents name no kind; they mean UI-TARS."""
        return {"kind": "ui_tars", **value} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        """Settings that contradict each other are refused together, each with its field and its cure."""
        found = list(self._contradictions())
        if found:
            message = "; ".join(f"{field}: {sentence}" for field, sentence in found)
            raise PydanticCustomError(CONTRADICTIONS, "{message}", {"message": message, "found": found})
        return self

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        rollouts = self.rollout.tasks_per_step * self.rollout.group_size
        minibatches = self.algorithm.minibatches
        if minibatches > rollouts:
            yield (
                "algorithm.minibatches",
                f"{minibatches} is more than the {rollouts} rollouts of a step (rollout.tasks_per_step x "
                f"rollout.group_size); use {rollouts} or fewer",
            )
        if self.algorithm.estimator == "reinforce_pp" and self.algorithm.kl.place == "reward":
            yield (
                "algorithm.kl.place",
                "reinforce_pp has one advantage for each trajectory here, and a penalty in each token's reward needs "
                "one for each token; use loss, or another algorithm.estimator",
            )
        if self.optimizer.warmup_ratio is None and self.optimizer.warmup_steps >= self.limits.steps > 1:
            yield (
                "optimizer.warmup_steps",
                f"{self.optimizer.warmup_steps} warm-up steps never end, because the run ends after limits.steps = "
                f"{self.limits.steps}; use fewer of them or more steps",
            )
        yield from self._selection_contradictions()
        window = self.agent.history_images
        if window is not None and window > self.agent.max_images:
            yield (
                "agent.history_images",
                f"{window} screenshots are more than agent.max_images = {self.agent.max_images}; lower one or raise "
                "the other",
            )
        for field, steps in self._longest_episodes():
            if window is None and self.agent.max_images < steps:
                yield (
                    "agent.max_images",
                    f"{self.agent.max_images} screenshots are fewer than {field} = {steps}, and "
                    f"each step adds one; raise agent.max_images or lower {field}",
                )
        yield from self.learner.contradictions()
        if self.kind == "train":
            yield from self._unfit_to_train()
        yield from self._stream_contradictions()
        yield from self._oracle_contradictions()
        if self.validation.only and not (self.validation.every_steps and self.validation.before_training):
            yield (
                "validation.only",
                "true, while validation.every_steps = 0 or validation.before_training = false switches that "
                "measurement off; set every_steps to 1 or more and before_training to true",
            )

    def _unfit_to_train(self) -> Iterator[tuple[str, str]]:
        """Generators whose replies cannot be learnt from."""
        if isinstance(self.generator, OpenAiGeneratorConfig):
            yield (
                "generator.kind",
                "'openai' cannot be trained with: such a server gives words, no token ids, and takes no new weights; "
                "use hf or vllm, or only measure with kind = evaluate",
            )
        measured_anew = choices_of(self.algorithm).old_logprobs == "recomputed"
        if isinstance(self.generator, VllmGeneratorConfig) and self.rollout.top_p < 1 and not measured_anew:
            yield (
                "rollout.top_p",
                f"{self.rollout.top_p:g}, and vLLM then gives log-probs among the likeliest tokens only, which are not "
                "those that are learnt from; use 1, or algorithm.old_logprobs = recomputed",
            )

    def _oracle_contradictions(self) -> Iterator[tuple[str, str]]:
        if not isinstance(self.generator, OracleGeneratorConfig):
            return
        if self.kind == "train":
            yield "generator.kind", "'oracle' has nothing to learn with; use hf or vllm, or kind = evaluate"
        if self.agent.kind != "ui_tars":
            yield "generator.kind", "'oracle' writes its actions as UI-TARS does; use agent.kind = ui_tars"

    def _stream_contradictions(self) -> Iterator[tuple[str, str]]:
        if self.rollout.mode == "stream" and choices_of(self.algorithm).old_logprobs == "recomputed":
            yield (
                "rollout.mode",
                "'stream' learns from rollouts of older weights, and old log-probs that are recomputed (algorithm.mode "
                "= paper, old_logprobs = recomputed, or retokenise) hide that from the update; use algorithm.mode = "
                "corrected with old_logprobs = behaviour or truncated, or rollout.mode = barrier",
            )

    def _selection_contradictions(self) -> Iterator[tuple[str, str]]:
        if self.kind == "train" and isinstance(self.tasks.selection, LearnableTasksConfig):
            yield from self.tasks.selection.contradictions()

    def _longest_episodes(self) -> Iterator[tuple[str, int]]:
        yield "rollout.max_steps", self.rollout.max_steps
        if self.kind == "train" and self.validation.max_steps:
            yield "validation.max_steps", self.validation.max_steps
        selection = self.tasks.selection
        if self.kind == "train" and isinstance(selection, LearnableTasksConfig) and selection.max_steps:
            yield "tasks.selection.max_steps", selection.max_steps
        if self.kind == "evaluate" and self.evaluation.max_steps:
            yield "evaluation.max_steps", self.evaluation.max_steps
        if self.kind == "try" and self.tryout.max_steps:
            yield "tryout.max_steps", self.tryout.max_steps
