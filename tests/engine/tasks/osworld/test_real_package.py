"""OSWorld's own code, as `./arpo setup osworld` installs it, against a simulated desktop.

Slow, since the package takes seconds to load; skipped where it is not installed.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from arpo_engine.contract.errors import DesktopLost, EvaluatorError, SetupFailed, TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import ScoringHome, scoring_home
from arpo_engine.tasks.osworld.peer.lazy import names_of
from arpo_engine.tasks.osworld.scoring import ScoringProcess
from arpo_engine.tasks.osworld.vocabulary import FUNCTIONS, GETTERS, HOST_STEPS, STEPS
from tests.engine.tasks.osworld.simulated import FakeDesktop, task_of

pytestmark = pytest.mark.slow
NEVER_DONE = {"act", "replay", "tidy_desktop"}
"""Setup steps that the package names and does not have."""


@pytest.fixture(scope="module")
def home() -> ScoringHome:
    try:
        return scoring_home()
    except TaskError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def scoring(home: ScoringHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoringProcess]:
    process = ScoringProcess(home, AssetCache(tmp_path_factory.mktemp("assets"), offline=True))
    yield process
    process.close()


@pytest.fixture
def desktop() -> Iterator[FakeDesktop]:
    one = FakeDesktop()
    one.start()
    yield one
    one.stop()


def _command(text: str) -> dict[str, object]:
    return {"type": "vm_command_line", "command": text, "shell": True}


def _rule(expected: object) -> dict[str, object]:
    return {"type": "rule", "rules": {"expected": expected}}


def _score(scoring: ScoringProcess, desktop: FakeDesktop, task: Task, last_action: str = "DONE") -> float:
    scoring.setup(task, desktop.address)
    return scoring.evaluate(task, desktop.address, last_action)


def _package(home: ScoringHome) -> Path:
    return next(home.python.parent.parent.glob("lib/python3.*/site-packages")) / "desktop_env"


def test_our_words_are_those_of_the_package(home: ScoringHome) -> None:
    evaluators = _package(home) / "evaluators"
    assert names_of(evaluators / "metrics" / "__init__.py").keys() | {"infeasible"} == FUNCTIONS
    getters = {name.removeprefix("get_") for name in names_of(evaluators / "getters" / "__init__.py")}
    assert getters - {"replay"} == GETTERS
    tree = ast.parse((_package(home) / "controllers" / "setup.py").read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    steps = {node.name[1:-6]: node for node in functions if node.name.startswith("_") and node.name.endswith("_setup")}
    assert steps.keys() - NEVER_DONE - HOST_STEPS.keys() == STEPS.keys()
    for name, words in STEPS.items():
        if steps[name].args.kwarg is None:
            assert {argument.arg for argument in steps[name].args.args} - {"self"} == words, name


def test_a_command_s_output_is_compared_as_osworld_does(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    task = task_of("exact_match", evaluator={"result": _command("echo done"), "expected": _rule("done\n")})
    assert _score(scoring, desktop, task) == 1.0
    assert _score(scoring, desktop, task, "FAIL") == 0.0
    wrong = task_of("exact_match", evaluator={"result": _command("echo other"), "expected": _rule("done\n")})
    assert _score(scoring, desktop, wrong) == 0.0


def test_it_never_runs_as_root_and_sees_nothing_of_our_environment(
    scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    scoring.setup(task_of(), desktop.address)
    (process,) = [one for one in psutil.Process().children() if "peer.program" in " ".join(one.cmdline())]
    assert 0 not in {*process.uids(), *process.gids()}
    assert not [name for name in process.environ() if name.startswith("ARPO")]


def test_an_infeasible_task_is_solved_by_saying_so(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    assert _score(scoring, desktop, task_of("infeasible"), "FAIL") == 1.0
    assert _score(scoring, desktop, task_of("infeasible"), "DONE") == 0.0


@pytest.mark.parametrize(("conj", "score"), [("and", 0.0), ("or", 1.0)])
def test_several_functions_are_joined_as_the_task_says(
    conj: str, score: float, scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    evaluator = {"conj": conj, "result": [_command("echo a")] * 2, "expected": [_rule("b\n"), _rule("a\n")]}
    assert _score(scoring, desktop, task_of(["exact_match", "exact_match"], evaluator=evaluator)) == score


def test_setup_writes_what_scoring_reads(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    step = {"type": "execute", "parameters": {"command": ["echo", "one line"], "stdout": "out.txt"}}
    evaluator = {
        "postconfig": [step],
        "result": {"type": "cache_file", "path": "out.txt"},
        "expected": {"type": "rule", "rules": {"expect": ["^one line$"]}},
    }
    assert _score(scoring, desktop, task_of("check_list", evaluator=evaluator)) == 1.0


def test_settings_of_an_application_are_read_from_the_desktop(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    evaluator = {
        "result": {"type": "vlc_config", "dest": "vlcrc"},
        "expected": {"type": "rule", "rules": {"expected_qt_minimal_view": "1"}},
    }
    task = task_of("check_qt_minimal_view", evaluator=evaluator)
    home = str(Path("~/.config/vlc/vlcrc").expanduser())
    desktop.files[home] = b"qt-minimal-view=1\n"
    assert _score(scoring, desktop, task) == 1.0


def test_an_application_that_has_written_no_settings_yet_is_a_known_zero(
    scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    evaluator = {
        "result": {"type": "vlc_config", "dest": "vlcrc"},
        "expected": {"type": "rule", "rules": {"expected_qt_minimal_view": "1"}},
    }
    assert _score(scoring, desktop, task_of("check_qt_minimal_view", evaluator=evaluator)) == 0.0


def test_a_spreadsheet_is_compared_by_osworld_s_own_table_code(
    scoring: ScoringProcess, desktop: FakeDesktop, tmp_path: Path
) -> None:
    url = "https://files.example.org/gold.xlsx"
    (tmp_path / "gold.xlsx").write_bytes(_workbook(3))
    scoring.assets.adopt(url, tmp_path / "gold.xlsx", "test")
    evaluator = {
        "result": {"type": "vm_file", "path": "/home/user/a.xlsx", "dest": "a.xlsx"},
        "expected": {"type": "cloud_file", "path": url, "dest": "gold.xlsx"},
        "options": {"rules": [{"type": "sheet_data", "sheet_idx0": 0, "sheet_idx1": "EI0"}]},
    }
    task = task_of("compare_table", evaluator=evaluator)
    desktop.files["/home/user/a.xlsx"] = _workbook(3)
    assert _score(scoring, desktop, task) == 1.0
    desktop.files["/home/user/a.xlsx"] = _workbook(4)
    assert _score(scoring, desktop, task) == 0.0


def test_an_exception_in_osworld_s_code_is_no_score(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    evaluator = {"result": _command("echo 1"), "expected": {"type": "rule", "rules": {}}}
    with pytest.raises(EvaluatorError, match="KeyError"):
        _score(scoring, desktop, task_of("exact_match", evaluator=evaluator))


def test_a_desktop_that_answers_garbage_gives_no_score(scoring: ScoringProcess, desktop: FakeDesktop) -> None:
    task = task_of("exact_match", evaluator={"result": _command("echo a"), "expected": _rule("a\n")})
    scoring.setup(task, desktop.address)
    desktop.garbage = True
    with pytest.raises(EvaluatorError, match="JSONDecodeError"):
        scoring.evaluate(task, desktop.address, None)
    step = {"type": "execute", "parameters": {"command": ["true"]}}
    with pytest.raises(SetupFailed, match="POST /setup/execute: the answer is no JSON"):
        scoring.setup(task_of(config=[step]), desktop.address)


def test_a_desktop_that_dies_during_the_scoring_is_lost_though_osworld_says_zero(
    scoring: ScoringProcess, desktop: FakeDesktop
) -> None:
    task = task_of("is_in_list", evaluator={"result": _command("echo a"), "expected": _rule("a")})
    scoring.setup(task, desktop.address)
    desktop.dies_at = "POST /execute"
    with pytest.raises(DesktopLost):
        scoring.evaluate(task, desktop.address, None)


def _workbook(number: int) -> bytes:
    """The smallest workbook that openpyxl and pandas read: one sheet, a heading and a number."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    rows = f'<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>{number}</v></c></row>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return out.getvalue()
