"""A part of a file that a video player asks for; Safari plays nothing without. Knows bytes, no films."""

from __future__ import annotations

import re

from django.http import HttpResponse

ASKED = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def part_of(data: bytes, asked: str) -> HttpResponse:
    """The bytes that a Range header asks for; all of them where it asks for none, or for several parts."""
    found = ASKED.fullmatch(asked)
    if found is None or found[0] == "bytes=-":
        return _marked(HttpResponse(data))
    first, last = found[1], found[2]
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        response = _marked(HttpResponse(status=416))
        response["Content-Range"] = f"bytes */{len(data)}"
        return response
    response = _marked(HttpResponse(data[start : end + 1], status=206))
    response["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return response


def _marked(response: HttpResponse) -> HttpResponse:
    response["Accept-Ranges"] = "bytes"
    return response
