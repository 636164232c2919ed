"""Films decoded again: how many pictures, how large, what they show, and what becomes of what is not there."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arpo_engine.contract.actions import Action, Click, Drag, Finished, Hotkey, Move, Scroll, Several, TypeText
from arpo_engine.filming.kinds import FilmKind
from arpo_engine.filming.making import END_MS, STEP_MS, FilmFacts, Limits, make_film
from arpo_engine.filming.reel import Reel, Shot, Side, moments

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.int16]]
ORANGE = (213, 94, 0)


def picture(shade: int, size: tuple[int, int] = (224, 168)) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", size, (shade * 90 % 256, 90, 160)).save(drawn, "PNG")
    return drawn.getvalue()


def shot(shade: int, size: tuple[int, int] = (224, 168), action: Action | None = None, thought: str = "") -> Shot:
    data = picture(shade, size)
    return Shot(size=size, picture=lambda: data, action=action, did="click 1, 2", thought=thought)


def side(who: str = "Old, step 1", steps: int = 3, size: tuple[int, int] = (224, 168), thought: str = "") -> Side:
    shots = tuple(shot(number, size, thought=thought) for number in range(steps))
    return Side(who=who, shots=shots, final=shot(9, size), outcome="solved", tone="good", score=1.0)


def reel(*sides: Side, instruction: str = "Switch the dark mode on") -> Reel:
    return Reel(instruction=instruction, sides=sides or (side(),))


def webp(of: Reel, folder: Path, limits: Limits | None = None) -> tuple[FilmFacts, list[Pixels], list[int]]:
    """The facts, the pictures and the milliseconds of each."""
    facts = make_film(of, folder / "film.webp", FilmKind.WEBP, limits)
    with Image.open(folder / "film.webp") as film:
        pictures, durations = [], []
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            pictures.append(np.asarray(film.convert("RGB"), dtype=np.int16))
            durations.append(int(film.info["duration"]))
        assert (film.width, film.height) == (facts.width, facts.height)
    return facts, pictures, durations


def mp4(of: Reel, folder: Path, limits: Limits | None = None) -> tuple[FilmFacts, list[Pixels], str]:
    """The facts, the frames and the codec."""
    import av

    facts = make_film(of, folder / "film.mp4", FilmKind.MP4, limits)
    with av.open(str(folder / "film.mp4")) as film:
        stream = film.streams.video[0]
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.int16) for frame in film.decode(stream)]
        return facts, frames, stream.codec_context.name


def differ(one: Pixels, other: Pixels) -> float:
    """Share of pixels that are clearly different."""
    return float((np.abs(one - other).sum(axis=2) > 40).mean())


def orange(pixels: Pixels) -> int:
    return int((np.abs(pixels - np.array(ORANGE)).sum(axis=2) < 40).sum())


def test_a_pair_becomes_a_moving_picture_with_a_picture_for_each_step_and_the_end(tmp_path: Path) -> None:
    facts, pictures, durations = webp(reel(side(steps=3), side("Tuned, step 40", steps=5)), tmp_path)
    assert (facts.pictures, facts.steps, facts.every, facts.missing) == (6, 5, 1, 0)
    assert len(pictures) == 6 and durations == [STEP_MS] * 5 + [END_MS]
    assert facts.width <= 1920 and facts.width > 2 * 2 * 224
    assert all(one.std() > 10 for one in pictures), "none is blank"
    assert all(differ(one, other) > 0.05 for one, other in pairwise(pictures))


def test_the_shorter_side_waits_at_its_end(tmp_path: Path) -> None:
    _, pictures, _ = webp(reel(side(steps=1), side(steps=4)), tmp_path)
    left = [one[:, : one.shape[1] // 2 - 10] for one in pictures]
    assert differ(left[0], left[1]) > 0.05
    assert all(differ(left[1], later) < 0.01 for later in left[2:])


def test_a_pair_becomes_h264_video_of_the_same_length(tmp_path: Path) -> None:
    facts, frames, codec = mp4(reel(side(steps=2), side(steps=1)), tmp_path)
    assert codec == "h264" and len(frames) == 6 + 6 + 18, "five a second"
    assert frames[0].shape == (facts.height, facts.width, 3) and facts.width % 2 == facts.height % 2 == 0
    assert frames[0].std() > 10 and differ(frames[0], frames[7]) > 0.05 and differ(frames[0], frames[5]) < 0.01


@pytest.mark.parametrize("kind", list(FilmKind))
def test_an_episode_of_one_step_is_a_film_too(tmp_path: Path, kind: FilmKind) -> None:
    facts = make_film(reel(side(steps=1)), tmp_path / "film", kind)
    assert facts.pictures == 2 and (tmp_path / "film").stat().st_size == facts.size > 500


def test_of_two_hundred_steps_some_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    facts = make_film(
        reel(side(steps=200)),
        tmp_path / "film",
        FilmKind.WEBP,
        Limits(width=400),
        lambda done, total: heard.append((done, total)),
    )
    assert facts.steps == 200 and facts.every == 2 and facts.pictures <= 120
    assert heard[-1] == (facts.pictures, facts.pictures) and len(heard) == facts.pictures


def test_first_last_and_end_are_always_shown() -> None:
    assert moments(3, 120) == [0, 1, 2, 3]
    for length in range(1, 300):
        for most in (3, 4, 17, 120):
            shown = moments(length, most)
            assert {0, length - 1, length} <= set(shown) and len(shown) <= max(most, 3) and shown == sorted(shown)


def test_a_film_that_would_be_too_large_is_made_smaller(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    noise = [random.integers(0, 255, (240, 320, 3), dtype=np.uint8) for _ in range(4)]

    def noisy(number: int) -> Shot:
        drawn = io.BytesIO()
        Image.fromarray(noise[number % 4]).save(drawn, "PNG")
        return replace(shot(0, (320, 240)), picture=drawn.getvalue)

    loud = reel(replace(side(steps=0), shots=tuple(noisy(number) for number in range(5)), final=noisy(3)))
    free = make_film(loud, tmp_path / "free.webp", FilmKind.WEBP, Limits(width=700))
    bound = make_film(loud, tmp_path / "bound.webp", FilmKind.WEBP, Limits(width=700, size=free.size // 2))
    assert bound.size <= free.size // 2 and bound.width < free.width


def test_screens_of_different_sizes_keep_their_shape(tmp_path: Path) -> None:
    wide, tall = side(steps=2, size=(1280, 720)), side(steps=2, size=(540, 1200))
    mixed = replace(wide, shots=(wide.shots[0], tall.shots[0]))
    facts, pictures, _ = webp(reel(mixed, tall), tmp_path)
    assert facts.width <= 1920 and len(pictures) == 3
    right = pictures[0][:, facts.width // 2 :]
    shown = np.abs(right - np.array((0, 90, 160))).sum(axis=2) < 30
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    ratio = (rows[-1] - rows[0]) / (columns[-1] - columns[0])
    assert ratio == pytest.approx(1200 / 540, rel=0.05)


def test_a_screenshot_that_is_not_there_is_a_grey_card_and_counted(tmp_path: Path) -> None:
    gone = Shot(size=(224, 168), picture=lambda: None, missing="Not kept any more.", did="click 1, 2")
    torn = Shot(size=(224, 168), picture=lambda: b"\x89PNG\r\n\x1a\n torn", did="click 1, 2")
    facts, pictures, _ = webp(reel(replace(side(), shots=(gone, torn, shot(1)))), tmp_path)
    assert facts.missing == 1
    card = pictures[0][100:400, 100:400]
    assert np.abs(card - np.array((226, 230, 236))).sum(axis=2).mean() < 60, "grey"
    assert card.std() > 2, "and it says so"


ACTIONS: Sequence[Action] = (
    Click(x=100, y=80),
    Click(x=100, y=80, count=2, button="right"),
    Drag(x=20, y=20, to_x=150, to_y=100),
    Scroll(x=100, y=80, direction="left"),
    Move(x=100, y=80),
    Several(actions=(Move(x=10, y=10), Click(x=100, y=80))),
)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.kind)
def test_what_points_at_a_place_is_marked_there(tmp_path: Path, action: Action) -> None:
    _, pictures, _ = webp(reel(replace(side(), shots=(shot(1, action=action), shot(1)))), tmp_path)
    assert orange(pictures[0]) > 200 and orange(pictures[1]) == 0


@pytest.mark.parametrize("action", [TypeText(text="milk\n" * 400), Hotkey(keys=("ctrl", "s")), Finished()])
def test_what_has_no_place_is_a_label_at_the_foot(tmp_path: Path, action: Action) -> None:
    _, pictures, _ = webp(reel(replace(side(), shots=(shot(1, action=action), shot(1)))), tmp_path)
    assert differ(pictures[0], pictures[1]) > 0.001


def test_a_place_far_outside_of_the_screen_breaks_nothing(tmp_path: Path) -> None:
    far = Drag(x=-(10**12), y=10**15, to_x=10**18, to_y=-5)
    shots = (shot(1, action=far), shot(2, action=Click(x=10**9, y=0)))
    facts, _, _ = webp(reel(replace(side(), shots=shots)), tmp_path)
    assert facts.pictures == 3


HOSTILE = "<script>alert(1)</script>\x00\x1b[31m\u202ereversed\u200b " + "A" * 5000 + " 你好 😀 \ud800"


def test_hostile_text_is_only_drawn(tmp_path: Path) -> None:
    odd = reel(side(who=HOSTILE, thought=HOSTILE * 3), side(thought="\n" * 2000), instruction=HOSTILE)
    facts, pictures, _ = webp(odd, tmp_path)
    assert facts.width <= 1920 and len(pictures) == 4


def test_letters_that_no_font_has_are_counted(tmp_path: Path) -> None:
    facts, _, _ = webp(reel(side(thought="plain, Ελληνικά, кириллица → “done”")), tmp_path)
    assert facts.unknown_letters == 0
    facts, _, _ = webp(reel(side(thought="\U00012000 cuneiform")), tmp_path)
    assert facts.unknown_letters == 1


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    for kind in FilmKind:
        with pytest.raises(OSError):
            make_film(reel(), tmp_path / "not there" / "film", kind)
