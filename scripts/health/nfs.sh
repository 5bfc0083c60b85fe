#!/bin/sh
# Does an NFS server answer?
#
#   nfs.sh [-t SECONDS] [-v VERSION] [-p PORT] [HOST]
#
#   -t     how long the question may take (1)
#   -v     the version it has to serve: 3 or 4 (4)
#   -p     its port (2049)
#   HOST   an IPv4 address (127.0.0.1)
#
# Calls the procedure that does nothing, over TCP, at the server itself: rpcbind is not
# asked. The server's threads have to answer; whether the exported disk does is another
# question, which a process that must never hang cannot ask.
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs rpcinfo (package rpcbind).

name=${0##*/}
say() { printf '%s: %s\n' "$name" "$2" >&2; exit "$1"; }

limit=1 version=4 port=2049
while getopts t:v:p: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    v) version=$OPTARG ;;
    p) port=$OPTARG ;;
    *) say 3 'usage: nfs.sh [-t SECONDS] [-v VERSION] [-p PORT] [HOST]' ;;
    esac
done
shift $((OPTIND - 1))
host=${1:-127.0.0.1}
# Not everybody's search path has it.
PATH=$PATH:/usr/sbin:/sbin
command -v rpcinfo >/dev/null || say 3 'no rpcinfo here'

answer=$(timeout --foreground -k 0.5 "$limit" rpcinfo -n "$port" -t "$host" 100003 "$version" 2>&1 </dev/null)
case $? in
0) ;;
124 | 137) say 2 "$host port $port: no answer within $limit s" ;;
125) say 3 "not a time limit: $limit" ;;
*) say 1 "$host port $port: $(printf '%s' "$answer" | head -n 1)" ;;
esac
