# shellcheck shell=bash
# The scripts that fill a new database. Sourced; defines functions only.

# run_init_scripts DIR SERVER_ARGUMENT...: runs what INIT_SCRIPTS holds, in order of name, against a server
# that nobody else can reach: no TCP, and a socket in a directory of its own.
run_init_scripts() {
  local dir=$1 script
  shift
  local -a scripts
  shopt -s nullglob
  scripts=("$INIT_SCRIPTS"/*)
  shopt -u nullglob
  ((${#scripts[@]} > 0)) || return 0
  INIT_SOCKET=$(mktemp -d "$RUN_DIR/init.XXXXXX")
  start_private_server "$dir" "$@"
  for script in "${scripts[@]}"; do
    run_init_script "$dir" "$script"
  done
  stop_private_server "$dir"
  rm -rf -- "$INIT_SOCKET"
}

start_private_server() {
  local dir=$1
  shift
  local -a status
  postgres "${@:2}" -D "$dir" -c listen_addresses= -c unix_socket_directories="$INIT_SOCKET" -c port=5432 \
    -c ssl=off -c fsync=off &
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

# run_init_script DIR FILE: a script that is not executable is run by bash, not sourced: it cannot change the
# entrypoint. Inside, PGDATA is where the database is being made.
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

# script_environment DIR COMMAND...: what libpq's programs need to reach the private server.
script_environment() {
  local dir=$1
  shift
  export PGDATA=$dir PGHOST=$INIT_SOCKET PGPORT=5432 PGPASSWORD=${PGPASSWORD-${POSTGRES_PASSWORD-}}
  "$@"
}

run_shell() {
  if [[ -x $1 ]]; then "$1"; else bash "$1"; fi
}

# run_sql FILE ERRORS: feeds FILE to psql, which stops at the first error; stderr is also kept in ERRORS.
run_sql() {
  local file=$1 errors=$2
  local -a psql=(psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --echo-errors --quiet
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB")
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
