"""Who may take what out of a run folder: files for everybody who sees the run, weights for those who may run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from webapp.accounts.models import Role, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.runs.archive import file_pieces, members_of, tar_pieces, tar_size
from webapp.runs.artifacts import OF_A_RUN, RESULTS, inside
from webapp.runs.errors import RunRefused
from webapp.runs.models import Checkpoint, Run
from webapp.runs.runfolder import run_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Bytes on their way to a person."""

    name: str
    size: int
    pieces: Iterator[bytes]


def open_file(*, run: Run, actor: User, name: str, ip: str | None = None) -> Download:
    """A file of the run folder: its config, its events or its results.

    The caller has made sure that the person may see the run.

    Raises:
        RunRefused: there is no such file on this machine, or it is not one that is given out.
    """
    folder = run_dir(run.pk)
    if name in OF_A_RUN:
        path = inside(folder, name)
    else:
        # Below the results, whatever dots and links the name has: nothing else of the folder is given out.
        path = inside(folder / RESULTS, name.removeprefix(f"{RESULTS}/")) if name.startswith(f"{RESULTS}/") else None
    if path is None or not path.is_file():
        raise RunRefused(f"There is no file {name[:80]!r} of this run on the console's machine.")
    size = path.stat().st_size
    record(action="run.file_downloaded", subject=run, actor=actor, team=run.team, ip=ip, file=name)
    return Download(name=f"{run.pk}-{path.name}", size=size, pieces=file_pieces(path, size))


def open_checkpoint(*, checkpoint: Checkpoint, actor: User, exported: bool, ip: str | None = None) -> Download:
    """A checkpoint, or the weights that were exported from it, as a tar.

    Raises:
        PermissionRefused: the person may look at the team's runs, but not take their weights.
        RunRefused: it is not on this machine.
    """
    run = checkpoint.run
    require_role(actor, run.team, Role.RUNNER, "download a checkpoint")
    wanted = checkpoint.export_path if exported else checkpoint.path
    path = inside(run_dir(run.pk), wanted)
    if path is None or not path.is_dir():
        raise RunRefused(
            f"The folder {wanted!r} of this run is not on the console's machine. Copy it from the machine on which the "
            "run ran; the page says how."
        )
    name = f"{run.pk}-step-{checkpoint.step}{'-export' if exported else ''}"
    members = members_of(path, name)
    record(
        action="checkpoint.downloaded", subject=checkpoint, actor=actor, team=run.team, ip=ip, run=run.pk,
        step=checkpoint.step, path=wanted,
    )  # fmt: skip
    return Download(name=f"{name}.tar", size=tar_size(members), pieces=tar_pieces(members))
