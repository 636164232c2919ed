"""A desktop of this host reaches nothing of the host, remembers nothing, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from arpo_engine.contract.actions import Wait
from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Address
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.desktops.xvfb.provider import XvfbMachine, XvfbProvider
from arpo_engine.desktops.xvfb.reaper import LABEL, reap
from tests.engine.desktops.xvfb.conftest import CONFIG, shell
from tests.engine.desktops.xvfb.plain_keeper import a_task


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def test_a_task_that_tampers_leaves_nothing_to_the_next(real_desktop: RealDesktop) -> None:
    """Files, settings, processes, windows and the layout of the keyboard: all of it is gone with the episode."""
    tampering = a_task(
        "echo done > ~/answer.txt; rm -rf ~/Documents; echo alias ls=false >> ~/.bashrc; echo x > /tmp/x",
        "mkdir -p ~/.config/autostart; setsid sleep 1000 >/dev/null 2>&1 & hsetroot -solid red",
    )
    real_desktop.reset(tampering)
    assert real_desktop.score(None) == 1.0
    first = real_desktop.machine.name
    real_desktop.reset(a_task())
    assert real_desktop.machine.name != first
    assert real_desktop.score(None) == 0.0
    client = real_desktop._client
    assert client is not None
    assert (
        shell(client, "ls -d ~/Documents /tmp/x ~/.bashrc ~/.config/autostart 2>/dev/null") == "/home/user/Documents\n"
    )
    assert shell(client, "pgrep -x sleep") == ""


def test_a_desktop_sees_no_network_and_no_process_of_the_host(client: DesktopClient) -> None:
    assert shell(client, "cat /proc/net/dev | tail -n +3 | cut -d: -f1").split() == ["lo"]
    assert shell(client, f"ls -d /proc/{os.getpid()} 2>/dev/null") == ""
    closed = "import socket; s = socket.socket(); s.settimeout(2); print(s.connect_ex(('127.0.0.1', {})))"
    own = client.address.server_port
    assert shell(client, f'python3 -c "{closed.format(own)}"').strip() != "0"


def test_a_desktop_has_no_right_and_no_way_to_one(client: DesktopClient) -> None:
    status = shell(client, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status")
    rights = dict(line.split() for line in status.splitlines())
    assert {rights[name] for name in ("CapPrm:", "CapEff:")} == {"0" * 16}
    assert rights["NoNewPrivs:"] == "1"
    assert shell(client, "whoami; pwd") == "user\n/home/user\n"


def test_a_desktop_neither_reads_nor_writes_files_of_the_host(client: DesktopClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("of the host", encoding="utf-8")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    assert "of the host" not in shell(client, f"cat {secret} 2>&1")
    assert (
        shell(client, "touch /usr/x /etc/x /var/x /run/x 2>/dev/null; ls /usr/x /etc/x /var/x /run/x 2>/dev/null") == ""
    )


def test_a_full_disk_is_the_desktops_own(client: DesktopClient) -> None:
    said = shell(client, "dd if=/dev/zero of=$HOME/big bs=1M count=4096 2>&1; stat -c %s ~/big")
    assert "No space left" in said
    assert int(said.splitlines()[-1]) <= CONFIG.home_mb * 2**20
    assert client.look().std() > 0


def test_the_desktop_is_spoken_to_with_its_token_only(machine: XvfbMachine) -> None:
    class Stranger:
        name = machine.name
        address = Address(server_port=machine.address.server_port, token="guessed")

        def gone(self) -> str:
            return ""

        def close(self) -> None:
            """Not ours."""

    with pytest.raises(DesktopLost, match="401"):
        DesktopClient(Stranger(), 10).look()


def test_closing_ends_every_process(provider: XvfbProvider) -> None:
    machine = provider.start()
    client = DesktopClient(machine, 30)
    shell(client, "for i in 1 2 3; do setsid nohup sleep 1000 >/dev/null 2>&1 & done; true")
    processes = family(machine.process.pid)
    assert len(processes) > 6
    machine.close()
    machine.close()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive
    with pytest.raises(DesktopLost):
        client.look()


def test_an_endless_program_does_not_outlive_its_episode(provider: XvfbProvider) -> None:
    machine = provider.start()
    shell(DesktopClient(machine, 30), "(while :; do :; done) >/dev/null 2>&1 & true")
    processes = family(machine.process.pid)
    machine.close()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


def test_a_desktop_whose_server_was_killed_is_lost_by_name(machine: XvfbMachine, client: DesktopClient) -> None:
    client.ready()
    for process in family(machine.process.pid):
        if "serve" in process.cmdline():
            process.kill()
    with pytest.raises(DesktopLost, match=r"xvfb:\d+ .*"):
        client.look()


def test_a_frozen_desktop_is_stuck_and_can_still_be_ended(machine: XvfbMachine) -> None:
    client = DesktopClient(machine, 1.0)
    processes = family(machine.process.pid)
    for process in processes[1:]:
        process.suspend()
    with pytest.raises(DesktopStuck):
        client.look()
    machine.close()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


def test_a_dead_display_is_not_ready(machine: XvfbMachine, client: DesktopClient) -> None:
    for process in family(machine.process.pid):
        if process.name() == "Xvfb":
            process.kill()
    psutil.wait_procs([process for process in family(machine.process.pid) if process.name() == "Xvfb"], timeout=5)
    with pytest.raises(DesktopLost):
        client.ready()


ENGINE = """
import sys, time
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from tests.engine.desktops.xvfb.conftest import CONFIG
machine = XvfbProvider(CONFIG).start()
print(machine.process.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_engine_leaves_no_desktop() -> None:
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    processes = family(int(engine.stdout.readline()))
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


def test_the_reaper_ends_desktops_of_dead_engines_and_no_other(provider: XvfbProvider) -> None:
    """The pipe of the orphan is held open by a stranger, as by a process that inherited it."""
    mine = provider.start()
    held, written = os.pipe()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    orphan = subprocess.Popen(
        [*requirements.unshare(os.geteuid() == 0), "sleep", "600"],
        stdin=held,
        env={**os.environ, LABEL: f"{ended.pid}:12345"},
    )
    deadline = time.monotonic() + 10
    while orphan.pid not in reap():
        assert time.monotonic() < deadline
    assert orphan.wait(10) == -signal.SIGKILL
    os.close(held)
    os.close(written)
    assert mine.gone() == ""
    mine.close()


def test_the_reaper_leaves_desktops_of_a_container_alone() -> None:
    """Numbers of processes mean others there: an engine in a container is alive, and looks dead from its host."""
    world = requirements.unshare(os.geteuid() == 0)
    inside = f"{LABEL}=7:12345 exec unshare --pid --fork sleep 600"
    container = subprocess.Popen([*world, "sh", "-c", inside])
    try:
        deadline = time.monotonic() + 10
        while not any(one.name() == "sleep" for one in family(container.pid)):
            assert time.monotonic() < deadline
        assert not {one.pid for one in family(container.pid)} & set(reap())
        assert any(one.name() == "sleep" for one in family(container.pid))
    finally:
        container.kill()
        container.wait()


def test_what_is_missing_is_said_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DesktopLost, match=r"packages are not in .*; run \./arpo setup xvfb"):
        XvfbProvider(XvfbDesktopsConfig(), packages=tmp_path).start()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DesktopLost, match=r"lacks unshare, .*Xvfb.*; run \./arpo setup xvfb"):
        XvfbProvider(XvfbDesktopsConfig()).start()


