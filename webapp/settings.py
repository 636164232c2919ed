"""Django's settings: one file, the same in development and production; what differs comes from the environment.

Every variable is listed in `.env.example`. `./arpo up` starts the services and passes their addresses on; a
`DATABASE_URL` or `VALKEY_URL` of your own wins.
"""

from __future__ import annotations

from typing import Any

from arpo_engine.contract.secrets import USUAL_SECRETS
from arpo_engine.contract.servers import check_list
from webapp.database_url import parse_database_url
from webapp.env import (
    BASE_DIR,
    data_dir,
    envbool,
    envint,
    envlist,
    envsecret,
    envstr,
    load_dotenv,
    running_services,
    service_url,
)

load_dotenv()

DATA_DIR = data_dir()
SERVICES = running_services(DATA_DIR)

# People and safety

SECRET_KEY = envsecret("SECRET_KEY", DATA_DIR / "secrets" / "django_secret_key")
DEBUG = envbool("ARPO_DEBUG", False)
ALLOWED_HOSTS = envlist("ARPO_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = envlist("ARPO_TRUSTED_ORIGINS", [])
HTTPS = envbool("ARPO_HTTPS", False)
"""Set when a proxy in front speaks TLS: cookies then travel over HTTPS only."""

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "runs:list"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "arpo_session"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "arpo_csrf"
CSRF_FAILURE_VIEW = "webapp.runs.views.failures.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:"],
    # No style and no script is ever inline: plotly's own rules are the file vendor/plotly-basic.css.
    "style-src": ["'self'"],
    "script-src": ["'self'"],
    "connect-src": ["'self'"],
    "object-src": ["'none'"],
    "base-uri": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}

# Parts

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "channels",
    "ninja",
    "webapp.accounts",
    "webapp.fleet",
    "webapp.runs",
    "webapp.metrics",
    "webapp.episodes",
    "webapp.benchmarks",
    "webapp.analysis",
    "webapp.alerts",
    "webapp.storage",
    "webapp.films",
    "webapp.tryouts",
    "webapp.api",
    "webapp.supervisor",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "webapp.headers.security_headers",
    "webapp.addresses.refuse_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.accounts.frame.frame",
                "webapp.alerts.bell.bell",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Services

DATABASES = {
    "default": parse_database_url(
        service_url("DATABASE_URL", SERVICES, "postgresql"),
        pool=envint("ARPO_DB_POOL", 0, minimum=0),
        max_age_s=envint("ARPO_DB_CONN_MAX_AGE_S", 60, minimum=0),
    )
}

VALKEY_URL = service_url("VALKEY_URL", SERVICES, "redis")

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "webapp.channel_layer.RedisPubSubChannelLayer",
        # redis-py 8 ends a read that is idle for five seconds unless told to wait; a socket may be idle for hours.
        "CONFIG": {"hosts": [{"address": VALKEY_URL, "socket_timeout": None}], "prefix": "arpo"},
    }
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": VALKEY_URL}}

CELERY_BROKER_URL = VALKEY_URL
CELERY_RESULT_BACKEND = VALKEY_URL
CELERY_RESULT_EXPIRES = 3600
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = envint("ARPO_WORKER_PROCESSES", 2, minimum=1)
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "global_keyprefix": "arpo."}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"

RAY_ADDRESS = envstr("RAY_ADDRESS", SERVICES.get("RAY_ADDRESS", ""))
"""Address of the cluster's dashboard, where jobs are submitted (http://host:port); empty while there is none."""
REPORT_URL = envstr("ARPO_REPORT_URL", SERVICES.get("ARPO_REPORT_URL", "http://127.0.0.1:8000"))
"""Where the engine of a run finds this console, as seen from the machine where runs run."""

MODEL_SERVERS = check_list(envlist("ARPO_MODEL_SERVERS", []))
"""Servers that runs of everybody may ask, and which get the machine's key; see arpo_engine/contract/servers.py."""

RUN_SECRETS = envlist("ARPO_RUN_SECRETS", list(USUAL_SECRETS))
"""Variables of the console's own environment whose values a run may have, if its config names them."""

# Mail, for alerts

EMAIL_HOST = envstr("ARPO_SMTP_HOST", "")
EMAIL_PORT = envint("ARPO_SMTP_PORT", 587, minimum=1)
EMAIL_HOST_USER = envstr("ARPO_SMTP_USER", "")
EMAIL_HOST_PASSWORD = envstr("ARPO_SMTP_PASSWORD", "")
EMAIL_USE_TLS = envbool("ARPO_SMTP_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = envstr("ARPO_MAIL_FROM", "arpo-console@localhost")
PUBLIC_URL = envstr("ARPO_PUBLIC_URL", SERVICES.get("ARPO_PUBLIC_URL", "http://localhost:8000")).rstrip("/")
"""Where a person opens the console: the links of its messages begin with it."""

# Time, language, files

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_ALLOW_ALL_ORIGINS = False

MEDIA_ROOT = DATA_DIR / "media"
RUNS_DIR = DATA_DIR / "runs"
"""Run folders on this machine: config in; spool, frames, checkpoints and results out."""
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "logging.Formatter",
            "format": "{asctime} {levelname:<7} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "webapp": {"level": "INFO"},
        "workers": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        # Each task's coming and going, every few seconds; what a task has to say it says itself.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
