//! A real keepalived stays Backup on what we send, and has nothing to say about it.

use std::time::Duration;

use xvrrp_tests::{
    capture::{Stamp, Tap},
    conf::{Conf, Instance},
    daemon::{Daemon, Running},
    net::Lab,
    trial::{HIGH, LOW, Profile},
    wait::throughout,
};

use vrrp_user::ownership::command::{Command, GateId};

use crate::{
    owner::{Owner, PATIENCE, advert, announcements},
    turn,
};

/// Our thread owns, and keepalived is up and Backup.
fn beside_keepalived(lab: &Lab, ours: &Conf, theirs: &Conf) -> (Owner, Running) {
    let mut owner = Owner::on(lab.router(0));
    let advert = advert(lab.router(0), ours);
    let announcements = announcements(&advert);
    owner.own(0, &[advert], &announcements);
    let since = Stamp::now();
    let keepalived = Daemon::Keepalived.start(lab.router(1), theirs);
    keepalived
        .log()
        .wait(PATIENCE, since, "Entering BACKUP STATE");
    (owner, keepalived)
}

fn accepted(profile: Profile) {
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let (owner, keepalived) = beside_keepalived(&lab, &profile.conf(HIGH), &profile.conf(LOW));
    // What it says of its own start is over once it has heard us.
    std::thread::sleep(profile.interval() * 2);
    let settled = Stamp::now();
    let span = profile.down(LOW) * 2 + Duration::from_millis(500);
    throughout(span, "keepalived is Backup and silent", || {
        let said = keepalived.log().since(settled);
        let sent = tap
            .adverts(settled)
            .into_iter()
            .filter(|(_, node, _)| *node == 1)
            .count();
        if said.is_empty() && sent == 0 {
            Ok(())
        } else {
            Err(format!("{sent} adverts; {said:?}"))
        }
    });
    // It was listening, and understands the resignation.
    let asked = Stamp::now();
    owner.handle.send(Command::Cease {
        gate: GateId(0),
        resign: true,
    });
    keepalived
        .log()
        .wait(PATIENCE, asked, "received priority 0 advertisement");
    keepalived
        .log()
        .wait(PATIENCE, asked, "Entering MASTER STATE");
}

#[test]
fn v2_with_a_password() {
    let _turn = turn::shared();
    accepted(Profile::V2Pass1s);
}

#[test]
fn v3_every_100_ms() {
    let _turn = turn::shared();
    accepted(Profile::V3At100ms);
}

#[test]
fn v3_every_10_ms() {
    let _turn = turn::alone();
    accepted(Profile::V3At10ms);
}

#[test]
fn ipv6_every_100_ms() {
    let _turn = turn::shared();
    accepted(Profile::V6At100ms);
}

/// The scenario can fail: with another password keepalived takes over.
#[test]
fn another_password_is_not_accepted() {
    let _turn = turn::shared();
    let lab = Lab::new(2);
    let profile = Profile::V2Pass1s;
    let instance = Instance {
        password: Some("other".into()),
        ..profile.instance(LOW)
    };
    let since = Stamp::now();
    let (_owner, keepalived) = beside_keepalived(&lab, &profile.conf(HIGH), &Conf::of(2, instance));
    keepalived
        .log()
        .wait(profile.down(LOW) + PATIENCE, since, "Entering MASTER STATE");
}
