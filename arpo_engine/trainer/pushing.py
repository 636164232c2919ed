"""Exports of a run on their way to a hub, beside the training: it neither waits for them nor fails with them.

A push works on hard links of the export, so that pruning may drop the checkpoint meanwhile. Of several that wait only
the newest is sent. What a hub is, `trainer.hub` knows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from arpo_engine.contract.config.parts import CheckpointConfig
from arpo_engine.contract.events import LogWritten, PhaseChanged
from arpo_engine.contract.reporting import EventSink
from arpo_engine.trainer.checkpoint import Saved
from arpo_engine.trainer.hub import upload_export, without_token

LOGGER = "arpo_engine.trainer.pushing"
LINKS = ".push-"
Upload = Callable[[Path, str], str]
"""Sends a folder with a commit message; where it is now."""
CURE = "the export stays in the run folder; push it by `hf upload`"


class Pusher:
    """Sends exports to where the config says, one at a time; without such a place it does nothing."""

    def __init__(self, config: CheckpointConfig, sink: EventSink, upload: Upload | None = None) -> None:
        self._config = config
        self._sink = sink
        self._upload = upload or partial(upload_export, config)
        self._change = threading.Condition()
        self._waiting: tuple[int, Path] | None = None
        self._busy = False
        self._last: int | None = None

    def best(self, saved: Saved) -> None:
        """A checkpoint is the best so far; the policy that a run starts from is no result of it."""
        if self._config.push_when == "best" and saved.step > 0:
            self._push(saved)

    def end(self, saved: Saved, merged: Path | None = None) -> None:
        """The run has come to its end with this checkpoint; `merged` is its adapter merged into its model."""
        if self._config.push_when == "end":
            self._push(saved, merged)

    def finish(self) -> None:
        """Wait until everything is sent, for no longer than `push_timeout_s`."""
        with self._change:
            if self._busy:
                self._sink.emit(PhaseChanged(phase="saving", detail=f"sending the export to {self._config.push_to}"))
            if not self._change.wait_for(lambda: not self._busy, timeout=self._config.push_timeout_s):
                limit = f"checkpoint.push_timeout_s = {self._config.push_timeout_s:g}"
                self._tell("warning", f"the push to {self._config.push_to} is not done after {limit}; {CURE}")

    def _push(self, saved: Saved, merged: Path | None = None) -> None:
        if self._config.push_to is None or saved.step == self._last:
            return
        if self._last is None:
            for left in saved.path.parent.glob(f"{LINKS}*"):  # by an attempt that was killed while it sent
                shutil.rmtree(left, ignore_errors=True)
        self._last = saved.step
        try:
            links = Path(tempfile.mkdtemp(prefix=LINKS, dir=saved.path.parent))
            shutil.copytree(merged or saved.policy, links / "export", copy_function=_link)
        except OSError as error:
            self._tell("warning", f"step {saved.step} is not pushed to {self._config.push_to}: {error}; {CURE}")
            return
        with self._change:
            if self._waiting is not None:
                shutil.rmtree(self._waiting[1], ignore_errors=True)
            self._waiting = (saved.step, links)
            if not self._busy:
                self._busy = True
                # A daemon: a hub that never answers must not keep the process of a finished run alive.
                threading.Thread(target=self._work, name="push", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._change:
                if self._waiting is None:
                    self._busy = False
                    self._change.notify_all()
                    return
                (step, links), self._waiting = self._waiting, None
            self._send(step, links)

    def _send(self, step: int, links: Path) -> None:
        try:
            where = self._upload(links / "export", f"Step {step}")
        except Exception as error:  # noqa: BLE001 - whatever a hub answers, the training goes on
            reason = without_token(self._config, f"{type(error).__name__}: {error}")
            self._tell("warning", f"step {step} is not pushed to {self._config.push_to}: {reason}; {CURE}")
        else:
            self._tell("info", f"step {step} is pushed to {where}")
        finally:
            shutil.rmtree(links, ignore_errors=True)

    def _tell(self, level: Literal["info", "warning"], message: str) -> None:
        self._sink.emit(LogWritten(level=level, logger=LOGGER, message=message))


def _link(source: str, target: str) -> None:
    """The same file under another name; a copy where the file system knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
