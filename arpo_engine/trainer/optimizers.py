"""AdamW, and AdamW whose moments are bfloat16. Knows parameters, not what they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from arpo_engine.contract.config.parts import OptimizerConfig

MOMENTS = torch.bfloat16
MOMENT_NAMES = ("exp_avg", "exp_avg_sq")
SMALL_MOMENTS = (*MOMENT_NAMES, "lost")


def build_optimizer(parameters: Iterable[Tensor], config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer that `config.kind` names."""
    kind = {"adamw": torch.optim.AdamW, "adamw_bf16": AdamWBf16}[config.kind]
    made: torch.optim.Optimizer = kind(
        parameters,
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        weight_decay=config.weight_decay,
    )
    return made


def load_moments(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> bool:
    """Go on from a saved state, which may be the other kind's; whether it had to be converted.

    AdamW's moments are rounded to bfloat16 and nothing has been lost yet; the other way they are widened, and what
    rounding had lost (less than one step of the weights' dtype) is let go.
    """
    ours = set(SMALL_MOMENTS if isinstance(optimizer, AdamWBf16) else MOMENT_NAMES)
    converted = False
    state = {}
    for place, numbers in saved["state"].items():
        kept = {name: value for name, value in numbers.items() if name in ours or name == "step"}
        if set(kept) != set(numbers) or not ours <= set(numbers):
            converted = True
            for name in ours - set(kept):
                kept[name] = torch.zeros_like(numbers[MOMENT_NAMES[0]])
        state[place] = kept
    optimizer.load_state_dict({**saved, "state": state})
    return converted


class AdamWBf16(torch.optim.Optimizer):
    """AdamW with both moments in bfloat16 and Kahan summation (the published scripts' `adamw_bf16`).

    What an update loses when it is rounded to the weight's own dtype waits in a third bfloat16 number and joins the
    next update, so that many small steps of a bfloat16 weight add up instead of vanishing.
    """

    def __init__(
        self, params: Iterable[Tensor], *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, weight: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[weight], weight.grad
        if not state:
            state["step"] = torch.tensor(0.0)
            for name in SMALL_MOMENTS:
                state[name] = torch.zeros_like(weight, dtype=MOMENTS)
        state["step"] += 1
        count, (beta1, beta2) = float(state["step"]), group["betas"]
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        mean = state["exp_avg"].mul_(beta1).add_(gradient, alpha=1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        divisor = (square.sqrt() / (1 - beta2**count) ** 0.5).add_(group["eps"])
        lost = state["lost"].addcdiv_(mean, divisor, value=-group["lr"] / (1 - beta1**count))
        before = weight.clone()
        weight.add_(lost)
        lost.add_(before.sub_(weight))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state. torch casts it to the weights' dtype; every moment fits back exactly."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            for name in SMALL_MOMENTS:
                state[name] = state[name].to(MOMENTS)
