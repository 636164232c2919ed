"""What changes alerts: raising and ending them, the team's rules and routes, and sending."""

from webapp.alerts.services.raising import end_alert, raise_alert, raise_news
from webapp.alerts.services.sending import routes_with_mail, send_due, try_route
from webapp.alerts.services.wishes import (
    RouteRefused,
    add_route,
    mark_seen,
    mute_run,
    remove_route,
    set_rule,
)

__all__ = [
    "RouteRefused",
    "add_route",
    "end_alert",
    "mark_seen",
    "mute_run",
    "raise_alert",
    "raise_news",
    "remove_route",
    "routes_with_mail",
    "send_due",
    "set_rule",
    "try_route",
]
