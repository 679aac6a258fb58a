#!/bin/sh
# dovecot-service run: starts dovecot; the agent does it.
# dovecot-service check: tries the configuration of the directory that it runs in, and says only what is wrong with it.
# dovecot-service reload: has dovecot take over what has changed: configuration and certificates by a reload, a lock
# of an account by ending its sessions. A reload can break logins at that moment, so a changed account causes none.
# dovecot-service snapshot: has in /srv/mail/.snapshot what all mail boxes hold at one moment.
set -eu

readonly files=/run/dovecot/files
readonly taken=/run/dovecot/taken

# digest tells one state of the configuration and of the certificates from another.
digest() {
  sed -n 's/^ *ssl_\(server_\)\?\(cert\|key\)\(_file\)\? = <\?//p' "${files}/dovecot.conf" | sort -u |
    xargs -d '\n' sha256sum "${files}/dovecot.conf" | sha256sum
}

run() {
  # An answer that is late is none: dovecot asks once more, then a sign-in or a delivery is told to try again.
  export PGOPTIONS="${PGOPTIONS:-} -c statement_timeout=5s -c default_transaction_read_only=on" PGCONNECT_TIMEOUT=5
  mkdir -p /srv/mail/.tmp /run/dovecot/base
  digest >"${taken}"
  /usr/sbin/dovecot -F &
  daemon=$!
  trap 'kill -TERM "${daemon}"' TERM
  code=0
  wait "${daemon}" || code=$?
  while kill -0 "${daemon}" 2>/dev/null; do # it was a signal that ended the wait
    code=0
    wait "${daemon}" || code=$?
  done
  dismiss
  exit "${code}"
}

# dismiss ends the sessions, each of which says so to its client. The daemon leaves them running: otherwise it would also
# end them six seconds after a reload. What they say over TLS passes through the processes for sign-in, which end last.
dismiss() {
  for name in imap managesieve imap-login managesieve-log; do
    tries=0
    while pkill -TERM -x "${name}" && [ "${tries}" -lt 60 ]; do
      tries=$((tries + 1))
      sleep 0.05
    done
  done
}

check() {
  doveconf -c dovecot.conf -n >/dev/null
}

# started waits until the daemon, which may have been started this moment, can be told anything.
started() {
  tries=0
  until [ -S /run/dovecot/base/anvil ] && [ -s /run/dovecot/base/master.pid ]; do
    tries=$((tries + 1))
    [ "${tries}" -le 100 ] || {
      echo "dovecot does not run" >&2
      exit 1
    }
    sleep 0.05
  done
}

# expel ends the sessions of those who could not sign in any more, each by its process: doveadm kick would take a name
# that begins with a hyphen for an option, and a ? or * in one for a pattern, which fits others, too. Without an answer to
# either question nobody's sessions end, and the agent asks again.
expel() {
  doveadm -f tab who -1 >/run/dovecot/inside
  doveadm user '*' >/run/dovecot/known
  awk -F '\t' '
    who && FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    who { user[$column["pid"]] = $column["username"]; next }
    { known[$0] }
    END { for (pid in user) if (!(user[pid] in known)) print pid }
  ' who=1 /run/dovecot/inside who=0 /run/dovecot/known |
    xargs -r kill -s TERM 2>/dev/null || true # who has left meanwhile
}

reload() {
  started
  now=$(digest)
  if [ "${now}" != "$(cat "${taken}")" ]; then
    doveadm reload
    echo "${now}" >"${taken}"
  fi
  expel
}

# snapshot has dovecot stand still while it is made, so that no mail is on its way from one place to another. A mail's
# file never changes, so it is only linked; what dovecot writes to in its place is copied. What it keeps only to be faster
# is left out. The agent is the first process, which no signal to all reaches.
snapshot() {
  mail='.*/Maildir/(\.[^/]*/)?(cur|new)/[^/]*'
  cd /srv/mail
  rm -rf .snapshot
  mkdir -m 0700 .snapshot
  trap 'kill -s CONT -- -1' EXIT
  kill -s STOP -- -1
  still
  for domain in *; do
    [ ! -d "${domain}" ] || cp -a --link -- "${domain}" .snapshot/
  done
  find .snapshot -regextype posix-extended -type f ! -regex "${mail}" -delete
  find . -regextype posix-extended \( -path ./.snapshot -o -path ./.tmp -o -name dovecot.index.cache \) -prune -o \
    -type f ! -regex "${mail}" -print0 | tar -c --null --files-from=- | tar -x -C .snapshot
  kill -s CONT -- -1
}

# still waits until all that was told to stop has: what is in the kernel, such as a rename, is finished first.
still() {
  tries=0
  while pgrep -u dovecot -r R,D >/dev/null; do
    tries=$((tries + 1))
    [ "${tries}" -le 1000 ] || {
      echo "dovecot does not stand still" >&2
      exit 1
    }
    sleep 0.01
  done
}

case "${1:-}" in
  run | check | reload | snapshot) "$1" ;;
  *)
    echo "usage: dovecot-service run | check | reload | snapshot" >&2
    exit 2
    ;;
esac
