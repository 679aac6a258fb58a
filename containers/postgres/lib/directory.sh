# shellcheck shell=bash
# The data directory: who owns it, what it holds, who uses it. Sourced; defines functions only.
#
# A database is made in $PGDATA/$STAGE, renamed to $PGDATA/$FINISHED when the last step is done, and moved up
# from there, PG_VERSION last. So a PG_VERSION in PGDATA means a finished database, whatever was interrupted,
# and only STAGE, which nobody but the entrypoint writes to, is ever deleted.

STAGE=.poststack-init
FINISHED=.poststack-finished
LENT=.lent # in STAGE: the links of lend_configuration are, or were, in PGDATA
CONFIGURATION=(postgresql.conf pg_hba.conf pg_ident.conf)

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
  local dir=$1 owner
  owner=$(stat -c %u -- "$dir")
  [[ $owner != 70 || (-x $dir && ! -e $dir/PG_VERSION) ]] ||
    die 73 "$PGDATA was made by an Alpine image (owner 70), which sorts text in another way: indexes would be wrong;" \
      "dump it with that image and restore it here"
  die 73 "cannot keep a database in $PGDATA: user $EUID has no use of $(describe "$dir");" \
    "set PGDATA to a directory below a mount that this user may write to, give it to user $EUID," \
    "or start the container as root (--user 0), which hands over an empty one"
}

# make_wal_directory makes POSTGRES_INITDB_WALDIR for postgres where only root can. One that holds something stays.
make_wal_directory() {
  local dir=${POSTGRES_INITDB_WALDIR-}
  [[ -n $dir && $(data_state) == none ]] || return 0
  mkdir -p -- "$dir"
  ! is_empty "$dir" || chown postgres:postgres -- "$dir"
}

# refuse_elsewhere: a whole database a directory further up or down is a volume that is mounted in another place than
# before, and no reason to begin a new one beside it.
refuse_elsewhere() {
  local name
  [[ ! -s $PGDATA/PG_VERSION && ! -d $PGDATA/$FINISHED ]] || return 0
  for name in "${PGDATA%/*}"/PG_VERSION "$PGDATA"/*/PG_VERSION; do
    [[ ! -s $name ]] ||
      die 73 "there is no database in $PGDATA, but one in ${name%/*}: mount the volume at the place it was made for," \
        "or set PGDATA=${name%/*}"
  done
}

# refuse_wal_directory: initdb would say less.
refuse_wal_directory() {
  local dir=${POSTGRES_INITDB_WALDIR-}
  [[ ! -d $dir || -w $dir ]] ||
    die 73 "POSTGRES_INITDB_WALDIR: user $EUID may not write to $(describe "$dir");" \
      "give it to that user, or start the container as root (--user 0), which hands over an empty one"
}

# is_empty DIR: whoever runs this can read DIR, and it holds nothing.
is_empty() {
  local -a names
  shopt -s nullglob dotglob
  names=("$1"/*)
  shopt -u nullglob dotglob
  [[ -r $1 ]] && ((${#names[@]} == 0))
}

# make_data_directory makes PGDATA. One of somebody else changes hands only when it is empty: root gives it to
# postgres, another user makes it again where that is allowed.
make_data_directory() {
  local parent=$PGDATA
  refuse_elsewhere
  if [[ -d $PGDATA ]]; then
    is_empty "$PGDATA" || return 0
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
  [[ ! -e $stage/$LENT ]] || take_configuration "$stage"
  rm -rf -- "$stage"
}

# lend_configuration STAGE: while scripts run, the files that they change lie under PGDATA too: many name
# /var/lib/postgresql/data instead of asking for it. take_configuration takes them back, also those that an
# editor has put in the place of a link.
lend_configuration() {
  local name
  : >"$1/$LENT"
  for name in "${CONFIGURATION[@]}"; do
    ln -s -- "${1##*/}/$name" "$PGDATA/$name"
  done
}

take_configuration() {
  local name
  for name in "${CONFIGURATION[@]}"; do
    if [[ -L $PGDATA/$name ]]; then
      rm -f -- "$PGDATA/$name"
    elif [[ -f $PGDATA/$name ]]; then
      mv -T -- "$PGDATA/$name" "$1/$name"
    fi
  done
  rm -f -- "$1/$LENT"
}

# refuse_strays: parts of a database without its PG_VERSION are somebody's loss, not a place for a new one.
refuse_strays() {
  local name
  for name in base global pg_wal pg_xact "${CONFIGURATION[@]}"; do
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
  done
  ((${#entries[@]} == 0)) || mv -t "$PGDATA" -- "${entries[@]}"
  chmod --reference="$from" -- "$PGDATA"
  sync -- "$PGDATA"
  mv -T -- "$from/PG_VERSION" "$PGDATA/PG_VERSION"
  rmdir -- "$from"
  sync -- "$PGDATA"
}
