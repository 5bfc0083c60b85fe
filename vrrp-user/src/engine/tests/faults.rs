//! What keeps an instance in FAULT, and what ends it (keepalived; the reasons are ours).

use super::fixture::{
    Bench, address, advert, config, host, instance, lead, link, ms, notify, script, tracked, us,
};
use crate::{
    config::model::{Config, Family, Instance, Tracked, Version},
    engine::input::{Heard, Input, Link, ScriptResult, Unwatched},
    ownership::command::VrId,
};
use core::time::Duration;

const WAIT: Duration = us(3_609_375 - 1_000);

fn down(mut link: Link) -> Link {
    link.up = false;
    link
}

fn one(change: impl FnOnce(&mut Instance)) -> Config {
    let mut config = config(vec![instance(1, change)]);
    config.scripts = vec![script("chk")];
    config
}

fn unwatched<const I: usize, const R: usize>(interfaces: [u32; I], routers: [VrId; R]) -> Input {
    Input::Unwatched(Unwatched {
        interfaces: interfaces.into(),
        routers: routers.into(),
    })
}

/// The source address that is tracked, on eth0.
fn placed(present: bool) -> Input {
    Input::AddressPlaced {
        ifindex: 2,
        address: host(77),
        present,
    }
}

/// What goes wrong, with its reason, and what mends it.
struct Case {
    config: Config,
    wrong: fn(&mut Bench),
    reason: &'static str,
    mend: fn(&mut Bench),
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            config: one(|_| {}),
            wrong: |bench| bench.link(down(link(2, "eth0"))),
            reason: "interface eth0 is down",
            mend: |bench| bench.link(link(2, "eth0")),
        },
        Case {
            config: one(|_| {}),
            wrong: |bench| bench.feed(Input::LinkGone { ifindex: 2 }),
            reason: "interface eth0 does not exist",
            // It comes back under another number.
            mend: |bench| bench.link(link(7, "eth0")),
        },
        Case {
            config: one(|_| {}),
            wrong: |bench| bench.link(link(2, "renamed")),
            reason: "interface eth0 does not exist",
            mend: |bench| bench.link(link(2, "eth0")),
        },
        Case {
            config: one(|_| {}),
            wrong: |bench| {
                bench.link(Link {
                    ipv4: None,
                    ..link(2, "eth0")
                });
            },
            reason: "no address to advertise from on eth0",
            mend: |bench| bench.link(link(2, "eth0")),
        },
        Case {
            config: one(|it| {
                it.family = Family::V6;
                it.version = Version::V3;
            }),
            wrong: |bench| {
                bench.link(Link {
                    link_local: None,
                    ..link(2, "eth0")
                });
            },
            reason: "no address to advertise from on eth0",
            mend: |bench| bench.link(link(2, "eth0")),
        },
        Case {
            config: one(|_| {}),
            wrong: |bench| bench.feed(unwatched([2], [])),
            reason: "eth0 is not watched by XDP",
            mend: |bench| bench.feed(unwatched([], [])),
        },
        Case {
            config: one(|_| {}),
            wrong: |bench| bench.feed(unwatched([], [VrId(0)])),
            reason: "eth0 is not watched by XDP",
            mend: |bench| bench.feed(unwatched([77], [VrId(5)])),
        },
        Case {
            config: one(|it| it.track_interfaces = vec![tracked("eth9", 0)]),
            wrong: |bench| bench.link(down(link(9, "eth9"))),
            reason: "tracked interface eth9 is down",
            mend: |bench| bench.link(link(9, "eth9")),
        },
        Case {
            config: one(|it| {
                let mut other = address([198, 51, 100, 77].into());
                other.dev = Some("eth9".into());
                it.excluded_addresses = vec![other];
            }),
            wrong: |bench| bench.feed(Input::LinkGone { ifindex: 9 }),
            reason: "interface eth9 of an address does not exist",
            mend: |bench| bench.link(link(9, "eth9")),
        },
        Case {
            config: one(|it| it.track_scripts = vec![tracked("chk", 0)]),
            wrong: |bench| bench.script_done("chk", 1),
            reason: "tracked script chk fails",
            mend: |bench| bench.script_done("chk", 0),
        },
        Case {
            config: one(|it| {
                it.track_scripts = vec![Tracked {
                    reverse: true,
                    ..tracked("chk", 0)
                }];
            }),
            wrong: |bench| bench.script_done("chk", 0),
            reason: "tracked script chk fails",
            mend: |bench| bench.script_done("chk", 1),
        },
    ]
}

/// An Active resigns and lets go; mended, it is Backup for a full interval
/// (keepalived; RFC 9568 §6.4.1).
#[test]
fn every_fault_and_its_recovery() {
    for case in cases() {
        let mut bench = Bench::without_links();
        bench.link(link(2, "eth0"));
        bench.link(link(9, "eth9"));
        bench.configure(case.config);
        bench.wake();
        if case.reason.contains("script") {
            (case.mend)(&mut bench);
        }
        bench.until(ms(10_500));
        assert_eq!(bench.state(1), "MASTER", "{}", case.reason);
        bench.clear();
        (case.wrong)(&mut bench);
        let status = bench.status(1);
        assert_eq!(status.fault_text, [case.reason]);
        assert_eq!(bench.state(1), "FAULT", "{}", case.reason);
        assert_eq!(status.reason, case.reason);
        assert_eq!(
            bench.trace(&["cease", "addresses"]),
            ["cease 0 resign", "addresses"],
            "{}",
            case.reason
        );
        bench.until(ms(11_500));
        assert_eq!(bench.times("claim"), [], "{}", case.reason);
        (case.mend)(&mut bench);
        assert_eq!(bench.state(1), "BACKUP", "{}", case.reason);
        assert_eq!(bench.status(1).faults, []);
        bench.until(ms(20_000));
        assert_eq!(bench.times("claim"), [ms(11_500) + WAIT], "{}", case.reason);
    }
}

