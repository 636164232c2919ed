"""Where widgets stand: for each page four arrangements of the same widgets, drawn as they look. Knows no Qt.

A letter fills the cells of one widget (rows 1 to 5; row 0 is the title bar). No widget keeps its place in two
arrangements of a page, so a click position that is learnt by heart is right in at most one of four.
"""

from __future__ import annotations

VARIANTS = 4

Block = tuple[int, int, int, int]
"""Column, row, width, height in cells."""

_DRAWN: dict[str, tuple[str, str, str, str]] = {
    # a-e: the apps
    "home": (
        "aa......|bb......|cc......|dd......|ee......",
        "......cc|......ee|......aa|......bb|......dd",
        "..dd....|..aa....|..ee....|..cc....|..bb....",
        "....ee..|....dd..|....bb..|....aa..|....cc..",
    ),
    # a-d: options, L: level, C: color, S: save, X: close
    "setup": (
        "LLLLLL..|aabb..SS|ccdd....|CCC.....|......XX",
        "XX..aabb|....ccdd|SS......|..CCC...|..LLLLLL",
        ".CCC..XX|........|.LLLLLL.|SS..bbdd|....aacc",
        "....CCC.|..ccaa..|..bbddXX|....SS..|LLLLLL..",
    ),
    # E: editor, S: save, R: clear, X: close
    "notes": (
        "EEEE....|EEEE..SS|........|RR......|....XX..",
        "SS..XX..|........|....EEEE|....EEEE|..RR....",
        "..RR..XX|SS......|........|EEEE....|EEEE....",
        "......RR|..EEEE..|..EEEE..|XX......|....SS..",
    ),
    # F: list, O: open, N: rename, D: delete, X: close
    "files": (
        "FFF.....|FFF..OO.|FFF.....|FFF..NN.|XX...DD.",
        "DD...FFF|.....FFF|NN...FFF|..OO.FFF|....XX..",
        "OO..XX..|..FFF...|..FFF.NN|..FFF...|DDFFF...",
        "..NN..OO|XX..FFF.|....FFF.|DD..FFF.|....FFF.",
    ),
    # a-d: contacts, T: to, U: about, K: copy, S: send, X: close
    "mail": (
        "TTT.aabb|UUUU....|KK..ccdd|........|SS....XX",
        "aabb..SS|ccdd....|..TTT...|UUUU.KK.|..XX....",
        "XX..UUUU|KK......|aa..TTT.|bb......|ccddSS..",
        "..SS..KK|..aacc..|..bbddXX|....UUUU|TTT.....",
    ),
    # G: grid, D: delete, S: save, X: close
    "table": (
        "GGGGG...|GGGGG.SS|GGGGG...|GGGGG.DD|XX......",
        "..XX....|...GGGGG|SS.GGGGG|...GGGGG|DD.GGGGG",
        "SS.GGGGG|...GGGGG|XX.GGGGG|...GGGGG|..DD....",
        "DD..SS..|GGGGG...|GGGGG...|GGGGG.XX|GGGGG...",
    ),
    # M: message or field, Y: yes, N: no
    "dialog": (
        "........|.MMMM...|........|.YY.NN..|........",
        "..MMMM..|........|..NN.YY.|........|........",
        "........|........|..MMMM..|..NN....|..YY....",
        "....MMMM|....YY..|......NN|........|........",
    ),
}

PAGES = tuple(_DRAWN)


def _read(drawing: str) -> dict[str, Block]:
    cells: dict[str, list[tuple[int, int]]] = {}
    for row, line in enumerate(drawing.split("|"), start=1):
        for column, letter in enumerate(line):
            if letter != ".":
                cells.setdefault(letter, []).append((column, row))
    blocks = {}
    for letter, places in cells.items():
        columns, rows = [column for column, _ in places], [row for _, row in places]
        left, top = min(columns), min(rows)
        blocks[letter] = (left, top, max(columns) - left + 1, max(rows) - top + 1)
    return blocks


LAYOUTS: dict[str, tuple[dict[str, Block], ...]] = {
    page: tuple(_read(drawing) for drawing in drawings) for page, drawings in _DRAWN.items()
}
"""Page to its four arrangements; an arrangement maps a widget's letter to its block of cells."""
