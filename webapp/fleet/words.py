"""Phases of a desktop as people read them: a shape, a word, a tone. Knows no row and no request."""

from __future__ import annotations

from dataclasses import dataclass

from arpo_engine.contract.fleet import DesktopPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLook:
    """How a phase looks; no two share an icon, so that it is told apart without its colour."""

    icon: str
    word: str
    tone: str
    """`plain`, `accent`, `good`, `warn`, `bad` or `odd`."""
    says: str
    """A sentence for whoever points at it."""


LOOKS: dict[str, PhaseLook] = {
    DesktopPhase.STARTING: PhaseLook(icon="preparing", word="starting", tone="odd", says="Its process is starting."),
    DesktopPhase.ASLEEP: PhaseLook(
        icon="moon", word="asleep", tone="plain", says="Not started, as fewer are needed now; it is when episodes wait."
    ),
    DesktopPhase.SPARE: PhaseLook(icon="queued", word="spare", tone="plain", says="Ready; no episode has it."),
    DesktopPhase.RESETTING: PhaseLook(
        icon="replay", word="resetting", tone="accent", says="It is brought into the state in which the task begins."
    ),
    DesktopPhase.THINKING: PhaseLook(icon="wait", word="thinking", tone="accent", says="It waits for the model."),
    DesktopPhase.ACTING: PhaseLook(icon="click", word="acting", tone="good", says="An action is carried out."),
    DesktopPhase.SCORING: PhaseLook(icon="gauge", word="scoring", tone="good", says="The task is being scored."),
    DesktopPhase.DRAINED: PhaseLook(
        icon="stopped", word="drained", tone="plain", says="Ready, but its machine takes no new episodes."
    ),
    DesktopPhase.QUARANTINED: PhaseLook(icon="flag", word="quarantined", tone="warn", says="Taken out."),
    DesktopPhase.RESTARTING: PhaseLook(
        icon="retry", word="restarting", tone="warn", says="Its process is being started again."
    ),
    DesktopPhase.GONE: PhaseLook(icon="cross", word="gone", tone="bad", says="Given up."),
}


def look_of(phase: str) -> PhaseLook:
    """How a phase looks; one that a newer engine sends is shown by its name."""
    return LOOKS.get(phase) or PhaseLook(icon="info", word=phase, tone="plain", says="")
