#!/bin/sh
# Starts Pebble, which takes the name server as an argument only.
set -eu

exec pebble -config /etc/pebble/config.json -dnsserver "$NAME_SERVER"
