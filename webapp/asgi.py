"""The door: HTTP goes to Django, sockets of signed-in people go to the live consumers."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("ARPO_DB_POOL", "20")
django.setup(set_prefix=False)

# Only after Django is set up: routing imports models.
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from webapp.fleet.routing import websocket_urlpatterns as fleet_sockets
from webapp.pages_handler import PagesHandler
from webapp.plotly_table import keep_packed
from webapp.runs.routing import websocket_urlpatterns as run_sockets
from webapp.static_door import StaticDoor

keep_packed()
application = ProtocolTypeRouter(
    {
        "http": StaticDoor(PagesHandler()),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([*run_sockets, *fleet_sockets]))),
    }
)