/// keepalived: `dont_track_primary`.
#[test]
fn its_own_interface_may_go_untracked() {
    let mut bench = Bench::active(one(|it| it.dont_track_primary = true));
    bench.link(down(link(2, "eth0")));
    assert_eq!(bench.state(1), "MASTER");
}

/// A weighted interface costs priority instead.
#[test]
fn a_weighted_interface_is_no_fault() {
    let mut bench = Bench::active(one(|it| it.track_interfaces = vec![tracked("eth9", -30)]));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.status(1).effective_priority, 70, "it does not exist");
    bench.link(link(9, "eth9"));
    assert_eq!(bench.status(1).effective_priority, 100);
}

/// keepalived: an unweighted script holds the instance out of BACKUP until its
/// first result; that is no FAULT, and nobody is notified of one.
#[test]
fn the_first_result_is_waited_for() {
    let config = |prefix| {
        one(|it| {
            it.track_scripts = vec![tracked("chk", 0)];
            it.notify = notify(prefix);
        })
    };
    for (status, want) in [(0, "BACKUP"), (1, "FAULT")] {
        let mut bench = Bench::new(config("n"));
        bench.until(ms(60_000));
        assert_eq!(bench.state(1), "INIT");
        assert_eq!(bench.trace(&["notify"]), [""; 0]);
        bench.script_done("chk", status);
        assert_eq!(bench.state(1), want);
        assert_eq!(bench.trace(&["notify"]).len(), 2);
        bench.clear();
        bench.until(ms(90_000));
        let claims: &[Duration] = if status == 0 {
            &[ms(60_000).saturating_add(WAIT)]
        } else {
            &[]
        };
        assert_eq!(bench.times("claim"), claims);
    }
}

/// A script that cannot be run is a failure, not a success and not nothing.
#[test]
fn a_script_that_cannot_run_is_a_fault() {
    let mut bench = Bench::new(one(|it| it.track_scripts = vec![tracked("chk", 0)]));
    for result in [
        ScriptResult::CannotRun("/usr/bin/chk is missing".into()),
        ScriptResult::TimedOut,
        ScriptResult::Signaled(9),
        ScriptResult::Exited(127),
    ] {
        bench.until(bench.elapsed() + ms(1_000));
        let script = "chk".into();
        bench.feed(Input::ScriptDone { script, result });
        assert_eq!(bench.state(1), "FAULT");
    }
}

/// A FAULT is entered once, and adverts mean nothing in it.
#[test]
fn a_fault_hears_nothing() {
    let mut bench = Bench::new(one(|it| it.notify = notify("n")));
    bench.link(down(link(2, "eth0")));
    bench.clear();
    bench.feed(Input::LinkGone { ifindex: 2 });
    bench.hear(advert(host(1), 200));
    bench.hear(advert(host(1), 0));
    assert_eq!(bench.status(1).active, None);
    bench.until(ms(30_000));
    assert_eq!(
        bench.trace(&["notify", "claim", "cease", "advertise"]),
        [""; 0]
    );
    assert_eq!(
        bench.status(1).fault_text,
        ["interface eth0 does not exist"]
    );
    bench.link(link(2, "eth0"));
    bench.clear();
    bench.until(ms(60_000));
    assert_eq!(bench.times("claim"), [ms(30_000) + lead(3_609_375)]);
}

/// What was learned of an Active before is forgotten: our own interval counts.
#[test]
fn a_recovery_starts_afresh() {
    let mut bench = Bench::new(one(|_| {}));
    bench.hear(Heard {
        interval_cs: 10,
        ..advert(host(1), 200)
    });
    bench.link(down(link(2, "eth0")));
    bench.until(ms(1_000));
    bench.link(link(2, "eth0"));
    bench.until(ms(30_000));
    assert_eq!(bench.times("claim"), [ms(1_000) + WAIT]);
}

/// An owner that recovers claims at once, like one that starts (RFC 9568 §6.4.1).
#[test]
fn an_owner_recovers_at_once() {
    let mut bench = Bench::active(one(|it| it.priority = 255));
    bench.link(down(link(2, "eth0")));
    bench.until(ms(61_000));
    bench.link(link(2, "eth0"));
    bench.until(ms(61_001));
    assert_eq!(bench.times("claim"), [ms(61_000)]);
    assert_eq!(bench.state(1), "MASTER");
}

/// Started on an interface that is missing, it waits for it.
#[test]
fn a_missing_interface_is_waited_for() {
    let mut bench = Bench::without_links();
    bench.configure(one(|_| {}));
    assert_eq!(bench.state(1), "FAULT");
    assert_eq!(bench.trace(&["router", "attach"]), [""; 0]);
    bench.until(ms(5_000));
    bench.link(link(2, "eth0"));
    assert_eq!(bench.trace(&["attach"]), ["attach [2]"]);
    bench.until(ms(20_000));
    assert_eq!(bench.times("claim"), [ms(5_000) + WAIT]);
}

/// `track_src_ip`: without its address on the interface it neither starts nor goes on.
#[test]
fn a_tracked_source_address() {
    let mut bench = Bench::new(one(|it| {
        it.source = Some(host(77));
        it.tracks_source = true;
    }));
    let reason = "source address 192.0.2.77 is gone";
    let faults = |bench: &Bench| {
        let faults = bench.status(1).faults;
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(faults(&bench), [reason]);
    bench.feed(placed(true));
    bench.until(ms(60_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.feed(placed(false));
    assert_eq!(faults(&bench), [reason]);
    assert_eq!(bench.trace(&["cease"]).len(), 1);
}
