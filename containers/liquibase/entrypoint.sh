#!/usr/bin/env bash
# Runs one Liquibase command against the database that the environment names. The process that it becomes has an empty
# environment: Liquibase lets a changelog read every variable as ${NAME}.
set -Eeuo pipefail

home=/opt/liquibase

die() {
  printf 'entrypoint: %s\n' "$*" >&2
  exit 64
}

# check: refuses what would put a password where others can read it, and what is missing.
check() {
  local name
  for name in LIQUIBASE_COMMAND_PASSWORD LIQUIBASE_PASSWORD PGPASSWORD; do
    [[ -z ${!name-} ]] || die "$name is set; put the password into the file that PGPASSFILE names"
  done
  [[ -n ${LIQUIBASE_COMMAND_URL-} ]] || die "LIQUIBASE_COMMAND_URL is not set, such as jdbc:postgresql://postgres:5432/poststack"
  [[ $LIQUIBASE_COMMAND_URL == jdbc:postgresql:* ]] || die "LIQUIBASE_COMMAND_URL does not begin with jdbc:postgresql:"
  local authority=${LIQUIBASE_COMMAND_URL%%\?*}
  [[ $authority != *@* ]] || die "LIQUIBASE_COMMAND_URL holds a user; set LIQUIBASE_COMMAND_USERNAME, and the password in the file that PGPASSFILE names"
  [[ ! $LIQUIBASE_COMMAND_URL =~ [?\&](password|user|sslpassword)= ]] || die "LIQUIBASE_COMMAND_URL holds ${BASH_REMATCH[1]}; use LIQUIBASE_COMMAND_USERNAME and the file that PGPASSFILE names"
  [[ -n ${LIQUIBASE_COMMAND_USERNAME-} ]] || die "LIQUIBASE_COMMAND_USERNAME is not set"
  local pass=${PGPASSFILE:-/liquibase/pgpass}
  [[ ! -e $pass || -r $pass ]] || die "PGPASSFILE: cannot read $pass as user $(id -u)"
  [[ -z ${PGPASSFILE-} || -f $pass ]] || die "PGPASSFILE: $pass is not a file"
  [[ -z ${LIQUIBASE_HOSTS_FILE-} || -r $LIQUIBASE_HOSTS_FILE ]] || die "LIQUIBASE_HOSTS_FILE: cannot read $LIQUIBASE_HOSTS_FILE"
}

# java_command ARG…: fills the array command with the Java program, in an environment without anything of ours.
java_command() {
  command=(env -i LC_ALL=C.UTF-8 "$home/java/bin/java" "@$home/java.args"
    ${LIQUIBASE_HOSTS_FILE:+"-Djdk.net.hosts.file=$LIQUIBASE_HOSTS_FILE"}
    "-Dorg.postgresql.pgpassfile=${PGPASSFILE:-/liquibase/pgpass}" org.poststack.liquibase.Launcher "$@")
}

# properties: the connection for Liquibase's own command line, in a form that no changelog can refer to.
properties() {
  printf '%s=%s\n' url "$LIQUIBASE_COMMAND_URL" username "$LIQUIBASE_COMMAND_USERNAME" \
    changelogFile "$changelog" searchPath "$search" \
    liquibase.headless true liquibase.showBanner false \
    liquibase.command.contexts "${LIQUIBASE_COMMAND_CONTEXTS-}" \
    liquibase.command.labelFilter "${LIQUIBASE_COMMAND_LABEL_FILTER-}"
}

main() {
  local -a command
  local changelog=${LIQUIBASE_COMMAND_CHANGELOG_FILE:-db.changelog-root.yaml}
  local search=${LIQUIBASE_SEARCH_PATH:-/liquibase/changelog}
  if [[ $# -eq 0 ]]; then set -- status; fi
  case $1 in
    update | status | rollback-count)
      check
      java_command "$@" "--url=$LIQUIBASE_COMMAND_URL" "--username=$LIQUIBASE_COMMAND_USERNAME" \
        "--search-path=$search" "--changelog-file=$changelog" \
        "--contexts=${LIQUIBASE_COMMAND_CONTEXTS-}" "--label-filter=${LIQUIBASE_COMMAND_LABEL_FILTER-}"
      ;;
    --version | -v | --help | -h)
      java_command "$@"
      ;;
    bash | sh | psql | pg_isready | /*)
      command=("$@")
      ;;
    *)
      check
      # The file stays open over exec, and has no name that could be left behind.
      exec {defaults}< <(properties)
      java_command "--defaults-file=/dev/fd/$defaults" "$@"
      ;;
  esac
  exec "${command[@]}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
