# shellcheck shell=bash
# The data directory: who owns it, what it holds, who uses it. Sourced; defines functions only.
#
# A database is made in $PGDATA/$STAGE, renamed to $PGDATA/$FINISHED when the last step is done, and moved up
# from there, PG_VERSION last. So a PG_VERSION in PGDATA means a finished database, whatever was interrupted,
# and only STAGE, which nobody but the entrypoint writes to, is ever deleted.

STAGE=.poststack-init
FINISHED=.poststack-finished

# data_state prints what PGDATA holds: a "complete" database, one that is "finished" and only has to move up,
# or "none".
data_state() {
  if [[ -s $PGDATA/PG_VERSION ]]; then
    echo complete
  elif [[ -d $PGDATA/$FINISHED ]]; then
    echo finished
  else
    echo none
  fi
}

# describe DIR prints the owner and mode of DIR, and what it holds, for an error.
describe() {
  local -a names
  mapfile -t names < <(ls -A -- "$1" 2>/dev/null)
  printf '%s (owner %s' "$1" "$(stat -c '%u:%g, mode %a' -- "$1")"
  ((${#names[@]} == 0)) || printf ', holds %s' "${names[*]:0:5}"
  printf ')'
}

# refuse_directory DIR: DIR stands in the way of PGDATA.
refuse_directory() {
  die 73 "cannot keep a database in $PGDATA: user $EUID has no use of $(describe "$1");" \
    "set PGDATA to a directory below a mount that this user may write to, or give it to user $EUID"
}

# make_data_directory makes PGDATA. One of somebody else changes hands only when it is empty: root gives it to
# postgres, another user makes it again where that is allowed.
make_data_directory() {
  local parent=$PGDATA
  if [[ -d $PGDATA ]]; then
    [[ -z $(ls -A -- "$PGDATA" 2>/dev/null || echo closed) ]] || return 0
    [[ ! -O $PGDATA ]] || ((EUID == 0)) || return 0
    ((EUID == 0)) || rmdir -- "$PGDATA" 2>/dev/null || return 0
  fi
  while [[ ! -e $parent ]]; do parent=$(dirname -- "$parent"); done
  mkdir -p -- "$PGDATA" 2>/dev/null || refuse_directory "$parent"
  ((EUID != 0)) || chown postgres:postgres -- "$PGDATA"
}

# own_data_directory refuses a PGDATA that PostgreSQL would refuse, with a reason.
own_data_directory() {
  [[ -O $PGDATA && -w $PGDATA && -x $PGDATA ]] || refuse_directory "$PGDATA"
  [[ $(stat -f -c %T -- "$PGDATA") != overlayfs ]] ||
    note "$PGDATA is in the container itself and goes with it; mount a volume at /var/lib/postgresql to keep it"
}

# lock_data_directory keeps other containers out: the open directory is inherited by the server, whose PID
# file cannot tell PID 1 of one container from that of another. File systems without locks are let through.
lock_data_directory() {
  local status=0
  exec {DATA_LOCK}<"$PGDATA"
  flock --nonblock --conflict-exit-code 75 "$DATA_LOCK" 2>/dev/null || status=$?
  ((status != 75)) || die 75 "another container uses $PGDATA; stop it first"
}

# discard_stage removes what an initialisation that was cut short has left.
discard_stage() {
  local stage=$PGDATA/$STAGE wal
  [[ -d $stage ]] || return 0
  note "an earlier initialisation did not finish; beginning anew"
  if [[ -L $stage/pg_wal ]]; then # initdb took only an empty directory for it
    wal=$(readlink -- "$stage/pg_wal")
    find "$wal/" -mindepth 1 -maxdepth 1 -regextype posix-extended \
      \( -regex '.*/[0-9A-F]{24}(\.partial)?' -o -name archive_status -o -name summaries \) -exec rm -rf -- {} +
  fi
  rm -rf -- "$stage"
}

# refuse_strays: parts of a database without its PG_VERSION are somebody's loss, not a place for a new one.
refuse_strays() {
  local name
  for name in base global pg_wal pg_xact postgresql.conf pg_hba.conf; do
    [[ ! -e $PGDATA/$name ]] ||
      die 73 "$PGDATA holds $name but no PG_VERSION: a damaged database, or a file mounted too early;" \
        "move it away, or set PGDATA to another directory"
  done
}

# move_up moves a finished database into place; it may be called again after an interruption.
move_up() {
  local from=$PGDATA/$FINISHED entry
  local -a entries
  mapfile -d '' -t entries < <(find "$from" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -print0)
  for entry in "${entries[@]}"; do
    [[ ! -e $PGDATA/${entry##*/} ]] || die 73 "$PGDATA already holds ${entry##*/}; move it away"
    mv -T -- "$entry" "$PGDATA/${entry##*/}"
  done
  chmod --reference="$from" -- "$PGDATA"
  sync -- "$PGDATA"
  mv -T -- "$from/PG_VERSION" "$PGDATA/PG_VERSION"
  rmdir -- "$from"
  sync -- "$PGDATA"
}
