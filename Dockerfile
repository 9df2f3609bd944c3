# The page and the HTTP API on the CPU, as a user without rights. Not built where this was written: there was no Docker daemon.
#
#   docker build -t dftnet .
#   docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 dftnet
#
# Photos stay in memory; the container needs no network of its own and no volume.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN python -m venv /opt/dftnet && /opt/dftnet/bin/pip install --no-cache-dir ".[app]"

FROM python:3.12-slim
COPY --from=build /opt/dftnet /opt/dftnet
RUN useradd --system --no-create-home --uid 10001 dftnet
USER 10001
ENV PATH="/opt/dftnet/bin:$PATH" PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
CMD ["dftnet", "app", "--host", "0.0.0.0", "--port", "8000"]
