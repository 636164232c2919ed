"""Installing: what is installed when, what a failure says, what the doctor and the pages are told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from webapp.supervisor import browser, doctor, install, libraries
from webapp.supervisor.engine_setup import EngineSetup
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.setup_state import read_state
from webapp.supervisor.terminal import Terminal

STAGE = install.Stage(name="small", title="Installing something small", usual_s=1)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment folder of its own, so that no stamp of the real one is read or written."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(install, "REQUIREMENTS", tmp_path)
    (tmp_path / "small.txt").write_text("one==1\n")
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be run; each succeeds."""
    ran: list[list[str]] = []

    def run(argv: list[str], log: Path, beat: install.Beat) -> int:
        ran.append(argv)
        return 0

    monkeypatch.setattr(install, "run", run)
    return ran


def test_what_is_installed_is_not_installed_again(prefix: Path, commands: list[list[str]]) -> None:
    install.install(STAGE, prefix / "log", lambda elapsed_s: None)
    install.install(STAGE, prefix / "log", lambda elapsed_s: None)
    assert len(commands) == 1
    assert install.is_installed(STAGE)


def test_a_changed_lock_is_installed_again(prefix: Path, commands: list[list[str]]) -> None:
    install.install(STAGE, prefix / "log", lambda elapsed_s: None)
    (prefix / "small.txt").write_text("one==2\n")
    assert not install.is_installed(STAGE)


def test_only_locked_files_with_their_hashes_are_taken(prefix: Path, commands: list[list[str]]) -> None:
    install.install(STAGE, prefix / "log", lambda elapsed_s: None)
    assert commands[0][-4:] == ["--require-hashes", "--no-deps", "-r", str(prefix / "small.txt")]


def test_pip_does_it_where_uv_fails(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(argv: list[str], log: Path, beat: install.Beat) -> int:
        ran.append(argv)
        return 1 if "uv" in Path(argv[0]).name else 0

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "uv_program", lambda log, beat: "/somewhere/uv")
    install.install(STAGE, prefix / "log", lambda elapsed_s: None)
    assert ran[1][1:3] == ["-m", "pip"]
    assert install.is_installed(STAGE)


def test_a_failed_installation_says_what_and_that_it_can_be_repeated(prefix: Path) -> None:
    (prefix / "small.txt").write_text(
        "small @ file:///nowhere/small-1-py3-none-any.whl --hash=sha256:" + "0" * 64 + "\n"
    )
    with pytest.raises(SupervisorError, match=r"(?s)Installing something small ended with .*MB are free.*run the same"):
        install.install(STAGE, prefix / "log", lambda elapsed_s: None)
    assert not install.is_installed(STAGE)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("", ["torch==2.13.0"]),
        ("cpu", ["torch==2.13.0+cpu"]),
        ("cuda", ["torch==2.13.0"]),
        ("torch==2.13.0 --no-deps", ["torch==2.13.0", "--no-deps"]),
    ],
)
def test_the_build_of_torch_is_a_choice(monkeypatch: pytest.MonkeyPatch, choice: str, words: list[str]) -> None:
    monkeypatch.setenv("ARPO_TORCH", choice)
    assert install.wanted_torch() == words


@pytest.mark.parametrize(
    ("choice", "gpu", "tried"),
    [
        ("", None, ["--torch-backend cpu", "pip install torch"]),
        ("", "/usr/bin/nvidia-smi", ["pip install torch"]),
        ("cuda", None, ["pip install torch"]),
    ],
)
def test_a_linux_without_a_gpu_is_spared_gigabytes_of_cuda_where_that_can_be(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, choice: str, gpu: str | None, tried: list[str]
) -> None:
    asked: list[str] = []

    def cannot_reach_uvs_index(argv: list[str], *_: object) -> int:
        asked.append(" ".join(argv))
        return int("--torch-backend" in argv)

    monkeypatch.setenv("ARPO_TORCH", choice)
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setattr(install.shutil, "which", lambda name: gpu)
    monkeypatch.setattr(install, "run", cannot_reach_uvs_index)
    monkeypatch.setattr(install, "uv_program", lambda log, beat: "uv")
    monkeypatch.setattr(install, "torch_version", lambda: None)
    install.install(install.TORCH_STAGE, prefix / "log", lambda elapsed_s: None)
    spoken = [line.replace(" --disable-pip-version-check --no-input", "") for line in asked]
    assert [words in line for words, line in zip(tried, spoken, strict=True)] == [True] * len(tried)
    assert install.is_installed(install.TORCH_STAGE)


