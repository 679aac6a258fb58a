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

# prepare makes the directories of the volume and the keys. The key for challenges is shared with those in certgroup. In a
# rehearsal the volumes are those of the container that runs, and cannot be written to.
prepare() {
  local link
  umask 077
  if [[ -w /var/lib/bind ]]; then
    mkdir -p /var/lib/bind/keys /var/lib/bind/secondary "$signed"
    # The journal of what BIND has read of a file fits that file only: with the one of now, it would not load the zone. What
    # it has signed stays, and is compared with the file.
    for link in "$signed"/*; do
      [[ ! -L $link ]] || rm -f -- "$link.jnl" "$link.jbk"
    done
  fi
  rndc-confgen -a -A hmac-sha256 -k rndc-key -c /run/named/rndc.key 2>/dev/null || die "make a key for rndc in /run/named"
  if [[ ! -s /srv/dnskey/acme.key ]]; then
    [[ -w /srv/dnskey ]] || die "/srv/dnskey belongs to $(stat -c %u:%g /srv/dnskey), not to bind: the key for challenges cannot be made"
    tsig-keygen -a hmac-sha256 acme >/srv/dnskey/.acme.key.new
    chgrp certgroup /srv/dnskey/.acme.key.new
    chmod 0640 /srv/dnskey/.acme.key.new
    mv /srv/dnskey/.acme.key.new /srv/dnskey/acme.key
  fi
}

# read_list reads a list: the files of zones that are there, those of them that BIND has already, journals of others, and
# whether what names the zones has changed. It takes no other program: each would cost more than all the rest of this.
read_list() {
  local how path
  zones=() known=() journals=() configured=
  while read -r how path; do
    case $how:$path in
      removed:zones/*) ;;
      changed:zones/*) zones+=("${path#zones/}") known+=("${path#zones/}") ;;
      added:zones/*) zones+=("${path#zones/}") ;;
      added:challenges/* | removed:challenges/*) journals+=("$path.jnl") ;;
      *.conf) configured=yes ;;
    esac
  done <"$1"
}

# A zone's file has its name, with % for what cannot be in a file's name: ${file//%//}.

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
  local zones known journals configured zone said status=0
  read_list "$1"
  if [[ -n $configured ]]; then
    said=$(named-checkconf named.conf 2>&1) || complain "$said" || status=1
    link_signed
  fi
  if ((${#zones[@]} > few)); then
    said=$(named-checkconf -z check.conf 2>&1) || complain "$said" || status=1
  else
    for zone in "${zones[@]}"; do
      said=$(named-checkzone -k ignore -i none -m ignore -M ignore -S ignore -T ignore -W ignore -r ignore \
        "${zone//%//}" "zones/$zone" 2>&1) || complain "zones/$zone: $said" || status=1
    done
  fi
  return "$status"
}

# link_signed lets BIND read the files of zones that it signs, and keep what it makes of them on the volume. What it has there
# of a zone that it did not sign meanwhile is of another time, also its serial.
link_signed() {
  local zone link
  [[ -w $signed ]] || return 0 # in a rehearsal, which serves nothing
  local -A wanted=()
  while IFS= read -r zone; do
    wanted[$zone]=1
  done < <(sed -n -E "s,^  file \"$signed/(.+)\";$,\\1,p" zones.conf)
  for link in "$signed"/*; do
    [[ ! -L $link || -v wanted[${link##*/}] ]] || rm -f -- "$link"
  done
  for zone in "${!wanted[@]}"; do
    [[ ! -L $signed/$zone ]] || continue
    rm -f -- "$signed/$zone".{jnl,jbk,signed,signed.jnl}
    ln -s "$files/zones/$zone" "$signed/$zone"
  done
}

# control has BIND do something. It may have been started just now.
control() {
  local tries said
  for ((tries = 0; tries < 100; tries++)); do
    ! said=$(rndc -s 127.0.0.1 -p 9953 -k /run/named/rndc.key "$@" 2>&1) || return 0
    [[ $said == *"connect failed"* ]] || break
    sleep 0.05
  done
  die "rndc $*: $said"
}

# serial_in is the serial in a zone's file.
serial_in() {
  local type serial
  while read -r _ _ type _ _ serial _; do
    [[ $type != SOA ]] || break
  done <"zones/$1"
  printf '%s' "$serial"
}

# await waits until a zone is served as its file has it: rndc only asks for that.
await() {
  local tries want
  want=$(serial_in "$1")
  for ((tries = 0; tries < 100; tries++)); do
    [[ ! $(rndc -s 127.0.0.1 -p 9953 -k /run/named/rndc.key zonestatus "${1//%//}" 2>/dev/null) =~ (^|$'\n')"serial: $want"($|$'\n') ]] || return 0
    sleep 0.02
  done
  die "zone ${1//%//} is not served with serial $want"
}

# reload has BIND take the files over.
reload() {
  local zones known journals configured zone
  read_list "$1"
  # The journal of what was there before under that name is of no use.
  if ((${#journals[@]} > 0)); then
    rm -f -- "${journals[@]}"
  fi
  if ((${#zones[@]} > few)); then
    control reload
    await "${zones[0]}"
    await "${zones[-1]}"
    return
  fi
  if [[ -n $configured ]]; then
    control reconfig
  fi
  for zone in "${known[@]}"; do
    control reload "${zone//%//}"
  done
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
