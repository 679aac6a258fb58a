#!/usr/bin/env bash
# Runs while the image is built: migrates a scratch database with the launcher, and keeps the classes which that loads
# in an archive, so that the Java runtime maps them instead of parsing jars.
set -Eeuo pipefail

home=/opt/liquibase
data=/tmp/train

# migrate: runs one update with the launcher, and writes down which classes it loads.
migrate() {
  env -i LC_ALL=C.UTF-8 "$home/java/bin/java" "@$home/java.args" "-XX:DumpLoadedClassList=$data/classes" \
    "-Dorg.postgresql.pgpassfile=$data/pgpass" org.poststack.liquibase.Launcher update \
    --url=jdbc:postgresql://127.0.0.1:5999/postgres --username=postgres \
    --search-path=/build/train/changelog --changelog-file=root.yaml --contexts=none --label-filter=none
}

main() {
  # Both the archive and every run must see the same class path, in the same order.
  printf -- '-cp\n%s\n' "$(find "$home/lib" -name '*.jar' | LC_ALL=C sort | paste -sd:)" >>"$home/java.args"
  local bin
  bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
  install -d -o nobody "$data"
  echo train >"$data/password"
  runuser -u nobody -- "$bin/initdb" --no-sync --auth=scram-sha-256 --username=postgres \
    --pwfile="$data/password" -D "$data/db" >/dev/null
  runuser -u nobody -- "$bin/pg_ctl" -D "$data/db" -s -w -l "$data/log" \
    -o "-p 5999 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$data -c fsync=off" start
  echo '*:*:*:*:train' >"$data/pgpass"
  migrate
  runuser -u nobody -- "$bin/pg_ctl" -D "$data/db" -s -m immediate stop
  "$home/java/bin/java" "@$home/java.args" -Xshare:dump "-XX:SharedClassListFile=$data/classes"
  rm -rf "$data"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
