# shellcheck shell=bash
# The scripts that fill a new database. Sourced; defines functions only.

# run_init_scripts DIR SERVER_ARGUMENT...: runs what INIT_SCRIPTS holds, in order of name, against a server
# that nobody else can reach: no TCP, and a socket in a directory of its own.
run_init_scripts() {
  local dir=$1 script
  shift
  local -a scripts=()
  init_scripts scripts
  ((${#scripts[@]} > 0)) || return 0
  INIT_SOCKET=$(mktemp -d "$RUN_DIR/init.XXXXXX")
  lend_configuration "$dir"
  start_private_server "$dir" "$@"
  for script in "${scripts[@]}"; do
    run_init_script "$dir" "$script"
  done
  stop_private_server "$dir"
  take_configuration "$dir"
  rm -rf -- "$INIT_SOCKET"
}

# init_scripts ARRAY: the names, in the order that the well-known image gives them: its locale is en_US.utf8.
init_scripts() {
  local -n names=$1
  local LC_ALL
  { LC_ALL=en_US.utf8; } 2>/dev/null # bash complains where there is none; then the order is that of bytes
  shopt -s nullglob
  # shellcheck disable=SC2034 # the caller reads it
  names=("$INIT_SCRIPTS"/*)
  shopt -u nullglob
}

# start_private_server DIR SERVER_ARGUMENT...: whoever reaches its socket is any role, as scripts expect that
# make a role and then work as it. The rules are read-only, so that a script which looks for them in the server
# fails instead of writing to a file that goes.
start_private_server() {
  local dir=$1 rules=$INIT_SOCKET/pg_hba.conf
  shift
  local -a status
  printf '%s\n' "# While init scripts run; afterwards it is \$PGDATA/pg_hba.conf." \
    "local all all trust" "local replication all trust" >"$rules"
  chmod 0400 -- "$rules"
  postgres "${@:2}" -D "$dir" -c listen_addresses= -c unix_socket_directories="$INIT_SOCKET" -c port=5432 \
    -c hba_file="$rules" -c ssl=off -c fsync=off &
  SERVER=$!
  until [[ ${status[7]-} == ready* ]]; do
    kill -0 "$SERVER" 2>/dev/null || die 70 "the server for the init scripts ended, see above; nothing was kept"
    sleep 0.02
    [[ ! -r $dir/postmaster.pid ]] || mapfile -t status <"$dir/postmaster.pid"
  done
}

# stop_private_server DIR: also when a script has restarted it.
stop_private_server() {
  pg_ctl --pgdata="$1" --mode=fast --wait --silent stop ||
    die 70 "the server for the init scripts did not stop cleanly; nothing was kept"
  wait "$SERVER" || true
  unset SERVER
}

# run_init_script DIR FILE: inside, PGDATA is where the database is being made.
run_init_script() {
  local dir=$1 file=$2
  case $file in
    *.sh)
      note "running $file"
      run script_environment "$dir" run_shell "$file" ||
        die 70 "init script \"${file##*/}\" ended with status $?; nothing was kept, the next start begins anew"
      ;;
    *.sql | *.sql.gz | *.sql.xz | *.sql.zst)
      note "running $file"
      run script_environment "$dir" run_sql "$file" "$INIT_SOCKET/errors" ||
        die 70 "init script \"${file##*/}\"$(first_error "$INIT_SOCKET/errors"); nothing was kept, the next start begins anew"
      ;;
    *) note "ignoring $file: not .sh, .sql, .sql.gz, .sql.xz or .sql.zst" ;;
  esac
}

# script_environment DIR COMMAND...: what libpq's programs need to reach the private server, and nothing that
# would lead them elsewhere.
script_environment() {
  local dir=$1
  shift
  unset PGHOSTADDR PGSERVICE
  export PGDATA=$dir PGHOST=$INIT_SOCKET PGPORT=5432 PGPASSWORD=${PGPASSWORD-${POSTGRES_PASSWORD-}}
  "$@"
}

# run_shell FILE: what is not executable is sourced, by a shell of its own that stops at the first error: it may
# return, exit and unset what it likes, and cannot change the entrypoint. (A subshell would not do: bash ignores
# errors in one whose status is asked for.)
run_shell() {
  if [[ -x $1 ]]; then
    "$1"
  else
    export -f docker_process_sql
    # shellcheck disable=SC2016 # the other shell expands it
    "$BASH" -e -o pipefail -c 'psql=(docker_process_sql); source "$1"' "$0" "$1"
  fi
}

# docker_process_sql ARGUMENT...: psql on the new database. Scripts know it, and "${psql[@]}", by these names from
# the well-known image.
docker_process_sql() {
  psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" "$@"
}

# run_sql FILE ERRORS: feeds FILE to psql, which stops at the first error; stderr is also kept in ERRORS.
run_sql() {
  local file=$1 errors=$2
  local -a psql=(docker_process_sql --echo-errors --quiet)
  {
    case $file in
      *.gz) gzip -dc -- "$file" | "${psql[@]}" --file=- ;;
      *.xz) xz -dc -- "$file" | "${psql[@]}" --file=- ;;
      *.zst) zstd -dc -- "$file" | "${psql[@]}" --file=- ;;
      *) "${psql[@]}" --file="$file" ;;
    esac 2>&1 >&3 | tee -- "$errors" >&2
  } 3>&1
}

# first_error FILE prints " line N: CAUSE: STATEMENT" from what psql wrote, on one line of at most 300 letters.
first_error() {
  local line where='' cause='' statement=''
  while IFS= read -r line; do
    if [[ -z $cause && $line =~ ^psql:.*:([0-9]+):\ ((ERROR|FATAL|error):.*)$ ]]; then
      where=" line ${BASH_REMATCH[1]}" cause=${BASH_REMATCH[2]}
    elif [[ -z $statement && $line =~ STATEMENT:\ +(.*)$ ]]; then
      statement=${BASH_REMATCH[1]%;}
    fi
  done <"$1"
  line="$where: ${cause:-did not work}${statement:+: $statement}"
  printf '%s' "${line:0:300}"
}
