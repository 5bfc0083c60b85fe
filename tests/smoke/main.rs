//! An older kernel under qemu: Debian's 6.1, which has neither TCX links nor
//! the machine's own BPF features.
//!
//! Needs qemu, busybox-static and the `linux-image-amd64` package (no KVM, no
//! root inside the guest but its own). What is missing fails.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

mod cpio;
mod guest;
mod ipvs;
mod machine;
mod paused;
mod vlan;

use std::{path::Path, time::Duration};

use guest::Guest;
use xvrrp_tests::{
    conf::{Conf, Instance},
    place,
};

/// An emulated processor on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A network for one router and a client, in the guest's own namespaces.
/// `asks` says whether the client's ARP requests for the address are answered.
const NETWORK: &str = r#"
for module in llc stp veth sch_ingress cls_bpf; do
    [ -e /modules/$module.ko ] && insmod /modules/$module.ko
done
ip netns add client
ip link add eth0 type veth peer name eth0 netns client
ip addr add 10.77.0.1/24 dev eth0
ip link set lo up
ip link set eth0 up
ip -n client addr add 10.77.0.100/24 dev eth0
ip -n client link set eth0 up
asks() {
    if ip netns exec client /bin/busybox arping -q -f -c 3 -w 4 -I eth0 10.77.0.50
    then say "the client is answered $1"
    else say "the client is not answered $1"
    fi
}
has() {
    if ip addr show dev eth0 | grep -q ' 10.77.0.50/'
    then say "the address is there $1"
    else say "the address is not there $1"
    fi
}
"#;

/// Alone on the wire it becomes the owner, answers, and leaves politely.
const POLITE: &str = r#"
wait_for 'Entering MASTER STATE' /log || { cat /log; quit; }
sleep 1
has "as owner"
asks "by the owner"
kill -TERM $daemon
wait $daemon
say "it left with status $?"
has "after it left"
cat /log
"#;

/// Killed, its kernel falls silent although the address is still there.
const KILLED: &str = r#"
wait_for 'Entering MASTER STATE' /log || { cat /log; quit; }
sleep 1
asks "by the owner"
ls -R /sys/fs/bpf/xvrrp >/pins && [ -s /pins ] && say "it has pins"
kill -KILL $daemon
sleep 2
has "after it was killed"
asks "after it was killed"
cat /log
"#;

/// Loads the object without the daemon.
const LOAD: &str = r#"
if /verify >/log 2>&1; then say "all of it loads"; fi
cat /log
"#;

#[test]
fn xvrrpd_owns_and_leaves_on_6_1() {
    let said = router("/xvrrpd -n -l -D -P -f /conf")
        .script(POLITE)
        .run(PATIENCE);
    said.has("the address is there as owner");
    said.has("the client is answered by the owner");
    said.has("it left with status 0");
    said.has("the address is not there after it left");
}

#[test]
fn xvrrpd_fence_holds_on_6_1() {
    let said = router("/xvrrpd -n -l -D -P -f /conf")
        .script(KILLED)
        .run(PATIENCE);
    said.has("the client is answered by the owner");
    said.has("it has pins");
    said.has("the address is there after it was killed");
    said.has("the client is not answered after it was killed");
}

/// The verifier of 6.1 takes every program, with diagnostics and without; if
/// not, its last words are on the console.
#[test]
fn every_program_loads_on_6_1() {
    let said = Guest::new()
        .program_as(Path::new(env!("CARGO_BIN_EXE_xvrrp-verify")), "/verify")
        .script(LOAD)
        .run(PATIENCE);
    said.has("all of it loads");
}

/// The same scripts with keepalived: it does all of this but the fence.
#[test]
#[ignore = "without xvrrpd: checks the test"]
fn keepalived_on_6_1() {
    let keepalived = "/usr/sbin/keepalived -n -l -D -G -P -p /run/k.pid -r /run/v.pid -f /conf";
    let guest = || daemon(Guest::new().program("/usr/sbin/keepalived"), keepalived);
    let said = guest().script(POLITE).run(PATIENCE);
    said.has("the address is there as owner");
    said.has("the client is answered by the owner");
    said.has("it left with status 0");
    said.has("the address is not there after it left");
    let said = guest()
        .script(&KILLED.replace("kill -KILL", "killall -STOP keepalived; :"))
        .run(PATIENCE);
    said.has("the address is there after it was killed");
    said.has("the client is answered after it was killed");
}

fn router(command: &str) -> Guest {
    let xvrrpd = place::xvrrpd();
    daemon(Guest::new().program_as(&xvrrpd, "/xvrrpd"), command)
}

fn daemon(guest: Guest, command: &str) -> Guest {
    let instance = Instance::new(100, Duration::from_millis(500)).vip("10.77.0.50/24");
    guest
        .program("/usr/sbin/ip")
        .modules(&["llc", "stp", "veth", "sch_ingress", "cls_bpf"])
        .file("/conf", Conf::of(3, instance).keepalived().into_bytes())
        .script(NETWORK)
        .script(&format!("{command} >/log 2>&1 & daemon=$!\n"))
}
