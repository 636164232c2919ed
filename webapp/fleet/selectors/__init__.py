"""Reading the fleet: desktops for its page and its socket, join tokens for those who administer the console."""

from webapp.fleet.selectors.desktops import desktop_visible_to, fleet_state, fleet_visible_to
from webapp.fleet.selectors.joining import join_tokens_visible_to

__all__ = ["desktop_visible_to", "fleet_state", "fleet_visible_to", "join_tokens_visible_to"]
