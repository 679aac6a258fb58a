#!/usr/bin/env bash
# Starts PostgreSQL; on an empty volume makes the database first. Any other command is run as it is.
# As PID 1 it hears only what it asks for: before anything else, that it is told to end.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then trap 'exit 130' INT && trap 'exit 131' QUIT && trap 'exit 143' TERM; fi
set -Eeuo pipefail

# shellcheck disable=SC2034 # used by another part
RUN_DIR=${POSTGRES_RUN_DIR:-/run/postgresql}
self=${BASH_SOURCE[0]}
[[ ! -L $self ]] || self=$(readlink -f -- "$self")
LIB=${self%/*}/lib
for part in settings process directory outside cluster scripts tls wellknown; do
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

# step_down ARGUMENT...: what only root can do, then the same again as postgres, who judges what there is: root
# without its capabilities sees less.
step_down() {
  local -a postgres=(setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all --)
  "${postgres[@]}" true 2>/dev/null ||
    die 77 "root of this container may not become user postgres (capabilities SETUID and SETGID, see --cap-drop);" \
      "start it with --user postgres, or leave it these two"
  load_settings
  make_run_directory
  make_data_directory
  make_wal_directory
  export HOME=/var/lib/postgresql POSTGRES_PASSWORD # only root may be able to read its file
  exec "${postgres[@]}" "$BASH" "${BASH_SOURCE[0]}" "$@"
}

# prepare ARGUMENT...: leaves a finished database in PGDATA.
prepare() {
  load_settings
  make_run_directory
  make_data_directory
  own_data_directory
  begin_digest
  lock_directory "$PGDATA"
  tls_arguments
  if [[ $(data_state) == none ]]; then
    initialise "$@"
    move_up
  else
    [[ $(data_state) != finished ]] || move_up
    [[ ! -d $PGDATA/$FINISHED ]] || rmdir -- "$PGDATA/$FINISHED"
    lock_outside
    check_version
    apply_password
  fi
  settle_rights
  keep_login
}

# serve ARGUMENT...: becomes the server. A mode of it must be its first argument. A signal that comes on the way is
# blocked, not lost: the server unblocks all when it can act on them.
serve() {
  local -a mode=()
  case ${1-} in
    --single | --check | --boot) mode=("$1") && shift ;;
  esac
  unset POSTGRES_PASSWORD PGPASSWORD SIGNALS_HELD
  exec env "$HOLD_SIGNALS" postgres "${mode[@]}" "${LOG_ARGS[@]}" "${TLS_ARGS[@]}" "$@"
}

main() {
  if [[ $# -eq 0 || $1 == -* ]]; then set -- postgres "$@"; fi
  if [[ $1 != postgres ]] || asks_only "$@"; then exec "$@"; fi
  hold_signals "$@"
  ((EUID != 0)) || step_down "$@"
  catch_signals
  prepare "$@"
  serve "${@:2}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
