# Where runs run: torch, Ray, Qt and the engine. The Ray head of docker-compose.yml; a worker of a cluster is the same image.
#   docker build -f docker/engine.Dockerfile --build-arg BASE_IMAGE=python:3.11-slim -t arpo-engine .
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

# pip's words for torch: a CPU or a CUDA build, as ARPO_TORCH says outside of containers.
ARG TORCH="torch==2.13.0"

ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv/arpo \
    OMP_NUM_THREADS=1 \
    QT_QPA_PLATFORM=offscreen \
    RAY_USAGE_STATS_ENABLED=0

# What Qt draws with, and a font.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-dejavu-core libdbus-1-3 libegl1 libfontconfig1 libgl1 libglib2.0-0 libxkbcommon0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/arpo
RUN python -m pip install --no-cache-dir --disable-pip-version-check ${TORCH}
COPY requirements/engine.txt requirements/engine.txt
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/engine.txt

COPY pyproject.toml ./
COPY requirements requirements
COPY configs configs
COPY arpo_engine arpo_engine
# Once here instead of at every start; nobody writes there later.
RUN python -m compileall -q arpo_engine

RUN useradd --system --uid 10001 --create-home --home-dir /home/arpo arpo && mkdir -p /data && chown arpo /data
USER arpo
VOLUME /data
EXPOSE 8265
CMD ["ray", "start", "--head", "--block", "--disable-usage-stats", "--include-dashboard=true", "--dashboard-host=0.0.0.0", "--dashboard-port=8265"]
