#!/bin/bash
# Does a web server answer, and with the status it should?
#
#   http.sh [-t SECONDS] [-s STATUS] [-H HOST] URL
#
#   -t  how long the whole question may take (1)
#   -s  which status is well, as a pattern of the shell's (2??)
#   -H  the Host header, if not the URL's host
#
# http only. For https: curl -sfo /dev/null --max-time 1 https://...
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs bash, for its /dev/tcp.

name=${HEALTH_NAME:-${0##*/}}
say() { printf '%s: %s\n' "$name" "$2" >&2; exit "$1"; }
usage='usage: http.sh [-t SECONDS] [-s STATUS] [-H HOST] http://HOST[:PORT][/PATH]'

limit=1 wanted='2??' host_header=''
while getopts t:s:H: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    s) wanted=$OPTARG ;;
    H) host_header=$OPTARG ;;
    *) say 3 "$usage" ;;
    esac
done
shift $((OPTIND - 1))
url=$1
[[ $# -eq 1 && $url =~ ^http://(\[([^]]+)\]|([^]/:]+))(:([0-9]+))?(/.*)?$ ]] || say 3 "$usage"
host=${BASH_REMATCH[2]}${BASH_REMATCH[3]}
port=${BASH_REMATCH[5]:-80}
path=${BASH_REMATCH[6]:-/}
[ -n "$host_header" ] || host_header=${BASH_REMATCH[1]}${BASH_REMATCH[4]}

# shellcheck disable=SC2016  # expanded by the bash that has the time limit
ask='exec 3<>"/dev/tcp/$1/$2" || exit
printf "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: health\r\nConnection: close\r\n\r\n" "$3" "$4" >&3
IFS= read -r line <&3; printf "%s" "$line"'
answer=$(timeout --foreground -k 0.5 "$limit" bash -c "$ask" ask "$host" "$port" "$path" "$host_header" 2>/dev/null)
case $? in
0) ;;
124 | 137) say 2 "$url: no answer within $limit s" ;;
125) say 3 "not a time limit: $limit" ;;
1) say 1 "$url: no connection" ;;
# Closed while it was being asked.
*) answer='' ;;
esac
[[ $answer =~ ^HTTP/[0-9.]+\ ([0-9]{3}) ]] || say 1 "$url: the answer is no HTTP: \"${answer:0:80}\""
status=${BASH_REMATCH[1]}
# shellcheck disable=SC2053  # a pattern, not a word
[[ $status == $wanted ]] || say 1 "$url: status $status, not $wanted"
