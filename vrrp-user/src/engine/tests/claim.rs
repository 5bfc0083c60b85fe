//! The claim: burst, confirmation, hold, open gate (ownership V4 to V6).

use super::fixture::{Bench, advert, config, host, instance, lead, ms};
use crate::{
    config::model::{Authentication, ChecksumPolicy, Instance, Lease},
    engine::{Engine, action::Action, input::Heard, settings::Settings},
    ownership::command::{Epoch, GateId, Report, VrId},
};
use core::time::Duration;
use vrrp_common::maps::{CHECKSUM_GROUP, CHECKSUM_PLAIN, CHECKSUM_PSEUDO};

const GATE: GateId = GateId(0);
const VR: VrId = VrId(0);

/// A bench at the start of its first claim, nobody answering it.
fn claiming(change: impl FnOnce(&mut Instance)) -> Bench {
    let mut bench = Bench::new(config(vec![instance(1, change)]));
    bench.answering = false;
    bench.until(ms(9_000));
    assert!(bench.status(1).claiming);
    bench
}

fn claimed(bench: &Bench, epoch: Epoch) -> Report {
    let (gate, at) = (GATE, bench.now);
    Report::Claimed { gate, epoch, at }
}

fn opened(bench: &Bench, epoch: Epoch) -> Report {
    let (gate, at) = (GATE, bench.now);
    Report::Opened { gate, epoch, at }
}

/// V4, and "addresses are placed at the start of the claim": in this order.
#[test]
fn burst_confirmation_opening() {
    let mut bench = claiming(|_| {});
    let kinds = ["claim", "addresses", "confirm", "announce", "advertise"];
    assert_eq!(
        bench.trace(&kinds),
        ["addresses", "claim 0", "addresses 198.51.100.1"]
    );
    bench.clear();
    let epoch = bench.epoch(VR);
    bench.report(claimed(&bench, epoch));
    bench.until(ms(9_001));
    assert_eq!(bench.trace(&kinds), ["confirm 0"]);
    assert!(bench.status(1).claiming, "not open yet");
    bench.report(opened(&bench, epoch));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.status(1).times_active, 1);
}

/// XDP cannot judge adverts with a hash: those that came in the hold are looked at when
/// it is over, and only then is the claim confirmed.
#[test]
fn a_claim_beside_hashes_is_confirmed_after_its_hold() {
    let hold = Lease::default().claim_hold;
    let key = Authentication::Header(*b"s3cret\0\0");
    let start = || {
        let mut bench = claiming(|it| it.authentication = Some(key.clone()));
        bench.clear();
        let epoch = bench.epoch(VR);
        bench.report(claimed(&bench, epoch));
        bench.until(ms(9_000) + hold / 2);
        assert_eq!(bench.trace(&["confirm"]), [""; 0]);
        bench
    };
    let mut bench = start();
    bench.until(ms(9_000) + hold);
    assert_eq!(bench.trace(&["confirm"]), ["confirm 0"]);
    let mut bench = start();
    bench.hear(advert(host(9), 200));
    bench.until(ms(9_500));
    assert_eq!(bench.trace(&["confirm"]), [""; 0], "beaten in time");
    assert_eq!(bench.state(1), "BACKUP");
}

/// What the transmit thread is told of a claim (V2, V3).
#[test]
fn what_a_claim_carries() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.advert_interval = ms(2_000);
        it.down_timer_adverts = 2;
    })]));
    bench.until(ms(100));
    bench.hear(Heard {
        interval_cs: 50,
        ..advert(host(1), 200)
    });
    bench.until(ms(20_000));
    let claim = bench.actions().find_map(|action| match action {
        Action::Claim {
            epoch,
            hold,
            loss_tolerance,
            lease_adverts,
            previous_interval,
            adverts,
            announcements,
            ..
        } => {
            let interval: Vec<Duration> = adverts.iter().map(|it| it.interval).collect();
            let numbers = (*loss_tolerance, *lease_adverts, announcements.len());
            Some((*epoch, *hold, numbers, *previous_interval, interval))
        }
        _ => None,
    });
    let hold = Lease::default().claim_hold;
    let want = (Epoch(1), hold, (1, 2, 5), ms(500), vec![ms(2_000)]);
    assert_eq!(claim, Some(want));
}

