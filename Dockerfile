# The proxy as an image: docs/deployment.md says how to use it. Build it with `make image`.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# A compiler of C, for the parts of vaurien/native/; it does not get into the image. Debian's newest will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# -I: what is installed is asked, not what lies in this directory, where nothing is compiled.
RUN python -m venv /opt/vaurien \
    && /opt/vaurien/bin/pip install --no-cache-dir '.[completion,terminal,tls,yaml]' \
    && /opt/vaurien/bin/python -I -c 'from vaurien import native; assert not native.PURE, native.PURE' \
    && /opt/vaurien/bin/pip uninstall --yes pip

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="vaurien" \
      org.opencontainers.image.description="A TCP proxy that makes a backend fail the way real backends fail" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nobody's: Kubernetes can tell from a number, not from a name, that it is not root.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin vaurien
COPY --from=build /opt/vaurien /opt/vaurien
COPY deploy/docker/entrypoint.sh /usr/local/bin/vaurien-entrypoint
ENV PATH=/opt/vaurien/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VAURIEN_URL=http://localhost:8474
USER 10001:10001
# Where --journal and --tls-ca-file can write; mount a volume on it to keep what they have written.
WORKDIR /tmp
# The proxy, unless there are others, and the control API with its page.
EXPOSE 8000 8474
# It needs no token. A proxy whose backend is down is as healthy as any: its clients are to see that.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --start-interval=1s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['VAURIEN_URL'] + '/health', timeout=2)"]
ENTRYPOINT ["vaurien-entrypoint"]
# Nothing: what starts without flags, the entry point says.
CMD []
