#!/bin/sh
# Is HAProxy ready, that is: does it run, and has it servers to send requests to?
#
#   haproxy.sh [-t SECONDS] [URL]
#
#   -t    how long the question may take (1)
#   URL   of the monitor (http://127.0.0.1:8404/health)
#
# HAProxy answers that itself; in its configuration:
#
#   frontend health
#       mode http
#       bind 127.0.0.1:8404
#       monitor-uri /health
#       monitor fail if { nbsrv(app) lt 1 }     # `app` is your backend
#
# It needs neither the statistics socket nor socat.
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs http.sh beside it.

HEALTH_NAME=${0##*/}
export HEALTH_NAME
here=${0%/*}
limit=1
while getopts t: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    *) echo "$HEALTH_NAME: usage: haproxy.sh [-t SECONDS] [URL]" >&2; exit 3 ;;
    esac
done
shift $((OPTIND - 1))
[ -x "$here/http.sh" ] || { echo "$HEALTH_NAME: no $here/http.sh; install it as well" >&2; exit 3; }
exec "$here/http.sh" -t "$limit" -s 200 "${1:-http://127.0.0.1:8404/health}"