/// RFC 9568 §5.2.8 is read in two ways: a claim speaks as the Active did, and goes
/// on so for as long as it lasts (keepalived's default is the pseudo-header).
#[test]
fn a_claim_speaks_the_groups_checksum() {
    use ChecksumPolicy::{Group, Learn, Plain, Pseudo};
    let cases = [
        (Learn, None, Pseudo),
        (Learn, Some(CHECKSUM_PLAIN), Plain),
        (Learn, Some(CHECKSUM_PSEUDO), Pseudo),
        (Learn, Some(CHECKSUM_GROUP), Group),
        (Plain, Some(CHECKSUM_PSEUDO), Plain),
        (Group, Some(CHECKSUM_PSEUDO), Group),
        (Pseudo, Some(CHECKSUM_PLAIN), Pseudo),
    ];
    for (policy, heard, want) in cases {
        let what = format!("{policy:?}, heard {heard:?}");
        let of = |policy, priority| {
            config(vec![instance(1, |it| {
                it.checksum = policy;
                it.priority = priority;
            })])
        };
        let mut bench = Bench::new(of(policy, 100));
        if let Some(checksum_form) = heard {
            bench.hear(Heard {
                checksum_form,
                ..advert(host(1), 200)
            });
        }
        bench.until(ms(10_000));
        bench.configure(of(Plain, 90));
        let forms: Vec<ChecksumPolicy> = bench
            .actions()
            .flat_map(|action| match action {
                Action::Claim { adverts, .. } => adverts.iter().map(|it| it.checksum).collect(),
                Action::UpdateAdvert { advert, .. } => vec![advert.checksum],
                _ => Vec::new(),
            })
            .collect();
        assert_eq!(forms, [want, want], "{what}");
    }
}

/// New claims exceed every epoch that was found.
#[test]
fn epochs_go_on_where_the_last_daemon_stopped() {
    let mut bench = Bench::without_links();
    bench.engine = Engine::new(Settings::default(), [Epoch(7), Epoch(40), Epoch(3)]);
    bench.link(super::fixture::link(2, "eth0"));
    bench.configure(config(vec![instance(1, |it| it.priority = 255)]));
    bench.until(ms(10));
    assert_eq!(bench.epoch(VR), Epoch(41));
}

/// §6.4.2 and V4: what wins against an Active wins against a claim; what loses
/// does not hold it up, and is answered by the burst already.
#[test]
fn adverts_during_a_claim() {
    // (priority, 192.0.2.n, abandoned)
    let cases = [
        (101, 1, true),
        (100, 11, true),
        (100, 9, false),
        (99, 200, false),
        (0, 200, false),
    ];
    for (priority, n, abandoned) in cases {
        let what = format!("{priority} from .{n}");
        let mut bench = claiming(|_| {});
        bench.clear();
        bench.hear(advert(host(n), priority));
        assert_eq!(bench.status(1).claiming, !abandoned, "{what}");
        let want: &[&str] = if abandoned {
            &["cease 0", "addresses"]
        } else {
            &[]
        };
        assert_eq!(
            bench.trace(&["cease", "addresses", "advertise", "notify"]),
            want,
            "{what}"
        );
    }
}

/// After a lost claim the winner is followed: its whole interval is waited for.
#[test]
fn an_abandoned_claim_waits_for_the_winner() {
    let mut bench = claiming(|_| {});
    bench.hear(advert(host(1), 101));
    let epoch = bench.epoch(VR);
    bench.report(claimed(&bench, epoch));
    bench.report(opened(&bench, epoch));
    assert_eq!(bench.state(1), "BACKUP", "its claim is void");
    bench.clear();
    bench.until(ms(30_000));
    assert_eq!(bench.trace(&["confirm"]), [""; 0]);
    assert_eq!(bench.times("claim"), [ms(9_000) + lead(3_609_375)]);
}

