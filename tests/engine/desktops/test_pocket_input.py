from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from arpo_engine.contract.actions import Click, Drag, DragTo, Finished, Move, Scroll
from arpo_engine.desktops.pocket.apps import FilesPage, MailPage, NotesPage, SetupPage, TablePage
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.scenes import labels_on_screen
from tests.engine.desktops.helpers import a_task, keys, press, words, write


def _setup(desktop: PocketDesktop) -> SetupPage:
    return cast(SetupPage, desktop.screen.pages["Setup"])


def _editor_text(desktop: PocketDesktop) -> str:
    return cast(NotesPage, desktop.screen.pages["Notes"]).editor.text()


def _mail(desktop: PocketDesktop) -> MailPage:
    return cast(MailPage, desktop.screen.pages["Mail"])


def _at(desktop: PocketDesktop, label: str) -> tuple[int, int]:
    return labels_on_screen(desktop)[label]


# -- mouse -----------------------------------------------------------------------------------------------------------


def test_a_click_on_the_wallpaper_does_nothing(desktop: PocketDesktop) -> None:
    before = desktop.reset(a_task("turn-on")).pixels
    taken = {(x // 28, y // 28) for x, y in labels_on_screen(desktop).values()}
    taken |= {(column + 1, row) for column, row in taken}
    for column in range(8):
        for row in range(6):
            if (column, row) not in taken:
                after = desktop.step(Click(x=14 + 28 * column, y=14 + 28 * row)).pixels
                assert np.array_equal(before, after)


def test_text_without_a_focus_goes_nowhere(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("write-note"))
    press(desktop, "Notes")
    before = desktop.look().pixels
    write(desktop, "tea")
    assert np.array_equal(desktop.look().pixels, before)


def test_any_pixel_of_a_widget_takes_the_click(desktop: PocketDesktop) -> None:
    task = a_task("open-app")
    desktop.reset(task)
    x, y = _at(desktop, "Mail")
    for dx, dy in ((-13, -13), (41, 13), (0, 0)):
        desktop.reset(task)
        desktop.step(Click(x=x + dx, y=y + dy))
        assert desktop.screen.stored.app == "Mail"


def test_the_slider_follows_click_drag_and_wheel(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("set-level"))
    press(desktop, "Setup", "2")
    slider = _setup(desktop).level
    assert slider.value() == 2
    (x, y), (to_x, to_y) = _at(desktop, "2"), _at(desktop, "5")
    desktop.step(Drag(x=x, y=y, to_x=to_x, to_y=to_y))
    assert slider.value() == 5
    desktop.step(Scroll(x=x, y=y, direction="down", clicks=2))
    assert slider.value() == 3
    desktop.step(Scroll(x=x, y=y, direction="up", clicks=9))
    assert slider.value() == 5


def test_a_drag_may_begin_where_the_pointer_was_brought_to(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("set-level"))
    press(desktop, "Setup", "2")
    slider = _setup(desktop).level
    (x, y), (to_x, to_y) = _at(desktop, "2"), _at(desktop, "5")
    desktop.step(Move(x=x, y=y))
    assert slider.value() == 2
    desktop.step(DragTo(x=to_x, y=to_y))
    assert slider.value() == 5


def test_a_drag_that_leaves_a_button_does_not_press_it(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("open-app"))
    x, y = _at(desktop, "Mail")
    desktop.step(Drag(x=x, y=y, to_x=x, to_y=3))
    assert desktop.screen.stored.app == "Home"


def test_a_double_click_opens_a_file(desktop: PocketDesktop) -> None:
    task = a_task("open-file")
    desktop.reset(task)
    press(desktop, "Files")
    x, y = _at(desktop, words(task)[0])
    desktop.step(Click(x=x, y=y, count=2))
    assert desktop.score(Finished()) == 1.0


def test_a_right_click_opens_a_menu_that_acts(desktop: PocketDesktop) -> None:
    task = a_task("open-file")
    desktop.reset(task)
    press(desktop, "Files")
    x, y = _at(desktop, words(task)[0])
    desktop.step(Click(x=x, y=y, button="right"))
    assert set(labels_on_screen(desktop)) == {"Open", "Rename", "Delete"}
    press(desktop, "Open")
    assert desktop.score(Finished()) == 1.0


def test_a_right_click_presses_no_button(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("open-app"))
    x, y = _at(desktop, "Mail")
    desktop.step(Click(x=x, y=y, button="right"))
    assert desktop.screen.stored.app == "Home"


# -- popups and dialogs ----------------------------------------------------------------------------------------------


def test_a_popup_is_seen_takes_the_clicks_and_closes_beside_itself(desktop: PocketDesktop) -> None:
    task = a_task("set-color")
    desktop.reset(task)
    press(desktop, "Setup")
    closed = desktop.look().pixels
    save = _at(desktop, "Save")
    press(desktop, "Color")
    opened = desktop.look().pixels
    assert not np.array_equal(closed, opened)
    assert set(labels_on_screen(desktop)) == set(task.config[0].parameters["colors"])
    box = desktop.screen.overlay.box if desktop.screen.overlay is not None else None
    assert box is not None and not box.contains(*save)
    desktop.step(Click(x=save[0], y=save[1]))
    assert desktop.screen.overlay is None
    assert desktop.screen.saves == {}, "the click that closes a popup reaches nothing behind it"


def test_a_picked_value_is_seen(desktop: PocketDesktop) -> None:
    task = a_task("set-color")
    desktop.reset(task)
    press(desktop, "Setup")
    before = desktop.look().pixels
    press(desktop, "Color", words(task)[0])
    assert _setup(desktop).color.value == words(task)[0]
    assert not np.array_equal(desktop.look().pixels, before)


def test_a_dialog_dims_the_desktop_and_blocks_it(desktop: PocketDesktop) -> None:
    task = a_task("delete-file")
    desktop.reset(task)
    press(desktop, "Files", words(task)[0])
    close = _at(desktop, "Close")
    bright = desktop.look().pixels
    press(desktop, "Delete")
    assert desktop.look().pixels.mean() < bright.mean()
    assert set(labels_on_screen(desktop)) == {"Yes", "No"}
    hidden_by_dialog = desktop.screen.overlay is not None and desktop.screen.overlay.box.contains(*close)
    if not hidden_by_dialog:
        desktop.step(Click(x=close[0], y=close[1]))
    assert desktop.screen.stored.app == "Files"
    assert desktop.screen.overlay is not None


@pytest.mark.parametrize(("key", "gone"), [("enter", True), ("esc", False)])
def test_enter_accepts_a_dialog_and_escape_leaves_it(desktop: PocketDesktop, key: str, gone: bool) -> None:
    task = a_task("delete-file")
    desktop.reset(task)
    press(desktop, "Files", words(task)[0], "Delete")
    keys(desktop, key)
    assert desktop.screen.overlay is None
    assert (words(task)[0] not in desktop.screen.stored.files) is gone


def test_a_rename_dialog_holds_the_old_name_selected(desktop: PocketDesktop) -> None:
    task = a_task("rename-file")
    old, new = words(task)
    desktop.reset(task)
    press(desktop, "Files", old, "Rename")
    write(desktop, new + "\n")
    assert new in desktop.screen.stored.files
    assert desktop.score(Finished()) == 1.0


def test_a_name_that_is_taken_or_empty_changes_nothing(desktop: PocketDesktop) -> None:
    task = a_task("rename-file")
    old = words(task)[0]
    other = next(name for name in task.config[0].parameters["files"] if name != old)
    desktop.reset(task)
    for text in (other, ""):
        press(desktop, "Files") if desktop.screen.stored.app == "Home" else None
        press(desktop, old, "Rename")
        keys(desktop, "backspace")
        write(desktop, text)
        press(desktop, "OK")
        assert desktop.screen.stored.files == task.config[0].parameters["files"]


def test_buttons_without_a_choice_do_nothing(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("delete-file"))
    press(desktop, "Files", "Delete", "Rename", "Open")
    assert desktop.screen.overlay is None
    assert desktop.screen.stored.opened_file is None


# -- keyboard --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["née <b> 'x' \"y\"", "日本語", "Ünïcödé €", "😀 ok", "two\nlines"])
def test_unicode_is_typed_as_it_is(desktop: PocketDesktop, text: str) -> None:
    desktop.reset(a_task("write-note"))
    press(desktop, "Notes", "Text")
    write(desktop, text)
    press(desktop, "Save")
    assert desktop.screen.stored.note == text


def test_shortcuts_edit_the_text(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("write-note"))
    press(desktop, "Notes", "Text")
    write(desktop, "first")
    keys(desktop, "ctrl", "a")
    keys(desktop, "ctrl", "c")
    write(desktop, "melon ")
    keys(desktop, "ctrl", "v")
    assert _editor_text(desktop) == "melon first"
    keys(desktop, "ctrl", "z")
    assert _editor_text(desktop) == "melon "
    keys(desktop, "backspace")
    keys(desktop, "home")
    keys(desktop, "delete")
    assert _editor_text(desktop) == "elon"
    keys(desktop, "ctrl", "s")
    assert desktop.screen.stored.note == "elon"


def test_keys_with_shift_write_and_select(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("send-mail"))
    press(desktop, "Mail", "About")
    write(desktop, "123")
    keys(desktop, "shift", "left")
    write(desktop, "D")
    assert _mail(desktop).about.text() == "12D"


def test_tab_walks_through_the_form_and_space_ticks(desktop: PocketDesktop) -> None:
    task = a_task("send-mail")
    desktop.reset(task)
    press(desktop, "Mail", "To")
    write(desktop, "Eve\t")
    assert desktop.screen.focus_widget is not _mail(desktop).receiver
    while desktop.screen.focus_widget is not _mail(desktop).copy:
        keys(desktop, "tab")
    keys(desktop, "space")
    assert _mail(desktop).copy.isChecked()
    keys(desktop, "shift", "tab")
    assert desktop.screen.focus_widget is not _mail(desktop).copy


def test_the_focus_is_seen(desktop: PocketDesktop) -> None:
    desktop.reset(a_task("write-note"))
    press(desktop, "Notes")
    before = desktop.look().pixels
    press(desktop, "Text")
    assert not np.array_equal(desktop.look().pixels, before)


def test_the_chosen_cell_is_replaced_then_continued(desktop: PocketDesktop) -> None:
    task = a_task("set-cell")
    row, column, _ = words(task)
    desktop.reset(task)
    press(desktop, "Table", f"{row} {column}")
    write(desktop, "7")
    write(desktop, "5")
    keys(desktop, "backspace")
    grid = cast(TablePage, desktop.screen.pages["Table"]).grid
    place = task.config[0].parameters["columns"].index(column)
    assert grid.table()[row][place] == "7"
    keys(desktop, "delete")
    assert grid.table()[row][place] == ""


def test_arrows_choose_another_file(desktop: PocketDesktop) -> None:
    task = a_task("open-file")
    files = task.config[0].parameters["files"]
    desktop.reset(task)
    press(desktop, "Files", files[0])
    keys(desktop, "down")
    assert cast(FilesPage, desktop.screen.pages["Files"]).files.chosen() == files[1]


def test_keys_that_no_keyboard_has_do_nothing(desktop: PocketDesktop) -> None:
    before = desktop.reset(a_task("write-note")).pixels
    keys(desktop, "ctrl", "hyperdrive")
    keys(desktop, "")
    assert np.array_equal(desktop.look().pixels, before)


@pytest.mark.parametrize("names", [("ctrl", "w"), ("alt", "f4")])
def test_an_application_is_closed_from_the_keyboard(desktop: PocketDesktop, names: tuple[str, ...]) -> None:
    desktop.reset(a_task("write-note"))
    press(desktop, "Notes")
    keys(desktop, *names)
    assert desktop.screen.stored.app == "Home"
