//! A virtual address deleted by somebody else comes back.

use std::time::Duration;

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    daemon::Daemon,
    for_pairs, observe,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

for_pairs!(ipv4, |pair| comes_back(Profile::V3At100ms, pair));
for_pairs!(ipv6, |pair| comes_back(Profile::V6At100ms, pair));
for_pairs!(with_its_attributes, attributes);

fn comes_back(profile: Profile, pair: Pair) {
    let trial = Trial::of(pair, profile);
    let vip = profile.vip();
    let deleted = Stamp::now();
    observe::delete(trial.lab.router(0), vip);
    // keepalived resigns and comes back; xvrrpd puts it back and stays.
    let within = if pair[0] == Daemon::Xvrrpd {
        Duration::from_secs(1)
    } else {
        PATIENCE
    };
    eventually(within, "the address is back on the owner", || {
        if observe::has(trial.lab.router(0), vip) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
    if pair[0] == Daemon::Xvrrpd {
        for (_, node, advert) in trial.tap.adverts(deleted) {
            assert_eq!(
                (node, advert.priority),
                (0, HIGH),
                "nobody else, and no resignation"
            );
        }
    }
    trial.await_owner(0);
}

/// It comes back as it was: prefix, scope and label.
fn attributes(pair: Pair) {
    let conf = |priority| {
        let mut conf = Profile::V3At100ms.conf(priority);
        conf.instances[0].vips = vec!["10.77.0.50/25 dev eth0 scope link label eth0:vip".into()];
        Conf { ..conf }
    };
    let trial = Trial::settled(pair, [conf(HIGH), conf(LOW)]);
    let vip = Profile::V3At100ms.vip();
    let look = || {
        observe::addresses(trial.lab.router(0))
            .into_iter()
            .find(|a| a.ip == vip)
    };
    let before = look().expect("the owner has it");
    assert_eq!(
        (before.prefix, before.scope.as_str(), before.label.as_str()),
        (25, "link", "eth0:vip")
    );
    observe::delete(trial.lab.router(0), vip);
    let after = eventually(PATIENCE, "the address is back", || {
        look().ok_or("not yet".into())
    });
    assert_eq!(after, before);
}
