"""Sizes, patches and positions are those of the stock processor and the stock model, to the last index."""

import numpy as np
import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

from arpo_engine.contract import resize
from arpo_engine.contract.resize import PixelLimits
from arpo_engine.models.patches import PatchFormat, processor_patches, raw_patches, resized
from arpo_engine.models.positions import mrope_positions
from tests.engine.policies import screenshots, shared_policy

LIMITS = [PixelLimits(), PixelLimits(min_pixels=78400, max_pixels=2116800), PixelLimits(max_pixels=28 * 28 * 60)]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("size", [(224, 168), (1920, 1080), (3840, 2160), (100, 100), (30, 1000), (2560, 1440)])
def test_resizes_as_the_stock_processor(limits: PixelLimits, size: tuple[int, int]):
    height, width = smart_resize(size[1], size[0], 28, limits.min_pixels, limits.max_pixels)
    assert resize.smart_resize(*size, limits) == (width, height)


@pytest.mark.parametrize(("size", "cure"), [((0, 10), "real screen size"), ((10, 4000), "crop it")])
def test_refuses_a_screen_that_cannot_be(size: tuple[int, int], cure: str):
    with pytest.raises(ValueError, match=cure):
        resize.smart_resize(*size, PixelLimits())


@pytest.mark.parametrize("size", [(224, 168), (300, 200)])
def test_patches_equal_the_stock_processors(size: tuple[int, int]):
    form = PatchFormat()
    frames = screenshots(2, size=size)
    ours = processor_patches(raw_patches([resized(frame, form.limits) for frame in frames], form), form)
    processor = Qwen2VLImageProcessorPil(
        size={"shortest_edge": form.limits.min_pixels, "longest_edge": form.limits.max_pixels}
    )
    stock = processor(images=frames, return_tensors="pt")
    assert torch.allclose(ours.flatten(0, 1), stock["pixel_values"], atol=2e-6)
    rows, columns = form.grid(*size)
    assert stock["image_grid_thw"].tolist() == [[1, 2 * rows, 2 * columns]] * 2


def test_positions_equal_the_stock_models():
    policy = shared_policy()
    chat = policy.chat
    ids = [*chat.opening_ids("You", "Turn on", (224, 168)), *chat.reply_ids("Save"), *chat.turn_ids((112, 280))]
    grids = [chat.patches.grid(224, 168), chat.patches.grid(112, 280)]
    row = torch.tensor([ids])
    thw = torch.tensor([[1, 2 * rows, 2 * columns] for rows, columns in grids])
    stock, _ = policy.module.model.get_rope_index(row, (row == chat.image_id).int(), thw)
    ours, following = mrope_positions(ids, grids, chat.image_id)
    assert torch.equal(torch.from_numpy(ours), stock[:, 0])
    assert following == int(stock.max()) + 1


def test_positions_go_on_where_a_cached_context_ended():
    policy = shared_policy()
    first, second = policy.chat.opening_ids("You", "on", (224, 168)), policy.chat.turn_ids((224, 168))
    grid = policy.chat.patches.grid(224, 168)
    whole, end = mrope_positions([*first, *second], [grid, grid], policy.chat.image_id)
    head, middle = mrope_positions(first, [grid], policy.chat.image_id)
    tail, last = mrope_positions(second, [grid], policy.chat.image_id, middle)
    assert np.array_equal(whole, np.concatenate([head, tail], 1))
    assert end == last


def test_a_screenshot_without_its_tokens_is_an_error():
    with pytest.raises(ValueError, match="48 image tokens, but its screenshots need 96"):
        ids = shared_policy().chat.opening_ids("You", "on", (224, 168))
        mrope_positions(ids, [(6, 8), (6, 8)], shared_policy().chat.image_id)
