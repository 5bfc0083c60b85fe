//! Reloads of an owner that advertises every 10 ms: no advert of it is late by more than
//! half an interval, its peer takes nothing over, and what stays is answered throughout.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use xvrrp_tests::{
    capture::Stamp,
    conf::{Conf, Instance, Script},
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    place,
    probe::{Kind, Probe},
    question::Question,
    referee::{Referee, on_a_steady_machine},
    trial::{HIGH, LOW, PATIENCE, Profile, Trial},
    wait::{eventually, pass},
};

const PROFILE: Profile = Profile::V3At10ms;
const VRID: u8 = 51;
/// An interval and a half.
const LONGEST_GAP: Duration = Duration::from_millis(15);
const ASK_EVERY: Duration = Duration::from_millis(1);
/// A machine that stands still for so long ends leases at this interval.
const STALL: Duration = Duration::from_millis(8);
/// From the reload to the judgement of it.
const WATCHED: Duration = Duration::from_millis(400);
/// An answer later than this is none.
const ANSWER_WITHIN: Duration = Duration::from_millis(50);
/// The script that fails takes so much from the priority.
const PENALTY: u8 = 20;

/// The owner, its script and its notify lines; the peer has the same virtual routers.
struct Fast {
    trial: Trial,
    referee: Referee,
    told: PathBuf,
    who: Probe,
    echo: Probe,
}

fn other(name: &str, vrid: u8, interval: Duration) -> Instance {
    Instance {
        name: name.into(),
        vrid,
        ..Instance::new(HIGH, interval)
    }
    .vip(format!("10.77.1.{vrid}/24"))
}

fn beside(conf: &Conf) -> Conf {
    let mut conf = conf.clone();
    conf.instances.push(other("VI_2", 52, PROFILE.interval()));
    conf
}

fn grouped(conf: &Conf, members: &[&str], notify: &str) -> Conf {
    let mut conf = conf.clone();
    conf.blocks.push(format!(
        "vrrp_sync_group G {{\n    group {{\n{}\n    }}\n    sync_group_tracking_weight\n    notify \"{notify}\"\n}}",
        members.join("\n")
    ));
    conf
}

impl Fast {
    /// The owner has `conf`, which is made of the plain one and the notify command.
    fn start(
        peer: Daemon,
        name: &str,
        conf: impl FnOnce(&Conf, &str) -> Conf,
    ) -> (Self, Conf, String) {
        let told = place::scratch("reload").join(format!("{name}-{peer:?}-{}", std::process::id()));
        let _ = fs::remove_file(&told);
        let notify = told.with_extension("sh");
        let script = format!("#!/bin/sh\necho $1 $2 $3 >>{}\n", told.display());
        place_script(&notify, &script);
        let notify = notify.display().to_string();
        let mut plain = PROFILE.conf(HIGH);
        plain.globals.push("script_user root".into());
        plain.scripts.push(Script {
            name: "chk".into(),
            command: "/bin/false".into(),
            interval_s: 1,
            weight: -i32::from(PENALTY),
            fall: 2,
            rise: 2,
        });
        plain.instances[0].track_scripts.push("chk".into());
        plain.instances[0]
            .extra
            .push(format!("notify \"{notify}\""));
        let own = conf(&plain, &notify);
        let mut theirs = PROFILE.conf(LOW);
        theirs.globals.push("vrrp_skip_check_adv_addr".into());
        let mut trial = Trial::new([Xvrrpd, peer], [own.clone(), theirs]);
        trial.settle();
        let who = Probe::start(&trial.lab, Kind::Resolve, PROFILE.vip(), ASK_EVERY);
        let echo = Probe::start(&trial.lab, Kind::Echo, PROFILE.vip(), ASK_EVERY);
        let mut fast = Self {
            trial,
            referee: Referee::start(),
            told,
            who,
            echo,
        };
        assert!(
            fast.referee.is_watching(),
            "no real-time priority to watch by"
        );
        fast.trial.daemon(0).log().wait(
            PATIENCE,
            Stamp::default(),
            "effective priority from 200 to 180",
        );
        pass(WATCHED);
        (fast, own, notify)
    }

    fn told(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.told).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Reloads, waits until `done`, and judges what was seen from before to after.
    #[track_caller]
    fn step(
        &mut self,
        what: &str,
        text: &str,
        priority: u8,
        told: &[&str],
        done: impl Fn(&Trial) -> bool,
    ) {
        let before = self.told();
        let since = Stamp::now();
        pass(Duration::from_millis(50));
        self.trial.daemon(0).reload_text(text);
        pass(WATCHED);
        eventually(PATIENCE, what, || {
            let said = self.told().len().saturating_sub(before.len());
            if done(&self.trial) && said >= told.len() {
                Ok(())
            } else {
                Err(format!("not yet, told {:?}", self.told()))
            }
        });
        pass(WATCHED);
        let until = Stamp::now();
        pass(ANSWER_WITHIN);
        assert_eq!(self.told()[before.len()..], *told, "{what}: told");
        self.judge(what, since, until, priority);
        let said = self.trial.daemon(0).log().since(since);
        let moved = said.iter().filter(|it| {
            it.contains("(VI_1)") && (it.contains("STATE") || it.contains("gate shut"))
        });
        let moved: Vec<_> = moved.collect();
        assert!(moved.is_empty(), "{what}: {moved:?}");
    }

