"""The ARPO engine: trains GUI agents from a shell, alone. Knows no Django, Celery or Channels."""
