"""What is written about a run besides its results, and which trackers its numbers are shown to."""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from arpo_engine.contract.base import Strict
from arpo_engine.contract.published_metrics import MetricNames

MirrorKind = Literal["console", "tensorboard", "wandb", "mlflow"]
MIRRORS: tuple[MirrorKind, ...] = get_args(MirrorKind)


class RecordsConfig(Strict):
    """What is written about a run besides its results."""

    telemetry_every_s: float = Field(5.0, gt=0)
    desktops_every_s: float = Field(2.0, ge=0.5)
    """Shortest time between two looks at what the desktops are at; each tells only what changed."""
    tokens: bool = True
    """Keep ids, log-probs and weight versions of every step in the run folder."""
    mirrors: tuple[MirrorKind, ...] = ()
    """Trackers that get each step's numbers too, such as [tensorboard, wandb]: `console` (one line a step),
    `tensorboard` (files below the run folder), `wandb` (sent with a key in the environment, else files for
    `wandb sync`), `mlflow` (MLFLOW_TRACKING_URI, else files). A tracker that hangs or fails never stops a run."""
    metric_names: MetricNames = "ours"
    """Names that the mirrors use: our own, those of the published ARPO code, so that an old run and a new one lie on
    one chart, or both."""
    project: str = Field("arpo", min_length=1, max_length=120)
    """W&B's project and MLflow's experiment."""
    run_name: str | None = Field(None, min_length=1, max_length=120)
    """The run's name there; none: the run's title."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = sorted({kind for kind in self.mirrors if self.mirrors.count(kind) > 1})
        if twice:
            raise ValueError(f"mirrors has {', '.join(twice)} more than once; name each tracker once")
        return self
