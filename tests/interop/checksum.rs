//! Version 3 over IPv4 has two checksums: keepalived and FRR put a
//! pseudo-header under it, RFC 9568 §5.2.8 does not.

use std::net::{IpAddr, Ipv4Addr};

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    daemon::Daemon::Xvrrpd,
    for_pairs,
    frame::Checksum,
    speaker::Speaker,
    trial::{HIGH, LOW, Profile, Trial},
    wait::throughout,
};

use crate::scenario::whole_life;

const PROFILE: Profile = Profile::V3At100ms;

for_pairs!(with_pseudo_header, |pair| {
    let trial = whole_life(pair, [PROFILE.conf(HIGH), PROFILE.conf(LOW)]);
    assert_form(&trial, 0, Checksum::Pseudo);
    assert_form(&trial, 1, Checksum::Pseudo);
});

/// Configured so on both.
#[test]
fn without_pseudo_header() {
    let plain = |priority| Conf::of(3, PROFILE.instance(priority).line("v3_checksum_as_v2"));
    let trial = whole_life([Xvrrpd, Xvrrpd], [plain(HIGH), plain(LOW)]);
    assert_form(&trial, 0, Checksum::Plain);
    assert_form(&trial, 1, Checksum::Plain);
}

/// Nothing configured: a backup takes adverts without the pseudo-header, and
/// when it becomes the owner it goes on in the form it heard.
#[test]
fn backup_learns_the_form() {
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [PROFILE.conf(HIGH), PROFILE.conf(LOW)]);
    let IpAddr::V4(vip) = PROFILE.vip() else {
        panic!("an IPv4 profile")
    };
    let owner = speak(&trial, vip);
    trial.start(1);
    // Far longer than it would wait if it did not accept what it hears.
    throughout(
        PROFILE.down(LOW) * 5,
        "the backup accepts the owner",
        || match trial
            .tap
            .adverts(Stamp::default())
            .iter()
            .find(|(_, node, _)| *node == 1)
        {
            Some((_, _, advert)) => Err(format!("{advert:?}")),
            None => Ok(()),
        },
    );
    let silent = Stamp::now();
    drop(owner);
    trial.takeover(51, 1, silent);
    trial.await_owner(1);
    assert_form(&trial, 1, Checksum::Plain);
}

fn speak(trial: &Trial, vip: Ipv4Addr) -> Speaker {
    Speaker::start(trial.lab.router(0), 51, HIGH, PROFILE.interval(), vip)
}

fn assert_form(trial: &Trial, router: usize, form: Checksum) {
    let sent = trial.tap.adverts(Stamp::default());
    let mut of_router = sent
        .iter()
        .filter(|(_, node, _)| *node == router)
        .peekable();
    assert!(
        of_router.peek().is_some(),
        "router {router} never advertised"
    );
    for (_, _, advert) in of_router {
        assert_eq!(advert.checksum, form, "router {router}: {advert:?}");
    }
}
