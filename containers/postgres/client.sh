#!/bin/sh
# psql, pg_dump and the other clients, for whoever enters the container: with the login that the entrypoint keeps for
# the local server, unless people have a pass file of their own. An image's ENV would hide theirs.
[ -n "${PGPASSFILE-}" ] || [ -e "${HOME-}/.pgpass" ] || export PGPASSFILE=/run/postgresql/.pgpass
exec "/usr/local/lib/postgresql/bin/${0##*/}" "$@"
