"""The pipe to OSWorld's code, with a simulated package and a simulated desktop: every way in which it can go wrong."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from arpo_engine.contract.errors import AssetMissing, DesktopLost, DesktopStuck, EvaluatorError, SetupFailed
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import OWN_FOLDER, PREFIX, ScoringHome, reap
from arpo_engine.tasks.osworld.scoring import DesktopAddress, ScoringLimits, ScoringProcess
from tests.engine.tasks.osworld.simulated import FakeDesktop, SimulatedHome, install_package, simulated_home, task_of

URL = "https://files.example.org/a.txt"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SimulatedHome:
    packages = tmp_path_factory.mktemp("packages")
    install_package(packages)
    return simulated_home(packages)


@pytest.fixture
def desktop() -> Iterator[FakeDesktop]:
    one = FakeDesktop()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def scoring(home: SimulatedHome, tmp_path: Path) -> Iterator[ScoringProcess]:
    process = ScoringProcess(home, AssetCache(tmp_path / "assets", offline=True))
    yield process
    process.close()


def _score(
    scoring: ScoringProcess, desktop: FakeDesktop, func: str, last_action: str | None = None, **more: object
) -> float:
    task = task_of(func, **more)
    scoring.setup(task, desktop.address)
    return scoring.evaluate(task, desktop.address, last_action)


def test_a_score_comes_back_as_it_was_given(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    assert _score(scoring, desktop, "exact_match") == 1.0
    assert _score(scoring, desktop, "exact_match", score=0.25) == 0.25
    assert scoring.starts == 1


def test_an_infeasible_task_is_decided_by_the_last_action(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    assert _score(scoring, desktop, "infeasible", "FAIL") == 1.0
    assert _score(scoring, desktop, "infeasible", "DONE") == 0.0
    assert _score(scoring, desktop, "infeasible") == 0.0


def test_setup_steps_reach_the_desktop_with_its_token_and_nobody_else_gets_it(
    scoring: ScoringProcess, desktop: FakeDesktop, tmp_path: Path
) -> None:
    step = {"type": "execute", "parameters": {"command": ["touch", str(tmp_path / "made")]}}
    scoring.setup(task_of(config=[step]), desktop.address)
    assert (tmp_path / "made").exists()
    assert {headers.get("X-Token") for _, headers in desktop.calls} == {"secret"}


def test_an_evaluator_that_raises_gives_no_score_and_says_why(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(EvaluatorError, match="ValueError: the evaluator is wrong"):
        _score(scoring, desktop, "check_list")
    assert _score(scoring, desktop, "exact_match") == 1.0
    assert scoring.starts == 1


def test_a_score_that_is_no_number_from_0_to_1_is_no_score(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(EvaluatorError, match="nan, which is no score"):
        _score(scoring, desktop, "check_json")
    with pytest.raises(EvaluatorError, match=r"7\.0, which is no score"):
        _score(scoring, desktop, "exact_match", score=7)


def test_an_evaluator_that_hangs_is_ended_with_all_that_it_started_and_the_next_one_scores(
    home: SimulatedHome, desktop: FakeDesktop, tmp_path: Path
) -> None:
    scoring = ScoringProcess(home, AssetCache(tmp_path), ScoringLimits(evaluate_s=0.3))
    try:
        scoring.setup(task_of("compare_table"), desktop.address)
        (child,) = [one for one in psutil.Process().children() if "peer.program" in " ".join(one.cmdline())]
        with pytest.raises(EvaluatorError, match=r"evaluate took more than 0\.3 s"):
            scoring.evaluate(task_of("compare_table"), desktop.address, None)
        assert not child.is_running()
    finally:
        scoring.close()
    scoring.limits = ScoringLimits()
    assert _score(scoring, desktop, "exact_match") == 1.0
    assert scoring.starts == 2
    scoring.close()


def test_a_process_that_task_code_put_into_a_session_of_its_own_is_ended_too(
    home: SimulatedHome, desktop: FakeDesktop, tmp_path: Path
) -> None:
    scoring = ScoringProcess(home, AssetCache(tmp_path), ScoringLimits(evaluate_s=3.0))
    task = task_of("compare_table", leaves="4321")
    scoring.setup(task, desktop.address)
    with pytest.raises(EvaluatorError, match="took more than 3 s"):
        scoring.evaluate(task, desktop.address, None)
    assert sleeping("4321") == []
    scoring.close()


def test_what_a_dead_engine_left_running_is_ended_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = tmp_path / f"{PREFIX}{2**22 + 1}-x"
    (gone / OWN_FOLDER).mkdir(parents=True)
    left = subprocess.Popen(["sleep", "4322"], env={"HOME": str(gone / OWN_FOLDER)}, start_new_session=True)
    other = subprocess.Popen(["sleep", "4322"], env={"HOME": str(gone)}, start_new_session=True)
    reap()
    assert left.wait(10) < 0 and not gone.exists()
    assert other.poll() is None
    other.kill()
    other.wait()


def sleeping(seconds: str) -> list[int]:
    """Those that still run; one that was killed and not waited for has no command line."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", seconds]]


