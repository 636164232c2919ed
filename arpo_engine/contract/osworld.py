"""What `import-osworld` found: a task set of OSWorld in numbers, for the terminal and for the page that runs it."""

from __future__ import annotations

from pydantic import Field

from arpo_engine.contract.base import Wire


class ImportedTask(Wire):
    """One task of the set."""

    id: str
    domain: str
    instruction: str
    content_hash: str
    infeasible: bool
    network: str
    """`none`, `assets` (files fetched once), `preinstall` (packages in its setup) or `live` (the web itself)."""
    obstacles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By provider, why the task cannot run there; empty where it can."""


class RefusedTask(Wire):
    """A task file that was left out, and why."""

    file: str
    why: str


class DomainCount(Wire):
    """A domain in numbers."""

    domain: str
    tasks: int
    infeasible: int
    live: int
    """Tasks that need the web while they run."""


class Reason(Wire):
    """Why tasks cannot run on a provider; one task may have several reasons."""

    why: str
    tasks: int
    example: str
    """The id of one of them."""


class ProviderCount(Wire):
    """What runs on a provider's desktops."""

    provider: str
    runnable: int
    feasible: int
    """Runnable tasks that can be done; the others are solved by saying that they cannot."""
    reasons: tuple[Reason, ...] = ()


class SplitCount(Wire):
    """A split file in numbers."""

    split: str
    tasks: int
    left_out: int
    """Ids that it names and that are refused, or not there."""


class AssetCount(Wire):
    """Files that the tasks fetch."""

    addresses: int
    here: int
    """Of these, in the cache of this machine."""
    adopted: int = 0
    """Taken over from the checkout's own cache by this import."""


class OsworldReport(Wire):
    """A task set of OSWorld."""

    source: str
    edition: str
    """`today`: the wording that OSWorld has now (Verified); `arpo`: that of spring 2025, which ARPO trained on."""
    task_set_hash: str
    tasks: tuple[ImportedTask, ...]
    refused: tuple[RefusedTask, ...] = ()
    domains: tuple[DomainCount, ...] = ()
    providers: tuple[ProviderCount, ...] = ()
    splits: tuple[SplitCount, ...] = ()
    assets: AssetCount = AssetCount(addresses=0, here=0)
    machines: dict[str, str] = Field(default_factory=dict)
    """By provider, the virtual machine that the checkout already has."""
    written_to: str | None = None
    """The task set's folder, to be named in `tasks.source`; none where nothing was written."""
