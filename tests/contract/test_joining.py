"""What makes a machine unfit for a cluster, and an engine for a console."""

from __future__ import annotations

from arpo_engine.contract.agreement import disagreement, version_in
from arpo_engine.contract.joining import NodeVersions, misfits

HERE = NodeVersions(contract=3, python="3.11.9", ray="2.60.0")


def test_a_machine_with_the_same_versions_fits_whatever_python_s_last_number():
    assert misfits(console=HERE, machine=HERE.model_copy(update={"python": "3.11.2"})) == []


def test_everything_that_differs_is_named_with_its_cure():
    other = NodeVersions(contract=2, python="3.12.1", ray="2.61.0")
    contract, python, ray = misfits(console=HERE, machine=other)
    assert "update the engine" in contract
    assert "ARPO_PYTHON=python3.11 ./arpo setup" in python
    assert "runs Ray 2.60.0 and this machine 2.61.0" in ray


def test_the_older_side_is_the_one_to_update():
    assert disagreement(console=2, engine=2) is None
    assert "update the console" in (disagreement(console=1, engine=2) or "")
    assert "update the engine" in (disagreement(console=2, engine=1) or "")


def test_who_names_no_version_is_of_the_first_one():
    assert (version_in(None), version_in("4"), version_in("four")) == (1, 4, None)
