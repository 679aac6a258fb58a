#!/usr/bin/env bash
# Takes a renewed certificate into use: podman exec NAME reload-certificates. Clients stay connected. When the
# new pair is not one, the server keeps the old one and this ends with a status.
set -Eeuo pipefail

RUN_DIR=${POSTGRES_RUN_DIR:-/run/postgresql}
LIB=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/lib
for part in settings directory tls; do
  # shellcheck source=/dev/null
  source "$LIB/$part.sh"
done
unset part

main() {
  export PGDATA=${PGDATA:-/var/lib/postgresql/data}
  if ((EUID == 0)); then
    exec setpriv --reuid="$(stat -c %u -- "$PGDATA")" --regid=postgres --init-groups -- "$BASH" "${BASH_SOURCE[0]}"
  fi
  tls_files
  [[ -n $CERTIFICATE ]] || die 66 "CERT_PATH: ${CERT_PATH-} holds no fullchain.pem and privkey.pem"
  [[ -e $RUN_DIR/tls/privkey.pem ]] || die 78 "the server was started without a certificate; restart the container"
  tls_copy
  pg_ctl --pgdata="$PGDATA" reload >/dev/null
  note "the server reads the new certificate"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
