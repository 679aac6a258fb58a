# shellcheck shell=bash
# The data directory: who owns it, what it holds, who uses it. Sourced; defines functions only.
#
# A database is made in $PGDATA/$STAGE, renamed to $PGDATA/$FINISHED when the last step is done, and moved up
# from there, PG_VERSION last. So a PG_VERSION in PGDATA means a finished database, whatever was interrupted,
# and only STAGE, which nobody but the entrypoint writes to, is ever deleted.

STAGE=.poststack-init
FINISHED=.poststack-finished
LENT=.lent # in STAGE: the links of lend_configuration are, or were, in PGDATA
CONFIGURATION=(postgresql.conf postgresql.auto.conf pg_hba.conf pg_ident.conf)

# data_state prints what PGDATA holds: a "complete" database, one that is "finished" and only has to move up,
# "none", or that this user may not look: "hidden".
data_state() {
  if [[ -s $PGDATA/PG_VERSION ]]; then
    echo complete
  elif [[ -s $PGDATA/$FINISHED/PG_VERSION ]]; then
    echo finished
  elif [[ -d $PGDATA && ! -x $PGDATA ]]; then
    echo hidden
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

# existing PATH prints PATH, or the nearest directory above it that is there.
existing() {
  local path=$1
  while [[ ! -e $path ]]; do path=$(dirname -- "$path"); done
  printf '%s' "$path"
}

# is_empty DIR: whoever runs this can read DIR, and it holds nothing.
is_empty() {
  local -a names
  shopt -s nullglob dotglob
  names=("$1"/*)
  shopt -u nullglob dotglob
  [[ -r $1 ]] && ((${#names[@]} == 0))
}

# hand_over DIR: root gives it to postgres.
hand_over() {
  chown postgres:postgres -- "$1" 2>/dev/null ||
    die 77 "root of this container may not give $(describe "$1") to postgres (capability CHOWN, see --cap-drop);" \
      "give it to user 999 yourself and start with --user postgres"
}

# refuse_directory DIR: DIR stands in the way of PGDATA.
refuse_directory() {
  local dir=$1 owner
  owner=$(stat -c %u -- "$dir")
  [[ -d $dir ]] || die 73 "cannot keep a database in $PGDATA: $dir is no directory"
  [[ $owner != 70 || (-x $dir && ! -e $dir/PG_VERSION) ]] ||
    die 73 "$PGDATA was made by an Alpine image (owner 70), which sorts text in another way: indexes would be wrong;" \
      "dump it with that image and restore it here"
  [[ $dir != "$PGDATA" || ! -w $dir ]] || ! is_empty "$dir" ||
    die 73 "PostgreSQL wants to own its data directory, which user $EUID does not: $(describe "$dir");" \
      "set PGDATA=$PGDATA/pgdata, which will be below it"
  die 73 "cannot keep a database in $PGDATA: user $EUID has no use of $(describe "$dir");" \
    "set PGDATA to a directory below a mount that this user may write to, give it to user $EUID," \
    "or start the container as root (--user 0), which hands over an empty one"
}

# make_run_directory makes what a tmpfs on /run hides.
make_run_directory() {
  local above
  if [[ ! -d $RUN_DIR ]] && mkdir -p -- "$RUN_DIR" 2>/dev/null; then
    chmod 1777 -- "$RUN_DIR"
    ((EUID != 0)) || hand_over "$RUN_DIR"
  fi
  [[ ! -d $RUN_DIR || ! -w $RUN_DIR ]] || return 0
  above=$(existing "$RUN_DIR")
  ((EUID == 0)) || die 73 "user $EUID may not write to $(describe "$above"); mount a tmpfs with mode 1777 at $RUN_DIR" \
    "(docker: --tmpfs $RUN_DIR), or start the container as root (--user 0)"
}

# make_data_directory makes PGDATA. One of somebody else changes hands only when it is empty: root gives it to
# postgres, another user makes it again where that is allowed. What root cannot do is left to postgres to judge.
make_data_directory() {
  refuse_elsewhere
  if [[ -d $PGDATA ]]; then
    is_empty "$PGDATA" || return 0
    [[ ! -O $PGDATA ]] || ((EUID == 0)) || return 0
    ((EUID == 0)) || rmdir -- "$PGDATA" 2>/dev/null || return 0
  fi
  if ! mkdir -p -- "$PGDATA" 2>/dev/null; then
    ((EUID != 0)) || return 0
    refuse_directory "$(existing "$PGDATA")"
  fi
  ((EUID != 0)) || [[ $(stat -c %u -- "$PGDATA") == "$(id -u postgres)" ]] || hand_over "$PGDATA"
}

# own_data_directory refuses a PGDATA that PostgreSQL would refuse, with a reason. Modes other than its 0700 and 0750
# come from copying, or from an orchestrator that gives a volume to a group at each mount.
own_data_directory() {
  [[ -O $PGDATA && -w $PGDATA && -x $PGDATA ]] || refuse_directory "$PGDATA"
  [[ $(data_state) != complete || $(stat -c %a -- "$PGDATA") =~ ^7[05]0$ ]] || chmod 00700 -- "$PGDATA" ||
    die 73 "user $EUID may not set the mode of $(describe "$PGDATA") to 0700, which PostgreSQL wants"
}

# lock_directory DIR keeps other containers out: the open directory is inherited by the server, whose PID
# file cannot tell PID 1 of one container from that of another. File systems without locks are let through.
lock_directory() {
  local status=0 lock
  exec {lock}<"$1"
  flock --nonblock --conflict-exit-code 75 "$lock" 2>/dev/null || status=$?
  ((status != 75)) || die 75 "another container uses $1; stop it first"
}

# drop_stage removes a database that was not finished, and prints what became of it. What people keep in other places
# is another matter: see outside.sh.
drop_stage() {
  local stage=$PGDATA/$STAGE left=''
  [[ ! -e $stage/$LENT ]] || take_configuration "$stage"
  drop_wal "$stage"
  # What was killed a moment ago may still write.
  rm -rf -- "$stage" 2>/dev/null || { sleep 0.2 && rm -rf -- "$stage" 2>/dev/null; } ||
    left="$stage could not be removed, the next start tries again"
  printf '%s' "${left:-nothing was kept}"
}

# discard_stage removes what an initialisation that was killed has left.
discard_stage() {
  local stage=$PGDATA/$STAGE
  [[ ! -e $stage || (-d $stage && ! -L $stage) ]] || die 73 "$stage is in the way, and no directory; move it away"
  [[ -d $stage ]] || return 0
  note "an earlier initialisation did not finish; beginning anew"
  refuse_tablespaces "$stage"
  drop_stage >/dev/null
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
  own_wal "$from"
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
