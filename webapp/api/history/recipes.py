"""Who is in the made-up team, which runs its year is made of, and in which settings they differ. Data only."""

from __future__ import annotations

from typing import Any, Final

from webapp.api.history.variation import Variation

TEAM: Final = "Desktop lab"
PEOPLE: Final = (("mira", "Mira Okafor"), ("jonas", "Jonas Lindqvist"), ("wei", "Wei Zhang"), ("ana", "Ana Duarte"))
VARIATIONS: Final = (
    Variation(seed=1, last_step=60),
    Variation(seed=2, last_step=60, kept_tasks=0.5, fault_share=0.03),
    Variation(seed=3, last_step=44, outcome="stopped", reason="Stopped by Mira Okafor", kept_tasks=0.8),
    Variation(seed=4, last_step=60, restarted_from=20, kept_tasks=0.7, fault_share=0.1),
    Variation(seed=5, last_step=23, outcome="failed", reason="The loss is not a finite number (guard.max_returns 3)"),
    Variation(seed=6, last_step=60, kept_tasks=0.35),
)
SETTINGS: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("optimizer.lr", (1e-4, 2.5e-4, 5e-4, 1e-3)),
    ("rollout.temperature", (0.7, 1.0, 1.2)),
    ("algorithm.replay.enabled", (True, True, False)),
    ("algorithm.clip.high", (0.2, 0.3)),
    ("seed", (0, 1, 2, 3, 4)),
)
WORDS: Final = {
    "optimizer.lr": "lr {:g}",
    "rollout.temperature": "temperature {}",
    "algorithm.replay.enabled": "no replay",
    "algorithm.clip.high": "clip {}",
    "seed": "seed {}",
}
TAGS: Final = ("baseline", "ablation", "seed study", "paper", "nightly")