    #[track_caller]
    fn judge(&self, what: &str, since: Stamp, until: Stamp, priority: u8) {
        assert_eq!(self.trial.tap.lost(), 0, "the capture is whole");
        let adverts = self.trial.tap.adverts(since);
        let adverts: Vec<_> = adverts
            .into_iter()
            .filter(|(at, _, it)| it.vrid == VRID && *at < until)
            .collect();
        let strange: Vec<_> = adverts.iter().filter(|it| it.1 != 0).collect();
        assert!(
            strange.is_empty(),
            "{what}: the peer advertised: {strange:?}"
        );
        let first = adverts.first().map(|it| it.2.priority);
        for (_, _, advert) in &adverts {
            let was = Some(advert.priority) == first;
            assert!(was || advert.priority == priority, "{what}: {advert:?}");
        }
        let last = adverts.last().map(|it| it.2.priority);
        assert_eq!(last, Some(priority), "{what}: priority");
        let stalls = self.referee.stalls();
        let (mut longest, mut excused) = (Duration::ZERO, 0);
        for pair in adverts.windows(2) {
            let (from, to) = (pair[0].0, pair[1].0);
            if stalls.iter().any(|stall| stall.touches(from, to)) {
                excused += 1;
            } else {
                longest = longest.max(to.since(from));
            }
        }
        let lost = |probe: &Probe| unanswered(probe, &self.trial, since, until);
        let (who, echo) = (lost(&self.who), lost(&self.echo));
        eprintln!(
            "{what}: {} adverts, longest gap {longest:?} ({excused} not counted: the machine stood still); \
             unanswered {} of {}, {} of {}",
            adverts.len(),
            who.0,
            who.1,
            echo.0,
            echo.1,
        );
        assert!(
            longest <= LONGEST_GAP,
            "{what}: an advert was late: {longest:?}"
        );
        assert!(
            excused * 2 < adverts.len(),
            "{what}: the machine stands still"
        );
        assert_eq!(
            (who.0, echo.0),
            (0, 0),
            "{what}: questions without an answer"
        );
    }
}

fn place_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("the scratch directory");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a file just written");
}

/// Of how many questions.
fn unanswered(probe: &Probe, trial: &Trial, since: Stamp, until: Stamp) -> (usize, usize) {
    let asked = probe.questions(&trial.tap, since);
    let asked: Vec<&Question> = asked.iter().filter(|it| it.at < until).collect();
    let by_owner = |it: &&&Question| it.answerers() != [0];
    (asked.iter().filter(by_owner).count(), asked.len())
}

fn owns(trial: &Trial, vrid: u8, interval: Duration) -> bool {
    trial.advertisers(vrid, interval) == [0]
}

macro_rules! beside_each {
    ($name:ident) => {
        mod $name {
            use super::*;
            #[test]
            fn beside_xvrrpd() {
                on_a_steady_machine(STALL, || super::$name(Xvrrpd));
            }
            #[test]
            fn beside_keepalived() {
                on_a_steady_machine(STALL, || super::$name(Keepalived));
            }
        }
    };
}

beside_each!(of_itself);
beside_each!(of_others);
beside_each!(of_a_group);

const USUAL: u8 = HIGH - PENALTY;

/// What changes of the instance itself, its script and the daemon.
fn of_itself(peer: Daemon) {
    let (mut fast, conf, _) = Fast::start(peer, "itself", |plain, _| plain.clone());
    let always = |_: &Trial| true;
    let mut step = |what: &str, priority: u8, change: &dyn Fn(&mut Conf)| {
        let mut changed = conf.clone();
        change(&mut changed);
        fast.step(what, &changed.keepalived(), priority, &[], always);
        let back = format!("{what}, undone");
        fast.step(&back, &conf.keepalived(), USUAL, &[], always);
    };
    step("renamed", USUAL, &|it| {
        it.instances[0].name = "VI_other".into();
    });
    step("an address more", USUAL, &|it| {
        it.instances[0].vips.push("10.77.0.51/24".into());
    });
    step("an address before it", USUAL, &|it| {
        it.instances[0].vips.insert(0, "10.77.0.49/24".into());
    });
    step("priority", 230 - PENALTY, &|it| {
        it.instances[0].priority = 230;
    });
    step("the script's interval", USUAL, &|it| {
        it.scripts[0].interval_s = 2;
    });
    step("the script's fall", USUAL, &|it| it.scripts[0].fall = 3);
    step("the script's command", USUAL, &|it| {
        it.scripts[0].command = "/usr/bin/false".into();
    });
    step("global_defs", USUAL, &|it| {
        it.globals.push("vrrp_garp_master_refresh 30".into());
        it.globals.push("vrrp_garp_interval 0.01".into());
        it.globals.push("lease_adverts 2".into());
    });
    let broken = conf
        .keepalived()
        .replace("virtual_router_id 51", "virtual_router_id 999");
    fast.step("broken", &broken, USUAL, &[], always);
    let said = fast.trial.daemon(0).log().since(Stamp::default());
    assert!(
        said.iter().any(|it| it.contains("virtual_router_id")),
        "it says what is broken"
    );
}

