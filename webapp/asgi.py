"""The door: HTTP goes to Django, sockets of signed-in people go to the live consumers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("ARPO_DB_POOL", "20")
http_application = get_asgi_application()

# Only after Django is set up: routing imports models.
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from webapp.fleet.routing import websocket_urlpatterns as fleet_sockets
from webapp.runs.routing import websocket_urlpatterns as run_sockets

application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([*run_sockets, *fleet_sockets]))),
    }
)
