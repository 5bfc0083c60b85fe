#!/bin/sh
# Restarts a service that is not well; if that does not help, lets the other router own
# the addresses until it is well again.
#
#   revive.sh [-c S] [-r S] [-w S] [-a S] [-u COUNT] CHECK RESTART
#
#   CHECK     a shell command, such as /etc/keepalived/health/nginx.sh
#   RESTART   another, such as 'systemctl restart nginx'
#   -c        how long CHECK may take (2)
#   -r        how long RESTART may take (10)
#   -w        how long the service may take to be well after it (5)
#   -a        no second restart so soon after the first (60)
#   -u        so many checks in a row have to be well before this router is back (3)
#
# For a vrrp_script of xvrrpd, as root. Scripts that stop the VRRP daemon take the
# addresses away first and hope that somebody is there. This one says `xvrrpd
# maintenance on`, which is refused unless another router has taken everything over, and
# `off` once the service is well. A router that an operator has in maintenance is left
# alone, and so is its service.
#
# The timeout of the vrrp_script has to exceed all of that: c + r + w + c + 15 s.
# XVRRPD says how to call xvrrpd (XVRRPD='xvrrpd --instance two').
# Exit status: 0 well, perhaps after a restart, 1 not well, 3 cannot be checked.

name=${0##*/}
say() { printf '%s: %s\n' "$name" "$2" >&2; exit "$1"; }

check_s=2 restart_s=10 wait_s=5 again_s=60 up=3
while getopts c:r:w:a:u: option 2>/dev/null; do
    case $option in
    c) check_s=$OPTARG ;;
    r) restart_s=$OPTARG ;;
    w) wait_s=$OPTARG ;;
    a) again_s=$OPTARG ;;
    u) up=$OPTARG ;;
    *) say 3 'usage: revive.sh [-c S] [-r S] [-w S] [-a S] [-u COUNT] CHECK RESTART' ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || say 3 'usage: revive.sh [-c S] [-r S] [-w S] [-a S] [-u COUNT] CHECK RESTART'
check=$1 restart=$2
xvrrpd=${XVRRPD:-xvrrpd}

# One pair of files for each service of each daemon: who says `maintenance on` has to
# be who says `off`. In /run, as the maintenance itself: both end with the boot.
key=$(printf '%s' "$xvrrpd $check" | cksum | cut -d ' ' -f 1)
state=${REVIVE_STATE:-/run/xvrrp-revive}
mkdir -p "$state" && [ -w "$state" ] || say 3 "cannot write to $state; run it as root"
ours=$state/$key.maintenance
restarted=$state/$key.restarted

well() { why=$(timeout -k 1 "$check_s" sh -c "$check" 2>&1 </dev/null); }
# shellcheck disable=SC2086  # XVRRPD may have options
router() { timeout -k 1 12 $xvrrpd "$@" 2>&1 </dev/null; }
in_maintenance() { router status | grep -q '^MAINTENANCE'; }

if well; then
    [ -e "$ours" ] || exit 0
    count=$(($(cat "$ours") + 1))
    echo "$count" >"$ours"
    [ "$count" -ge "$up" ] || exit 0
    if in_maintenance; then
        said=$(router maintenance off) || say 1 "well again, but: $said"
    fi
    rm -f "$ours"
    say 0 'well again: maintenance is over'
fi

if in_maintenance; then
    [ ! -e "$ours" ] || echo 0 >"$ours"
    say 1 "in maintenance; $why"
fi
# An operator has ended it.
rm -f "$ours"

now=$(date +%s)
last=$(cat "$restarted" 2>/dev/null || echo 0)
if [ $((now - last)) -ge "$again_s" ]; then
    echo "$now" >"$restarted"
    timeout -k 1 "$restart_s" sh -c "$restart" >/dev/null 2>&1 </dev/null
    end=$(($(date +%s) + wait_s))
    until well; do
        [ "$(date +%s)" -lt "$end" ] || break
        sleep 0.2
    done
    well && say 0 'restarted'
fi

# The mark first: whatever interrupts this, somebody ends the maintenance.
echo 0 >"$ours"
said=$(router maintenance on) || {
    rm -f "$ours"
    say 1 "$why; and nobody takes over: $(printf '%s' "$said" | tail -n 1)"
}
say 1 "$why; in maintenance, handed over"
