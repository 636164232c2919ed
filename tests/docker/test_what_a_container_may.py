from __future__ import annotations

import json
from typing import Any

import psutil
import pytest

from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.engine import DockerApi
from arpo_engine.desktops.docker.labels import HOST, OWNER, RUN, this_host
from arpo_engine.desktops.docker.provider import PORTS, DockerMachine, DockerProvider
from tests.docker.conftest import CONFIG, within

pytestmark = pytest.mark.docker


def shell(client: DesktopClient, command: str) -> str:
    return str(client.post("/execute", {"command": command, "shell": True})["output"]).strip()


def limits(engine: DockerApi, machine: DockerMachine) -> dict[str, Any]:
    found: dict[str, Any] = engine.inspect_container(machine.container)["HostConfig"]
    return found


def test_it_has_no_right_and_wins_none(client: DesktopClient) -> None:
    rights = dict(line.split(":\t") for line in shell(client, "grep -E '^(Cap|NoNew)' /proc/self/status").splitlines())
    assert {name: int(value, 16) for name, value in rights.items() if name.startswith("Cap")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
    )
    assert rights["NoNewPrivs"] == "1"
    assert shell(client, "id -u") == "1000"
    assert shell(client, "echo password | sudo -S id -u 2>/dev/null || echo refused") == "refused"


def test_the_administrator_of_a_container_may_become_root_in_it() -> None:
    machine = DockerProvider(CONFIG.model_copy(update={"administrator": True})).start()
    try:
        client = DesktopClient(machine, 30.0)
        assert shell(client, "echo password | sudo -S id -u 2>/dev/null") == "0"
        assert shell(client, "echo password | sudo -S mount -t tmpfs none /mnt 2>&1 || echo refused").endswith(
            "refused"
        )
    finally:
        machine.close()


def test_it_sees_no_network_but_itself(client: DesktopClient) -> None:
    assert shell(client, "ls /sys/class/net") == "lo"
    script = "import socket; socket.create_connection(('1.1.1.1', 53), 2)"
    assert "unreachable" in shell(client, f'python3 -c "{script}" 2>&1')


def test_memory_processor_and_processes_are_limited(engine: DockerApi, machine: DockerMachine) -> None:
    found = limits(engine, machine)
    assert found["Memory"] == found["MemorySwap"] == CONFIG.memory_mb * 2**20
    assert found["NanoCpus"] == CONFIG.cpus * 1e9
    assert found["PidsLimit"] > 0
    assert found["CapDrop"] == ["ALL"] and not found["CapAdd"]


def test_it_says_whose_it_is(engine: DockerApi, machine: DockerMachine) -> None:
    said = engine.inspect_container(machine.container)["Config"]["Labels"]
    assert said[HOST] == this_host()
    assert {RUN, OWNER, "arpo.attempt", "arpo.desktop"} <= set(said)


def test_nobody_is_answered_without_the_token(machine: DockerMachine) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", machine.address.server_port, timeout=10)
    connection.request("GET", "/screenshot")
    assert connection.getresponse().status == 401


def test_an_open_one_is_published_on_this_machine_only_by_a_port_of_the_engine_s_choice(engine: DockerApi) -> None:
    machine = DockerProvider(CONFIG.model_copy(update={"network": "open"})).start()
    try:
        assert DesktopClient(machine, 30.0).look().shape == (CONFIG.height, CONFIG.width, 3)
        asked = limits(engine, machine)["PortBindings"]
        assert {json.dumps(binding) for binding in asked.values()} == {
            json.dumps([{"HostIp": "127.0.0.1", "HostPort": ""}])
        }
        assert len(asked) == len(PORTS)
    finally:
        machine.close()


def test_a_port_in_it_is_reached_when_something_listens_there(client: DesktopClient, machine: DockerMachine) -> None:
    import http.client

    shell(client, "cd /tmp && (python3 -m http.server 9222 --bind 127.0.0.1 >/dev/null 2>&1 &) ; sleep 1")
    connection = http.client.HTTPConnection("127.0.0.1", machine.address.chromium_port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def test_a_task_that_starts_programs_without_end_harms_its_own_desktop_only(
    engine: DockerApi, machine: DockerMachine, client: DesktopClient
) -> None:
    shell(client, "(for i in $(seq 3000); do sleep 1000 & done) >/dev/null 2>&1 &")
    shell(client, "(while true; do true; done) >/dev/null 2>&1 &")
    running = int(engine.inspect_container(machine.container)["State"]["Pid"])
    assert len(psutil.Process(running).children(recursive=True)) <= limits(engine, machine)["PidsLimit"]
    assert client.look().shape == (CONFIG.height, CONFIG.width, 3)
    machine.close()
    assert within(20, lambda: not psutil.pid_exists(running))
