"""Bodies of requests: taken whole up to their limit, and given up with the request's view."""

from __future__ import annotations

import gzip

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from webapp.api.ndjson import BodyTooLarge, read_body


def post(body: bytes, **headers: str) -> HttpRequest:
    return RequestFactory().post("/", body, content_type="application/octet-stream", headers=headers)


def test_a_body_up_to_the_limit_is_taken_whole() -> None:
    assert read_body(post(b"x" * 100), limit=100) == b"x" * 100


def test_a_larger_one_is_refused_whether_or_not_it_says_its_size() -> None:
    silent = post(b"x" * 101)
    del silent.META["CONTENT_LENGTH"]
    for request in (post(b"x" * 101), silent):
        with pytest.raises(BodyTooLarge, match="at most 100"):
            read_body(request, limit=100)


def test_one_that_unpacks_to_more_is_refused() -> None:
    with pytest.raises(BodyTooLarge, match="at most 100"):
        read_body(post(gzip.compress(b"x" * 101), **{"Content-Encoding": "gzip"}), limit=100)


def test_the_request_does_not_keep_the_body() -> None:
    """Requests are parts of cycles: with their bodies they were 26 MB after 600 screenshots."""
    request = post(b"x" * 100)
    body = read_body(request)
    assert all(value != body for value in vars(request).values())
