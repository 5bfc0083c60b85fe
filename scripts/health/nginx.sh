#!/bin/sh
# Does nginx answer?
#
#   nginx.sh [-t SECONDS] [-s STATUS] [URL]
#
#   -t    how long the question may take (1)
#   -s    which status is well, as a pattern (anything below 500: a default site may
#         well redirect, or have no page)
#   URL   http://127.0.0.1/
#
# A worker has to take the request: a process that is merely there is not enough, and
# `killall -0 nginx` finds one that hangs.
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs http.sh beside it.

HEALTH_NAME=${0##*/}
export HEALTH_NAME
here=${0%/*}
limit=1
wanted='[1-4]??'
while getopts t:s: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    s) wanted=$OPTARG ;;
    *) echo "$HEALTH_NAME: usage: nginx.sh [-t SECONDS] [-s STATUS] [URL]" >&2; exit 3 ;;
    esac
done
shift $((OPTIND - 1))
[ -x "$here/http.sh" ] || { echo "$HEALTH_NAME: no $here/http.sh; install it as well" >&2; exit 3; }
exec "$here/http.sh" -t "$limit" -s "$wanted" "${1:-http://127.0.0.1/}"
