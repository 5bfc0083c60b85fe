use super::{
    kernel::{KernelLink, Standing, Table},
    reconcile::{Change, key_of},
    reconcile_test::{shown, vip},
    reconciler::{Notice, Reconciler},
};
use crate::{engine::action::PlacedAddress, time::Instant};
use std::time::Duration;

/// A kernel that does what it is asked, and its events.
struct World {
    table: Table,
    reconciler: Reconciler,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let mut table = Table::default();
        let name = "eth0".into();
        table.set_link(&KernelLink {
            ifindex: 3,
            name,
            up: true,
            enabled: true,
            mac: [2; 6],
            mtu: 1500,
            vrf_table: None,
        });
        Self {
            table,
            reconciler: Reconciler::default(),
            now: Instant::from_ns(1_000_000_000_000),
        }
    }

    fn want(&mut self, wanted: &[PlacedAddress]) {
        let managed = ["10.0.0.1/24", "10.0.0.2/24", "2001:db8::1/64"]
            .map(vip)
            .to_vec();
        self.reconciler.set(wanted.to_vec(), &managed);
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    fn due(&mut self) -> Vec<Change> {
        self.reconciler.due(&self.table, self.now, 64)
    }

    /// Carries out what is due and lets the events arrive; what was done.
    fn settle(&mut self) -> Vec<Change> {
        let mut done = Vec::new();
        loop {
            let changes = self.due();
            if changes.is_empty() {
                return done;
            }
            for change in changes {
                self.reconciler.accepted(&change);
                match &change {
                    Change::Add(new) => self.appear(new),
                    Change::Remove(old) => {
                        self.table.remove_address(&old.key);
                        assert_eq!(self.reconciler.vanished(&old.key, true, self.now), None);
                    }
                    Change::Replace { old, new } => {
                        self.table.remove_address(&old.key);
                        assert_eq!(self.reconciler.vanished(&old.key, false, self.now), None);
                        self.appear(new);
                    }
                }
                done.push(change);
            }
        }
    }

    fn appear(&mut self, placed: &PlacedAddress) {
        self.table.set_address(shown(placed));
        self.reconciler.appeared(&key_of(placed));
    }

    fn delete(&mut self, placed: &PlacedAddress, by_us: bool) -> Option<Notice> {
        let key = key_of(placed);
        assert!(self.table.remove_address(&key).is_some());
        self.reconciler.vanished(&key, by_us, self.now)
    }

    fn news(&mut self) -> Vec<(String, bool)> {
        let news = self.reconciler.news(&self.table).into_iter();
        news.map(|notice| match notice {
            Notice::Placed {
                address, present, ..
            } => (address.to_string(), present),
            other => panic!("{other:?}"),
        })
        .collect()
    }
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn addresses_are_placed_once_and_told_once() {
    let mut world = World::new();
    let one = vip("10.0.0.1/24");
    world.want(std::slice::from_ref(&one));
    assert!(!world.reconciler.is_settled(&world.table));
    assert_eq!(world.due(), [Change::Add(one.clone())]);
    assert_eq!(world.due(), [], "a request is under way");
    assert!(!world.reconciler.is_settled(&world.table));
    assert_eq!(world.news(), []);
    world.appear(&one);
    assert!(world.reconciler.is_settled(&world.table));
    assert_eq!(world.news(), [("10.0.0.1".to_owned(), true)]);
    assert_eq!(world.news(), []);
    world.want(&[]);
    assert_eq!(world.settle(), [Change::Remove(shown(&one))]);
    assert_eq!(world.news(), [("10.0.0.1".to_owned(), false)]);
}

#[test]
fn leftovers_go_at_the_start() {
    let mut world = World::new();
    world.appear(&vip("10.0.0.2/24"));
    world.appear(&vip("10.0.0.99/24"));
    assert_eq!(world.settle(), [], "nothing is managed yet");
    world.want(&[]);
    assert_eq!(world.settle(), [Change::Remove(shown(&vip("10.0.0.2/24")))]);
}

#[test]
fn a_deleted_address_comes_back_at_once_and_then_with_restraint() {
    let mut world = World::new();
    let one = vip("10.0.0.1/24");
    world.want(std::slice::from_ref(&one));
    world.settle();
    for expected_ms in [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        let notice = world.delete(&one, false);
        let wait = ms(expected_ms);
        assert_eq!(
            notice,
            Some(Notice::Disturbed {
                key: key_of(&one),
                wait
            })
        );
        if expected_ms > 0 {
            world.pass(ms(expected_ms - 1));
            assert_eq!(world.due(), [], "not before {expected_ms} ms");
            assert!(!world.reconciler.is_settled(&world.table));
            assert_eq!(world.reconciler.next_deadline(), Some(world.now + ms(1)));
            world.pass(ms(1));
        }
        assert_eq!(
            world.settle(),
            [Change::Add(one.clone())],
            "after {expected_ms} ms"
        );
    }
    world.pass(Duration::from_secs(30));
    let notice = world.delete(&one, false);
    let wait = Duration::ZERO;
    assert_eq!(
        notice,
        Some(Notice::Disturbed {
            key: key_of(&one),
            wait
        }),
        "forgiven"
    );
}

#[test]
fn secondaries_that_leave_with_a_primary_address_come_back_without_blame() {
    let mut world = World::new();
    let (one, two) = (vip("10.0.0.1/24"), vip("10.0.0.2/24"));
    world.want(&[one.clone(), two.clone()]);
    world.settle();
    world.want(std::slice::from_ref(&two));
    let changes = world.due();
    assert_eq!(changes, [Change::Remove(shown(&one))]);
    world.reconciler.accepted(&changes[0]);
    // Without promote_secondaries the kernel deletes both, in our request's name.
    assert_eq!(world.delete(&two, true), None);
    assert_eq!(world.delete(&one, true), None);
    assert_eq!(world.settle(), [Change::Add(two)]);
}

#[test]
fn no_track_stays_away_until_declared_anew() {
    let mut world = World::new();
    let mut one = vip("10.0.0.1/24");
    one.address.no_track = true;
    world.want(std::slice::from_ref(&one));
    world.settle();
    assert_eq!(
        world.delete(&one, false),
        Some(Notice::Abandoned { key: key_of(&one) })
    );
    assert_eq!(world.settle(), []);
    assert!(world.reconciler.is_settled(&world.table));
    world.want(&[]);
    world.want(std::slice::from_ref(&one));
    assert_eq!(world.settle(), [Change::Add(one)]);
}

#[test]
fn refusals_are_reported_once_and_retried_with_patience() {
    let mut world = World::new();
    let one = vip("10.0.0.1/24");
    world.want(std::slice::from_ref(&one));
    let refuse = |world: &mut World, why: &str| {
        let changes = world.due();
        assert_eq!(changes, [Change::Add(one.clone())]);
        world
            .reconciler
            .refused(&changes[0], why.into(), "eth0", world.now)
    };
    let failed = |why: &str| {
        Some(Notice::Failed {
            what: "add 10.0.0.1/24 to eth0".into(),
            why: why.into(),
        })
    };
    assert_eq!(refuse(&mut world, "no"), failed("no"));
    assert!(
        world.reconciler.is_settled(&world.table),
        "as far as the kernel lets it"
    );
    assert_eq!(world.due(), []);
    world.pass(Duration::from_secs(1));
    assert_eq!(refuse(&mut world, "no"), None, "said already");
    world.pass(Duration::from_secs(2));
    assert_eq!(refuse(&mut world, "never"), failed("never"));
    world.pass(Duration::from_secs(3));
    assert_eq!(world.due(), []);
    world.reconciler.link_changed(3);
    assert_eq!(
        world.due(),
        [Change::Add(one)],
        "the link changed: try at once"
    );
}

#[test]
fn an_interface_that_is_not_there_is_waited_for() {
    let mut world = World::new();
    let elsewhere = PlacedAddress {
        ifindex: 9,
        ..vip("10.0.0.1/24")
    };
    world.want(std::slice::from_ref(&elsewhere));
    assert_eq!(world.due(), []);
    world.table.set_link(&KernelLink {
        ifindex: 9,
        name: "eth9".into(),
        up: true,
        enabled: true,
        mac: [2; 6],
        mtu: 1500,
        vrf_table: None,
    });
    world.reconciler.link_changed(9);
    assert_eq!(world.due(), [Change::Add(elsewhere)]);
}

#[test]
fn a_kernel_that_shows_something_else_than_asked_for_is_not_pestered() {
    let mut world = World::new();
    let mut labelled = vip("10.0.0.1/24");
    labelled.address.label = Some("eth0:vip".into());
    world.want(std::slice::from_ref(&labelled));
    let mut requests = 0;
    for _ in 0..10_000 {
        for change in world.due() {
            requests += 1;
            world.reconciler.accepted(&change);
            world.table.set_address(shown(&vip("10.0.0.1/24")));
            world.reconciler.appeared(&key_of(&labelled));
        }
        world.pass(ms(1));
    }
    assert!((3..=10).contains(&requests), "{requests} requests in 10 s");
}

#[test]
fn lost_events_are_noticed() {
    let mut world = World::new();
    world.want(&[vip("10.0.0.1/24")]);
    let changes = world.due();
    world.reconciler.accepted(&changes[0]);
    assert!(!world.reconciler.missed_an_effect(world.now));
    let deadline = world
        .reconciler
        .next_deadline()
        .expect("a request is under way");
    world.now = deadline;
    assert!(world.reconciler.missed_an_effect(world.now));
    world.reconciler.resynced();
    assert_eq!(world.due(), changes, "asked for again");
}

#[test]
fn standing_follows_the_configuration_and_the_mark() {
    let mut world = World::new();
    let managed = shown(&vip("10.0.0.1/24"));
    let unmarked = super::kernel::KernelAddress {
        protocol: None,
        ..managed.clone()
    };
    let standing = |world: &World| world.reconciler.standing(&unmarked);
    assert_eq!(standing(&world), Standing::Own);
    assert_eq!(world.reconciler.standing(&managed), Standing::Virtual);
    world.want(&[]);
    assert_eq!(standing(&world), Standing::OwnersOwn);
    world.want(&[vip("10.0.0.1/24")]);
    world.settle();
    assert_eq!(standing(&world), Standing::Virtual, "we placed it");
}
