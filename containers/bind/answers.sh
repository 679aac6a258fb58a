#!/usr/bin/env bash
# answers [NAME]: asks the server for the SOA record of a zone, over UDP and over TCP.
set -Eeuo pipefail
name=${1-health.poststack.invalid}
for how in -u -t; do
  answer=$(drill "$how" -p 5353 @127.0.0.1 "$name" SOA)
  grep -q -E "^${name//./\\.}\.[[:space:]].*[[:space:]]SOA[[:space:]]" <<<"$answer" || {
    printf 'no SOA record of %s with drill %s: %s\n' "$name" "$how" "$(grep -o 'rcode: [A-Z]*' <<<"$answer")" >&2
    exit 1
  }
done
