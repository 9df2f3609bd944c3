# The page and the HTTP API on a CPU. Linted (hadolint), but not built by the project's own tests: there is no Docker there.
#
#   docker build -t dftnet . && docker run --rm -p 127.0.0.1:8000:8000 dftnet
#
# For others than this machine: put a proxy with TLS and a password before it, and name it with --allow-host.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/dftnet
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
# What is installed is pinned by the checkout: this project's own sources, with the bounds of its pyproject.toml.
# hadolint ignore=DL3013
RUN pip install ".[app]" && useradd --uid 10001 --no-create-home dftnet

USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
ENTRYPOINT ["dftnet", "app", "--host", "0.0.0.0"]
CMD ["--workers", "1"]
