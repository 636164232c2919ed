"""Where nothing is ever sent: addresses inside, ways that are no success, answers that never end."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.web.alerts.chat import Chat
from webapp.alerts import outward
from webapp.alerts.models import Route
from webapp.alerts.outward import Unreachable, check_url, post_json


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_refusal_or_another_way_is_no_success(status: int, chat: str) -> None:
    Chat.status = status
    with pytest.raises(Unreachable, match=f"answered {status}"):
        post_json(chat, {"text": "x"})
    assert len(Chat.got) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.org/x", "over http"),
        ("ftp://example.org/x", "no web address"),
        ("https://user:word@example.org/x", "a user or a password"),
        ("https://example.org:22/x", "port 22"),
        ("https://example.org:99999/x", "no number from 1 to 65535"),
        ("https:///x", "no web address"),
        ("https://[", "its host cannot be read"),
        ("https://hooks.example.org/services/a b", "holds a blank"),
        ("https://hooks.example.org/\u00fc", "none of ASCII"),
    ],
)
def test_an_address_to_which_nothing_is_sent_is_refused_with_the_cure(url: str, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "169.254.169.254", "10.0.0.8", "[::1]", "0.0.0.0", "224.0.0.1",
        "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::]", "[fec0::1]", "[ff02::1]",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_an_address_inside(host: str) -> None:
    with pytest.raises(Unreachable, match="an address inside a network"):
        post_json(f"https://{host}/x", {"text": "x"})


def test_a_host_that_no_name_can_be_is_told_and_no_crash() -> None:
    with pytest.raises(Unreachable, match="no name that a host can have"):
        post_json("https://hooks..example.org/x", {"text": "x"})


@pytest.mark.parametrize("slowly", [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 999, b"x" * 999])
def test_an_answer_that_comes_byte_by_byte_is_cut_off_by_the_clock(
    slowly: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(outward.OPEN_HOSTS, "127.0.0.1")
    monkeypatch.setattr(outward, "DEADLINE_S", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            there, _ = server.accept()
            with there, suppress(OSError):
                for byte in slowly:
                    there.send(bytes([byte]))
                    if over.wait(0.05):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        with suppress(Unreachable):
            post_json(f"http://127.0.0.1:{server.getsockname()[1]}/hook", {"text": "x"})
        took = time.monotonic() - began
        over.set()
        thread.join()
    assert took < 5, "a thousand bytes would take 50 seconds"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hooks.example.org/services/T0/B0/abcdefgh", "https://hooks.example.org/…efgh"),
        ("https://hooks.example.org?token=s3cr3t", "https://hooks.example.org/…"),
        ("https://hooks.example.org/s3cr", "https://hooks.example.org/…"),
    ],
)
def test_no_more_of_a_webhooks_address_is_shown_than_tells_it_from_others(address: str, shown: str) -> None:
    assert Route(way=Route.Way.WEBHOOK, address=address).shown == shown


def test_a_name_that_points_inside_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.1.5", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    with pytest.raises(Unreachable, match=r"rebind.example.org is 192\.168\.1\.5"):
        post_json("https://rebind.example.org/x", {"text": "x"})
