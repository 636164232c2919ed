"""The web server as a process of its own on the tests' database, and a Chromium that looks at it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from django.conf import settings
from django.db import connection
from playwright.sync_api import Page, expect

from webapp.env import BASE_DIR

READY_WITHIN_S = 120.0
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
LOOKS = 3
"""At a server at rest, one after the other, before it is believed."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class WebServer:
    """Serves the test database, or another one; screenshots are those below `data`/media."""

    def __init__(self, data: Path, database: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        database = database or "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
        environment = {
            **os.environ,
            "DATABASE_URL": database,
            "ARPO_DATA_DIR": str(data),
            "SECRET_KEY": settings.SECRET_KEY,
        }
        words = [
            "uvicorn",
            "webapp.asgi:application",
            "--port",
            str(port),
            "--lifespan",
            "off",
            "--log-level",
            "warning",
        ]
        self.process = subprocess.Popen([sys.executable, "-m", *words], env=environment, cwd=BASE_DIR)

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            assert self.process.poll() is None, "the web server ended"
            assert time.monotonic() < until, "the web server did not answer in time"
            time.sleep(0.1)

    def wait_until_at_rest(self) -> None:
        """Until no request holds rows any more: emptying the tables beside one would end in a deadlock.

        A server that has yet to read what the browser last asked for looks idle; once it has answered us, it has.
        """
        until = time.monotonic() + READY_WITHIN_S
        looks_at_rest = 0
        while looks_at_rest < LOOKS:
            assert time.monotonic() < until, "the web server does not come to rest"
            rests = self._answers() and not self._busy_connections()
            looks_at_rest = looks_at_rest + 1 if rests else 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _busy_connections(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            (count,) = cursor.fetchone()
        return int(count)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/healthz", timeout=10).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def live(page: Page) -> None:
    """Wait until the page's scripts run and its socket is open."""
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "live")
