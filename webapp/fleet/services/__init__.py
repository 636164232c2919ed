"""Everything that changes rows of the fleet: an engine's events, people's orders, and machines that join."""

from webapp.fleet.services.joining import MachineMisfit, TokenRefused, admit, make_join_token, revoke_join_token
from webapp.fleet.services.ordering import OrderRefused, order_desktop, order_machine
from webapp.fleet.services.recording import desktop_counts, orders_for, record_events

__all__ = [
    "MachineMisfit",
    "OrderRefused",
    "TokenRefused",
    "admit",
    "desktop_counts",
    "make_join_token",
    "order_desktop",
    "order_machine",
    "orders_for",
    "record_events",
    "revoke_join_token",
]
