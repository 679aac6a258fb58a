# shellcheck shell=bash
# Making a database, and keeping its password in line. Sourced; defines functions only.

# shellcheck disable=SC2034 # used by another part
INIT_SCRIPTS=/docker-entrypoint-initdb.d
PASSWORD_RECORD=poststack_password
ELEVATED_RECORD=poststack_elevated

# initialise SERVER_ARGUMENT...: makes the database; see directory.sh for how it stays whole.
initialise() {
  # shellcheck disable=SC2153 # STAGE is of directory.sh
  local stage=$PGDATA/$STAGE
  check_init_scripts
  discard_stage
  refuse_strays
  refuse_wal_directory
  [[ $(stat -f -c %T -- "$PGDATA") != overlayfs ]] ||
    note "$PGDATA is in the container itself and goes with it; mount a volume at /var/lib/postgresql to keep it"
  [[ $POSTGRES_HOST_AUTH_METHOD != trust ]] ||
    note "POSTGRES_HOST_AUTH_METHOD=trust: whoever reaches the port is let in without a password"
  mkdir -m 0700 -- "$stage"
  note "making a new database in $PGDATA"
  run make_cluster "$stage" || abandon "initdb did not work, see above"
  run place_wal "$stage" || abandon "cannot move the log to POSTGRES_INITDB_WALDIR, see above"
  run finish_cluster "$stage" || abandon "cannot finish database \"$POSTGRES_DB\", see above"
  run_init_scripts "$stage" "$@"
  record_password "$stage"
  run initdb --sync-only --pgdata="$stage" >/dev/null || abandon "cannot sync the new database, see above"
  mv -T -- "$stage" "$PGDATA/$FINISHED"
}

# abandon MESSAGE: ends an initialisation that did not work, and removes all of it.
abandon() {
  end_children
  drop_tablespaces "$PGDATA/$STAGE"
  die 70 "$1; $(drop_stage)${2-}"
}

# make_cluster DIR: initdb, then the rule for clients from outside. It syncs nothing: initialise does, once.
make_cluster() {
  local dir=$1 auth=scram-sha-256
  local -a args=() extra=()
  initdb_arguments extra
  [[ -n ${POSTGRES_PASSWORD-} ]] || auth=trust
  [[ -z ${POSTGRES_SUPERUSER-} ]] || auth=reject # keep_inside has the rules
  args=(--pgdata="$dir" --username="${POSTGRES_SUPERUSER:-$POSTGRES_USER}" --encoding=UTF8 --locale=C.UTF-8 --data-checksums
    --auth-local="$auth" --auth-host="$auth" --no-sync --no-instructions)
  if [[ $auth == scram-sha-256 ]]; then
    known_user initdb "${args[@]}" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${extra[@]}" >/dev/null || return
  else
    known_user initdb "${args[@]}" "${extra[@]}" >/dev/null || return
  fi
  if [[ ! -s $dir/PG_VERSION || ! -d $dir/pg_wal ]]; then
    note "POSTGRES_INITDB_ARGS lead initdb away from this: $POSTGRES_INITDB_ARGS"
    return 1
  fi
  if [[ -n ${POSTGRES_SUPERUSER-} ]]; then
    keep_inside "$dir"
  else
    printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$dir/pg_hba.conf"
  fi
}

# keep_inside DIR: the superuser signs in over the socket alone, as the user who runs the server, and has no password.
keep_inside() {
  local dir=$1 super
  super=$(quote_name "$POSTGRES_SUPERUSER")
  printf '%s\n' "local all $super peer map=inside" "host all $super all reject" "local all all scram-sha-256" \
    "host all all all $POSTGRES_HOST_AUTH_METHOD" >"$dir/pg_hba.conf"
  printf 'inside postgres %s\n' "$super" >"$dir/pg_ident.conf"
}

# initdb_arguments ARRAY: splits POSTGRES_INITDB_ARGS at blanks outside quotes into ARRAY. Nothing is expanded.
initdb_arguments() {
  local -n words=$1
  [[ -n ${POSTGRES_INITDB_ARGS-} ]] || return 0
  # shellcheck disable=SC2034 # the caller reads it
  mapfile -d '' -t words < <(xargs printf '%s\0' <<<"$POSTGRES_INITDB_ARGS")
}