/// V5: the kernel judges first. Its verdict stands, whatever we make of the advert.
#[test]
fn a_claim_the_kernel_revoked_is_over() {
    let mut bench = claiming(|_| {});
    bench.hear(Heard {
        revoked: true,
        ..advert(host(1), 50)
    });
    assert!(!bench.status(1).claiming);

    let mut bench = claiming(|_| {});
    let epoch = bench.epoch(VR);
    bench.report(Report::Beaten { gate: GATE, epoch });
    assert!(!bench.status(1).claiming);
    bench.clear();
    bench.until(ms(30_000));
    assert_eq!(
        bench.times("claim"),
        [ms(9_000) + lead(3_609_375)],
        "a full Active_Down_Interval, whoever it was"
    );
}

/// The kernel revokes only an epoch it knows of: what came before is in the stamps
/// and is read before the claim is confirmed (V4).
#[test]
fn a_winner_from_before_the_epoch_is_found_in_the_stamps() {
    let mut bench = claiming(|_| {});
    bench.clear();
    bench.stamp(ms(9_000), advert(host(1), 200));
    let epoch = bench.epoch(VR);
    bench.report(claimed(&bench, epoch));
    bench.until(ms(9_005));
    assert_eq!(bench.trace(&["confirm", "cease"]), ["cease 0"]);
}

/// Reports of another claim change nothing (V6).
#[test]
fn reports_of_another_epoch_mean_nothing() {
    let stale = Epoch(0);
    let of = |epoch: Epoch, bench: &Bench| {
        let last_sent = bench.now;
        let vr = VR;
        [
            claimed(bench, epoch),
            opened(bench, epoch),
            Report::Beaten { gate: GATE, epoch },
            Report::LeaseOver {
                gate: GATE,
                epoch,
                last_sent,
            },
            Report::Updated {
                gate: GATE,
                epoch,
                vr,
            },
        ]
    };
    let mut bench = claiming(|_| {});
    bench.clear();
    for report in of(stale, &bench) {
        bench.report(report);
        bench.until(ms(9_100));
    }
    assert!(bench.status(1).claiming);
    assert_eq!(bench.trace(&["confirm", "cease", "claim"]), [""; 0]);

    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    for report in of(stale, &bench) {
        bench.report(report);
        bench.wake();
    }
    assert_eq!(bench.state(1), "MASTER");
}

/// `claim_hold`, `lease_loss_tolerance` and `lease_adverts`; a reload's count from
/// the next claim.
#[test]
fn a_claim_is_made_of_what_the_configuration_says() {
    let with = |lease| {
        let mut config = config(vec![instance(1, |it| it.priority = 255)]);
        config.global.lease = lease;
        config
    };
    let claims = |bench: &Bench| -> Vec<Lease> {
        let made_of = bench.actions().filter_map(|action| match action {
            Action::Claim {
                hold,
                loss_tolerance,
                lease_adverts,
                ..
            } => Some(Lease {
                claim_hold: *hold,
                loss_tolerance: *loss_tolerance,
                adverts: *lease_adverts,
                ..Lease::default()
            }),
            _ => None,
        });
        made_of.collect()
    };
    let first = Lease {
        claim_hold: ms(5),
        loss_tolerance: 0,
        adverts: 2,
        ..Lease::default()
    };
    let mut bench = Bench::new(with(first));
    bench.until(ms(100));
    assert_eq!(claims(&bench), [first]);
    bench.clear();
    bench.configure(with(Lease::default()));
    bench.until(ms(200));
    assert_eq!(claims(&bench), [], "a claim that stands goes on");
    assert_eq!(bench.engine.status().lease, Lease::default());
}
