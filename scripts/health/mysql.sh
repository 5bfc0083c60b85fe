#!/bin/sh
# Does MariaDB or MySQL answer a query, and does it take writes?
#
#   mysql.sh [-t SECONDS] [-w] [-f FILE] [-- CLIENT-OPTION ...]
#
#   -t              how long the question may take (1)
#   -w              it has to be writable (not read_only)
#   -f              the client's only option file, for user and password
#   CLIENT-OPTION   such as --socket=/run/mysqld/mysqld.sock or --host=127.0.0.1
#
# The right account has no rights at all, no password, and is the script's user:
#
#   CREATE USER nobody@localhost IDENTIFIED VIA unix_socket;   -- MariaDB
#
# `mysqladmin ping` is content with a server that refuses everybody. This is not.
# Exit status: 0 well, 1 not well, 2 no answer in time, 3 cannot be checked.
# Needs the client, mariadb or mysql.

name=${0##*/}
say() { printf '%s: %s\n' "$name" "$2" >&2; exit "$1"; }

limit=1 writable='' file=''
while getopts t:wf: option 2>/dev/null; do
    case $option in
    t) limit=$OPTARG ;;
    w) writable=yes ;;
    f) file=$OPTARG ;;
    *) say 3 'usage: mysql.sh [-t SECONDS] [-w] [-f FILE] [-- CLIENT-OPTION ...]' ;;
    esac
done
shift $((OPTIND - 1))
client=$(command -v mariadb || command -v mysql) || say 3 'no mariadb and no mysql here'
# The client insists that this one comes first.
[ -z "$file" ] || set -- "--defaults-file=$file" "$@"

answer=$(timeout --foreground -k 0.5 "$limit" \
    "$client" "$@" --batch --skip-column-names -e 'SELECT @@global.read_only' 2>&1 </dev/null)
case $? in
0) ;;
124 | 137) say 2 "no answer within $limit s" ;;
125) say 3 "not a time limit: $limit" ;;
*) say 1 "$(printf '%s' "$answer" | tail -n 1)" ;;
esac
[ -z "$writable" ] || [ "$answer" = 0 ] || say 1 'it is read-only'
