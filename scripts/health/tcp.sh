#!/bin/bash
# Does a TCP service take connections, and say what it should?
#
#   tcp.sh [-t SECONDS] [-s LINE] [-e TEXT] HOST PORT
#
#   -t  how long the whole question may take (1)
#   -s  send this line first
#   -e  the first line of the answer has to contain this text
#
# The kernel takes connections for a program that hangs. Only a question with an
# answer (-e) shows that it is alive.
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs bash, for its /dev/tcp.

name=${0##*/}
say() { printf '%s: %s\n' "$name" "$2" >&2; exit "$1"; }
usage='usage: tcp.sh [-t SECONDS] [-s LINE] [-e TEXT] HOST PORT'

limit=1 send='' expect=''
while getopts t:s:e: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    s) send=$OPTARG ;;
    e) expect=$OPTARG ;;
    *) say 3 "$usage" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || say 3 "$usage"

# shellcheck disable=SC2016  # expanded by the bash that has the time limit
ask='exec 3<>"/dev/tcp/$1/$2" || exit
[ -z "$3" ] || printf "%s\r\n" "$3" >&3
[ -z "$4" ] || { IFS= read -r line <&3; printf "%s" "$line"; }'
answer=$(timeout --foreground -k 0.5 "$limit" bash -c "$ask" ask "$1" "$2" "$send" "$expect" 2>/dev/null)
case $? in
0) ;;
124 | 137) say 2 "$1 port $2: no answer within $limit s" ;;
125) say 3 "not a time limit: $limit" ;;
1) say 1 "$1 port $2: no connection" ;;
*) say 1 "$1 port $2: closed while it was being asked" ;;
esac
answer=${answer%$'\r'}
case $answer in
*"$expect"*) ;;
*) say 1 "$1 port $2 says \"${answer:0:80}\", not \"$expect\"" ;;
esac
