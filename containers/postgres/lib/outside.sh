# shellcheck shell=bash
# What a database has outside its data directory, and databases that are in other places. Sourced; defines functions
# only. Whatever is out there may be somebody else's: it is removed only when a mark says whose it is.

WAL_MARK=.poststack-wal # in a log directory and in its STAGE, until the database is finished: an ID, then the directory

# refuse_elsewhere: a whole database in another place is a volume that is mounted elsewhere than before, or another
# image's layout, and no reason to begin a new one beside it. Names such as 15/main and 18/docker are of Debian and of
# the well-known image; one that cannot be looked into counts. Any name beside the usual PGDATA does, too.
refuse_elsewhere() {
  local above=${PGDATA%/*} name dir
  local -a found
  [[ $(data_state) == none ]] || return 0
  shopt -s nullglob
  found=("$above"/PG_VERSION "$PGDATA"/*/PG_VERSION "${above%/*}"/data/PG_VERSION)
  [[ $PGDATA != "$USUAL_DATA" ]] || found+=("$above"/*/PG_VERSION)
  for dir in "$PGDATA"/[0-9]*/{docker,main} "$above"/[0-9]*/{docker,main} "${above%/*}"/[0-9]*/{docker,main}; do
    [[ $dir == "$PGDATA" || ! -d $dir ]] || is_empty "$dir" || found+=("$dir/PG_VERSION")
  done
  shopt -u nullglob
  for name in "${found[@]}"; do
    dir=${name%/*}
    [[ ! -s $name && (-x $dir || ! -d $dir) ]] ||
      die 73 "there is no database in $PGDATA, but one in $dir: mount the volume at the place it was made for," \
        "or set PGDATA=$dir"
  done
}

# make_wal_directory makes POSTGRES_INITDB_WALDIR for postgres where only root can. One that holds something stays.
make_wal_directory() {
  local dir=${POSTGRES_INITDB_WALDIR-}
  [[ -n $dir && $(data_state) == none ]] || return 0
  mkdir -p -- "$dir" 2>/dev/null || return 0
  ! is_empty "$dir" || hand_over "$dir"
}

# refuse_wal_directory locks the log directory of a new database, and refuses one that is not empty.
refuse_wal_directory() {
  local dir=${POSTGRES_INITDB_WALDIR-} way="give it to that user, or start the container as root (--user 0), which hands over an empty one"
  [[ -n $dir ]] || return 0
  mkdir -p -- "$dir" 2>/dev/null ||
    die 73 "POSTGRES_INITDB_WALDIR: user $EUID may not make $dir in $(describe "$(existing "$dir")"); $way"
  [[ -w $dir && -x $dir && -r $dir ]] || die 73 "POSTGRES_INITDB_WALDIR: user $EUID may not write to $(describe "$dir"); $way"
  lock_directory "$dir"
  is_empty "$dir" ||
    die 73 "POSTGRES_INITDB_WALDIR: a new database needs an empty directory, not $(describe "$dir"); it may be another" \
      "database's log, also that of one which did not finish: nothing there was touched"
}

# place_wal STAGE moves the log of a new database to its own directory. Both are marked before that.
place_wal() {
  local stage=$1 dir=${POSTGRES_INITDB_WALDIR-} id
  [[ -n $dir ]] || return 0
  printf -v id '%08x%08x%08x' "$SRANDOM" "$SRANDOM" "$SRANDOM"
  printf '%s\n' "$id" "$dir" >"$stage/$WAL_MARK"
  printf '%s\n' "$id" >"$dir/$WAL_MARK"
  [[ ! -O $dir ]] || chmod --reference="$stage" -- "$dir"
  mv -t "$dir" -- "$stage/pg_wal"/*
  rmdir -- "$stage/pg_wal"
  ln -s -- "$dir" "$stage/pg_wal"
}

# drop_wal STAGE removes the log of a database that did not finish, from a directory that has its mark.
drop_wal() {
  local -a mine=() theirs=()
  [[ -s $1/$WAL_MARK ]] || return 0
  mapfile -t mine <"$1/$WAL_MARK"
  [[ -r ${mine[1]-}/$WAL_MARK ]] || return 0
  mapfile -t theirs <"${mine[1]}/$WAL_MARK"
  [[ ${mine[0]} == "${theirs[0]-}" ]] || return 0
  find "${mine[1]}/" -mindepth 1 -maxdepth 1 -regextype posix-extended \
    \( -regex '.*/([0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history|xlogtemp\.[0-9]+)' \
    -o -name archive_status -o -name summaries \) -exec rm -rf -- {} +
  rm -f -- "${mine[1]}/$WAL_MARK"
}

# own_wal DIR: the database in DIR is finished; from now on its link says whose log it is.
own_wal() {
  local -a mine=()
  [[ -s $1/$WAL_MARK ]] || return 0
  mapfile -t mine <"$1/$WAL_MARK"
  rm -f -- "${mine[1]:-$1}/$WAL_MARK"
  rm -f -- "$1/$WAL_MARK"
}

# lock_outside: the log and the tablespaces of a database are in use, too. A copy of its data directory names the same.
lock_outside() {
  local link
  for link in "$PGDATA/pg_wal" "$PGDATA"/pg_tblspc/*; do
    [[ ! -L $link || ! -d $link || ! -r $link ]] || lock_directory "$link"
  done
}

# version_directories DIR fills TABLESPACES with what the database in DIR made in its tablespaces: PostgreSQL takes a
# place only when the directory of its version is not there yet.
version_directories() {
  local link
  shopt -s nullglob
  TABLESPACES=()
  for link in "$1"/pg_tblspc/*; do
    [[ $(readlink -- "$link") == "$1"/* ]] || TABLESPACES+=("$link"/PG_*)
  done
  shopt -u nullglob
}

# drop_tablespaces STAGE: the server of this start has made them, and has just ended.
drop_tablespaces() {
  local dir
  version_directories "$1"
  for dir in "${TABLESPACES[@]}"; do
    rm -rf -- "$(readlink -f -- "$dir")"
  done
}

# refuse_tablespaces STAGE: who has used their place since a start that was killed is not known.
refuse_tablespaces() {
  version_directories "$1"
  ((${#TABLESPACES[@]} == 0)) ||
    die 73 "a start that was killed has left a tablespace in $(readlink -f -- "${TABLESPACES[@]}" | xargs);" \
      "if no other database uses it, remove it and start again"
}
