"""The console and the browser of the journey; both are skipped with a reason where they cannot run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.journey.console import Console
from webapp.supervisor.browser import SKIP_REASON, WHY_SKIPPED, find_chromium

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the journey leaves its pictures: `ARPO_PICTURES` to renew those of the README."""
    folder = Path(os.environ.get("ARPO_PICTURES") or Path(__file__).parents[1] / "output")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    """A console on an empty data dir, ready for runs."""
    data = Path(tempfile.mkdtemp(prefix="arpo-journey-"))
    data.chmod(0o711)  # the database's unprivileged user walks through
    console = Console(data)
    console.start()
    try:
        yield console
    finally:
        console.stop()
        logs = data / "logs"
        for log in sorted(logs.glob("*.log")):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-12:], sep="\n")  # noqa: T201
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a real Chromium in which every error of a script is an error of the test."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(os.environ.get(SKIP_REASON) or WHY_SKIPPED)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        # Waiting for a condition in the page is code from a string, which the console's own policy forbids.
        context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
        context.set_default_timeout(60_000)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        browser.close()
    assert problems == []
