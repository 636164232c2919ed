"""What a run knows of the cluster's machines: which it is on itself, and which hold desktops."""

from __future__ import annotations

import ray

from arpo_engine.runtime.placement import DesktopNode, desktop_nodes


def own_node() -> str:
    """Id of the node that this process runs on."""
    return str(ray.get_runtime_context().get_node_id())


def living_nodes() -> list[DesktopNode]:
    """The living nodes for desktops."""
    living = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return desktop_nodes(living, ray.available_resources())
