"""The controls take away what they say, and the curves are drawn."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ElementTree

from arpo_engine.agents.ui_tars import UiTarsAgent
from arpo_engine.contract.actions import Fail
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.desktops.host import Act, Reset, Score
from benchmarks.controls import AlwaysFail, BlindHost, DeafAgent
from benchmarks.learning_curves import write_svg
from benchmarks.learning_runs import share
from tests.engine.fakes import ClickingDesktops, make_task

CLICK = "Thought: x\nAction: click(start_box='(14,14)')"


def test_a_blind_policy_sees_the_same_grey_whatever_happens_and_is_scored_as_ever():
    async def main() -> None:
        inner = ClickingDesktops()
        host = BlindHost(inner)
        seen = await host.call(0, Reset(make_task()))
        after = await host.call(0, Act(UiTarsAgent(UiTarsAgentConfig()).parse(CLICK, (28, 28)).action))
        assert (seen.pixels == 128).all()
        assert (after.pixels == seen.pixels).all()
        assert await host.call(0, Score(None)) == 1.0

    asyncio.run(main())


def test_a_deaf_policy_is_told_the_same_for_every_task_and_its_replies_are_read():
    agent = DeafAgent(UiTarsAgent(UiTarsAgentConfig()))
    assert agent.user_prompt("open Mail") == agent.user_prompt("delete cat")
    assert agent.caption("open Mail") == agent.caption("delete cat")
    assert agent.parse(CLICK, (28, 28)).action is not None


def test_a_policy_without_judgement_always_gives_up():
    assert isinstance(AlwaysFail(UiTarsAgent(UiTarsAgentConfig())).parse(CLICK, (28, 28)).action, Fail)


def test_the_curves_are_one_line_a_seed_and_panel(tmp_path):
    points = [
        {"minutes": minutes, "step": step, "kind": kind, "success": success}
        for kind in ("train", "held_out", "rollouts")
        for minutes, step, success in ((0.0, 0, 0.1), (5.0, 20, 0.5))
    ]
    write_svg(tmp_path / "curves.svg", {"0": points, "1": points})
    tree = ElementTree.parse(tmp_path / "curves.svg")
    assert len(tree.findall(".//{http://www.w3.org/2000/svg}polyline")) == 4


def test_success_is_a_share_and_nothing_tried_is_no_success():
    assert share({"train": [3, 4], "held_out": [0, 0]}) == {"train": 0.75, "held_out": 0.0}
