//! Other multicast groups than VRRP's own: `mcast_dst_ip`, `vrrp_mcast_group4`,
//! `vrrp_mcast_group6`; and who sums what into a unicast advert.

use std::{net::IpAddr, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    for_pairs, observe,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial, assert_took},
    wait::{eventually, throughout},
};

const VRID: u8 = 51;

/// A configuration with these lines.
fn conf(profile: Profile, priority: u8, globals: &[&str], lines: &[&str]) -> Conf {
    let mut conf = profile.conf(priority);
    conf.globals.extend(globals.iter().map(|&it| it.to_owned()));
    let instance = &mut conf.instances[0];
    instance.extra.extend(lines.iter().map(|&it| it.to_owned()));
    conf
}

/// One owns in the group, is killed, and comes back.
fn life(profile: Profile, pair: Pair, globals: &[&str], lines: &[&str], group: &str) {
    let confs = [HIGH, LOW].map(|priority| conf(profile, priority, globals, lines));
    let mut trial = Trial::settled(pair, confs);
    let group: IpAddr = group.parse().expect("an address");
    let adverts = trial.tap.adverts(Stamp::default());
    assert!(!adverts.is_empty());
    for (_, node, advert) in adverts {
        assert_eq!(advert.destination, group, "from router {node}");
    }
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    let took = takeover.first.since(takeover.last);
    assert_took("takeover", took, profile.down(LOW));
    trial.await_owner(1);
    trial.start(0);
    trial.await_owner(0);
}

for_pairs!(of_an_instance, |pair| life(
    Profile::V3At100ms,
    pair,
    &[],
    &["mcast_dst_ip 239.129.2.3"],
    "239.129.2.3"
));
for_pairs!(of_all, |pair| life(
    Profile::V2Pass1s,
    pair,
    &["vrrp_mcast_group4 224.0.0.77"],
    &[],
    "224.0.0.77"
));
for_pairs!(of_all_over_ipv6, |pair| life(
    Profile::V6At100ms,
    pair,
    &["vrrp_mcast_group6 ff02::89ab:cdef"],
    &[],
    "ff02::89ab:cdef"
));

/// Two routers that speak in different groups do not hear each other, although they
/// have the VRID in common; moved into the other's group, one of them gives way.
fn apart(pair: Pair) {
    let profile = Profile::V3At100ms;
    let high = profile.conf(HIGH);
    let low = conf(profile, LOW, &[], &["mcast_dst_ip 239.129.2.3"]);
    let mut trial = Trial::new(pair, [high, low]);
    trial.start(0);
    trial.start(1);
    let both = |trial: &Trial| {
        let has = [0, 1].map(|n| observe::has(trial.lab.router(n), profile.vip()));
        if has == [true, true] {
            Ok(())
        } else {
            Err(format!("{has:?}"))
        }
    };
    eventually(PATIENCE, "each is an owner of its own", || both(&trial));
    throughout(profile.interval() * 6, "and stays it", || both(&trial));
    let moved = profile.conf(LOW);
    trial.daemon(1).reload(&moved);
    trial.confs[1] = moved;
    trial.await_owner(0);
}

/// keepalived does not move to another group by a reload: it keeps its socket.
#[test]
fn in_different_groups() {
    use xvrrp_tests::daemon::Daemon::{Keepalived, Xvrrpd};
    apart([Xvrrpd, Xvrrpd]);
    apart([Keepalived, Xvrrpd]);
}

/// A unicast pair that sums as keepalived did before 2.0: `old_unicast_checksum` on one
/// side is learned by the other, so that each hears the other in either role.
fn old_checksum(pair: Pair) {
    let profile = Profile::V3At100ms;
    let of = |priority, own: u8, lines: &[&str]| {
        let peer = 3 - own;
        let source = format!("unicast_src_ip 10.77.0.{own}");
        let peers = format!("unicast_peer {{\n10.77.0.{peer}\n}}");
        let mut all = vec![source.as_str(), peers.as_str()];
        all.extend(lines);
        conf(profile, priority, &[], &all)
    };
    let old = of(HIGH, 1, &["old_unicast_checksum"]);
    let mut trial = Trial::settled(pair, [old, of(LOW, 2, &[])]);
    throughout(
        Duration::from_secs(1),
        "the other one hears it",
        || match trial.advertisers(VRID, profile.interval())[..] {
            [0] => Ok(()),
            ref other => Err(format!("{other:?}")),
        },
    );
    // The other one sums like that now, or the first would not heed it.
    let asked = trial.terminate(0);
    trial.takeover(VRID, 1, asked);
    trial.await_owner(1);
    trial.start(0);
    trial.await_owner(0);
}

for_pairs!(old_unicast_checksum, old_checksum);
