# shellcheck shell=bash
# Child processes of the entrypoint. Sourced; defines functions only.

# run COMMAND...: runs a command or a function so that a signal to the entrypoint is heard while it runs.
run() {
  "$@" <&0 &
  CHILD=$!
  wait "$CHILD"
}

# catch_signals makes the entrypoint end when it is told to: as PID 1 it would otherwise hear nothing.
catch_signals() {
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
}

interrupted() {
  trap '' INT TERM
  [[ -z ${CHILD-} ]] || kill -TERM "$CHILD" 2>/dev/null || true
  [[ -z ${SERVER-} ]] || kill -QUIT "$SERVER" 2>/dev/null || true
  wait
  note "interrupted"
  exit "$1"
}

# known_user COMMAND...: runs a program that insists on a name for its user ID, which the arbitrary one of
# `run --user` has not.
known_user() {
  local lib dir
  if getent passwd "$EUID" >/dev/null; then
    "$@"
    return
  fi
  for lib in /usr/lib/*/libnss_wrapper.so /usr/lib/libnss_wrapper.so; do
    [[ ! -e $lib ]] || break
  done
  dir=$(mktemp -d "$RUN_DIR/names.XXXXXX")
  printf 'postgres:x:%s:%s::%s:/bin/false\n' "$EUID" "$(id -g)" "$PGDATA" >"$dir/passwd"
  printf 'postgres:x:%s:\n' "$(id -g)" >"$dir/group"
  local status=0
  LD_PRELOAD=$lib NSS_WRAPPER_PASSWD=$dir/passwd NSS_WRAPPER_GROUP=$dir/group "$@" || status=$?
  rm -rf -- "$dir"
  return "$status"
}

# single_user DIR DATABASE [OPTION...]: executes the SQL on stdin, one statement that ends in a semicolon,
# without a server. What goes wrong is the status; the statement itself is never logged.
single_user() {
  local dir=$1 database=$2
  shift 2
  # The statement reaches the server at its end mark: semicolon, line end, empty line.
  { cat && printf '\n\n'; } |
    PG_GRANDPARENT_PID=$$ known_user postgres --single -D "$dir" -j \
      -c exit_on_error=on -c standard_conforming_strings=on -c log_min_messages=warning \
      -c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic -c log_checkpoints=off \
      -c logging_collector=off -c log_destination=stderr -c archive_mode=off "$@" "$database" >/dev/null
}

# quote_name NAME and quote_text TEXT print an SQL identifier and an SQL string.
quote_name() { printf '"%s"' "${1//\"/\"\"}"; }
quote_text() { printf "'%s'" "${1//\'/\'\'}"; }
