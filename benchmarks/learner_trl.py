"""TRL's side of `benchmarks/learner.py`: `GRPOTrainer` on the same ids, through its own training step and loss.

Runs in TRL's environment (`benchmarks/trl_home.py`). What its rollouts would have prepared is prepared from the
recorded trajectories, outside of the measured time: prompts padded on the left, completions on the right, patches as
floats, the tokens that nobody sampled (screenshots and headers of later turns) masked as those of tools are.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.utils import logging as transformers_logging
from trl import GRPOConfig, GRPOTrainer

from arpo_engine.models.image_settings import read_patch_format
from arpo_engine.models.patches import processor_patches, raw_patches, resized
from arpo_engine.types import Trajectory
from benchmarks.learner_work import Work, read, serve

Inputs = dict[str, Any]


class Fed(GRPOTrainer):  # type: ignore[misc]  # TRL is not where types are checked
    """Takes prepared inputs where it would generate some; everything else is TRL's."""

    def _prepare_inputs(self, generation_batch: Inputs) -> Inputs:
        return generation_batch


class Trl:
    """Implements `Side`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._home = tempfile.TemporaryDirectory(prefix="arpo-trl-")
        self._form = read_patch_format(work.checkpoint)
        self._tokenizer = AutoTokenizer.from_pretrained(work.checkpoint, local_files_only=True)

    def prepare(self, settings: dict[str, Any]) -> None:
        work, size = self._work, settings["per_device_train_batch_size"]
        count = len(work.trajectories)
        arguments = GRPOConfig(
            output_dir=self._home.name,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=count // size,
            num_generations=work.group_size,
            loss_type="dapo",  # the mean over all tokens of a step
            epsilon=work.clip.low,
            epsilon_high=work.clip.high,
            delta=work.clip.dual,
            beta=0.0,
            temperature=work.temperature,
            gradient_checkpointing=settings["gradient_checkpointing"],
            learning_rate=work.lr,
            weight_decay=work.weight_decay,
            max_grad_norm=work.max_grad_norm,
            lr_scheduler_type="constant",
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
        )
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(work.checkpoint, dtype=torch.float32)
        self._trainer = Fed(
            model=model,
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": ["-"] * count}),
            processing_class=self._tokenizer,
        )
        self._trainer.create_optimizer_and_scheduler(num_training_steps=10_000)
        prepared = self._trainer.accelerator.prepare(self._trainer.model, self._trainer.optimizer)
        self._model, self._optimizer = prepared
        self._trainer.current_gradient_accumulation_steps = count // size
        places = list(range(count))
        self._batches = [self._inputs(places[start : start + size]) for start in range(0, count, size)]

    def step(self) -> dict[str, float]:
        """As `Trainer` goes through one accumulation window."""
        trainer, loss = self._trainer, 0.0
        for number, inputs in enumerate(self._batches, 1):
            trainer.accelerator.gradient_state._set_sync_gradients(number == len(self._batches))
            loss += float(trainer.training_step(self._model, dict(inputs), None))
        norm = trainer.accelerator.clip_grad_norm_(self._model.parameters(), self._work.max_grad_norm)
        self._optimizer.step()
        trainer.lr_scheduler.step()
        self._model.zero_grad()
        return {"loss": loss, "grad_norm": float(norm)}

    def _inputs(self, places: list[int]) -> Inputs:
        """One batch, padded to its own longest, where TRL itself pads to the longest of a whole generation batch."""
        work, pad = self._work, self._tokenizer.pad_token_id
        trajectories = [work.trajectories[place] for place in places]
        prompts = [torch.tensor(item.steps[0].prompt_ids) for item in trajectories]
        completions, sampled, old = zip(*(_completion(item) for item in trajectories), strict=True)
        prompt_ids, prompt_mask = _padded(prompts, pad, left=True)
        completion_ids, completion_mask = _padded(completions, pad)
        steps = [step for item in trajectories for step in item.steps]
        frames = [resized(step.pixels, self._form.limits) for step in steps]
        patches = [processor_patches(raw_patches([frame], self._form), self._form)[0] for frame in frames]
        side = self._form.patch
        ids = torch.cat([prompt_ids, completion_ids], 1)
        return {
            "prompt_ids": prompt_ids,
            "prompt_mask": prompt_mask,
            "completion_ids": completion_ids,
            "completion_mask": completion_mask,
            "tool_mask": _padded(sampled, 0)[0],
            "old_per_token_logps": _padded(old, 0.0)[0],
            "advantages": torch.tensor([work.advantages[place] for place in places]),
            "num_items_in_batch": torch.tensor(float(work.sampled_tokens)),
            "pixel_values": torch.cat(patches),
            "image_grid_thw": torch.tensor([[1, frame.shape[0] // side, frame.shape[1] // side] for frame in frames]),
            "num_images": [len(item.steps) for item in trajectories],
            "mm_token_type_ids": (ids == self._trainer.model.config.image_token_id).int(),
        }


def _completion(trajectory: Trajectory) -> tuple[Tensor, Tensor, Tensor]:
    """Everything behind the first prompt: ids, which of them were sampled, and with what log-probs."""
    ids: list[int] = []
    sampled: list[int] = []
    old: list[float] = []
    for number, step in enumerate(trajectory.steps):
        between = step.prompt_ids if number else ()
        ids += [*between, *step.reply_ids]
        sampled += [0] * len(between) + [1] * len(step.reply_ids)
        old += [0.0] * len(between) + list(step.reply_logprobs)
    return torch.tensor(ids), torch.tensor(sampled), torch.tensor(old)


def _padded(rows: Any, value: float, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows as one table, and where it holds no padding."""
    width = max(len(row) for row in rows)
    table = torch.full((len(rows), width), value, dtype=rows[0].dtype)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for number, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        table[number, place], mask[number, place] = row, 1
    return table, mask


if __name__ == "__main__":
    bars: Any = transformers_logging
    bars.disable_progress_bar()
    torch.set_num_threads(int(sys.argv[2]))
    serve(Trl(read(Path(sys.argv[1]))))
