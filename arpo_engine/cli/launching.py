"""What `train` and `evaluate` share: the run folder, the recorder, signals, and telling everybody how it ended."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arpo_engine.cli.greeting import greet_console
from arpo_engine.cli.progress import ProgressSink
from arpo_engine.cli.scripts import load_script
from arpo_engine.contract.config import RunConfig, load_config
from arpo_engine.contract.errors import ArpoError, ConfigError
from arpo_engine.contract.events import RunEnded
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import SPOOL_NAME, RunRecorder, last_attempt
from arpo_engine.contract.secrets import redact_output
from arpo_engine.desktops.docker.labels import mark_process
from arpo_engine.runtime.event_log import EventLogHandler
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.executors import build_executor
from arpo_engine.runtime.mirrors import with_mirrors
from arpo_engine.runtime.telemetry import Telemetry
from arpo_engine.trainer.parts import Ending
from arpo_engine.trainer.stop import ATTEMPTS_KEPT, EPISODES_KEPT, StopSwitch

log = logging.getLogger(__name__)

TOKEN_VARIABLE = "ARPO_ATTEMPT_TOKEN"
RUNS = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a run is given by the command line."""

    config: RunConfig
    run_dir: Path
    attempt: int
    sink: ProgressSink
    executor: Executor
    stop: StopSwitch


def add_run_arguments(parser: argparse.ArgumentParser, *, default_config: Path | None = None) -> None:
    """The options of a run. Without a config to begin with, one must be named, or a script that becomes one."""
    example = "YAML or JSON file, such as configs/pocket_demo.yaml"
    if default_config is not None:
        known = f"{example} (default: {default_config.name}, on the small desktop)"
        parser.add_argument("--config", type=Path, default=default_config, help=known)
        parser.set_defaults(script=None)
    else:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--config", type=Path, help=example)
        source.add_argument(
            "--from", dest="script", type=Path, metavar="SCRIPT", help="a script or command of ARPO or EasyR1, as it is"
        )
    parser.add_argument("settings", nargs="*", metavar="key=value", help="change a setting: optimizer.lr=1e-4")
    parser.add_argument("--run-dir", type=Path, help="folder of the run (default: a new one under runs/)")
    parser.add_argument("--attempt", type=int, help="number of this attempt (default: one more than the last)")
    parser.add_argument("--executor", choices=["local", "ray"], default="local", help="where desktops run")
    parser.add_argument("--report-to", metavar="URL", help="address of a console that shows the run")
    parser.add_argument("--run-id", help=f"the run's id in that console; its token is read from {TOKEN_VARIABLE}")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def launch(arguments: argparse.Namespace, kind: str, work: Callable[[Launch], Awaitable[Ending]]) -> Ending:
    """Open the run folder, do the work, and record how it ended, whatever happens.

    Raises:
        ArpoError: it could not be done; the run folder and the console have been told.
        KeyboardInterrupt: it was stopped at once.
    """
    config = _config(arguments)
    if config.kind != kind:
        raise ConfigError(f"kind is {config.kind!r}; use `python -m arpo_engine {config.kind}`, or set kind={kind}")
    run_dir = arguments.run_dir or _new_run_dir(config)
    attempt = _open_run_dir(run_dir, config, arguments.attempt)
    mark_process(arguments.run_id or run_dir.name, attempt)
    if arguments.report_to:
        greet_console(arguments.report_to, arguments.run_id, os.environ.get(TOKEN_VARIABLE))
        redact_output(os.environ)
    recorder = RunRecorder(
        run_dir,
        attempt,
        frames=config.frames,
        report_to=arguments.report_to,
        run_id=arguments.run_id,
        token=os.environ.get(TOKEN_VARIABLE),
        closely=kind == "try",
    )
    handler = EventLogHandler(recorder)
    logging.getLogger("arpo_engine").addHandler(handler)
    # A mirror speaks only once the run has begun, and so the sink is there by then.
    sink = with_mirrors(recorder, config, run_dir, say=lambda text: progress.say(text), quiet=arguments.quiet)
    progress = ProgressSink(sink, quiet=arguments.quiet)
    executor = build_executor(arguments.executor)
    stop = (
        StopSwitch(progress, minutes=config.limits.minutes)
        if kind == "train"
        else StopSwitch(progress, minutes=None, kept=EPISODES_KEPT if kind == "try" else ATTEMPTS_KEPT)
    )
    ready = Launch(config=config, run_dir=run_dir, attempt=attempt, sink=progress, executor=executor, stop=stop)
    progress.say(f"run folder {run_dir}")
    try:
        every_s = config.records.telemetry_every_s
        with Telemetry(recorder, run_dir, every_s=every_s, other_pids=lambda: executor.pids):
            return _to_its_end(ready, work)
    finally:
        logging.getLogger("arpo_engine").removeHandler(handler)
        progress.close()


def _config(arguments: argparse.Namespace) -> RunConfig:
    """The run's config from our YAML, or from a command of the published code."""
    if arguments.script is None:
        return load_config(arguments.config, arguments.settings)
    imported = load_script(arguments.script, arguments.settings)
    config = imported.ready()
    if not arguments.quiet:
        counts = ", ".join(f"{count} {verdict.value}" for verdict, count in imported.counts.items())
        print(f"{arguments.script}: keys {counts}; `import-config {arguments.script}` shows each of them")
    return config


def _to_its_end(ready: Launch, work: Callable[[Launch], Awaitable[Ending]]) -> Ending:
    try:
        ending = asyncio.run(_with_signals(ready, work))
    except (asyncio.CancelledError, KeyboardInterrupt) as interrupt:
        _tell_end(ready, RunOutcome.STOPPED, "stopped at once; it goes on from its last checkpoint when resumed")
        raise KeyboardInterrupt from interrupt
    except ArpoError as error:
        _tell_end(ready, RunOutcome.FAILED, str(error))
        raise
    except Exception as error:
        reason = f"the engine met an error that it does not know ({type(error).__name__}: {error}); see the log"
        _tell_end(ready, RunOutcome.FAILED, reason)
        raise
    _tell_end(ready, ending.outcome, ending.reason)
    return ending


def _tell_end(ready: Launch, outcome: RunOutcome, reason: str) -> None:
    ready.sink.emit(RunEnded(outcome=outcome, step=ready.sink.step, reason=reason))


async def _with_signals(ready: Launch, work: Callable[[Launch], Awaitable[Ending]]) -> Ending:
    """A first signal lets the step end; a second one ends everything now."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work(ready))
    heard: list[signal.Signals] = []

    def hear(number: signal.Signals) -> None:
        heard.append(number)
        if len(heard) == 1:
            print(f"{number.name}: what is under way ends first; once more stops at once", file=sys.stderr)
            ready.stop.signalled(number.name)
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):
            loop.add_signal_handler(number, hear, number)
    return await task


def _new_run_dir(config: RunConfig) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", config.title.lower()).strip("-") or "run"
    return RUNS / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{slug[:40]}"


def _open_run_dir(run_dir: Path, config: RunConfig, attempt: int | None) -> int:
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        (run_dir / "config.json").write_text(json.dumps(config.model_dump(mode="json"), indent=1), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write the run folder {run_dir}: {error.strerror}; give another with --run-dir"
        ) from error
    return attempt or last_attempt(run_dir / SPOOL_NAME) + 1
