# The console: web server, worker and beat in one image. No torch, no Ray, no Qt.
#   docker build -f docker/web.Dockerfile --build-arg BASE_IMAGE=python:3.11-slim -t arpo-web .
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv/arpo \
    DJANGO_SETTINGS_MODULE=webapp.settings \
    ARPO_DATA_DIR=/data

WORKDIR /srv/arpo
COPY requirements/web.txt requirements/web.txt
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/web.txt

COPY manage.py pyproject.toml ./
COPY arpo_engine/__init__.py arpo_engine/__init__.py
COPY arpo_engine/contract arpo_engine/contract
COPY arpo_engine/filming arpo_engine/filming
COPY configs configs
COPY templates templates
COPY static static
COPY webapp webapp
COPY workers workers
# Once here instead of at every start; nobody writes there later.
RUN python -m compileall -q arpo_engine webapp workers

RUN useradd --system --uid 10001 --home-dir /data arpo && mkdir -p /data && chown arpo /data
USER arpo
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "uvicorn", "webapp.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", "--no-access-log", "--ws-per-message-deflate", "false"]
