#!/bin/sh
# Removes what a process has left on an engine and in temporary directories when it dies without cleaning up. Its
# standard input is a pipe that only that process, the owner, writes to; the arguments are the engine's command
# line. From the owner it has
#   WATCH_KIND     podman or docker
#   WATCH_LABEL    label of the owner's containers, networks and volumes, KEY=VALUE
#   WATCH_MARK     what the names of its temporary files hold
#   WATCH_SCRATCH  where its builds work
#   WATCH_TEMP     where its other temporary files are
#   WATCH_STAGING  where the contexts of its builds are
#   WATCH_VOLUMES  a file with the names of volumes that are nobody's yet, one a line
#   WATCH_STORE    podman: where containers are kept
#   WATCH_SERVICE  podman: the directory of the API's socket
set -u
trap '' HUP INT QUIT

# programs WORD prints the pids of those that have it in their arguments. It is no argument here.
programs() {
  # shellcheck disable=SC2062 # files, not a pattern
  printf '%s\n' "$1" | grep -lsF -f - /proc/[0-9]*/cmdline | while IFS=/ read -r _ _ pid _; do
    echo "$pid"
  done
}

# end SIGNAL PID... ends programs with all that they have started.
end() {
  signal=$1
  shift
  for pid; do
    kill -s "$signal" -- "-$pid" 2>&1 || kill -s "$signal" "$pid" 2>&1
  done
}

# limit COMMAND... does not wait for ever for an engine that hangs.
limit() {
  if command -v timeout >/dev/null; then timeout -k 5 60 "$@"; else "$@"; fi
}

# steps prints the first processes of RUN steps that podman's builder has under way.
steps() {
  for file in "$WATCH_SCRATCH"/poststack-build"$WATCH_MARK"*/buildah*/pid; do
    if [ -r "$file" ]; then cat "$file"; fi
  done
}

# builds ENGINE... ends the programs that the owner waited for. Podman's own builder cleans up after a step that
# fails, and leaves much behind when it is told to end itself.
builds() {
  for pid in $(programs "$WATCH_MARK"); do
    if [ -z "$WATCH_STORE" ] || ! grep -qsF poststack-build "/proc/$pid/cmdline"; then end TERM "$pid"; fi
  done
  tries=0
  while [ "$tries" -lt 30 ] && [ -n "$(programs "$WATCH_MARK")" ]; do
    for pid in $(steps); do kill -s KILL "$pid"; done
    sleep 0.1
    tries=$((tries + 1))
  done
  for pid in $(programs "$WATCH_MARK"); do end KILL "$pid"; done
  for pid in $(steps); do kill -s KILL "$pid"; done
  for bundle in "$WATCH_SCRATCH"/poststack-build"$WATCH_MARK"*/buildah*; do
    if [ -d "$bundle" ]; then
      limit runc delete --force "buildah-${bundle##*/}"
      limit crun delete --force "buildah-${bundle##*/}"
    fi
  done
  if [ -n "$WATCH_STORE" ]; then
    # shellcheck disable=SC2062 # files, not a pattern
    printf '%s\n' "poststack-build$WATCH_MARK" | grep -lsF -f - "$WATCH_STORE"/*-containers/*/userdata/buildah.json |
      while read -r note; do
        id=${note%/userdata/buildah.json}
        limit "$@" rm --force "${id##*/}" </dev/null
      done
  fi
}

# containers ENGINE... removes the owner's containers.
containers() {
  found=$(limit "$@" ps --all --quiet --filter "label=$WATCH_LABEL")
  # podman would wait for each to end by itself
  if [ "$WATCH_KIND" = podman ]; then now='--time 0'; else now=; fi
  # shellcheck disable=SC2086 # there are several, without blanks
  if [ -n "$found" ]; then limit "$@" rm --force --volumes $now $found; fi
}

# others ENGINE... removes what else has the owner's label. The steps of its builds have ended: podman does not count
# them, and what a step has of a network stays when that has gone before it.
others() {
  for thing in network volume; do
    found=$(limit "$@" "$thing" ls --quiet --filter "label=$WATCH_LABEL")
    for name in $found; do limit "$@" "$thing" rm "$name"; done
  done
  if [ -r "$WATCH_VOLUMES" ]; then
    while read -r name; do limit "$@" volume rm "$name" </dev/null; done <"$WATCH_VOLUMES"
    rm -f -- "$WATCH_VOLUMES"
  fi
}

# mounted tells whether something is mounted at a directory or below, or that cannot be told. The kernel writes a
# blank as \040.
mounted() {
  escaped=$(printf '%s' "$1" | sed 's/ /\\040/g')
  grep -qsF -e " $escaped " -e " $escaped/" /proc/self/mountinfo
  [ $? -ne 1 ]
}

# files removes the temporary directories in which nothing is mounted.
files() {
  for dir in "$WATCH_SCRATCH"/poststack-*"$WATCH_MARK"* "$WATCH_TEMP"/poststack-*"$WATCH_MARK"* \
    "$WATCH_STAGING"/poststack-*"$WATCH_MARK"*; do
    if [ -e "$dir" ] && ! mounted "$dir"; then rm -rf -- "$dir"; fi
  done
}

# service ends podman's API, which would end by itself some time later.
service() {
  for pid in $(programs "unix://$WATCH_SERVICE/s"); do kill -s TERM "$pid"; done
  rm -rf -- "$WATCH_SERVICE"
}

main() {
  # A line says that the owner ends in order. An end without one says that it died.
  if read -r _; then return; fi
  builds "$@" &
  containers "$@"
  wait
  # What the engine was busy making is there by now.
  sleep 1
  containers "$@"
  others "$@"
  files
  if [ -n "$WATCH_SERVICE" ]; then service; fi
}

main "$@"
