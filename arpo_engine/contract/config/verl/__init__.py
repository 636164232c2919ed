"""Commands and config files of the published ARPO code (a fork of EasyR1, itself of verl), read and written back."""

from arpo_engine.contract.config.verl.importing import Imported, import_verl
from arpo_engine.contract.config.verl.verdicts import Finding, Verdict

__all__ = ["Finding", "Imported", "Verdict", "import_verl"]
