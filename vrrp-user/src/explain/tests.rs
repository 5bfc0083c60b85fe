//! Cases and what is said of them. Facts are the engine's own, through its status, where
//! it can be brought there; what only a clock or the maps say is set by hand.

use super::{
    explain,
    facts::{Active, Engine, Facts, Heard, Instance, Kernel, Outcome, Tracked, WhatIf, Why},
};
use core::{net::IpAddr, time::Duration};

const S: u64 = 1_000_000_000;
/// Now.
const NOW: u64 = 1_000 * S;

fn host(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

/// A BACKUP of priority 100 that follows 192.0.2.2 with 150.
fn backup() -> Instance {
    Instance {
        name: "VI_1".into(),
        state: "BACKUP".into(),
        since: NOW - 12 * S,
        reason: "start-up".into(),
        interface: "eth0".into(),
        key: Some((2, 0, 51, 4, 0)),
        priority: 100,
        effective_priority: 100,
        source: Some(host(1)),
        active: Some(Active {
            source: Some(host(2)),
            priority: 150,
            interval_ms: 1000,
            heard: NOW - 3 * S,
        }),
        claim_at: Some(NOW + S / 2),
        why: Why {
            down_interval_ms: 3609,
            adverts: 3,
            ..Why::default()
        },
        ..Instance::default()
    }
}

fn master() -> Instance {
    Instance {
        state: "MASTER".into(),
        reason: "the claim was not contested".into(),
        priority: 150,
        effective_priority: 150,
        active: None,
        claim_at: None,
        times_active: 2,
        ..backup()
    }
}

fn kernel(open: bool) -> Kernel {
    Kernel {
        key: (2, 0, 51, 4, 0),
        open,
        why: "beaten by priority 150".into(),
        shut_for: (!open).then_some(Duration::from_secs(12)),
        mode: "enforce",
        lease_left: Duration::from_millis(1900),
        heard: Vec::new(),
    }
}

fn heard(n: u8, priority: u8, age_ms: u64) -> Heard {
    Heard {
        source: host(n),
        priority,
        interval: Duration::from_secs(1),
        age: Duration::from_millis(age_ms),
    }
}

fn tracked(
    name: &str,
    value: &str,
    now: (&str, i32),
    up: (&str, i32),
    down: (&str, i32),
) -> (Tracked, WhatIf) {
    let outcome = |(effect, change): (&str, i32)| Outcome {
        effect: effect.into(),
        change,
    };
    let tracked = Tracked {
        kind: "script".into(),
        name: name.into(),
        value: value.into(),
        effect: now.0.into(),
        change: now.1,
    };
    let what_if = WhatIf {
        kind: "script".into(),
        name: name.into(),
        up: outcome(up),
        down: outcome(down),
    };
    (tracked, what_if)
}

fn with(mut it: Instance, (tracked, what_if): (Tracked, WhatIf)) -> Instance {
    it.tracked.push(tracked);
    it.why.what_if.push(what_if);
    it
}

fn facts(it: Instance) -> Facts {
    Facts {
        now_ns: NOW,
        engine: Engine {
            instances: vec![it],
            ..Engine::default()
        },
    }
}

/// All sentences about something.
fn said(it: Instance, kernel: Option<Kernel>, about: &str) -> String {
    said_of(&facts(it), kernel, about)
}

fn said_of(facts: &Facts, kernel: Option<Kernel>, about: &str) -> String {
    let kernel: Vec<Kernel> = kernel.into_iter().collect();
    let told = explain(facts, &kernel, None).expect("an instance");
    let sections = told.into_iter().flat_map(|it| it.sections);
    let of = sections.filter(|section| section.about == about);
    of.flat_map(|section| section.sentences)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_state_and_how_it_came_to_that() {
    let cases = [
        (
            backup(),
            "VI_1 is BACKUP and has been for 12 s: another router owns the virtual addresses, or nobody yet. It came to that because: this daemon started.",
        ),
        (
            master(),
            "VI_1 is MASTER and has been for 12 s: it owns the virtual addresses, 2 times since this daemon started. It came to that because: it advertised that it takes over, and nobody objected with a better advert.",
        ),
        (
            Instance {
                state: "FAULT".into(),
                reason: "interface eth0 is down".into(),
                fault_text: vec!["interface eth0 is down".into()],
                ..backup()
            },
            "VI_1 is FAULT and has been for 12 s: it takes no part and can own nothing. It came to that because: interface eth0 is down. What keeps it out: interface eth0 is down.",
        ),
        (
            Instance {
                claiming: true,
                since: NOW,
                reason: "advertisement timeout".into(),
                ..backup()
            },
            "VI_1 is about to be MASTER: 0 ms ago it advertised that it takes over, and is MASTER in a moment unless a better advert objects. It did that because: the MASTER was silent for as long as a BACKUP waits (advertisement timeout).",
        ),
    ];
    for (it, expected) in cases {
        assert_eq!(said(it, None, "state"), expected);
    }
}

#[test]
fn who_was_heard_the_followed_one_first() {
    let mut maps = kernel(false);
    maps.heard = vec![
        heard(3, 90, 200_000),
        heard(2, 150, 320),
        heard(4, 0, 5_000),
    ];
    assert_eq!(
        said(backup(), Some(maps), "heard"),
        "192.0.2.2 advertises priority 150 every 1.0 s and was heard 320 ms ago; it is the MASTER that this router heeds. \
         192.0.2.4 resigned (priority 0) 5.0 s ago. \
         192.0.2.3 was last heard 3 min 20 s ago, with priority 90; it has fallen silent, as every router does that is not MASTER."
    );
    assert_eq!(
        said(backup(), None, "heard"),
        "192.0.2.2 advertises priority 150 every 1.0 s and was heard 3.0 s ago; it is the MASTER that this router heeds."
    );
    assert_eq!(
        said(master(), Some(kernel(true)), "heard"),
        "No other router of this VRID was heard so far."
    );
}

#[test]
fn the_priority_and_what_each_tracker_adds() {
    let fails = tracked(
        "chk",
        "down",
        ("priority", -60),
        ("none", 0),
        ("priority", -60),
    );
    let it = Instance {
        effective_priority: 90,
        ..with(master(), fails)
    };
    let mut facts = facts(it);
    facts.engine.scripts.push(super::facts::Script {
        name: "chk".into(),
        last: Some("exited with status 1".into()),
    });
    assert_eq!(
        said_of(&facts, None, "priority"),
        "Its priority is 90: 150 as configured, minus 60 by script chk. Script chk is down (it last exited with status 1), which takes off 60."
    );
    let waits = tracked("chk", "unknown", ("pending", 0), ("none", 0), ("fault", 0));
    let cases = [
        (backup(), "Its priority is 100, as configured."),
        (
            with(backup(), waits),
            "Its priority is 100, as configured. Script chk is unknown, and until that is known it is held back.",
        ),
        (
            Instance {
                handing_over: true,
                effective_priority: 1,
                ..master()
            },
            "It advertises priority 1 instead of 150, so that another router takes over.",
        ),
        (
            Instance {
                priority: 255,
                effective_priority: 255,
                ..master()
            },
            "Its priority is 255, that of the address owner: nothing changes it.",
        ),
    ];
    for (it, expected) in cases {
        assert_eq!(said(it, None, "priority"), expected);
    }
}

#[test]
fn the_down_timer_counts_from_the_newest_advert() {
    // The engine would look at the maps in 500 ms; they have an advert of 320 ms ago.
    let mut maps = kernel(false);
    maps.heard = vec![heard(2, 150, 320)];
    let all =
        " (it waits 3.6 s in all: 3 adverts, and the skew that is longer the lower its priority)";
    assert_eq!(
        said(backup(), Some(maps), "waiting"),
        format!("It becomes MASTER if 192.0.2.2 is silent for 3.3 s more{all}.")
    );
    assert_eq!(
        said(backup(), None, "waiting"),
        format!("It becomes MASTER if 192.0.2.2 is silent for 609 ms more{all}.")
    );
    let nobody = Instance {
        active: None,
        ..backup()
    };
    assert_eq!(
        said(nobody, None, "waiting"),
        format!("It becomes MASTER if nobody is heard for 500 ms more{all}.")
    );
}

#[test]
fn why_a_stronger_backup_does_nothing() {
    let stronger = |why: Why| Instance {
        priority: 200,
        effective_priority: 200,
        why: Why {
            down_interval_ms: 3609,
            adverts: 3,
            ..why
        },
        ..backup()
    };
    let delay = Why {
        preempt_delay_ms: 300_000,
        preempt_at: Some(NOW + 40 * S),
        ..Why::default()
    };
    let nopreempt = Why {
        nopreempt: true,
        ..Why::default()
    };
    let cases = [
        (
            delay,
            "Its priority is higher than that of 192.0.2.2 (150); `preempt_delay` (5 min 0 s) holds it back for 40 s more.",
        ),
        (
            nopreempt,
            "Its priority is higher than that of 192.0.2.2 (150), but with `nopreempt` it takes over only when 192.0.2.2 is silent.",
        ),
        (
            Why::default(),
            "Its priority is higher than that of 192.0.2.2 (150): it no longer heeds its adverts, and takes over as if 192.0.2.2 were silent. It takes over in 609 ms.",
        ),
    ];
    for (why, expected) in cases {
        let text = said(stronger(why), None, "waiting");
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn what_else_is_waited_for() {
    let mut away = facts(backup());
    away.engine.maintenance = "on".into();
    let text = said_of(&away, None, "waiting");
    assert!(text.contains("until `xvrrpd maintenance off`"), "{text}");
    let offered = Instance {
        handing_over: true,
        why: Why {
            handover: Some("offering".into()),
            offered_until: Some(NOW + 2 * S),
            ..Why::default()
        },
        ..master()
    };
    assert_eq!(
        said(offered, None, "waiting"),
        "It is being handed over: it waits for 2.0 s more for another router to take over."
    );
    let held = Instance {
        held: true,
        ..backup()
    };
    let text = said(held, None, "waiting");
    assert!(text.contains("`xvrrpd handover --release VI_1`"), "{text}");
    let late = Instance {
        state: "INIT".into(),
        why: Why {
            start_at: Some(NOW + 5 * S),
            ..Why::default()
        },
        ..backup()
    };
    let text = said(late, None, "waiting");
    assert_eq!(text, "It begins to count in 5.0 s: `vrrp_startup_delay`.");
    let grouped = Instance {
        why: Why {
            last_member: Some("VI_2".into()),
            ..Why::default()
        },
        ..backup()
    };
    let text = said(grouped, None, "waiting");
    assert!(
        text.contains("waits for VI_2, the last of its members"),
        "{text}"
    );
}

#[test]
fn the_gate_and_what_that_word_means() {
    let observe = Kernel {
        mode: "observe",
        ..kernel(false)
    };
    let cases = [
        (
            Some(kernel(true)),
            "The gate is open: the kernel answers for the virtual addresses. The adverts that have left entitle it to that for 1.9 s more (the lease); each further advert prolongs it.",
        ),
        (
            Some(kernel(false)),
            "The gate is shut, for 12 s: the kernel answers for none of the virtual addresses and lets nothing out from them. Why: beaten by priority 150.",
        ),
        (
            Some(observe),
            "The gate is shut, for 12 s: the kernel would answer for none of the virtual addresses. Why: beaten by priority 150. But `lease observe` is configured: packets pass a shut gate, and are only counted.",
        ),
        (
            None,
            "What the kernel does with its addresses is not known: its maps cannot be read, or do not have it.",
        ),
    ];
    for (kernel, expected) in cases {
        assert_eq!(said(backup(), kernel, "gate"), expected);
    }
}

#[test]
fn what_would_end_a_masters_reign() {
    let mut maps = kernel(true);
    maps.heard = vec![heard(2, 100, 60_000)];
    let nginx = tracked("nginx", "up", ("none", 0), ("none", 0), ("priority", -60));
    let disk = tracked("disk", "up", ("none", 0), ("none", 0), ("priority", -5));
    let link = tracked("link", "up", ("none", 0), ("none", 0), ("fault", 0));
    let it = with(with(with(master(), nginx), disk), link);
    assert_eq!(
        said(it, Some(maps), "change"),
        "It is BACKUP as soon as a router advertises a priority above 150, or 150 from an address greater than 192.0.2.1. \
         Its priority would have to drop below 100 for 192.0.2.2 to take over, if that still has the priority it was last heard with and preempts. \
         Script nginx failing would lower its priority to 90: enough for 192.0.2.2 to take over. \
         Script disk failing would lower its priority to 145: not below the 100 of 192.0.2.2. \
         Script link failing would be a FAULT, and end it at once. \
         eth0 going down would be a FAULT, unless `dont_track_primary` is set."
    );
}

#[test]
fn what_would_make_a_backup_master() {
    let chk = |value: &str, change: i32| {
        tracked("chk", value, ("none", 0), ("priority", change), ("none", 0))
    };
    let silence = "Silence of 192.0.2.2 for 609 ms more makes it MASTER.";
    let priorities =
        "So does 192.0.2.2 falling below priority 100, or its own priority rising above 150.";
    let cases = [
        (backup(), format!("{silence} {priorities}")),
        (
            with(backup(), chk("down", 60)),
            format!(
                "{silence} {priorities} Script chk succeeding would raise it to 160, which is enough."
            ),
        ),
        (
            with(backup(), chk("down", 20)),
            format!(
                "{silence} {priorities} Script chk succeeding would raise it to 120, which is not enough."
            ),
        ),
        (
            Instance {
                why: Why {
                    nopreempt: true,
                    ..backup().why
                },
                ..backup()
            },
            format!("{silence} Nothing but silence does, because of `nopreempt`."),
        ),
    ];
    for (it, expected) in cases {
        assert_eq!(said(it, None, "change"), expected);
    }
}

#[test]
fn a_name_that_is_not_there_is_told_with_those_that_are() {
    let told = explain(&facts(backup()), &[], Some("VI_2"));
    assert_eq!(
        told,
        Err("there is no instance or sync group `VI_2`: write `VI_1`".to_owned())
    );
    let told = explain(&facts(backup()), &[], Some("VI_1")).expect("it is there");
    assert_eq!(told.len(), 1);
}