def test_a_missing_cpu_build_names_the_cure(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_TORCH", "cpu")
    monkeypatch.setattr(install, "run", lambda argv, *_: 1)
    with pytest.raises(SupervisorError, match=r"PyTorch's index of CPU builds.*or set ARPO_TORCH=auto"):
        install.install(install.TORCH_STAGE, prefix / "log", lambda elapsed_s: None)


def test_the_pages_are_told_how_far_the_engine_is(
    tmp_path: Path, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def slow(stage: install.Stage, log: Path, report: Callable[[float], None]) -> None:
        report(float(stage.usual_s))
        state = read_state(tmp_path)
        assert state is not None
        seen.append((state.phase, state.percent))

    monkeypatch.setattr(install, "is_installed", lambda stage: False)
    monkeypatch.setattr(install, "install", slow)
    monkeypatch.setattr("webapp.supervisor.engine_setup.warm_up", lambda: None)
    setup = EngineSetup(tmp_path, Terminal(), here=True)
    setup.start()
    assert setup.installed.wait(10)
    assert [phase for phase, _ in seen] == ["torch", "engine"]
    assert 0 < seen[0][1] < seen[1][1] < 85
    setup.say_done()
    done = read_state(tmp_path)
    assert done is not None
    assert (done.done, done.percent) == (True, 100)


def test_a_failed_engine_is_told_to_the_pages(tmp_path: Path, prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(stage: install.Stage, log: Path, report: Callable[[float], None]) -> None:
        raise SupervisorError("no space left; free some")

    monkeypatch.setattr(install, "is_installed", lambda stage: False)
    monkeypatch.setattr(install, "install", fail)
    setup = EngineSetup(tmp_path, Terminal(), here=True)
    setup.start()
    assert setup.installed.wait(10)
    state = read_state(tmp_path)
    assert state is not None
    assert (state.done, state.error) == (False, "no space left; free some")


def test_a_library_that_is_missing_is_named_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "QT_LIBRARIES", {"libnothere.so.9": "libnothere9", "libc.so.6": "libc6"})
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(libraries.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(libraries.os, "geteuid", lambda: 1000)
    missing = libraries.missing_libraries()
    assert missing == ["libnothere.so.9"]
    assert libraries.install_line(missing) == "sudo apt-get install -y libnothere9"
    assert "this system lacks libnothere.so.9" in libraries.words_for_missing(missing)[0]


def test_nothing_missing_says_nothing() -> None:
    assert libraries.words_for_missing([]) == []


def test_system_packages_are_not_installed_by_an_ordinary_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries.os, "geteuid", lambda: 1000)
    with pytest.raises(SupervisorError, match="that needs root and apt-get"):
        libraries.apt_install(["libgl1"], tmp_path / "log")


def test_a_named_browser_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.PATH, "/nowhere/chromium")
    with pytest.raises(SupervisorError, match="ARPO_CHROMIUM is /nowhere/chromium, and no file is there"):
        browser.find_chromium()


def test_the_doctor_looks_at_everything_and_every_complaint_has_a_cure(tmp_path: Path) -> None:
    findings = list(doctor.examine(tmp_path, 8000))
    assert {"Python", "Disk", "Memory", "Qt's libraries", "torch", "Chromium", "Docker"} <= {f.about for f in findings}
    assert all(f.cure for f in findings if f.verdict is doctor.Verdict.FAIL)


def test_the_doctor_fails_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 10 * 2**20
        total = 2**40

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Full)
    disk = next(finding for finding in doctor.examine(tmp_path, 8000) if finding.about == "Disk")
    assert disk.verdict is doctor.Verdict.FAIL
    assert "--data-dir" in disk.cure
    assert doctor.report(tmp_path, 8000, Terminal()) == 1
