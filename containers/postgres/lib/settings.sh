# shellcheck shell=bash
# Settings of the PostgreSQL image: reading and checking them. Sourced; defines functions only.

# die CODE MESSAGE...: one line on stderr, then the end. The codes are in image.yaml's documentation:
# 64 a setting is wrong, 66 a file cannot be read, 70 initialisation did not work, 73 a directory cannot be used,
# 75 another container uses it, 77 root lacks a capability, 78 it does not fit the settings or this image.
die() {
  local code=$1
  shift
  printf 'entrypoint: %s\n' "$*" >&2
  exit "$code"
}

# note MESSAGE...: one line on stderr.
note() { printf 'entrypoint: %s\n' "$*" >&2; }

# from_file VAR: fills VAR from the file that VAR_FILE names. One line end, LF or CRLF, is not part of the value.
from_file() {
  local var=$1 file_var=${1}_FILE value
  local file=${!file_var-}
  [[ -n $file ]] || return 0
  [[ -z ${!var-} ]] || die 64 "$var and $file_var are both set; set one"
  [[ -e $file ]] || die 66 "$file_var: there is no file $file"
  [[ ! -d $file ]] || die 66 "$file_var: $file is a directory, not a file"
  [[ -r $file ]] ||
    die 66 "$file_var: user $EUID may not read $file; give it to that user, or start the container as root (--user 0)"
  value=$(<"$file")
  value=${value%$'\r'}
  [[ -n $value ]] || die 66 "$file_var: $file is empty"
  printf -v "$var" '%s' "$value"
  unset "$file_var"
}

# one_line VAR: VAR holds no line end, which no tool down the road would keep.
one_line() {
  [[ ${!1-} != *[$'\n\r']* ]] || die 64 "$1 holds a line end; it must be one line"
}

# identifier VAR: VAR is a name that PostgreSQL keeps as it is; it cuts longer ones at 63 bytes without a word.
identifier() {
  local LC_ALL=C value=${!1}
  ((${#value} <= 63)) || die 64 "$1 is longer than PostgreSQL's 63 bytes"
}

# load_settings fills in the defaults and refuses what cannot work. It changes nothing but variables.
load_settings() {
  local var
  for var in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_INITDB_ARGS; do from_file "$var"; done
  for var in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_HOST_AUTH_METHOD POSTGRES_INITDB_WALDIR PGDATA CERT_PATH LOG_LEVEL; do
    one_line "$var"
  done
  POSTGRES_INITDB_ARGS=${POSTGRES_INITDB_ARGS-}
  POSTGRES_INITDB_ARGS=${POSTGRES_INITDB_ARGS//[$'\n\r']/ } # a block of YAML has line ends
  export -n POSTGRES_PASSWORD                               # of the programs that are run here, only init scripts get it
  export POSTGRES_USER=${POSTGRES_USER:-postgres}
  export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
  POSTGRES_HOST_AUTH_METHOD=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  identifier POSTGRES_USER
  identifier POSTGRES_DB
  POSTGRES_SUPERUSER=${POSTGRES_SUPERUSER-}
  one_line POSTGRES_SUPERUSER
  identifier POSTGRES_SUPERUSER
  directories
  [[ -z $POSTGRES_INITDB_ARGS ]] || xargs printf '%s' <<<"$POSTGRES_INITDB_ARGS" >/dev/null 2>&1 ||
    die 64 "POSTGRES_INITDB_ARGS has an open quote: $POSTGRES_INITDB_ARGS"
  log_arguments
  [[ $(data_state) != none ]] || require_users
}

USUAL_DATA=/var/lib/postgresql/data

# directories: PGDATA and the log's are absolute paths, and beside each other.
directories() {
  local wal=${POSTGRES_INITDB_WALDIR-}
  [[ ${PGDATA:=$USUAL_DATA} == /* ]] || die 64 "PGDATA must be an absolute path, not $PGDATA"
  while [[ $PGDATA == */ ]]; do PGDATA=${PGDATA%/}; done
  [[ -n $PGDATA ]] || die 64 "PGDATA must be a directory below /"
  export PGDATA
  [[ ${wal:-/} == /* ]] || die 64 "POSTGRES_INITDB_WALDIR must be an absolute path, not $wal"
  [[ $wal/ != "$PGDATA"/* ]] || die 64 "POSTGRES_INITDB_WALDIR must not be in PGDATA: $wal"
}

# log_arguments sets LOG_ARGS from LOG_LEVEL. "info" leaves the matter to the server's own configuration.
log_arguments() {
  local level
  LOG_ARGS=()
  case ${LOG_LEVEL:-info} in
    error) level=error ;;
    warn) level=warning ;;
    info) return 0 ;;
    debug) level=debug1 ;;
    trace) level=debug3 ;;
    *) die 64 "LOG_LEVEL is \"$LOG_LEVEL\"; set error, warn, info, debug or trace" ;;
  esac
  # shellcheck disable=SC2034 # used by the entrypoint
  LOG_ARGS=(-c "log_min_messages=$level")
}

# require_users refuses a new database that nobody, or everybody, could log in to, or whose user is the superuser that is
# to stay inside.
require_users() {
  [[ $POSTGRES_USER != "$POSTGRES_SUPERUSER" ]] ||
    die 64 "POSTGRES_USER and POSTGRES_SUPERUSER are both $POSTGRES_USER: a new database needs a user of another name"
  [[ -z ${POSTGRES_PASSWORD-} ]] || return 0
  [[ $POSTGRES_HOST_AUTH_METHOD == trust ]] ||
    die 64 "a new database needs a password: set POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD"
}
