//! Interfaces that are late, and addresses that are already there.

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::Xvrrpd,
    for_pairs,
    net::Lab,
    observe,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

const PROFILE: Profile = Profile::V3At100ms;

for_pairs!(leftover_address, |pair| leftover(pair, PROFILE));
for_pairs!(leftover_address_ipv6, |pair| leftover(
    pair,
    Profile::V6At100ms
));

/// Both routers have the address from a life before: whoever is no owner drops
/// it, without being asked.
fn leftover(pair: Pair, profile: Profile) {
    let mut trial = Trial::new(pair, [profile.conf(HIGH), profile.conf(LOW)]);
    let nodad = if profile.vip().is_ipv6() {
        " nodad"
    } else {
        ""
    };
    for router in 0..2 {
        for vip in &profile.instance(LOW).vips {
            trial
                .lab
                .router(router)
                .ns
                .ip(&format!("addr add {vip} dev eth0{nodad}"));
        }
        trial.start(router);
    }
    trial.await_owner(0);
}

/// The interface is made after the daemon was started.
#[test]
fn interface_appears_later() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let text = PROFILE
        .conf(HIGH)
        .keepalived()
        .replace("interface eth0", "interface late0");
    let mut daemon = Xvrrpd.start_text(node, &text);
    daemon.log().wait(PATIENCE, Stamp::default(), "late0");
    assert!(daemon.is_running(), "it waits");
    node.ns.ip("link add late0 type veth peer name late1");
    node.ns.ip("addr add 10.79.0.1/24 dev late0");
    node.ns.ip("link set late1 up");
    node.ns.ip("link set late0 up");
    eventually(PATIENCE, "it is the owner", || {
        if observe::has(node, PROFILE.vip()) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
}
