"""The two servers that the console stands on, for the supervisor and for tests.

postgres = Postgres(data_dir); postgres.start(); postgres.url; postgres.stop()
"""

from webapp.supervisor.postgres import Postgres
from webapp.supervisor.valkey import Valkey

__all__ = ["Postgres", "Valkey"]