# finish_cluster DIR: makes the database, and has PostgreSQL read the rules for clients; a wrong one would keep it from
# starting. Without a server: single-user mode takes a third of the time of a start and a stop. Nobody needs the copy in
# the log, which takes half of the time; before PostgreSQL 15 there was no other way than file_copy.
finish_cluster() {
  local sql='' strategy='' name user
  name=$(quote_name "$POSTGRES_DB") user=$(quote_name "$POSTGRES_USER")
  (($(server_version) < 15)) || strategy=' STRATEGY file_copy'
  [[ -z ${POSTGRES_SUPERUSER-} ]] ||
    sql="CREATE ROLE $user LOGIN CREATEROLE${POSTGRES_PASSWORD:+ PASSWORD $(quote_text "$POSTGRES_PASSWORD")};"$'\n\n'
  [[ $POSTGRES_DB == postgres || $POSTGRES_DB == template1 ]] || sql+="CREATE DATABASE $name$strategy;"$'\n\n'
  [[ -z ${POSTGRES_SUPERUSER-} ]] || sql+="ALTER DATABASE $name OWNER TO $user;"$'\n\n'
  [[ $POSTGRES_HOST_AUTH_METHOD == scram-sha-256 ]] || sql+=$CHECK_RULES
  [[ -z $sql ]] || single_user "$1" postgres -c fsync=off -c shared_buffers=16MB <<<"${sql%$'\n\n'}"
}

# shellcheck disable=SC2016 # SQL
CHECK_RULES='DO $$ DECLARE bad text; BEGIN
SELECT error INTO bad FROM pg_hba_file_rules WHERE error IS NOT NULL LIMIT 1;
IF bad IS NOT NULL THEN RAISE EXCEPTION USING message = bad, hint = '"'set another POSTGRES_HOST_AUTH_METHOD'"'; END IF;
END $$;'

# password_digest SALT prints a slow hash of the password: 5000 rounds, like the verifier in the database.
password_digest() {
  printf '%s' "$POSTGRES_PASSWORD" | sha256sum | openssl passwd -6 -salt "$1" -stdin
}

# record_password DIR remembers which password was applied last, to whom.
record_password() {
  local file=$1/$PASSWORD_RECORD
  [[ -n ${POSTGRES_PASSWORD-} ]] || return 0
  (umask 077 && printf '%s\n' "$POSTGRES_USER" "$(password_digest "$(printf '%08x%08x' "$SRANDOM" "$SRANDOM")")" >"$file.new")
  sync -- "$file.new"
  mv -T -- "$file.new" "$file"
  sync -- "$1"
}

# begin_digest: reads the record into RECORD, and has the digest of the password made, which is slow on purpose, beside
# the rest of the start. password_applied reads it from DIGEST. A record that a lost machine has left empty or cut short
# is none.
begin_digest() {
  local file=$PGDATA/$PASSWORD_RECORD
  RECORD=()
  [[ -n ${POSTGRES_PASSWORD-} && -r $file ]] || return 0
  mapfile -t RECORD <"$file" 2>/dev/null
  if [[ ${RECORD[1]-} =~ ^\$6\$([0-9a-f]{16})\$.{86}$ ]]; then
    exec {DIGEST}< <(password_digest "${BASH_REMATCH[1]}")
  else
    RECORD=()
  fi
}

# password_applied: the password is the one that was applied last.
password_applied() {
  local digest
  [[ -n ${DIGEST-} ]] || return 1
  [[ ${RECORD[0]} == "$POSTGRES_USER" ]] ||
    die 78 "the database was made with POSTGRES_USER=${RECORD[0]}, not $POSTGRES_USER; set that one again"
  read -r -u "$DIGEST" digest || return 1
  exec {DIGEST}<&-
  [[ ${RECORD[1]} == "$digest" ]]
}

