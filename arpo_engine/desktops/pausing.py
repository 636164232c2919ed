"""Keeps a machine paused while the model thinks, and never longer. Knows no provider and no task.

Whether it is paused is remembered here and asked of nobody: a machine is paused after each look, and woken before
whatever is asked of it next.
"""

from __future__ import annotations

from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.desktops.machines import PausableMachine


class Pauses:
    """The pauses of one machine."""

    def __init__(self, machine: PausableMachine) -> None:
        self._machine = machine
        self._paused = False

    def begin(self) -> None:
        """The model thinks now.

        Raises:
            DesktopLost: the machine cannot be paused.
        """
        # Before it is asked for: a pause of which nobody knows whether it came has to be ended, too.
        self._paused = True
        self._machine.pause()

    def end(self) -> None:
        """Somebody wants something of the machine; nothing happens where it is not paused.

        Raises:
            DesktopLost: it is gone.
            DesktopStuck: it is there, and cannot be woken.
        """
        if not self._paused:
            return
        try:
            self._machine.wake()
        except DesktopLost as error:
            if self._machine.gone():
                raise
            raise DesktopStuck(
                f"{self._machine.name} was paused while the model thought, and cannot be woken: {error}"
            ) from error
        self._paused = False