def test_a_closed_desktop_is_final(real_desktop: RealDesktop) -> None:
    real_desktop.reset(a_task())
    real_desktop.close()
    with pytest.raises(DesktopLost):
        real_desktop.step(Wait(seconds=0.0))


def test_who_is_not_root_has_the_same_desktop(provider: XvfbProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a namespace of users; here root takes that way too."""
    monkeypatch.setattr("arpo_engine.desktops.xvfb.provider.os.geteuid", lambda: 1000)
    machine = provider.start()
    try:
        client = DesktopClient(machine, 30)
        assert shell(client, "id -un; id -u; pwd; touch ~/x && ls ~/x") == "user\n1000\n/home/user\n/home/user/x\n"
        assert "0" * 16 in shell(client, "grep CapEff /proc/self/status")
    finally:
        machine.close()


@pytest.mark.parametrize("euid", [0, 1000])
def test_what_the_engines_own_user_could_write_or_read_is_closed(
    provider: XvfbProvider, monkeypatch: pytest.MonkeyPatch, euid: int
) -> None:
    """Beyond the folders that are its own anyway. Without root a desktop's user is the engine's, outside."""
    place = next((one for one in ("/srv", "/opt", "/mnt") if os.access(one, os.W_OK)), None)
    if place is None or (euid == 0 and os.geteuid() != 0):
        pytest.skip("only root has files there, and can be root")
    monkeypatch.setattr("arpo_engine.desktops.xvfb.provider.os.geteuid", lambda: euid)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        data, shared = Path(folder, "data"), Path(folder, "shared")
        for one in (data, shared):
            one.mkdir()
            one.joinpath("kept.txt").write_text("of the engine", encoding="utf-8")
            one.joinpath("kept.txt").chmod(0o666)
            one.chmod(0o777)
        Path(folder).chmod(0o755)
        monkeypatch.setenv("ARPO_DATA_DIR", str(data))
        machine = provider.start()
        try:
            client = DesktopClient(machine, 30)
            assert shell(client, f"cat {data}/* {data}/kept.txt 2>/dev/null") == ""
            shell(client, f"echo changed > {shared}/kept.txt; touch {shared}/new {data}/new; rm {shared}/kept.txt")
        finally:
            machine.close()
        assert [path.read_text(encoding="utf-8") for path in sorted(Path(folder).rglob("*.*"))] == ["of the engine"] * 2
        assert not list(Path(folder).rglob("new"))
