use super::{
    Item, Notice, Plan,
    plan::Change,
    shape::{Devices, Shape, wanted},
};
use crate::{
    config::{self, Context, Source},
    time::Instant,
};
use core::time::Duration;
use std::{collections::BTreeMap, path::Path};

struct One(String);

impl Source for One {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        if path == Path::new("/k") {
            Ok(self.0.clone().into_bytes())
        } else {
            Err("not there".into())
        }
    }

    fn list(&mut self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

/// What the rows of `static_routes` and `static_rules` come to.
pub(super) fn items(routes: &[&str], rules: &[&str]) -> Vec<Item> {
    let text = format!(
        "static_routes {{\n{}\n}}\nstatic_rules {{\n{}\n}}\n",
        routes.join("\n"),
        rules.join("\n")
    );
    let loaded = config::load("/k", &mut One(text), &Context::default());
    let statics = loaded
        .config
        .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
        .statics;
    let rules = statics.rules.into_iter().map(Item::Rule);
    statics
        .routes
        .into_iter()
        .map(Item::Route)
        .chain(rules)
        .collect()
}

/// Interfaces, and whether they are up.
#[derive(Clone)]
pub(super) struct Names(pub(super) BTreeMap<&'static str, (u32, bool)>);

impl Names {
    pub(super) fn usual() -> Self {
        Self(BTreeMap::from([("eth0", (2, true)), ("eth1", (3, true))]))
    }
}

impl Devices for Names {
    fn index(&self, name: &str) -> Option<u32> {
        self.0.get(name).map(|it| it.0)
    }

    fn is_enabled(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|it| it.1)
    }

    fn table(&self, name: &str) -> Option<u32> {
        self.0.get(name).map(|it| it.0 + 1000)
    }
}

/// A kernel that takes everything.
struct World {
    plan: Plan,
    names: Names,
    kernel: Vec<Shape>,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self {
            plan: Plan::default(),
            names: Names::usual(),
            kernel: Vec::new(),
            now: Instant::from_ns(1_000_000_000_000),
        }
    }

    fn read(&mut self) -> Vec<Notice> {
        self.plan.read(self.kernel.clone(), &self.names, self.now)
    }

    /// Reads, removes and adds as the task does; what was said and asked.
    fn turn(&mut self) -> (Vec<Notice>, Vec<Change>) {
        let mut notices = self.read();
        let mut asked = self.plan.removals(&self.names, self.now);
        for change in &asked {
            self.kernel.retain(|it| it.clone().normal() != change.shape);
            self.plan.accepted(change);
        }
        notices.extend(self.read());
        let additions = self.plan.additions(&self.names, self.now, &mut notices);
        for change in &additions {
            self.kernel.push(change.shape.clone());
            self.plan.accepted(change);
        }
        notices.extend(self.read());
        asked.extend(additions);
        (notices, asked)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn has(&self, item: &Item) -> bool {
        let shape = wanted(item, &self.names).expect("its interface").normal();
        self.kernel.iter().any(|it| it.clone().normal() == shape)
    }
}

fn what(changes: &[Change]) -> Vec<String> {
    let sign = |change: &Change| if change.add { "+" } else { "-" };
    changes
        .iter()
        .map(|change| {
            let text = change.item.to_string();
            let short = text.split(" (").next().unwrap_or_default();
            format!("{}{short}", sign(change))
        })
        .collect()
}

const ROUTES: [&str; 2] = ["10.1.0.0/16 dev eth0", "10.2.0.0/16 dev eth1"];
const RULES: [&str; 2] = [
    "from 10.0.0.0/8 table 1 preference 5",
    "from 10.9.0.0/16 table 2 preference 6",
];

#[test]
fn routes_come_before_rules_and_go_after_them() {
    let mut world = World::new();
    let all = items(&ROUTES, &RULES);
    world.plan.set(all.clone(), all.clone());
    let (notices, asked) = world.turn();
    assert_eq!(notices, []);
    assert_eq!(
        what(&asked),
        [
            "+route 10.1.0.0/16",
            "+route 10.2.0.0/16",
            "+rule 5 from 10.0.0.0/8",
            "+rule 6 from 10.9.0.0/16"
        ]
    );
    assert!(world.plan.is_settled(&world.names));
    assert_eq!(world.turn(), (vec![], vec![]), "nothing more to ask for");
    world.plan.set(Vec::new(), all);
    let (notices, asked) = world.turn();
    assert_eq!(notices, []);
    assert_eq!(
        what(&asked),
        [
            "-rule 6 from 10.9.0.0/16",
            "-rule 5 from 10.0.0.0/8",
            "-route 10.2.0.0/16",
            "-route 10.1.0.0/16"
        ]
    );
    assert!(world.kernel.is_empty());
    world.plan.set(Vec::new(), Vec::new());
    world.read();
    assert!(world.plan.is_idle());
}

#[test]
fn what_somebody_deletes_comes_back_at_once_and_then_later_and_later() {
    let mut world = World::new();
    let all = items(&ROUTES[..1], &RULES[..1]);
    world.plan.set(all.clone(), all.clone());
    world.turn();
    let mut waits = Vec::new();
    for _ in 0..4 {
        world.kernel.clear();
        let (notices, asked) = world.turn();
        assert_eq!(notices.len(), 2, "{notices:?}");
        match &notices[0] {
            Notice::Disturbed { what, wait } => {
                assert_eq!(what, "route 10.1.0.0/16 (/k:2)");
                waits.push(wait.as_millis());
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(asked.is_empty(), waits.len() > 1, "{asked:?}");
        let at = world.plan.next_deadline().unwrap_or(world.now);
        world.pass(at.since(world.now));
        world.turn();
        assert!(world.has(&all[0]) && world.has(&all[1]));
    }
    assert_eq!(waits, [0, 100, 200, 400]);
}

#[test]
fn no_track_is_not_put_back_until_it_is_wanted_anew() {
    let mut world = World::new();
    let all = items(&["10.1.0.0/16 dev eth0 no_track"], &[]);
    world.plan.set(all.clone(), all.clone());
    world.turn();
    world.kernel.clear();
    let (notices, asked) = world.turn();
    assert!(
        matches!(&notices[..], [Notice::Abandoned { .. }]),
        "{notices:?}"
    );
    assert_eq!(asked, []);
    assert!(world.plan.is_settled(&world.names));
    world.plan.set(Vec::new(), all.clone());
    world.turn();
    world.plan.set(all.clone(), all);
    assert_eq!(what(&world.turn().1), ["+route 10.1.0.0/16"]);
}

#[test]
fn an_interface_that_goes_takes_its_routes_and_brings_them_back() {
    let mut world = World::new();
    let all = items(&ROUTES, &[]);
    world.plan.set(all.clone(), all.clone());
    world.turn();
    // Down: the kernel flushes without a word, and takes no new one.
    world.names.0.insert("eth1", (3, false));
    world.kernel.remove(1);
    world.plan.world_changed(true);
    assert_eq!(world.turn(), (vec![], vec![]));
    assert!(world.plan.is_settled(&world.names));
    world.names.0.insert("eth1", (3, true));
    world.plan.world_changed(true);
    let (notices, asked) = world.turn();
    assert_eq!(
        (notices, what(&asked)),
        (vec![], vec!["+route 10.2.0.0/16".into()])
    );
    // Gone, and another of its name.
    world.names.0.remove("eth1");
    world.kernel.remove(1);
    world.plan.world_changed(true);
    let (notices, asked) = world.turn();
    assert_eq!(
        notices,
        [Notice::Waiting {
            what: "route 10.2.0.0/16 (/k:3)".into(),
            device: "eth1".into()
        }]
    );
    assert_eq!(asked, []);
    assert_eq!(world.turn().0, [], "said once");
    world.names.0.insert("eth1", (9, true));
    world.plan.world_changed(true);
    assert_eq!(what(&world.turn().1), ["+route 10.2.0.0/16"]);
}

/// A successor finds what its predecessor placed: the same is adopted, what is
/// configured otherwise is exchanged, what is configured no more goes.
#[test]
fn a_successor_adopts_exchanges_and_removes() {
    let before = items(
        &[
            "10.1.0.0/16 dev eth0",
            "10.2.0.0/16 via 10.0.0.1 dev eth0",
            "10.3.0.0/16 dev eth0",
        ],
        &RULES,
    );
    let after = items(
        &["10.1.0.0/16 dev eth0", "10.2.0.0/16 via 10.0.0.2 dev eth0"],
        &RULES[..1],
    );
    let mut world = World::new();
    for item in &before {
        let shape = wanted(item, &world.names).expect("a shape");
        world.kernel.push(shape);
    }
    let mut managed = after.clone();
    managed.extend(before.clone());
    world.plan.set(after.clone(), managed);
    assert!(world.plan.is_stale());
    let (notices, asked) = world.turn();
    assert_eq!(notices, []);
    assert_eq!(
        what(&asked),
        [
            "-rule 6 from 10.9.0.0/16",
            "-route 10.3.0.0/16",
            "-route 10.2.0.0/16",
            "+route 10.2.0.0/16"
        ]
    );
    assert!(after.iter().all(|item| world.has(item)));
    assert_eq!(world.kernel.len(), after.len());
}

/// The same route under other words of ours, such as `no_track`, is one route.
#[test]
fn what_differs_only_for_us_is_not_touched() {
    let mut world = World::new();
    let old = items(&["10.1.0.0/16 dev eth0"], &[]);
    world.plan.set(old.clone(), old.clone());
    world.turn();
    let new = items(&["10.1.0.0/16 dev eth0 no_track"], &[]);
    world.plan.set(new.clone(), new);
    assert_eq!(world.turn(), (vec![], vec![]));
    assert_eq!(world.kernel.len(), 1);
}

#[test]
fn a_refusal_is_told_once_and_tried_again_ever_later_or_when_something_happens() {
    let mut world = World::new();
    let all = items(&ROUTES[..1], &[]);
    world.plan.set(all.clone(), all);
    world.read();
    let mut waits = Vec::new();
    for turn in 0..4 {
        let mut notices = Vec::new();
        let asked = world.plan.additions(&world.names, world.now, &mut notices);
        let told = world.plan.refused(&asked[0], "no", false, world.now);
        assert_eq!(told.is_some(), turn == 0);
        let at = world.plan.next_deadline().expect("a retry");
        waits.push(at.since(world.now).as_secs());
        assert!(!world.plan.is_due(world.now + Duration::from_millis(999)) || turn > 0);
        world.now = at;
    }
    assert_eq!(waits, [1, 2, 4, 8]);
    assert!(world.plan.is_settled(&world.names), "it cannot be");
    let mut notices = Vec::new();
    let asked = world.plan.additions(&world.names, world.now, &mut notices);
    world.plan.refused(&asked[0], "no", false, world.now);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.turn().1, [], "not before its time");
    world.plan.world_changed(false);
    assert_eq!(what(&world.turn().1), ["+route 10.1.0.0/16"]);
}

/// The kernel has it already and shows it in a way of its own: it is ours.
#[test]
fn what_the_kernel_words_otherwise_is_learned() {
    let mut world = World::new();
    let all = items(&["10.1.0.0/16 dev eth0 mtu 70000"], &[]);
    world.plan.set(all.clone(), all.clone());
    world.read();
    let asked = world
        .plan
        .additions(&world.names, world.now, &mut Vec::new());
    let clamped = items(&["10.1.0.0/16 dev eth0 mtu 65520"], &[]);
    let shape = wanted(&clamped[0], &world.names).expect("a shape");
    world.kernel.push(shape);
    assert_eq!(
        world.plan.refused(&asked[0], "exists", true, world.now),
        None
    );
    assert_eq!(world.turn(), (vec![], vec![]));
    assert!(world.plan.is_settled(&world.names));
}
