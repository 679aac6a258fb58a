# shellcheck shell=bash
# Child processes of the entrypoint, and the signals that end it. Sourced; defines functions only.

# An option of env(1). The server unblocks them itself, with its handlers in place (postmaster.c, pqsignal.c).
HOLD_SIGNALS=--block-signal=INT,QUIT,TERM

# hold_signals ARGUMENT...: a start of a database that is there takes a moment. In it, a signal waits for the server,
# instead of coming between this program and that one, where PID 1 hears nothing.
hold_signals() {
  [[ -z ${SIGNALS_HELD-} && -s ${PGDATA:-$USUAL_DATA}/PG_VERSION ]] || return 0
  exec env "$HOLD_SIGNALS" SIGNALS_HELD=1 "$BASH" "$0" "$@"
}

# run COMMAND...: runs a command or a function so that a signal to the entrypoint is heard while it runs.
run() {
  local status=0
  "$@" <&0 &
  CHILD=$!
  wait "$CHILD" || status=$?
  unset CHILD
  return "$status"
}

# catch_signals makes the entrypoint end in order when it is told to.
catch_signals() {
  trap 'interrupted 130' INT
  trap 'interrupted 131' QUIT
  trap 'interrupted 143' TERM
}

interrupted() {
  trap '' INT QUIT TERM
  end_children
  if [[ -d $PGDATA/$STAGE ]]; then
    note "interrupted; $(drop_stage)"
  else
    note "interrupted"
  fi
  exit "$1"
}

# end_children: the server ends at once, a script is asked to. One that does not within 2 seconds is killed, before
# the engine kills all of the container.
end_children() {
  local i
  local -a children=(${CHILD+"$CHILD"} ${SERVER+"$SERVER"})
  ((${#children[@]} > 0)) || return 0
  [[ -z ${CHILD-} ]] || kill -TERM "$CHILD" 2>/dev/null || true
  [[ -z ${SERVER-} ]] || kill -QUIT "$SERVER" 2>/dev/null || true
  for ((i = 0; i < 100; i++)); do
    kill -0 "${children[@]}" 2>/dev/null || break
    sleep 0.02
  done
  kill -KILL "${children[@]}" 2>/dev/null || true
  unset CHILD SERVER
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
