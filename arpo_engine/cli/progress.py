"""What a person sees in a terminal while a run is on: a bar where there is a terminal, one line a step elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from arpo_engine.contract.events import (
    CheckpointSaved,
    CollapseNoticed,
    Event,
    FaultNoticed,
    PhaseChanged,
    ReplayChanged,
    RunEnded,
    RunStarted,
    StepFinished,
    TasksSelected,
    ValidationFinished,
)
from arpo_engine.contract.reporting import EventSink, PassingSink
from arpo_engine.evaluation.selection import in_words

MOST_TASKS_SHOWN = 30


class ProgressSink(PassingSink):
    """Passes everything on and shows what matters. Speaks to stderr; results go to stdout."""

    def __init__(self, inner: EventSink, *, quiet: bool) -> None:
        super().__init__(inner)
        self._console = Console(stderr=True, quiet=quiet, soft_wrap=True, highlight=False)
        self._bar: Progress | None = None
        self._replay = 0
        self._steps = 0
        self._tenths = -1
        """How many tenths of a counted phase were told; a line for every event would be too many."""
        self.step = 0
        """The last step that was finished."""
        if sys.stderr.isatty() and not quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.completed}/{task.total}"),
                TextColumn("{task.fields[detail]}"),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("preparing", total=None, detail="")
            self._bar.start()

    def emit(self, event: Event) -> None:
        """Pass the event on, and show it if it is for people."""
        super().emit(event)
        self._show(event)

    def close(self) -> None:
        """End the bar, then what is inside."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        super().close()

    def say(self, text: str) -> None:
        """A line for the person."""
        self._console.print(text, markup=False)

    def _show(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begin(event)
            case PhaseChanged():
                self._phase(event)
            case TasksSelected():
                self._selected(event)
            case ReplayChanged():
                self._replay = event.size
            case StepFinished():
                self.step = event.step
                self._step(event)
            case ValidationFinished():
                self.say(f"step {event.step}: {event.tasks or event.split} {_measured(event)}")
            case CheckpointSaved() if event.best:
                self.say(f"step {event.step}: best checkpoint so far, {event.path}")
            case CollapseNoticed() | FaultNoticed():
                self.say(event.message)
            case RunEnded():
                if self._bar is not None:
                    self._bar.update(self._task, description=event.outcome)
                self.say(f"{event.outcome}: {event.reason}")

    def _begin(self, event: RunStarted) -> None:
        self.step = event.resumed_from_step or 0
        resumed = f", resumed from step {event.resumed_from_step}" if event.resumed_from_step is not None else ""
        self.say(f"{event.desktops} desktops, {event.train_tasks} training tasks{resumed}")
        self._steps = event.total_steps
        if self._bar is not None:
            self._bar.update(self._task, total=event.total_steps, completed=event.resumed_from_step or 0)

    def _phase(self, event: PhaseChanged) -> None:
        left = f"; {_duration(event.eta_s)} left" if event.eta_s is not None else ""
        if self._bar is not None:
            self._bar.update(self._task, description=event.phase)
            if event.total:
                self._bar.update(self._task, total=event.total, completed=event.done, detail=f"tries{left}")
        elif event.phase == "preparing":
            self.say(event.detail)
        elif event.total:
            tenths = 10 * (event.done or 0) // event.total
            if tenths != self._tenths:
                self._tenths = tenths
                self.say(f"{event.detail}{left}")

    def _selected(self, event: TasksSelected) -> None:
        """The counts, and each task that is practised; why each other one is not stands in the file."""
        again = " (chosen before, used again)" if event.kept else ""
        self.say(f"{in_words(event.choice)}{again}")
        chosen = event.choice.chosen
        if chosen and not event.kept:
            for task in chosen[:MOST_TASKS_SHOWN]:
                apart = ", infeasible" if task.infeasible else ""
                self.say(f"  {task.task_id}  {_share(task.successes, task.attempts)}{apart}")
            more = f"and {len(chosen) - MOST_TASKS_SHOWN} more; " if len(chosen) > MOST_TASKS_SHOWN else ""
            self.say(f"  {more}every task with its verdict: results/selection.json")
        if self._bar is not None:
            self._bar.update(self._task, total=self._steps, completed=self.step, detail="")

    def _step(self, event: StepFinished) -> None:
        left = f"  {_duration(event.eta_s)} left" if event.eta_s is not None else ""
        detail = f"success {_share(event.successes, event.attempts)}  replay {self._replay}{left}"
        if self._bar is not None:
            self._bar.update(self._task, completed=event.step, detail=detail)
        else:
            self.say(f"step {event.step}/{event.total_steps}  {detail}")


def _share(successes: int, attempts: int) -> str:
    return f"{successes}/{attempts}" + (f" ({successes / attempts:.0%})" if attempts else "")


def _measured(event: ValidationFinished) -> str:
    interval = event.figures.feasible.interval if event.figures else None
    between = f", 95 % interval {interval[0]:.1%} – {interval[1]:.1%}" if interval else ""
    return _share(event.successes, event.attempts) + between


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
