#!/bin/sh
# Does redis answer, and is it what it should be?
#
#   redis.sh [-t SECONDS] [-r ROLE] [HOST [PORT]]
#
#   -t           how long the question may take (1)
#   -r           the role it has to have: master or slave (either)
#   HOST, PORT   127.0.0.1 6379
#
# A password is read from the environment, REDISCLI_AUTH, never from the command line:
# ps shows that. A server that is still loading its data, or a replica that lost its
# master and therefore refuses to answer, is not well.
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs redis-cli.

name=${0##*/}
say() { printf '%s: %s\n' "$name" "$2" >&2; exit "$1"; }
usage='usage: redis.sh [-t SECONDS] [-r master|slave] [HOST [PORT]]'

limit=1 role=''
while getopts t:r: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    r) role=$OPTARG ;;
    *) say 3 "$usage" ;;
    esac
done
shift $((OPTIND - 1))
host=${1:-127.0.0.1} port=${2:-6379}
command -v redis-cli >/dev/null || say 3 'no redis-cli here'

ask() { timeout --foreground -k 0.5 "$limit" redis-cli -h "$host" -p "$port" "$@" 2>&1 </dev/null; }
judge() {
    case $1 in
    0) ;;
    124 | 137) say 2 "$host port $port: no answer within $limit s" ;;
    125) say 3 "not a time limit: $limit" ;;
    *) say 1 "$(printf '%s' "$answer" | head -n 1)" ;;
    esac
}

answer=$(ask PING)
judge $?
[ "$answer" = PONG ] || say 1 "$host port $port: $(printf '%s' "$answer" | head -n 1)"
[ -n "$role" ] || exit 0
answer=$(ask ROLE)
judge $?
answer=$(printf '%s' "$answer" | head -n 1)
[ "$answer" = "$role" ] || say 1 "$host port $port: its role is $answer, not $role"
