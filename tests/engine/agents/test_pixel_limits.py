"""What the model sees and what its coordinates are read in are one and the same frame, at every size of screen."""

from __future__ import annotations

import pytest
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize as published_resize

from arpo_engine.agents import QwenVlAgent, UiTarsAgent
from arpo_engine.contract.actions import Click
from arpo_engine.contract.config.parts import QwenVlAgentConfig, UiTarsAgentConfig
from arpo_engine.contract.resize import PixelLimits
from arpo_engine.models.patches import PatchFormat, resized
from tests.engine.policies import screenshots

ARPO = PixelLimits(min_pixels=3136, max_pixels=2116800)
"""Of the published training; its parser had 16384 * 28 * 28, which is another frame above 1080p."""
SCREENS = {"1080p": (1920, 1080), "1440p": (2560, 1440), "4K": (3840, 2160)}
SEEN = {"1080p": (1932, 1092), "1440p": (1932, 1064), "4K": (1932, 1064)}


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("limits", [ARPO, PixelLimits(), PixelLimits(max_pixels=1280 * 28 * 28)])
def test_processor_and_parser_agree_on_the_frame(name: str, limits: PixelLimits):
    width, height = SCREENS[name]
    form = PatchFormat(limits=limits)
    rows, columns = form.grid(width, height)
    for agent in (UiTarsAgent(UiTarsAgentConfig(), limits), QwenVlAgent(QwenVlAgentConfig(), limits)):
        frame = agent.frame((width, height))
        assert (frame.width, frame.height) == (columns * 28, rows * 28)
    assert published_resize(height, width, 28, limits.min_pixels, limits.max_pixels) == (rows * 28, columns * 28)


@pytest.mark.parametrize("name", SCREENS)
def test_pixels_are_resized_to_the_frame_and_a_click_comes_back_to_its_pixel(name: str):
    screen = SCREENS[name]
    (picture,) = screenshots(1, size=screen)
    assert resized(picture, ARPO).shape[:2] == SEEN[name][::-1]
    agent = UiTarsAgent(UiTarsAgentConfig(), ARPO)
    for share in (0.0, 0.25, 0.5, 0.999):
        x, y = (share * side for side in SEEN[name])
        action = agent.parse(f"Action: click(start_box='({x:.4f},{y:.4f})')", screen).action
        assert action == Click(x=round(share * screen[0]), y=round(share * screen[1]))


def test_with_the_published_parsers_limits_clicks_at_1440p_would_be_off_by_a_third():
    ours, theirs = (
        UiTarsAgent(UiTarsAgentConfig(), limits).parse("Action: click(start_box='(966,532)')", SCREENS["1440p"]).action
        for limits in (ARPO, PixelLimits())
    )
    assert ours == Click(x=1280, y=720)
    assert isinstance(theirs, Click)
    assert theirs.x < 1280 * 0.77
