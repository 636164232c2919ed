"""What becomes of try-outs: kept ones stay, others go a day after their end, with their files, and it is audited."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from tests.web.pages.factories import Engine, rich_run
from tests.web.pages.tryouts import begun, changed, step
from webapp.accounts.models import AuditEntry, Team, User
from webapp.episodes.models import Frame
from webapp.episodes.services.frames import frame_name
from webapp.runs.models import Run
from webapp.runs.runfolder import run_dir
from webapp.storage.services import pin_run
from webapp.tryouts import services
from webapp.tryouts.models import Direction, Tryout
from webapp.tryouts.services import TryoutRefused
from workers.housekeeping import remove_tryouts

pytestmark = pytest.mark.django_db


def ended(owner: User, team: Team, days: float = 1.5) -> Engine:
    """A try-out that ended so long ago, with a step, a direction, a screenshot and a folder."""
    engine = begun(owner, team)
    services.direct(run=engine.run, actor=owner, words={"kind": "finish"})
    engine.say(step(engine, 0), changed("scoring", taken=1))
    engine.end()
    Run.objects.filter(pk=engine.run.pk).update(finished_at=timezone.now() - timedelta(days=days))
    folder = run_dir(engine.run.pk)
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("{}\n")
    engine.run.refresh_from_db()
    return engine


def test_one_that_nobody_kept_goes_a_day_after_its_end_with_its_files(runner: User, team: Team) -> None:
    engine = ended(runner, team)
    name = frame_name(engine.run.pk, Frame.objects.filter(run=engine.run).first().sha256)  # type: ignore[union-attr]
    assert default_storage.exists(name)

    assert remove_tryouts() == 1

    assert not Run.objects.filter(pk=engine.run.pk).exists()
    assert not Tryout.objects.exists() and not Direction.objects.exists()
    assert not run_dir(engine.run.pk).exists() and not default_storage.exists(name)
    entry = AuditEntry.objects.get(action="run.removed")
    assert (entry.object_id, entry.data["why"]) == (engine.run.pk, "a try-out that nobody kept")
    assert remove_tryouts() == 0


def test_what_was_kept_pinned_is_young_goes_on_or_is_no_try_out_stays(runner: User, team: Team) -> None:
    kept, pinned, young = ended(runner, team), ended(runner, team), ended(runner, team, days=0.9)
    services.keep(run=kept.run, actor=runner, note="  It loops at the dialog\r\n")
    pin_run(run=pinned.run, actor=runner)
    going = begun(runner, team)
    trained, _ = rich_run(runner, team, finished=True)
    Run.objects.filter(pk=trained.pk).update(finished_at=timezone.now() - timedelta(days=9))

    assert remove_tryouts() == 0

    runs = {one.pk for one in (kept.run, pinned.run, young.run, going.run, trained)}
    assert set(Run.objects.values_list("pk", flat=True)) == runs
    assert Tryout.objects.get(run=kept.run).note == "It loops at the dialog"
    services.unkeep(run=kept.run, actor=runner)
    assert remove_tryouts() == 1


def test_a_link_in_the_place_of_a_runs_folder_leads_nowhere(runner: User, team: Team, tmp_path: Path) -> None:
    engine = ended(runner, team)
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("x")
    folder = run_dir(engine.run.pk)
    folder.rename(tmp_path / "away")
    folder.symlink_to(other)
    assert remove_tryouts() == 1
    assert (other / "precious").exists()


def test_a_note_that_is_too_long_or_of_another_run_is_refused(runner: User, team: Team, run: Run) -> None:
    engine = begun(runner, team)
    with pytest.raises(TryoutRefused, match="use 2000 or fewer"):
        services.keep(run=engine.run, actor=runner, note="a" * 2001)
    with pytest.raises(TryoutRefused, match="no try-out"):
        services.keep(run=run, actor=runner)
    services.keep(run=engine.run, actor=runner, note="nul \x00 byte")
    assert Tryout.objects.get().note == "nul \ufffd byte"
