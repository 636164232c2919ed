"""The gate before servers of models: who may ask what, and with whose key."""

from __future__ import annotations

import pytest

from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.servers import GATE_VARIABLE, ServerGate, ServerRefused, check_list, gate_in

LISTED = ServerGate(
    listed=("api.example.com", "gpu-*.lab.example:8000", "10.1.0.0/16", "https://keyed.example", "[fd00::7]:9000")
)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "172.20.1.2", "192.168.1.5", "100.64.0.9", "::1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_a_server_nearby_may_be_asked_without_the_key(address: str):
    assert ServerGate().gives_key("gpu1", 8000, address) is False


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("api.example.com", 443, "93.184.216.34"),
        ("API.Example.com.", 8443, "93.184.216.34"),
        ("gpu-3.lab.example", 8000, "192.168.1.5"),
        ("anything", 80, "10.1.2.3"),
        ("keyed.example", 443, "93.184.216.34"),
        ("six", 9000, "fd00::7"),
    ],
)
def test_a_listed_server_gets_the_key(host: str, port: int, address: str):
    assert LISTED.gives_key(host, port, address) is True


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("gpu-3.lab.example", 8001, "192.168.1.5"),
        ("keyed.example", 80, "10.0.0.9"),
        ("evil-api.example.com", 443, "10.0.0.9"),
        ("six", 9001, "fd00::7"),
    ],
    ids=["another port", "without TLS", "another name", "another port of an address"],
)
def test_what_is_not_quite_listed_gets_none(host: str, port: int, address: str):
    assert LISTED.gives_key(host, port, address) is False


def test_a_public_server_is_for_admins_or_listed_and_the_message_says_so():
    with pytest.raises(ServerRefused, match=r"other\.com \(93\.184\.216\.34\).*ARPO_MODEL_SERVERS.*admin of"):
        LISTED.gives_key("api.other.com", 443, "93.184.216.34")
    assert ServerGate(anywhere=True).gives_key("api.other.com", 443, "93.184.216.34") is True


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::1%eth0",
        "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::7f00:1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("gate", [ServerGate(), ServerGate(anywhere=True), ServerGate(listed=("innocent.example",))])
def test_what_talks_to_machines_is_asked_by_nobody_whatever_name_leads_there(gate: ServerGate, address: str):
    with pytest.raises(ServerRefused, match="talks to its machines"):
        gate.gives_key("innocent.example", 80, address)


def test_only_its_very_number_in_the_list_opens_such_an_address():
    assert ServerGate(listed=("169.254.10.1:8000",)).gives_key("x", 8000, "169.254.10.1") is True
    with pytest.raises(ServerRefused):
        ServerGate(listed=("169.254.10.1:8000",)).gives_key("x", 80, "169.254.10.1")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:8000/v1", "http://gpu1:8000/v1", "http://[::1]/v1", "http://2130706433/v1"]
)
def test_names_wait_until_they_are_looked_up(url: str):
    ServerGate().check_without_looking_up(url)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://1.1.1.1/v1", "http://[::ffff:a9fe:a9fe]/v1"])
def test_numbers_are_refused_at_once(url: str):
    with pytest.raises(ServerRefused):
        ServerGate().check_without_looking_up(url)


def test_the_gate_travels_in_the_environment_and_a_shell_has_none():
    assert gate_in({GATE_VARIABLE: LISTED.as_text()}) == LISTED
    assert gate_in({}) is None
    for torn in ("{", "[]", "{}", '{"listed": 3, "anywhere": true}'):
        with pytest.raises(ConfigError, match="leave it to the console"):
            gate_in({GATE_VARIABLE: torn})


@pytest.mark.parametrize(
    "entry", ["*", "**.*", "host:0", "host:70000", "host:web", "a b", "user@host", "10.0.0.0/40", "http://"]
)
def test_an_entry_that_cannot_be_read_is_named_with_examples(entry: str):
    with pytest.raises(ConfigError, match=r"ARPO_MODEL_SERVERS holds .*; write servers as"):
        check_list([entry])


def test_a_list_of_good_entries_stays_as_it_is():
    assert check_list(list(LISTED.listed)) == LISTED.listed
