#!/usr/bin/env bash
# Starts PostgreSQL; on an empty volume makes the database first. Any other command is run as it is.
set -Eeuo pipefail

# shellcheck disable=SC2034 # used by another part
RUN_DIR=${POSTGRES_RUN_DIR:-/run/postgresql}
self=${BASH_SOURCE[0]}
[[ ! -L $self ]] || self=$(readlink -f -- "$self")
LIB=${self%/*}/lib
for part in settings process directory cluster scripts tls; do
  # shellcheck source=/dev/null
  source "$LIB/$part.sh"
done
unset part self

# asks_only ARGUMENT...: the command prints something and starts no server.
asks_only() {
  local argument
  for argument; do
    case $argument in
      -\? | --help | --describe-config | -V | --version) return 0 ;;
    esac
  done
  return 1
}

# step_down ARGUMENT...: what only root can do, then the same again as postgres.
step_down() {
  load_settings
  make_data_directory
  make_wal_directory
  export HOME=/var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all -- "$BASH" "${BASH_SOURCE[0]}" "$@"
}

# prepare ARGUMENT...: leaves a finished database in PGDATA.
prepare() {
  load_settings
  make_data_directory
  own_data_directory
  begin_digest
  [[ -w $RUN_DIR ]] || die 73 "user $EUID may not write to $(describe "$RUN_DIR"); mount a tmpfs with mode 1777 there"
  lock_data_directory
  tls_arguments
  if [[ $(data_state) == none ]]; then
    initialise "$@"
    move_up
  else
    [[ $(data_state) != finished ]] || move_up
    [[ ! -d $PGDATA/$FINISHED ]] || rmdir -- "$PGDATA/$FINISHED"
    check_version
    apply_password
  fi
  keep_login
}

# serve ARGUMENT...: becomes the server. A mode of it must be its first argument. PGPASSFILE is for those who enter
# the container; a server that is a client of others looks in its home directory.
serve() {
  local -a mode=()
  case ${1-} in
    --single | --check | --boot) mode=("$1") && shift ;;
  esac
  unset POSTGRES_PASSWORD PGPASSWORD
  [[ ${PGPASSFILE-} != "$RUN_DIR/.pgpass" ]] || unset PGPASSFILE
  exec postgres "${mode[@]}" "${LOG_ARGS[@]}" "${TLS_ARGS[@]}" "$@"
}

main() {
  if [[ $# -eq 0 || $1 == -* ]]; then set -- postgres "$@"; fi
  if [[ $1 != postgres ]] || asks_only "$@"; then exec "$@"; fi
  ((EUID != 0)) || step_down "$@"
  catch_signals
  prepare "$@"
  trap - INT TERM
  serve "${@:2}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
