"""Fetches one address into a file over HTTP. Knows no cache and no task; says why it could not."""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from arpo_engine.contract.errors import ArpoError

TRIES: Final = 3
PAUSE_S: Final = 1.0
"""Before the second try; doubled before the third."""
TIMEOUT_S: Final = 60.0
"""Without a single byte."""
SCHEMES: Final = ("http", "https")
WEB_PAGES: Final = (".htm", ".html", "")
"""Endings of files that may well be a web page."""

Fetch = Callable[[str, Path], object]
"""(address, file to write); raises `FetchError`."""


class FetchError(ArpoError):
    """An address gave no file."""


def fetch_over_http(url: str, target: Path) -> None:
    """Write what an address gives into `target`, with a few tries where trying again may help.

    Raises:
        FetchError: it gives nothing, or a web page where a file was meant (a page that asks to sign in, or to confirm).
    """
    if urlsplit(url).scheme not in SCHEMES:
        raise FetchError(f"its scheme is {urlsplit(url).scheme!r}, and files come over http or https only")
    for tries in range(TRIES):
        if tries:
            time.sleep(PAUSE_S * 2 ** (tries - 1))
        try:
            _once(url, target)
            return
        except urllib.error.HTTPError as error:
            if error.code < http.client.INTERNAL_SERVER_ERROR or tries == TRIES - 1:
                raise FetchError(f"the server answers {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            if tries == TRIES - 1:
                raise FetchError(f"{getattr(error, 'reason', None) or error or type(error).__name__}") from error


def _once(url: str, target: Path) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "arpo-console"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        ending = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
        if answer.headers.get_content_type() == "text/html" and ending not in WEB_PAGES:
            raise FetchError(f"it gives a web page instead of a {ending} file; open it in a browser to see why")
        with target.open("wb") as out:
            shutil.copyfileobj(answer, out)
        length = answer.headers.get("Content-Length")
    if length is not None and target.stat().st_size != int(length):
        raise http.client.IncompleteRead(b"", int(length) - target.stat().st_size)