# apply_password brings a role's password in line with a setting that has changed, before any client can
# connect. A password changed in the database itself stays as long as the setting does.
apply_password() {
  local why="the password setting has changed" password="the new one"
  [[ -n ${POSTGRES_PASSWORD-} ]] || return 0
  [[ -n ${DIGEST-} ]] || begin_digest # a database that has just moved up had no record before
  password_applied && return 0
  ((${#RECORD[@]} > 0)) ||
    why="the database has no record of a password, as one that another image made" password="the one that is set"
  if [[ -e $PGDATA/standby.signal || -e $PGDATA/recovery.signal ]]; then
    note "$why; a server in recovery keeps the one it has"
    return 0
  fi
  run set_password ||
    die 78 "cannot set the password of role \"$POSTGRES_USER\", see above; was the database made with another POSTGRES_USER?"
  record_password "$PGDATA"
  note "$why: role \"$POSTGRES_USER\" now has $password"
}

# keep_login: psql and pg_dump in the container (`exec NAME psql`, see client.sh) then need not ask the user's
# password, which whoever may read this file could read anyway. It is for the local socket and loopback only.
keep_login() {
  local file=$RUN_DIR/.pgpass user=${POSTGRES_USER//\\/\\\\} password=${POSTGRES_PASSWORD-}
  [[ ! -e $file ]] || rm -f -- "$file"
  [[ -n $password ]] || return 0
  password=${password//\\/\\\\}
  (umask 077 && printf 'localhost:*:*:%s:%s\n' "${user//:/\\:}" "${password//:/\\:}" >"$file")
}

set_password() {
  single_user "$PGDATA" postgres \
    <<<"ALTER ROLE $(quote_name "$POSTGRES_USER") PASSWORD $(quote_text "$POSTGRES_PASSWORD");"
}

# settle_rights: POSTGRES_ELEVATED makes the user a superuser until a start without it, which is what the mark is for: it
# is there before the rights are. A user who is the bootstrap superuser stays what it is.
settle_rights() {
  local mark=$PGDATA/$ELEVATED_RECORD sql=$LOWER
  [[ ! -e $PGDATA/standby.signal && ! -e $PGDATA/recovery.signal ]] || return 0
  if [[ -n ${POSTGRES_ELEVATED-} ]]; then
    sql="ALTER ROLE $(quote_name "$POSTGRES_USER") SUPERUSER;"
    : >"$mark"
    sync -- "$PGDATA"
  elif [[ ! -e $mark ]]; then
    return 0
  fi
  run single_user "$PGDATA" postgres <<<"${sql//USERNAME/"$(quote_text "$POSTGRES_USER")"}" ||
    die 78 "cannot settle what role \"$POSTGRES_USER\" may do, see above"
  [[ -n ${POSTGRES_ELEVATED-} ]] || rm -f -- "$mark"
}

# From PostgreSQL 16 on a role administers those alone that it is given: all that a superuser has made meanwhile. One that
# it was a member of before keeps what it may do as a member.
# shellcheck disable=SC2016 # SQL
LOWER='DO $$ DECLARE name text; was boolean; BEGIN
IF 10 = (SELECT oid FROM pg_roles WHERE rolname = USERNAME) THEN RETURN; END IF;
EXECUTE format('"'ALTER ROLE %I NOSUPERUSER'"', USERNAME);
IF current_setting('"'server_version_num'"')::int < 160000 THEN RETURN; END IF;
FOR name, was IN SELECT r.rolname, EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
WHERE u.rolname = USERNAME AND m.roleid = r.oid AND m.grantor = 10) FROM pg_roles r
WHERE NOT rolsuper AND rolname <> USERNAME AND rolname !~ '"'^pg_'"'
AND NOT pg_has_role(rolname, USERNAME, '"'MEMBER'"') LOOP
EXECUTE format('"'GRANT %I TO %I WITH ADMIN TRUE'"', name, USERNAME)
|| CASE WHEN was THEN '"''"' ELSE '"', INHERIT FALSE, SET FALSE'"' END; END LOOP;
END $$;'

# server_version prints the major version: Debian has it in the path of the program, which takes 12 ms to say it.
server_version() {
  local program
  program=$(type -P postgres)
  cd -P -- "${program%/*}/.." || return
  if [[ $PWD =~ /postgresql/([0-9]+)$ || $("$program" --version) =~ \)\ ([0-9]+) ]]; then
    printf '%s' "${BASH_REMATCH[1]}"
  else
    die 70 "cannot read the version of postgres"
  fi
}

# check_version refuses a database of another major version before anything opens it.
check_version() {
  local have want
  have=$(<"$PGDATA/PG_VERSION")
  want=$(server_version)
  [[ $have == "$want" ]] ||
    die 78 "$PGDATA was made by PostgreSQL $have, this image has $want; dump it with an image of $have and restore it here"
}
