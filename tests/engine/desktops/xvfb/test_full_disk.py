from __future__ import annotations

import pytest

from arpo_engine.contract.actions import Click, Finished
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.osworld import RealDesktop
from tests.engine.desktops.xvfb.conftest import shell
from tests.engine.desktops.xvfb.plain_keeper import a_task

FILL = "head -c 1G /dev/zero > ~/full 2> /dev/null; true"
CLICK = Click(x=3, y=3)


def test_a_desktop_whose_disk_is_full_acts_no_more_and_says_why(client: DesktopClient) -> None:
    client.act(CLICK, (1024, 768))
    shell(client, FILL)
    with pytest.raises(DesktopLost, match=r"the desktop's disk is full: 0 bytes are left in /home/user"):
        client.act(CLICK, (1024, 768))
    with pytest.raises(DesktopLost, match="disk is full"):
        client.ready()


def test_it_goes_on_when_there_is_room_again(client: DesktopClient) -> None:
    shell(client, FILL)
    shell(client, "rm ~/full")
    client.ready()
    client.act(CLICK, (1024, 768))


def test_what_could_not_be_saved_is_no_score_of_zero(real_desktop: RealDesktop) -> None:
    real_desktop.reset(a_task())
    assert real_desktop.score(Finished()) == 0.0
    real_desktop.reset(a_task(FILL))
    with pytest.raises(DesktopLost, match="disk is full"):
        real_desktop.score(Finished())