def test_a_process_that_dies_gives_no_score_and_is_started_again(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(EvaluatorError, match=r"ended with 7 during evaluate"):
        _score(scoring, desktop, "check_csv")
    assert _score(scoring, desktop, "exact_match") == 1.0
    assert scoring.starts == 2


def test_a_desktop_that_dies_while_it_is_scored_is_lost_and_never_a_zero(
    scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    scoring.setup(task_of("compare_config"), desktop.address)
    desktop.dies_at = "/drop"
    with pytest.raises(DesktopLost, match="does not answer"):
        scoring.evaluate(task_of("compare_config"), desktop.address, None)


def test_a_desktop_that_is_not_there_is_lost_before_anything_is_done(scoring: ScoringProcess) -> None:
    with pytest.raises(DesktopLost, match=r"127\.0\.0\.1:1"):
        scoring.setup(task_of(), DesktopAddress(server_port=1))


def test_a_desktop_that_dropped_one_call_and_lives_gives_no_zero(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    desktop.drops = "/drop"
    scoring.setup(task_of("compare_config"), desktop.address)
    with pytest.raises(EvaluatorError, match=r"came to nothing \(GET /drop"):
        scoring.evaluate(task_of("compare_config"), desktop.address, None)


def test_a_step_that_the_desktop_did_not_answer_is_a_failed_setup(
    scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    desktop.garbage = True
    step = {"type": "execute", "parameters": {"command": ["true"]}}
    with pytest.raises(SetupFailed, match="POST /setup/execute: the answer is no JSON"):
        scoring.setup(task_of(config=[step]), desktop.address)


def test_a_setup_that_takes_too_long_is_a_stuck_desktop(
    home: SimulatedHome, desktop: FakeDesktop, tmp_path: Path
) -> None:
    scoring = ScoringProcess(home, AssetCache(tmp_path), ScoringLimits(setup_s=0.3))
    step = {"type": "execute", "parameters": {"command": ["sleep", "2"]}}
    with pytest.raises(DesktopStuck, match=r"setup took more than 0\.3 s"):
        scoring.setup(task_of(config=[step]), desktop.address)
    scoring.close()


def test_a_step_that_fails_is_a_failed_setup(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(SetupFailed, match="a step failed"):
        scoring.setup(task_of(config=[{"type": "sleep", "parameters": {"seconds": 1}}]), desktop.address)


def test_what_was_not_set_up_is_not_scored(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(EvaluatorError, match="was not set up on"):
        scoring.evaluate(task_of(), desktop.address, None)


def test_a_task_that_needs_a_heavy_package_is_refused_by_name(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(SetupFailed, match=r"needs librosa; run \./arpo setup osworld --heavy"):
        scoring.setup(task_of("compare_audios"), desktop.address)


def test_a_package_that_is_missing_fails_only_what_needs_it(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    with pytest.raises(EvaluatorError, match="no_such_package"):
        _score(scoring, desktop, "check_libre_locale")
    assert _score(scoring, desktop, "exact_match") == 1.0


def test_a_missing_file_is_named_before_the_desktop_is_touched(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    step = {"type": "download", "parameters": {"files": [{"url": URL, "path": "/home/user/a.txt"}]}}
    with pytest.raises(AssetMissing, match=r"https://files\.example\.org/a\.txt is not in"):
        scoring.setup(task_of(config=[step]), desktop.address)
    assert desktop.calls == []


def test_the_process_itself_never_fetches_a_file_of_a_task(
    scoring: ScoringProcess, desktop: FakeDesktop, tmp_path: Path
) -> None:
    file = tmp_path / "here.txt"
    file.write_text("here", encoding="utf-8")
    scoring.assets.adopt(URL, file, "test")
    step = {"type": "download", "parameters": {"files": [{"url": URL, "path": "/home/user/fetch.txt"}]}}
    with pytest.raises(AssetMissing, match="AssetNotPlaced"):
        scoring.setup(task_of(config=[step]), desktop.address)


def test_a_task_that_reaches_for_this_machine_is_refused_before_anything_is_done(
    scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    step = {"type": "upload_file", "parameters": {"files": [{"local_path": "/etc/shadow", "path": "/tmp/x"}]}}
    with pytest.raises(SetupFailed, match="upload_file reads files of the engine's machine"):
        scoring.setup(task_of(config=[step]), desktop.address)
    assert desktop.calls == []
    assert scoring.starts == 0


def test_each_episode_has_a_folder_of_its_own_and_none_is_left(scoring: ScoringProcess) -> None:
    desktops = [FakeDesktop(), FakeDesktop()]
    for desktop in desktops:
        desktop.start()
        scoring.setup(task_of(), desktop.address)
    scratch = next(iter(scoring._folders.values())).parent
    assert len(list(scratch.glob("episode-*/one"))) == 2
    scoring.setup(task_of(), desktops[0].address)
    assert len(list(scratch.glob("episode-*/one"))) == 2
    scoring.close()
    assert not scratch.exists()
    for desktop in desktops:
        desktop.stop()


def test_what_a_dead_engine_left_behind_is_removed_and_nothing_else(
    home: SimulatedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [
        f"arpo-osworld-{dead.pid}-abc",
        f"arpo-osworld-{os.getpid()}-abc",
        "arpo-osworld-mine",
        f"else-{dead.pid}-a",
    ]
    for name in names:
        (tmp_path / name / "episode-1").mkdir(parents=True)
    made = home.scratch()
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], made.name}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user for the program")
def test_code_that_comes_with_tasks_changes_neither_the_program_nor_where_we_write(tmp_path: Path) -> None:
    """It runs as the program's user, and may outlive its task; the next one is scored by an untouched program."""
    scratch = ScoringHome(python=Path(sys.executable), user="nobody").scratch()
    (scratch / "episode-1" / "one").mkdir(parents=True)
    writing = (
        f"cat {scratch}/peer/program.py > /dev/null || echo cannot read; touch {scratch}/home/x || echo no home; "
        f"echo 1 >> {scratch}/peer/program.py && echo changed; ln -s /etc {scratch}/peer/new && echo linked; "
        f"mv {scratch}/episode-1 {scratch}/home/ && echo moved; "
        f"ln -s /etc/passwd {scratch}/program.log && echo led astray"
    )
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(
        ["sh", "-c", writing],
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], capture_output=True, text=True, check=False,
    )  # fmt: skip
    shutil.rmtree(scratch)
    assert done.stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_link_in_a_folder_that_is_given_away_gives_nothing_else_away(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("x", encoding="utf-8")
    (tmp_path / "episode").mkdir()
    (tmp_path / "episode" / "link").symlink_to(tmp_path / "ours")
    ScoringHome(python=Path(sys.executable), user="nobody").give(tmp_path / "episode")
    assert (tmp_path / "ours").stat().st_uid == 0


def test_an_environment_without_the_package_names_the_cure(desktop: FakeDesktop, tmp_path: Path) -> None:
    scoring = ScoringProcess(simulated_home(tmp_path), AssetCache(tmp_path))
    with pytest.raises(EvaluatorError, match=r"desktop_env.*run \./arpo setup osworld"):
        scoring.setup(task_of(), desktop.address)
    scoring.close()


def test_nothing_of_our_environment_reaches_the_program(
    home: SimulatedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_SECRET_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org")
    assert set(home.environment(tmp_path)) <= {
        "LANG", "LC_ALL", "TZ", "PLAYWRIGHT_BROWSERS_PATH", "HOME", "TMPDIR", "PATH", "PYTHON_DOTENV_DISABLED",
        "OMP_NUM_THREADS",
    }  # fmt: skip
