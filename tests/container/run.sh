#!/bin/sh
# Build the image, run it until its health check succeeds, and stop it. Takes about ten minutes.
#
# With Docker it is what `docker compose up` does. Without, on Debian and as root, Buildah does the same over a system
# that debootstrap makes, with Debian's Python: no registry is asked.
set -eu
cd "$(dirname "$0")/../.."

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
  trap 'docker compose down' EXIT
  docker compose up --build --detach --wait --wait-timeout 900
  exit
fi

command -v buildah >/dev/null && command -v debootstrap >/dev/null || {
  apt-get update
  apt-get install --yes --no-install-recommends buildah debootstrap
}
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
certificates=/etc/ssl/certs/ca-certificates.crt
scratch=$(mktemp -d)
container='' server=''
finish() {
  [ -z "$server" ] || { buildah run "$container" make down; kill -- "-$server"; } || true
  [ -z "$container" ] || buildah rm "$container" || true
  rm -rf "$scratch"
}
trap finish EXIT

if [ -z "$(buildah images --quiet vitrine-debian 2>/dev/null)" ]; then
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$scratch/debian"
  cp "$certificates" "$scratch/debian$certificates"
  base=$(buildah from scratch)
  buildah copy "$base" "$scratch/debian" /
  for name in PIP_CERT SSL_CERT_FILE NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE; do
    buildah config --env "$name=$certificates" "$base"
  done
  buildah commit --rm "$base" vitrine-debian
fi

git archive --prefix=source/ HEAD | tar -x -C "$scratch"
buildah bud --format docker --pull-never --layers --from vitrine-debian --tag vitrine "$scratch/source"
container=$(buildah from --pull-never vitrine)
set -m
buildah run --env "PORT=${PORT:-4566}" "$container" make serve &
server=$!
set +m
for _ in $(seq 90); do
  sleep 10
  if buildah run "$container" .venv/bin/python -m local.health; then
    echo "The container is healthy."
    exit
  fi
done
echo "The container did not become healthy within 15 minutes." >&2
exit 1
