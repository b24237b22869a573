# One image for every entry point, the tracking server and the sampler.
#
#   docker build -t lds-mlflow .
#   docker run --read-only --tmpfs /tmp -v lds-work:/work lds-mlflow python -m lds_mlflow main
#
# Where a GPU isn't needed, a package index with CPU builds of torch makes it smaller:
# --build-arg PIP_EXTRA_INDEX_URL=...
ARG BASE=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE}

RUN useradd --uid 1000 --create-home lds && install --directory --owner=lds --group=lds /work
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt /opt/lds_mlflow/
RUN pip install --no-cache-dir -r /opt/lds_mlflow/requirements.txt
# What is installed beside is pinned by the same resolution.
COPY pyproject.toml README.md requirements-dev.txt /opt/lds_mlflow/
COPY lds_mlflow /opt/lds_mlflow/lds_mlflow
COPY tuning /opt/lds_mlflow/tuning
RUN pip install --no-cache-dir -c /opt/lds_mlflow/requirements-dev.txt "/opt/lds_mlflow[server]"

# Whatever is written goes to /work and /tmp, so the rest may be read-only.
ENV GIT_PYTHON_REFRESH=quiet \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1 \
    TORCH_HOME=/work/torch
USER 1000
WORKDIR /work
VOLUME /work

EXPOSE 5001
# Of the sampler; the other commands end by themselves, or have health checks of their own in compose.yaml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5001/ping', timeout=4)"]
CMD ["python", "-m", "lds_mlflow", "serve", "--host=0.0.0.0"]
