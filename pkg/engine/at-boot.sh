#!/bin/sh
# Starts podman's containers again that ran when the machine went down: at-boot.sh start. Before it does, they can be
# ended in order: at-boot.sh stop. mage engine:install writes this; its unit runs it, or cron: @reboot sh at-boot.sh start.
#
# Beside it are the state directories of stacks. A container that is to run has a file of its name in at-boot of one of
# them, from when it first answered until it is stopped.
set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # cron's lacks where iptables is
cd "${0%/*}" || exit 1
case ${1-} in
  start) order=-tr ;; # what others depend on answered first
  stop) order=-t ;;
  *)
    echo "usage: sh /PATH/TO/at-boot.sh start|stop" >&2
    exit 2
    ;;
esac
status=0
# shellcheck disable=SC2045 # names of stacks and containers have neither spaces nor line breaks
for mark in $(ls -1 "$order" -d -- */at-boot/* 2>/dev/null); do
  name=${mark##*/}
  podman container exists "$name" || continue
  podman "$1" "$name" >/dev/null || status=1
done
exit "$status"