/// Virtual routers beside it: one as fast, two hundred slow ones; in another order.
fn of_others(peer: Daemon) {
    let (mut fast, conf, notify) = Fast::start(peer, "others", |plain, _| plain.clone());
    let both = beside(&conf);
    let second = |trial: &Trial| owns(trial, 52, PROFILE.interval());
    let always = |_: &Trial| true;
    fast.step("one more", &both.keepalived(), USUAL, &[], second);
    let mut turned = both.clone();
    turned.instances.reverse();
    fast.step("reordered", &turned.keepalived(), USUAL, &[], second);
    // The second one joins a group that is MASTER, having been MASTER itself.
    let together = grouped(&both, &["VI_1", "VI_2"], &notify);
    fast.step(
        "grouped",
        &together.keepalived(),
        USUAL,
        &["GROUP G MASTER"],
        second,
    );
    fast.step("not grouped", &both.keepalived(), USUAL, &[], second);
    fast.step("one less", &conf.keepalived(), USUAL, &[], always);
    let mut many = conf.clone();
    many.instances.extend((52..=251).map(|vrid| {
        let slow = other(&format!("VI_{vrid}"), vrid, Duration::from_secs(1));
        if vrid == 251 {
            slow.line(format!("notify \"{notify}\""))
        } else {
            slow
        }
    }));
    let last = ["INSTANCE VI_251 BACKUP", "INSTANCE VI_251 MASTER"];
    fast.step(
        "two hundred more",
        &many.keepalived(),
        USUAL,
        &last,
        |trial| owns(trial, 251, Duration::from_secs(1)),
    );
    let gone = ["INSTANCE VI_251 FAULT"];
    fast.step("two hundred less", &conf.keepalived(), USUAL, &gone, always);
}

/// A sync group of its own, and members that come and go.
fn of_a_group(peer: Daemon) {
    let (mut fast, conf, notify) = Fast::start(peer, "group", |plain, notify| {
        let two = beside(plain);
        grouped(&two, &["VI_1", "VI_2"], notify)
    });
    let alone = {
        let mut conf = conf.clone();
        conf.blocks.clear();
        conf.instances.truncate(1);
        conf
    };
    let second = |trial: &Trial| owns(trial, 52, PROFILE.interval());
    let always = |_: &Trial| true;
    let one = grouped(&alone, &["VI_1"], &notify);
    fast.step("a member less", &one.keepalived(), USUAL, &[], always);
    fast.step("a member more", &conf.keepalived(), USUAL, &[], second);
    fast.step("no group", &alone.keepalived(), USUAL, &[], always);
    fast.step(
        "a group",
        &one.keepalived(),
        USUAL,
        &["GROUP G MASTER"],
        always,
    );
    fast.step("two members", &conf.keepalived(), USUAL, &[], second);
}

/// Of a group with one gate that is dissolved, one member goes on in another gate: its
/// adverts go on, and its address is silent for the hold.
#[test]
fn a_member_that_goes_on_by_itself() {
    on_a_steady_machine(STALL, parted);
}

fn parted() {
    let (mut fast, conf, _) = Fast::start(Xvrrpd, "parted", |plain, notify| {
        let two = beside(plain);
        grouped(&two, &["VI_1", "VI_2"], notify)
    });
    let second: IpAddr = "10.77.1.52".parse().expect("an address");
    let probe = Probe::start(&fast.trial.lab, Kind::Resolve, second, ASK_EVERY);
    pass(WATCHED);
    let mut parted = conf.clone();
    parted.blocks.clear();
    let since = Stamp::now();
    fast.step("dissolved", &parted.keepalived(), USUAL, &[], |_| true);
    let until = Stamp::now();
    pass(ANSWER_WITHIN);
    let (silent, of) = unanswered(&probe, &fast.trial, since, until);
    let sent: Vec<Stamp> = fast
        .trial
        .tap
        .adverts(since)
        .iter()
        .filter(|(.., advert)| advert.vrid == 52)
        .map(|(at, ..)| *at)
        .collect();
    let stalls = fast.referee.stalls();
    let gaps = sent
        .windows(2)
        .filter(|it| !stalls.iter().any(|stall| stall.touches(it[0], it[1])));
    let longest = gaps.map(|it| it[1].since(it[0])).max();
    eprintln!("the one that parted: {silent} of {of} unanswered, longest gap {longest:?}");
    assert!(longest.is_some_and(|gap| gap <= LONGEST_GAP), "{longest:?}");
    assert!(of > 500 && silent <= 10, "{silent} of {of} unanswered");
    let said = fast.trial.daemon(0).log().since(since);
    assert!(!said.iter().any(|it| it.contains("STATE")), "{said:?}");
}
