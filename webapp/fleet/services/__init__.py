"""Everything that changes rows of the fleet: an engine's events, and people's orders."""

from webapp.fleet.services.ordering import OrderRefused, order_desktop, order_machine
from webapp.fleet.services.recording import orders_for, record_events

__all__ = ["OrderRefused", "order_desktop", "order_machine", "orders_for", "record_events"]
