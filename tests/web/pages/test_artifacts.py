"""What a run left behind: checkpoints with what was measured at them, downloads by role, and ways out that are shut."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Split
from tests.web.builders import make_run
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import AuditEntry, Team, User
from webapp.runs.artifacts import inside
from webapp.runs.models import Checkpoint, Run, RunStatus
from webapp.runs.runfolder import run_dir

pytestmark = pytest.mark.django_db


@pytest.fixture
def saved(runner: User, team: Team) -> Run:
    """A run with two checkpoints, the second of them the best, and a folder on this machine."""
    run = titled_run(runner, team)
    engine = Engine(run)
    engine.start()
    engine.say(
        wire.CheckpointSaved(step=5, path="checkpoints/5", bytes=9_400_000),
        wire.ValidationFinished(step=10, split=Split.HELD_OUT, successes=27, attempts=72),
        wire.CheckpointSaved(step=10, path="checkpoints/10", best=True, bytes=9_500_000, export_path="exports/10"),
    )
    folder = run_dir(run.pk)
    for name, data in {
        "config.json": b"{}",
        "events.jsonl": b'{"v":1}\n',
        "results/eval.json": b'{"ok": true}',
        "checkpoints/10/state.pt": b"x" * 3_000_000,
        "exports/10/model.safetensors": b"weights",
        "secret.env": b"TOKEN=1",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    run.refresh_from_db()
    return run


def body(person: User, address: str) -> tuple[int, bytes, dict[str, str]]:
    """An answer as the real server sends it, piece by piece."""

    async def fetch() -> tuple[int, bytes, dict[str, str]]:
        client = AsyncClient()
        await client.aforce_login(person)
        answer = await client.get(address)
        if not answer.streaming:
            return answer.status_code, answer.content, dict(answer.headers)
        return answer.status_code, b"".join([piece async for piece in answer]), dict(answer.headers)  # type: ignore[attr-defined]

    return async_to_sync(fetch)()


def checkpoint(run: Run, step: int) -> Checkpoint:
    return run.checkpoints.get(step=step)


def test_a_checkpoint_shows_its_size_its_success_with_an_interval_and_what_can_be_done(
    as_runner: Client, saved: Run
) -> None:
    page = as_runner.get(f"/runs/{saved.pk}/artifacts/").content.decode()
    best = checkpoint(saved, 10)
    assert "37.5 % (27/72)" in page
    assert "27.2 – 49.0 %" in page
    assert "9.5 MB" in page and "best" in page and "not measured" in page
    assert f"?evaluate={best.pk}" in page and f"?continue={best.pk}" in page
    assert f"/runs/{saved.pk}/checkpoints/{best.pk}/export.tar" in page


def test_a_checkpoint_without_weights_cannot_be_evaluated(as_runner: Client, saved: Run) -> None:
    page = as_runner.get(f"/runs/{saved.pk}/artifacts/").content.decode()
    assert f"?evaluate={checkpoint(saved, 5).pk}" not in page


def test_what_is_on_another_machine_is_told_how_to_copy(as_runner: Client, saved: Run) -> None:
    page = as_runner.get(f"/runs/{saved.pk}/artifacts/").content.decode()
    assert f"rsync -a bench-1:{run_dir(saved.pk)}/checkpoints/5/ ./step-5/" in page


def test_a_run_without_checkpoints_says_when_they_come(as_runner: Client, runner: User, team: Team) -> None:
    run = make_run(runner, team)
    page = as_runner.get(f"/runs/{run.pk}/artifacts/").content.decode()
    assert "No checkpoint has been saved yet" in page
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED)
    assert "ended before it saved a checkpoint" in as_runner.get(f"/runs/{run.pk}/artifacts/").content.decode()


def test_a_runner_takes_a_checkpoint_as_a_tar(runner: User, saved: Run) -> None:
    best = checkpoint(saved, 10)
    status, data, headers = body(runner, f"/runs/{saved.pk}/checkpoints/{best.pk}/whole.tar")
    assert status == 200
    assert headers["Content-Length"] == str(len(data))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(one.name, one.size) for one in tar.getmembers()] == [(f"{saved.pk}-step-10/state.pt", 3_000_000)]
    status, data, _ = body(runner, f"/runs/{saved.pk}/checkpoints/{best.pk}/export.tar")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        (member,) = tar.getmembers()
        content = tar.extractfile(member)
        assert content is not None and content.read() == b"weights"
    entries = AuditEntry.objects.filter(action="checkpoint.downloaded")
    assert {entry.data["path"] for entry in entries} == {"checkpoints/10", "exports/10"}


def test_a_viewer_looks_but_takes_no_weights(as_viewer: Client, saved: Run) -> None:
    best = checkpoint(saved, 10)
    page = as_viewer.get(f"/runs/{saved.pk}/artifacts/").content.decode()
    assert "export.tar" not in page and "Runners of the team may download it" in page
    answer = as_viewer.get(f"/runs/{saved.pk}/checkpoints/{best.pk}/whole.tar")
    assert answer.status_code == 403
    assert "role runner" in answer.content.decode()
    assert not AuditEntry.objects.filter(action="checkpoint.downloaded").exists()


def test_a_viewer_takes_the_config_the_events_and_the_results(viewer: User, saved: Run) -> None:
    assert body(viewer, f"/runs/{saved.pk}/files/config.json")[:2] == (200, b"{}")
    assert body(viewer, f"/runs/{saved.pk}/files/events.jsonl")[1] == b'{"v":1}\n'
    status, data, headers = body(viewer, f"/runs/{saved.pk}/files/results/eval.json")
    assert (status, data) == (200, b'{"ok": true}')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == f'attachment; filename="{saved.pk}-eval.json"'
    assert AuditEntry.objects.filter(action="run.file_downloaded").count() == 3


@pytest.mark.parametrize(
    "name",
    [
        "secret.env", "checkpoints/10/state.pt", "results/../secret.env", "results/../../../etc/passwd", "results/%01",
        "results/" + "x" * 500, "absent.json", "results", "results/link",
    ],
)  # fmt: skip
def test_nothing_else_of_the_folder_is_given_out(runner: User, saved: Run, name: str) -> None:
    (run_dir(saved.pk) / "results" / "link").symlink_to("/etc/passwd")
    assert body(runner, f"/runs/{saved.pk}/files/{name}")[0] == 404


def test_a_checkpoint_that_names_a_way_out_of_the_folder_is_not_followed(
    as_runner: Client, runner: User, saved: Run, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run_dir(saved.pk) / "checkpoints" / "5").symlink_to(tmp_path / "elsewhere")
    best = checkpoint(saved, 10)
    Checkpoint.objects.filter(pk=best.pk).update(path="../../../etc")
    for step in (5, 10):
        answer = as_runner.get(f"/runs/{saved.pk}/checkpoints/{checkpoint(saved, step).pk}/whole.tar", follow=True)
        assert "is not on the console" in answer.content.decode()


def test_links_inside_a_checkpoint_are_left_out_of_the_tar(runner: User, saved: Run) -> None:
    (run_dir(saved.pk) / "checkpoints" / "10" / "passwd").symlink_to("/etc/passwd")
    _, data, _ = body(runner, f"/runs/{saved.pk}/checkpoints/{checkpoint(saved, 10).pk}/whole.tar")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [one.name for one in tar.getmembers()] == [f"{saved.pk}-step-10/state.pt"]


def test_a_stranger_finds_nothing(as_stranger: Client, saved: Run) -> None:
    best = checkpoint(saved, 10)
    for address in ("artifacts/", "files/config.json", f"checkpoints/{best.pk}/whole.tar", "system/", "chart/?key=a"):
        assert as_stranger.get(f"/runs/{saved.pk}/{address}").status_code == 404


def test_a_checkpoint_of_one_run_is_not_reached_through_another(
    as_person: SignIn, runner: User, team: Team, saved: Run
) -> None:
    other = make_run(runner, team)
    best = checkpoint(saved, 10)
    client = as_person(runner)
    assert client.get(f"/runs/{other.pk}/checkpoints/{best.pk}/whole.tar").status_code == 404
    assert client.get(f"/runs/{saved.pk}/checkpoints/{best.pk}/all.tar").status_code == 404
    assert client.get(f"/runs/{saved.pk}/checkpoints/99999999/whole.tar").status_code == 404
    assert client.post(f"/runs/{saved.pk}/artifacts/").status_code == 405


def test_what_is_inside_a_folder_is_found_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert inside(tmp_path, "a") == (tmp_path / "a").resolve()
    assert [inside(tmp_path, name) for name in ("", ".", "a/..", "..", "/etc", "b", "a\x00")] == [None] * 7
