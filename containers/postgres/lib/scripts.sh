# shellcheck shell=bash
# The scripts that fill a new database. Sourced; defines functions only.

# run_init_scripts DIR SERVER_ARGUMENT...: runs what INIT_SCRIPTS holds, in order of name, against a server that nobody
# else can reach: no TCP, and a socket in a directory of its own. Its rules are read-only, so that a script which looks
# for them in the server fails instead of writing to a file that goes.
run_init_scripts() {
  local dir=$1 script
  local -a scripts=() beside
  init_scripts scripts
  ((${#scripts[@]} > 0)) || return 0
  INIT_SOCKET=$(mktemp -d "$RUN_DIR/init.XXXXXX")
  local rules=$INIT_SOCKET/pg_hba.conf
  printf '%s\n' "# While init scripts run; afterwards it is \$PGDATA/pg_hba.conf." \
    "local all all trust" "local replication all trust" >"$rules"
  chmod 0400 -- "$rules"
  beside=("$PGDATA"/* "$PGDATA"/.[!.]*)
  lend_configuration "$dir"
  start_private_server "the server for the init scripts" "$dir" "${@:3}" -c hba_file="$rules" -c ssl=off
  for script in "${scripts[@]}"; do
    run_init_script "$dir" "$script"
  done
  stop_private_server "$dir"
  take_configuration "$dir"
  adopt "$dir" "${beside[@]}"
  try_configuration "$@"
  settle_paths "$dir"
  rm -rf -- "$INIT_SOCKET"
}

# try_configuration DIR SERVER_ARGUMENT...: what scripts have left must be what a server starts with: it is asked itself,
# with the configuration that it will have. One that takes its data from another server is not started before it can.
try_configuration() {
  local dir=$1
  [[ ! -e $dir/standby.signal && ! -e $dir/recovery.signal ]] || return 0
  start_private_server "the server with what the init scripts have left" "$dir" "${LOG_ARGS[@]}" "${TLS_ARGS[@]}" "${@:3}"
  stop_private_server "$dir"
}

# adopt DIR ENTRY...: what scripts have put into PGDATA by its usual name belongs to the database in DIR. The entries
# were there before them, and stay; so does a tablespace, whose place is known by name.
adopt() {
  local dir=$1 entry link
  shift
  local -a stay=("$@" "$dir")
  for link in "$dir"/pg_tblspc/*; do
    [[ ! -L $link ]] || stay+=("$(readlink -- "$link")")
  done
  for entry in "$PGDATA"/* "$PGDATA"/.[!.]*; do
    if [[ ! -e $entry && ! -L $entry ]] || holds "$entry" "${stay[@]}"; then continue; fi
    [[ ! -e $dir/${entry##*/} ]] ||
      abandon "init scripts have left ${entry##*/} in $PGDATA, and the database has one of its own: name it by \$PGDATA"
    mv -t "$dir" -- "$entry"
  done
}

# holds PATH OTHER...: one of the others is PATH, or below it.
holds() {
  local path=$1 other
  shift
  for other; do
    [[ $other/ != "$path"/* ]] || return 0
  done
  return 1
}

# settle_paths DIR: what scripts have written with $PGDATA is right where the database will be, too.
settle_paths() {
  local dir=$1 file link target text
  for file in "${CONFIGURATION[@]/#/$dir/}"; do
    text=$(<"$file")
    [[ $text != *"$dir"* ]] || printf '%s\n' "${text//"$dir"/"$PGDATA"}" >"$file"
  done
  for link in "$dir"/pg_tblspc/*; do
    [[ -L $link ]] || continue
    target=$(readlink -- "$link")
    [[ $target != "$dir"/* ]] || ln -sfn -- "$PGDATA${target#"$dir"}" "$link"
  done
}

# check_init_scripts refuses, before anything is made, what could not run. A shell takes the CR of a line end of another
# system for a part of the last word, and may even do so without an error.
check_init_scripts() {
  local script first
  local -a scripts=()
  [[ -e $INIT_SCRIPTS ]] || return 0
  [[ -d $INIT_SCRIPTS && -r $INIT_SCRIPTS && -x $INIT_SCRIPTS ]] ||
    die 66 "user $EUID may not look into $(describe "$INIT_SCRIPTS"); give it mode 0755"
  init_scripts scripts
  for script in "${scripts[@]}"; do
    case $script in
      *.sh | *.sql | *.sql.gz | *.sql.xz | *.sql.zst) ;;
      *) continue ;;
    esac
    [[ -r $script ]] || die 66 "user $EUID may not read init script \"${script##*/}\", or it is not there; give it mode 0644"
    [[ $script == *.sh && -f $script ]] || continue
    IFS= read -r first <"$script" 2>/dev/null || true
    [[ $first != *$'\r' ]] ||
      die 66 "init script \"${script##*/}\" has the line ends of Windows (CRLF), which no shell can run;" \
        "save it with LF: sed -i 's/\\r\$//' ${script##*/}"
    [[ $first != $'\xef\xbb\xbf'* ]] ||
      die 66 "init script \"${script##*/}\" begins with a byte order mark, which no shell can run; save it as UTF-8 without BOM"
  done
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

# start_private_server NAME DIR ARGUMENT...: whoever reaches its socket is any role while scripts run, as they expect
# that make a role and then work as it.
start_private_server() {
  local name=$1 dir=$2
  shift 2
  local -a status
  postgres "$@" -D "$dir" -c listen_addresses= -c unix_socket_directories="$INIT_SOCKET" -c port=5432 -c fsync=off &
  SERVER=$!
  until [[ ${status[7]-} == ready* ]]; do
    kill -0 "$SERVER" 2>/dev/null || abandon "$name ended, see above" ", the next start begins anew"
    sleep 0.02
    [[ ! -r $dir/postmaster.pid ]] || mapfile -t status <"$dir/postmaster.pid"
  done
}

# stop_private_server DIR: also when a script has restarted it.
stop_private_server() {
  pg_ctl --pgdata="$1" --mode=fast --wait --silent stop || abandon "the server for the init scripts did not stop cleanly"
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
        abandon "init script \"${file##*/}\" ended with status $?" ", the next start begins anew"
      ;;
    *.sql | *.sql.gz | *.sql.xz | *.sql.zst)
      note "running $file"
      run script_environment "$dir" run_sql "$file" "$INIT_SOCKET/errors" ||
        abandon "init script \"${file##*/}\"$(first_error "$INIT_SOCKET/errors")" ", the next start begins anew"
      ;;
    *) note "ignoring $file: not .sh, .sql, .sql.gz, .sql.xz or .sql.zst" ;;
  esac
}

# script_environment DIR COMMAND...: what libpq's programs need to reach the private server, and nothing that
# would lead them elsewhere.
script_environment() {
  local dir=$1
  shift
  unset PGHOSTADDR PGSERVICE PGPASSFILE PGSSLMODE PGREQUIRESSL PGGSSENCMODE PGCHANNELBINDING PGREQUIREAUTH PGTARGETSESSIONATTRS
  export PGDATA=$dir PGHOST=$INIT_SOCKET PGPORT=5432 PGPASSWORD=${PGPASSWORD-${POSTGRES_PASSWORD-}}
  export POSTGRES_PASSWORD # init scripts of the well-known image use it
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
# the well-known image. An option would take a name such as a=b for a connection string.
docker_process_sql() {
  PGDATABASE=$POSTGRES_DB psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username="$POSTGRES_USER" "$@"
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
