# Everything that `make up` gives, in one container: docker compose up
FROM python:3.14-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make nodejs npm \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home vitrine

WORKDIR /home/vitrine/vitrine
RUN chown 1000:1000 .
USER 1000

# The locked packages first: a change of the code does not install them again.
COPY --chown=1000:1000 Makefile requirements.lock ./
RUN make .venv/ready
COPY --chown=1000:1000 . .

ENV PORT=4566 VITRINE_BIND=0.0.0.0
EXPOSE 4566
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
  CMD [".venv/bin/python", "-m", "local.health"]
CMD ["make", "serve"]
