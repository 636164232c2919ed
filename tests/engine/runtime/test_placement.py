"""Where desktops go on a cluster: ARPO's `docker:<ip>` and `desktop` resources, by arithmetic alone."""

from __future__ import annotations

import pytest

from arpo_engine.runtime.placement import DesktopNode, NoRoom, Place, another_place, desktop_nodes, place, place_for

EAST = DesktopNode(resources=("docker:10.0.0.2",), free=128)
WEST = DesktopNode(resources=("docker:10.0.0.3", "desktop"), free=4)


def test_a_node_started_by_arpos_own_line_holds_desktops_and_a_plain_node_holds_none():
    nodes = desktop_nodes(
        [{"CPU": 64.0, "GPU": 8.0}, {"CPU": 8.0, "docker:10.0.0.2": 128.0}], {"CPU": 72.0, "docker:10.0.0.2": 100.0}
    )
    assert nodes == [DesktopNode(resources=("docker:10.0.0.2",), free=100)]


def test_a_node_that_joined_takes_of_both_its_resources():
    (node,) = desktop_nodes([{"docker:10.0.0.3": 4.0, "desktop": 4.0}], {"docker:10.0.0.3": 1.0, "desktop": 130.0})
    assert node == DesktopNode(resources=("docker:10.0.0.3", "desktop"), free=1)
    assert Place(size=1, resources=node.resources).reserved == {"docker:10.0.0.3": 1.0, "desktop": 1.0}


def test_a_resource_that_is_all_taken_is_not_named_by_ray_and_counts_as_none():
    assert desktop_nodes([{"desktop": 4.0}], {"CPU": 1.0}) == [DesktopNode(resources=("desktop",), free=0)]


def test_nodes_without_an_address_share_what_is_left_of_the_common_resource():
    joined, plain = {"docker:10.0.0.3": 4.0, "desktop": 4.0}, {"desktop": 16.0}
    nodes = desktop_nodes([plain, joined, plain], {"docker:10.0.0.3": 4.0, "desktop": 24.0})
    assert [(node.name, node.free) for node in nodes] == [("docker:10.0.0.3", 4), ("desktop", 16), ("desktop", 4)]
    with pytest.raises(NoRoom, match="room for 24"):
        place(36, 4, nodes)


def test_one_machine_reserves_nothing():
    assert place(5, 2, []) == [Place(size=2), Place(size=2), Place(size=1)]
    assert Place(size=2).reserved == {}


def test_desktops_are_spread_evenly_and_a_full_node_takes_what_it_can():
    places = place(16, 6, [EAST, WEST])
    sizes = {node.name: [p.size for p in places if p.resources == node.resources] for node in (EAST, WEST)}
    assert sizes == {"docker:10.0.0.2": [6, 6], "docker:10.0.0.3": [4]}
    assert sum(p.size for p in place(3, 64, [EAST, WEST])) == 3


def test_too_few_places_are_refused_with_what_there_is_and_the_cure():
    with pytest.raises(NoRoom, match=r"room for 132 \(docker:10.0.0.2 has 128, docker:10.0.0.3 has 4\).*\./arpo join"):
        place(133, 64, [EAST, WEST])


def test_desktops_come_back_to_their_node_and_move_when_it_is_gone():
    lost = Place(size=4, resources=WEST.resources)
    full = DesktopNode(resources=WEST.resources, free=0)
    assert another_place(lost, [EAST, full]) == lost
    assert another_place(lost, [EAST]) == Place(size=4, resources=EAST.resources)
    with pytest.raises(NoRoom, match=r"docker:10.0.0.3 is gone, and no other has room for its 4 desktops"):
        another_place(lost, [DesktopNode(resources=EAST.resources, free=3)])
    with pytest.raises(NoRoom):
        another_place(lost, [])


def test_desktops_that_are_started_later_go_where_most_room_is():
    assert place_for(3, []) == Place(size=3), "one machine reserves nothing"
    assert place_for(3, [WEST, EAST]).resources == EAST.resources
    with pytest.raises(NoRoom, match=r"no node has room for 5 more desktops .*\./arpo join"):
        place_for(5, [WEST])
