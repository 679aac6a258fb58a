#!/usr/bin/env bash
# Healthy when the finished server in PGDATA takes clients over TCP. The one that runs init scripts has its
# PID file elsewhere and listens on no address.
set -Eeuo pipefail

main() {
  local data=${PGDATA:-/var/lib/postgresql/data}
  local -a status
  [[ -r $data/postmaster.pid ]] || return 1
  mapfile -t status <"$data/postmaster.pid"
  # What the environment asks of connections is for others: here, any answer is one.
  unset PGHOSTADDR PGSERVICE PGSSLMODE PGREQUIRESSL PGGSSENCMODE PGCHANNELBINDING PGREQUIREAUTH PGTARGETSESSIONATTRS
  # The names are given because the user of `run --user` has none; they need not exist.
  exec pg_isready --quiet --host="${PGHOST:-127.0.0.1}" --port="${status[3]-5432}" \
    --username="${POSTGRES_USER:-postgres}" --dbname=postgres
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
