"""LoRA by peft: small matrices beside the linear layers learn, the weights themselves stay as they are.

The layers are exchanged inside the model, so that the same passes compute with them for learning and for sampling.
Source: Hu et al. 2021 (arXiv 2106.09685). Knows modules; knows no loss and no chat.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arpo_engine.contract.config.parts import LoraConfig
from arpo_engine.contract.errors import ModelError
from arpo_engine.models.adapter_folder import merged, read_adapter, write_adapter

NAME = "default"
ALL_LINEAR = "all-linear"
TOWERS = ("model.language_model.", "model.visual.")


class Adapter:
    """The adapter of one model. Its matrices are float32, whatever the weights are."""

    def __init__(self, module: Any, config: LoraConfig, *, base: str, vision: bool, seed: int) -> None:
        """Exchange the layers that `config.targets` names; those of the vision tower only with `vision`.

        Raises:
            ModelError: peft is not installed, or no layer has such a name.
        """
        try:
            from peft import LoraConfig as PeftConfig
            from peft import inject_adapter_in_model
        except ImportError as error:
            raise ModelError(
                f"model.lora.rank is {config.rank}, and the package peft is not installed; run ./arpo setup, or use "
                "model.lora.rank=0"
            ) from error
        self._module = module
        self._base = base
        self._settings = PeftConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=_layers(module, config.targets, vision=vision),
            base_model_name_or_path=base,
            task_type="CAUSAL_LM",
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            inject_adapter_in_model(self._settings, module)
        module.eval()  # what was exchanged came as it is for learning, and would drop while it samples
        self._scale = config.alpha / config.rank
        self._drops = config.dropout > 0
        for weight in self.matrices().values():
            weight.data = weight.data.float()

    def matrices(self) -> dict[str, nn.Parameter]:
        """What learns, by the names that peft's files have behind their prefix."""
        found = ((name, weight) for name, weight in self._module.named_parameters() if ".lora_" in name)
        return {name.replace(f".{NAME}.", "."): weight for name, weight in found}

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Within, the model computes as it did before there was an adapter."""
        layers = list(self._exchanged().values())
        for layer in layers:
            layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in layers:
                layer.enable_adapters(True)

    @property
    def drops(self) -> bool:
        """Whether a part of what the matrices read is dropped while they learn."""
        return self._drops

    @contextmanager
    def dropping_out(self, seed: int) -> Iterator[None]:
        """Within, it is dropped; the same part for the same seed."""
        dropouts = [layer.lora_dropout[NAME] for layer in self._exchanged().values()]
        devices = [self._module.device] if self._module.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            for dropout in dropouts:
                dropout.train()
            try:
                yield
            finally:
                for dropout in dropouts:
                    dropout.eval()

    @torch.no_grad()
    def merged_state(self) -> dict[str, Tensor]:
        """All weights by their plain Hugging Face names, the adapter added to them; the model itself is not changed."""
        exchanged = self._exchanged()
        state = {}
        for name, weight in self._module.state_dict().items():
            if ".lora_" in name:
                continue
            layer, _, leaf = name.rpartition(".base_layer.")
            if leaf == "weight":
                down, up = exchanged[layer].lora_A[NAME].weight, exchanged[layer].lora_B[NAME].weight
                state[f"{layer}.weight"] = merged(weight, down, up, self._scale)
            else:
                state[f"{layer}.{leaf}" if layer else name] = weight
        return state

    def save(self, folder: Path) -> None:
        """The adapter alone, as peft reads it."""
        settings = self._settings.to_dict()
        settings["target_modules"] = sorted(settings["target_modules"])
        settings["inference_mode"] = True
        write_adapter(folder, {key: _plain(value) for key, value in settings.items()}, self.matrices())

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Take over a saved adapter of the same shape, in place and exactly.

        Raises:
            ModelError: it has other layers or another rank.
        """
        own, saved = self.matrices(), read_adapter(folder)
        if {name: matrix.shape for name, matrix in own.items()} != {name: held.shape for name, held in saved.items()}:
            raise ModelError(
                f"{folder} holds an adapter of another shape; give model.lora and model.freeze_vision as they were"
            )
        for name, matrix in own.items():
            matrix.copy_(saved[name])

    def _exchanged(self) -> dict[str, Any]:
        return {name: layer for name, layer in self._module.named_modules() if hasattr(layer, "lora_A")}


def _layers(module: Any, targets: tuple[str, ...], *, vision: bool) -> list[str]:
    """Full names of the layers that are meant."""
    towers = TOWERS if vision else TOWERS[:1]
    linear = [
        name for name, layer in module.named_modules() if isinstance(layer, nn.Linear) and name.startswith(towers)
    ]
    known = {name.rpartition(".")[2] for name in linear}
    for target in targets:
        if target != ALL_LINEAR and target not in known:
            raise ModelError(
                f"model.lora.targets names {target!r}, and this model has no such layer; known: {ALL_LINEAR}, "
                f"{', '.join(sorted(known))}"
            )
    return [name for name in linear if ALL_LINEAR in targets or name.rpartition(".")[2] in targets]


def _plain(value: Any) -> Any:
    """A setting of peft's as JSON has it."""
    if isinstance(value, set):
        return sorted(value)
    return value.value if hasattr(value, "value") else value
