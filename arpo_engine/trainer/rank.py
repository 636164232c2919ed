"""One rank of a learner: its part of the policy and of the optimizer, and what it does when it is asked.

The process group is open already; who carries requests is not known here.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import ArpoError
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.building import build_learner
from arpo_engine.trainer.fsdp import build_mesh, spread, spread_over, take_weights, whole_weights
from arpo_engine.trainer.moments import groups_of, write_moments
from arpo_engine.trainer.rank_wire import (
    Answer,
    Done,
    Failed,
    Learn,
    Penalise,
    ReadState,
    ReadWeights,
    Request,
    SaveMoments,
    Sheet,
    TakeState,
    TakeWeights,
)

log = logging.getLogger(__name__)

CURE = (
    "use more ranks (learner.ranks), learner.offload = true, model.lora.rank with model.freeze_vision = true, fewer "
    "screenshots (agent.max_images) or a smaller learner.tokens_per_pass, and resume the run"
)


class Rank:
    """Loads the policy, keeps its part of it, and answers."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        # FSDP warns of results that are views, lest somebody changes them in place; nobody does.
        warnings.filterwarnings("ignore", message=".*returned a view tensor.*")
        model = config.model
        self._policy = Policy.load(model.path, model.dtype, model.trust_remote_code, model.max_pixels)
        self._policy.train_only(model, config.seed)
        self._siblings = spread(self._policy, config.learner, device)

        def beside(frozen: Policy) -> None:
            offload = config.learner.offload or config.algorithm.kl.offload
            settings = config.learner.model_copy(update={"offload": offload})
            spread_over(frozen, settings, build_mesh(config.learner, device), device)
            frozen.passes_of_all = self._siblings.most

        self._learner = build_learner(config, self._policy, self._siblings, beside)

    def answer(self, request: Request) -> Answer:
        """Meet a request; whatever goes wrong is an answer, too, for the others of the group must be ended then."""
        try:
            return Done(self._met(request))
        except ArpoError as error:
            return Failed("error", str(error), error)
        except (torch.OutOfMemoryError, MemoryError) as error:
            reason = str(error).partition(". ")[0] or type(error).__name__
            return Failed("memory", f"out of memory while it met {type(request).__name__} ({reason}); {CURE}")
        # A mistake here must end the siblings that wait for this rank, and be read by somebody.
        except Exception as error:
            log.exception("a rank failed", extra={"request": type(request).__name__})
            text = f"{type(error).__name__}: {error}"
            return Failed("disk", text) if isinstance(request, SaveMoments) else Failed("error", text)

    def _met(self, request: Request) -> Any:
        value: Any = None
        match request:
            case Learn(groups, step, rate_factor):
                self._learner.rate_factor = rate_factor
                value = self._learner.learn(groups, step)
            case Penalise(trajectories, remembered):
                penalty = self._learner.reward_penalty
                assert penalty is not None, "only asked where the config has such a penalty"
                value = penalty(trajectories, remembered)
            case ReadWeights(names):
                whole = whole_weights(self._policy, names)
                value = {name: Sheet.of(tensor) for name, tensor in whole.items()} if self._first else None
            case TakeWeights(weights):
                take_weights(self._policy, {name: sheet.tensor() for name, sheet in weights.items()})
            case ReadState():
                value = {**self._learner.state_dict(), "groups": groups_of(self._learner.optimizer)}
            case TakeState():
                self._learner.load_state_dict(request.whole())
            case SaveMoments(folder):
                write_moments(self._learner.optimizer, folder)
        return value if self._first else None

    @property
    def _first(self) -> bool:
        return self._siblings.rank == 0
