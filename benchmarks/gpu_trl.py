"""TRL beside ours in `benchmarks/gpu.py`: its GRPOTrainer on the same model, trajectories and ids.

It learns through its own training step and loss, from inputs that are prepared beforehand, one trajectory at a time as
`benchmarks/learner_trl.py` says. The vision tower is frozen and activations are computed again exactly where ours are;
its optimizer is its default. It learns after ours has, from the weights that ours left. Imports TRL: only where it is
installed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from trl import GRPOConfig

from benchmarks.gpu_runs import Measured
from benchmarks.learner_trl import Fed, Inputs, Trl
from benchmarks.learner_work import Work


class OnTheSameModel(Trl):
    """The same side without a checkpoint: a model that is there already, on whichever device it is."""

    def __init__(self, measured: Measured) -> None:
        policy, group = measured.policy, measured.group
        self._policy = policy
        self._home = tempfile.TemporaryDirectory(prefix="arpo-trl-")
        self._work = Work(
            checkpoint=Path(self._home.name),  # holds nothing: the model is there already
            trajectories=tuple(member.trajectory for member in group.members),
            advantages=tuple(member.advantage for member in group.members),
            clip=measured.config.algorithm.clip,
            temperature=1.0,
            group_size=len(group.members),
        )
        self._form, self._tokenizer = policy.chat.patches, policy.tokenizer

    @property
    def tokens(self) -> int:
        """That are computed in one update."""
        return self._work.tokens

    def prepare(self, settings: dict[str, Any]) -> None:
        """One trajectory a pass, all of them an update."""
        work, module = self._work, self._policy.module
        count = len(work.trajectories)
        arguments = GRPOConfig(
            output_dir=self._home.name,
            per_device_train_batch_size=1,
            gradient_accumulation_steps=count,
            num_generations=work.group_size,
            loss_type="dapo",  # the mean over all tokens of a step
            epsilon=work.clip.low,
            epsilon_high=work.clip.high,
            delta=work.clip.dual,
            beta=0.0,
            temperature=work.temperature,
            gradient_checkpointing=settings["gradient_checkpointing"],
            learning_rate=1e-6,
            weight_decay=work.weight_decay,
            max_grad_norm=work.max_grad_norm,
            lr_scheduler_type="constant",
            use_cpu=module.device.type == "cpu",
            bf16=False,  # the weights are bfloat16 themselves
            report_to="none",
            save_strategy="no",
        )
        self._trainer = Fed(
            model=module,
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": ["-"] * count}),
            processing_class=self._tokenizer,
        )
        self._trainer.create_optimizer_and_scheduler(num_training_steps=10_000)
        self._model, self._optimizer = self._trainer.accelerator.prepare(self._trainer.model, self._trainer.optimizer)
        self._trainer.current_gradient_accumulation_steps = count
        self._batches = [self._there(self._inputs([place])) for place in range(count)]

    def _there(self, inputs: Inputs) -> Inputs:
        """On the model's device, patches in its numbers."""
        module = self._policy.module
        inputs["pixel_values"] = inputs["pixel_values"].to(module.dtype)
        return {name: value.to(module.device) if isinstance(value, Tensor) else value for name, value in inputs.items()}


def measure_trl(measured: Measured, repeats: int) -> dict[str, Any]:
    """Trained tokens a second, counted like ours, and the most memory."""
    on_gpu = measured.policy.device.type == "cuda"
    side = OnTheSameModel(measured)
    side.prepare({"gradient_checkpointing": measured.config.learner.gradient_checkpointing})
    seconds = []
    for repeat in range(repeats + 1):
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
        began = time.perf_counter()
        side.step()
        if on_gpu:
            torch.cuda.synchronize()
        if repeat:
            seconds.append(time.perf_counter() - began)
    found = {"trl_trained_tokens_per_s": round(side.tokens / statistics.median(seconds), 1)}
    if on_gpu:
        found["trl_peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return found
