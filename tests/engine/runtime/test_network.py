"""By which address and interface this machine reaches another one."""

from __future__ import annotations

from arpo_engine.runtime.network import address_towards, interface_of, talking_by


def test_this_machine_reaches_itself_by_its_loopback():
    assert address_towards("127.0.0.1", 9) == "127.0.0.1"
    interface = interface_of("127.0.0.1")
    assert interface is not None and interface.startswith("lo")
    assert talking_by("127.0.0.1", 9) == {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface}


def test_an_address_of_another_machine_has_no_interface_here():
    assert interface_of("203.0.113.7") is None
