"""Commands and config files of the published ARPO code (a fork of EasyR1, itself of verl), read and written back."""

from arpo_engine.contract.config.verl.faults import Fault, faults_of
from arpo_engine.contract.config.verl.importing import Imported, import_verl
from arpo_engine.contract.config.verl.plan import Plan, cautions_of, plan_of
from arpo_engine.contract.config.verl.verdicts import Finding, Verdict
from arpo_engine.contract.config.verl.writing import Written, write_verl

__all__ = [
    "Fault",
    "Finding",
    "Imported",
    "Plan",
    "Verdict",
    "Written",
    "cautions_of",
    "faults_of",
    "import_verl",
    "plan_of",
    "write_verl",
]
