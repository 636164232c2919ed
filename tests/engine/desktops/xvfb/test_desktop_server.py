"""OSWorld's protocol, address by address, against the real server on a real display."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from PIL import Image

from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.xvfb.provider import XvfbMachine, XvfbProvider
from tests.engine.desktops.xvfb.conftest import CONFIG, shell

PLAIN = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shared(provider: XvfbProvider):
    """One desktop for all questions that leave it as it is."""
    made = provider.start()
    yield made
    made.close()


def ask(
    machine: XvfbMachine, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = PLAIN
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", machine.address.server_port, timeout=60)
    connection.request(method, path, body, {"Authorization": f"Bearer {machine.address.token}", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


def post(machine: XvfbMachine, path: str, body: object, headers: Mapping[str, str] = PLAIN) -> tuple[int, bytes]:
    return ask(machine, "POST", path, json.dumps(body).encode(), headers)


def form(machine: XvfbMachine, path: str, **fields: str) -> tuple[int, bytes]:
    return ask(machine, "POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"})


def run(machine: XvfbMachine, *words: str) -> dict[str, object]:
    status, content = post(machine, "/execute", {"command": list(words)})
    assert status == 200
    return json.loads(content)


def test_screenshots_come_in_the_form_that_is_asked_for(shared: XvfbMachine) -> None:
    _, png = ask(shared, "GET", "/screenshot")
    _, jpeg = ask(shared, "GET", "/screenshot?format=jpeg&quality=80")
    _, raw = ask(shared, "GET", "/screenshot?format=raw")
    size = (CONFIG.width, CONFIG.height)
    assert Image.open(io.BytesIO(png)).size == Image.open(io.BytesIO(jpeg)).size == size
    assert png.startswith(b"\x89PNG") and jpeg.startswith(b"\xff\xd8")
    assert Image.open(io.BytesIO(png)).convert("RGB").tobytes() == raw
    assert ask(shared, "GET", "/screenshot?format=gif")[0] == 400
    assert ask(shared, "GET", "/screenshot?format=jpeg&quality=0")[0] == 400


def test_the_pointer_is_in_the_picture(shared: XvfbMachine) -> None:
    def seen(x: int, y: int) -> bytes:
        assert post(shared, "/act", {"kind": "move", "x": x, "y": y})[0] == 200
        return ask(shared, "GET", "/screenshot?format=raw")[1]

    assert seen(100, 100) != seen(500, 500)
    assert json.loads(ask(shared, "GET", "/cursor_position")[1]) == [500, 500]


def test_a_return_code_is_an_answer_and_no_error(shared: XvfbMachine) -> None:
    done = run(shared, "bash", "-c", "echo out; echo err >&2; exit 3")
    assert done == {"status": "success", "output": "out\n", "error": "err\n", "returncode": 3}


def test_words_are_split_as_a_shell_would_and_home_is_known(shared: XvfbMachine) -> None:
    status, content = post(shared, "/setup/execute", {"command": "echo 'two words' ~/x"})
    assert (status, json.loads(content)["output"]) == (200, "two words /home/user/x\n")
    status, content = post(shared, "/execute", {"command": "echo $HOME | tr a-z A-Z", "shell": "true"})
    assert json.loads(content)["output"] == "/HOME/USER\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"command": []}', 400),
        (b"{}", 400),
        (b"[1]", 400),
        (b"{not json", 400),
        (b'{"command": ["/no/such/program"]}', 500),
    ],
)
def test_a_command_that_cannot_be_run_is_refused(shared: XvfbMachine, body: bytes, status: int) -> None:
    answered, content = ask(shared, "POST", "/execute", body)
    assert answered == status
    assert json.loads(content)["status"] == "error"


def test_python_of_osworlds_client_moves_the_pointer_and_keeps_nothing(shared: XvfbMachine) -> None:
    prefix = "import pyautogui; import time; pyautogui.FAILSAFE = False; "
    done = run(shared, "python", "-c", f"{prefix}mine = 1; pyautogui.moveTo(300, 200); print(pyautogui.position())")
    assert (done["output"], done["returncode"]) == ("Point(x=300, y=200)\n", 0)
    assert json.loads(ask(shared, "GET", "/cursor_position")[1]) == [300, 200]
    done = run(shared, "python", "-c", f"{prefix}print(mine)")
    assert done["returncode"] == 1 and "NameError" in str(done["error"])
    assert run(shared, "python", "-c", f"{prefix}raise SystemExit(7)")["returncode"] == 7
    assert run(shared, "python", "-c", "import pyautogui; pyautogui.click(")["returncode"] == 1


def test_scripts_are_run_in_both_languages(shared: XvfbMachine) -> None:
    _, content = post(shared, "/run_python", {"code": "print(6 * 7)"})
    assert json.loads(content)["output"] == "42\n"
    _, content = post(shared, "/run_bash_script", {"script": "pwd; echo no >&2; exit 2", "working_dir": "/tmp"})
    assert json.loads(content) == {"status": "error", "output": "/tmp\nno\n", "error": "", "returncode": 2}
    assert post(shared, "/run_bash_script", {"script": "sleep 9", "timeout": 0.2})[0] == 500


def test_files_go_in_and_come_out_as_they_are(shared: XvfbMachine) -> None:
    content = bytes(range(256)) * 50 + b"\r\n--x--\r\n"
    body = (
        b'--x1\r\nContent-Disposition: form-data; name="file_path"\r\n\r\n/home/user/new/ein Bild \xc3\xbc.bin\r\n'
        b'--x1\r\nContent-Disposition: form-data; name="file_data"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--x1--\r\n"
    )
    status, said = ask(shared, "POST", "/setup/upload", body, {"Content-Type": "multipart/form-data; boundary=x1"})
    assert (status, said) == (200, f"File Uploaded: {len(content)} bytes".encode())
    assert form(shared, "/file", file_path="~/new/ein Bild ü.bin") == (200, content)
    assert form(shared, "/file", file_path="~/nowhere")[0] == 404
    assert form(shared, "/file")[0] == 400


def test_a_folder_is_listed_with_all_below_it(shared: XvfbMachine) -> None:
    run(shared, "bash", "-c", "mkdir -p ~/tree/sub && touch ~/tree/b ~/tree/sub/a")
    _, content = post(shared, "/list_directory", {"path": "/home/user/tree"})
    assert json.loads(content)["directory_tree"] == {
        "type": "directory",
        "name": "tree",
        "children": [
            {"type": "file", "name": "b"},
            {"type": "directory", "name": "sub", "children": [{"type": "file", "name": "a"}]},
        ],
    }
    assert post(shared, "/list_directory", {"path": "/no/where"})[0] == 400


def test_the_small_questions_are_answered(shared: XvfbMachine) -> None:
    assert ask(shared, "GET", "/platform") == (200, b"Linux")
    _, content = ask(shared, "POST", "/screen_size")
    assert json.loads(content) == {"width": CONFIG.width, "height": CONFIG.height}
    _, content = ask(shared, "POST", "/desktop_path")
    assert json.loads(content) == {"desktop_path": "/home/user/Desktop"}
    status, content = ask(shared, "GET", "/terminal")
    assert (status, json.loads(content)) == (200, {"output": None, "status": "success"})
    assert ask(shared, "GET", "/nothing")[0] == 404
    assert ask(shared, "GET", "/execute")[0] == 405


def test_a_window_is_found_measured_and_closed(machine: XvfbMachine) -> None:
    script = "import tkinter; w = tkinter.Tk(className='hello'); w.title('hello'); w.geometry('300x200'); w.mainloop()"
    status, said = post(machine, "/setup/launch", {"command": ["python3", "-c", script]})
    assert (status, said.endswith(b"launched successfully")) == (200, True)
    deadline = time.monotonic() + 20
    while form(machine, "/window_size", app_class_name="hello")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert post(machine, "/setup/activate_window", {"window_name": "hello", "strict": True})[0] == 200
    assert post(machine, "/setup/close_window", {"window_name": "hello"})[0] == 200
    while form(machine, "/window_size", app_class_name="hello")[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert post(machine, "/setup/close_window", {})[0] == 400


def test_a_film_is_a_film(shared: XvfbMachine) -> None:
    assert ask(shared, "POST", "/end_recording")[0] == 400
    assert ask(shared, "POST", "/start_recording")[0] == 200
    assert ask(shared, "POST", "/start_recording")[0] == 400
    status, film = ask(shared, "POST", "/end_recording")
    assert status == 200 and film[4:8] == b"ftyp"


def test_the_accessibility_tree_has_osworlds_names(shared: XvfbMachine) -> None:
    status, content = ask(shared, "GET", "/accessibility")
    assert status == 200
    assert json.loads(content)["AT"].startswith(
        '<desktop-frame xmlns:st="https://accessibility.ubuntu.example.org/ns/state"'
    )


# -- once, at once, and not at all -----------------------------------------------------------------------------------


def test_a_request_that_comes_again_is_not_done_again(shared: XvfbMachine) -> None:
    once = {**PLAIN, "X-Request-Id": "the same"}
    body = {"command": "echo x >> ~/count.txt; sleep 0.5; wc -l < ~/count.txt", "shell": True}
    answers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(shared, "/execute", body, once)[1])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {json.loads(answer)["output"] for answer in answers} == {"1\n"}
    _, content = post(shared, "/execute", body, {**PLAIN, "X-Request-Id": "another"})
    assert json.loads(content)["output"] == "2\n"


def test_many_may_look_and_act_at_once(shared: XvfbMachine) -> None:
    sizes: list[int] = []

    def look() -> None:
        for _ in range(5):
            post(shared, "/act", {"kind": "move", "x": 10, "y": 10})
            sizes.append(len(ask(shared, "GET", "/screenshot?format=raw")[1]))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [CONFIG.width * CONFIG.height * 3] * 30


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"kind": "click", "x": 1}, 400),
        ({"kind": "click", "x": "1", "y": 2}, 400),
        ({"kind": "click", "x": 1, "y": 2, "button": "fourth"}, 400),
        ({"kind": "scroll", "x": 1, "y": 2, "direction": "in"}, 400),
        ({"kind": "type", "text": 5}, 400),
        ({"kind": "hotkey", "keys": []}, 400),
        ({"kind": "hotkey", "keys": ["ctrl", "no such key"]}, 422),
        ({"kind": "explode"}, 400),
        ({}, 400),
    ],
)
def test_an_action_in_a_wrong_form_is_refused_before_it_is_begun(
    shared: XvfbMachine, action: dict[str, object], status: int
) -> None:
    before = ask(shared, "GET", "/cursor_position")
    assert post(shared, "/act", action)[0] == status
    assert ask(shared, "GET", "/cursor_position") == before


def test_without_the_token_nothing_is_answered(shared: XvfbMachine) -> None:
    for wrong in ("", "Bearer no", "Basic !!!", "Basic ZGVza3RvcDpubw=="):
        status, content = ask(shared, "GET", "/screenshot", headers={"Authorization": wrong})
        assert (status, json.loads(content)["status"]) == (401, "error")


def test_a_body_without_a_length_is_refused(shared: XvfbMachine) -> None:
    assert ask(shared, "POST", "/execute", b"", {"Transfer-Encoding": "chunked"})[0] == 411


def test_more_characters_than_there_are_spare_keys_are_typed(machine: XvfbMachine, client: DesktopClient) -> None:
    """Chinese text has more different characters than a keyboard has keys."""
    from arpo_engine.contract.actions import TypeText
    from tests.engine.desktops.xvfb.listener import FILE, START, UNTIL_IT_LISTENS

    shell(client, START)
    shell(client, UNTIL_IT_LISTENS)
    text = "".join(chr(0x4E00 + number) for number in range(300))
    client.act(TypeText(text=text), (CONFIG.width, CONFIG.height))
    deadline = time.monotonic() + 20
    while len(heard := shell(client, f"grep -c key {FILE}")) and int(heard) < len(text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "".join(line.removeprefix("key ") for line in shell(client, f"grep key {FILE}").splitlines()) == text
