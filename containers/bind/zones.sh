#!/usr/bin/env bash
# What is done with BIND's zones when their files change. The agent lists the changed files in a file: in each line added,
# changed or removed, and the path below the directory that this runs in.
set -Eeuo pipefail

# At most so many zones are checked and loaded one by one; with more, all at once is faster.
few=10
files=/run/named/files
signed=/var/lib/bind/signed

die() {
  printf 'zones: %s\n' "$*" >&2
  exit 1
}

# prepare makes the directories of the volume and the keys. The key for challenges is shared with those in certgroup.
prepare() {
  umask 077
  mkdir -p /var/lib/bind/keys /var/lib/bind/secondary "$signed"
  rndc-confgen -a -A hmac-sha256 -k rndc-key -c /run/named/rndc.key 2>/dev/null || die "make a key for rndc in /run/named"
  if [[ ! -s /srv/dnskey/acme.key ]]; then
    [[ -w /srv/dnskey ]] || die "/srv/dnskey belongs to $(stat -c %u:%g /srv/dnskey), not to bind: the key for challenges cannot be made"
    tsig-keygen -a hmac-sha256 acme >/srv/dnskey/.acme.key.new
    chgrp certgroup /srv/dnskey/.acme.key.new
    chmod 0640 /srv/dnskey/.acme.key.new
    mv /srv/dnskey/.acme.key.new /srv/dnskey/acme.key
  fi
}

# zones_in lists the zone files of a list that are there.
zones_in() { sed -n -E 's,^(added|changed) zones/,,p' "$1"; }

# zone_of is the name of the zone of a file.
zone_of() { printf '%s' "${1//%//}"; }

# complain prints what a checker says without what is well, and the row that a line of a zone file is made of.
complain() {
  local line
  while IFS= read -r line; do
    if [[ $line =~ (zones/[^:]+):([0-9]+): ]]; then
      line+=" ($(sed -n "${BASH_REMATCH[2]}p" "${BASH_REMATCH[1]}" | cut -c 1-200))"
    fi
    printf '%s\n' "$line"
  done < <(grep -v ': loaded serial' <<<"$1" | head -n 100)
  return 1
}

# check tries the files of the directory that it runs in.
check() {
  local zones zone said status=0
  said=$(named-checkconf named.conf 2>&1) || complain "$said" || status=1
  mapfile -t zones < <(zones_in "$1")
  if ((${#zones[@]} > few)); then
    said=$(named-checkconf -z check.conf 2>&1) || complain "$said" || status=1
  else
    for zone in "${zones[@]}"; do
      said=$(named-checkzone -k ignore -i none -m ignore -M ignore -S ignore -T ignore -W ignore -r ignore \
        "$(zone_of "$zone")" "zones/$zone" 2>&1) || complain "zones/$zone: $said" || status=1
    done
  fi
  link_signed
  return "$status"
}

# link_signed lets BIND read the files of zones that it signs, and keep what it makes of them on the volume.
link_signed() {
  local zone
  while IFS= read -r zone; do
    [[ -L $signed/$zone ]] || ln -s "$files/zones/$zone" "$signed/$zone"
  done < <(sed -n -E "s,^  file \"$signed/(.+)\";$,\\1,p" zones.conf)
}

control() { rndc -s 127.0.0.1 -p 9953 -k /run/named/rndc.key "$@"; }

# serial_in is the serial in a zone file; serial_served is what BIND has of it.
serial_in() { awk '$3 == "SOA" { print $6; exit }' "zones/$1"; }
serial_served() { control zonestatus "$1" 2>/dev/null | awk '$1 == "serial:" { print $2; exit }'; }

# await waits until a zone is served as its file has it: rndc only asks for that.
await() {
  local zone tries want
  zone=$(zone_of "$1") want=$(serial_in "$1")
  for ((tries = 0; tries < 100; tries++)); do
    [[ $(serial_served "$zone") != "$want" ]] || return 0
    sleep 0.05
  done
  die "zone $zone is not served with serial $want"
}

# reload has BIND take the files over.
reload() {
  local zones zone tries
  for ((tries = 0; tries < 100; tries++)); do # it may have been started just now
    ! control status >/dev/null 2>&1 || break
    sleep 0.05
  done
  mapfile -t zones < <(zones_in "$1")
  # The journal of what was there before under that name is of no use.
  sed -n -E 's,^(added|removed) (challenges/.+)$,\2.jnl,p' "$1" | xargs -r -d '\n' rm -f
  if ((${#zones[@]} > few)); then
    control reload >/dev/null
    await "${zones[0]}"
    await "${zones[-1]}"
    return
  fi
  if grep -q '\.conf$' "$1"; then
    control reconfig >/dev/null
  fi
  while IFS= read -r zone; do
    control reload "$(zone_of "$zone")" >/dev/null
  done < <(sed -n 's,^changed zones/,,p' "$1")
  for zone in "${zones[@]}"; do
    await "$zone"
  done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  case ${1-} in
    prepare | check | reload) "$@" ;;
    *) die "usage: zones prepare | check LIST | reload LIST" ;;
  esac
fi
