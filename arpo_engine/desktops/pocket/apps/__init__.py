"""The pocket desktop's applications, one page each."""

from arpo_engine.desktops.pocket.apps.files import FilesPage
from arpo_engine.desktops.pocket.apps.home import HomePage
from arpo_engine.desktops.pocket.apps.mail import MailPage
from arpo_engine.desktops.pocket.apps.notes import NotesPage
from arpo_engine.desktops.pocket.apps.setup import SetupPage
from arpo_engine.desktops.pocket.apps.table import TablePage

ALL_PAGES = (HomePage, SetupPage, NotesPage, FilesPage, MailPage, TablePage)

__all__ = ["ALL_PAGES", "FilesPage", "HomePage", "MailPage", "NotesPage", "SetupPage", "TablePage"]
