//! Two routers and a client, with a daemon of either make on each router.

use std::{
    net::IpAddr,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::{
    capture::{Stamp, Tap},
    conf::{Conf, Instance},
    daemon::{Daemon, Running},
    frame::Mac,
    net::Lab,
    observe, process,
    wait::eventually,
};

/// What a busy machine may add to any waiting.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// What a busy machine may add to a timer that is being judged.
pub const SLACK: Duration = Duration::from_millis(400);
/// How much too early a timer may seem, the two ends of a veth and a rounded
/// interval considered.
pub const EARLY: Duration = Duration::from_millis(2);

/// Priority of the first router; it should be the owner.
pub const HIGH: u8 = 200;
/// Priority of the second.
pub const LOW: u8 = 100;

/// Which daemon is where: first the intended owner.
pub type Pair = [Daemon; 2];

/// Makes a test of `$body` (a function of a [`Pair`]) for each pair. The pair
/// without `xvrrpd` checks the test itself: run it with `--ignored`.
#[macro_export]
macro_rules! for_pairs {
    ($(#[$attribute:meta])* $name:ident, $body:expr) => {
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "the body's names are its module's")]
            use super::*;
            use $crate::daemon::Daemon::{Keepalived, Xvrrpd};

            #[test]
            fn xvrrpd_xvrrpd() {
                ($body)([Xvrrpd, Xvrrpd]);
            }
            #[test]
            fn xvrrpd_keepalived() {
                ($body)([Xvrrpd, Keepalived]);
            }
            #[test]
            fn keepalived_xvrrpd() {
                ($body)([Keepalived, Xvrrpd]);
            }
            #[test]
            #[ignore = "without xvrrpd: checks the test"]
            fn keepalived_keepalived() {
                ($body)([Keepalived, Keepalived]);
            }
        }
    };
}

/// How the two routers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Version 2 with a password, every second.
    V2Pass1s,
    /// Version 3 every second.
    V3At1s,
    /// Version 3 every 100 ms.
    V3At100ms,
    /// Version 3 every 10 ms.
    V3At10ms,
    /// Version 3 over IPv6 every 100 ms.
    V6At100ms,
}

impl Profile {
    /// Advertisement interval.
    #[must_use]
    pub const fn interval(self) -> Duration {
        Duration::from_millis(match self {
            Self::V2Pass1s | Self::V3At1s => 1000,
            Self::V3At100ms | Self::V6At100ms => 100,
            Self::V3At10ms => 10,
        })
    }

    /// Skew time of a backup (RFC 9568 §6.1; for 1 s RFC 3768 §6.1 agrees).
    #[must_use]
    pub fn skew(self, priority: u8) -> Duration {
        self.interval() * (256 - u32::from(priority)) / 256
    }

    /// Active down interval of a backup.
    #[must_use]
    pub fn down(self, priority: u8) -> Duration {
        self.interval() * 3 + self.skew(priority)
    }

    /// The virtual address clients use.
    #[must_use]
    pub fn vip(self) -> IpAddr {
        *self
            .instance(LOW)
            .addresses()
            .last()
            .expect("it has addresses")
    }

    /// An instance of this kind.
    #[must_use]
    pub fn instance(self, priority: u8) -> Instance {
        let instance = Instance::new(priority, self.interval());
        match self {
            Self::V2Pass1s => Instance {
                password: Some("1111".into()),
                ..instance
            }
            .vip("10.77.0.50/24"),
            Self::V6At100ms => instance.vip("fe80::77:50/64").vip("fd77::50/64"),
            _ => instance.vip("10.77.0.50/24"),
        }
    }

    /// A configuration with this one instance.
    #[must_use]
    pub fn conf(self, priority: u8) -> Conf {
        let version = if self == Self::V2Pass1s { 2 } else { 3 };
        let mut conf = Conf::of(version, self.instance(priority));
        if self == Self::V3At10ms {
            // As anybody must who runs keepalived at its shortest interval.
            conf.globals.push("vrrp_rt_priority 50".into());
        }
        conf
    }
}

/// When ownership went from one router to another, as the wire shows it.
#[derive(Clone, Copy, Debug)]
pub struct Takeover {
    /// Last advert of the old owner that was no resignation.
    pub last: Stamp,
    /// Its resignation (priority 0), if it sent one.
    pub resigned: Option<Stamp>,
    /// First advert of the new owner.
    pub first: Stamp,
}

/// A lab with a daemon on each of its two routers, a client, and a capture.
pub struct Trial {
    /// The daemons; `None` before the start and after [`Trial::kill`].
    pub running: [Option<Running>; 2],
    /// The capture.
    pub tap: Tap,
    /// The network.
    pub lab: Lab,
    /// What each router reads.
    pub confs: [Conf; 2],
    pair: Pair,
    _turn: Turn,
}

/// Trials run side by side, but those whose timers leave no room for that run
/// alone: at 10 ms a keepalived that is kept waiting for 20 ms loses its turn.
#[allow(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

impl Turn {
    fn wait(confs: &[Conf; 2]) -> Self {
        static TURNS: RwLock<()> = RwLock::new(());
        let tight = |instance: &Instance| instance.interval < Duration::from_millis(50);
        // A failed trial poisons nothing: there is nothing inside.
        if confs.iter().flat_map(|conf| &conf.instances).any(tight) {
            Self::Alone(TURNS.write().unwrap_or_else(PoisonError::into_inner))
        } else {
            Self::Shared(TURNS.read().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

impl Trial {
    /// Both routers up, and the first one the owner of everything.
    #[must_use]
    #[track_caller]
    pub fn settled(pair: Pair, confs: [Conf; 2]) -> Self {
        let mut trial = Self::new(pair, confs);
        trial.settle();
        trial
    }

    /// Starts both; the first one becomes the owner of everything.
    #[track_caller]
    pub fn settle(&mut self) {
        self.start(0);
        self.start(1);
        self.await_owner(0);
        self.await_listener(1);
    }

    /// Both routers with this profile, one [`HIGH`], one [`LOW`].
    #[must_use]
    #[track_caller]
    pub fn of(pair: Pair, profile: Profile) -> Self {
        Self::settled(pair, [profile.conf(HIGH), profile.conf(LOW)])
    }

    /// Nothing started yet.
    #[must_use]
    pub fn new(pair: Pair, confs: [Conf; 2]) -> Self {
        Self::blind_to(pair, confs, None)
    }

    /// Nothing started yet, and a capture that does not see the frames of one
    /// source (see [`Tap::blind_to`]).
    #[must_use]
    pub fn blind_to(pair: Pair, confs: [Conf; 2], source: Option<Mac>) -> Self {
        let turn = Turn::wait(&confs);
        let lab = Lab::new(2);
        Self {
            running: [None, None],
            tap: Tap::blind_to(&lab, source),
            lab,
            confs,
            pair,
            _turn: turn,
        }
    }

    /// Starts the daemon of a router.
    #[track_caller]
    pub fn start(&mut self, router: usize) {
        let node = self.lab.router(router);
        self.running[router] = Some(self.pair[router].start(node, &self.confs[router]));
    }

    /// The daemon of a router, which must be there.
    #[track_caller]
    pub fn daemon(&mut self, router: usize) -> &mut Running {
        self.running[router]
            .as_mut()
            .expect("the daemon was started")
    }

    /// Kills the daemon of a router as a power cut would.
    pub fn kill(&mut self, router: usize) -> Stamp {
        self.running[router]
            .take()
            .expect("the daemon was started")
            .kill()
    }

    /// Asks the daemon to leave, waits until it has, and gives the moment of asking.
    #[track_caller]
    pub fn terminate(&mut self, router: usize) -> Stamp {
        let mut running = self.running[router].take().expect("the daemon was started");
        let at = running.terminate();
        running.left();
        at
    }

    /// Asks the daemon to leave everything to a successor (SIGQUIT) and waits until
    /// it has left; gives the moment of asking.
    #[track_caller]
    pub fn quit(&mut self, router: usize) -> Stamp {
        let mut running = self.running[router].take().expect("the daemon was started");
        let at = Stamp::now();
        process::signal(running.pid(), Signal::SIGQUIT);
        assert!(running.left().success(), "it left in good order");
        at
    }

    /// Waits until `router`, and no other, advertises every virtual router and
    /// has every address, and every other running one has none.
    #[track_caller]
    pub fn await_owner(&self, router: usize) {
        for index in 0..self.confs[router].instances.len() {
            self.await_owner_of(index, router);
        }
    }

    /// The same for one instance, by its place in the configuration.
    #[track_caller]
    pub fn await_owner_of(&self, instance: usize, router: usize) {
        let wanted = &self.confs[router].instances[instance];
        let (vrid, interval) = (wanted.vrid, wanted.interval);
        let what = format!("router {router} owns virtual router {vrid}");
        // Start-up, a preemption, and one more for good measure.
        eventually(interval * 12 + PATIENCE, &what, || {
            let owners = self.advertisers(vrid, interval);
            if owners != [router] {
                return Err(format!("adverts come from {owners:?}"));
            }
            for ip in wanted.addresses() {
                for other in 0..2 {
                    let has = observe::has(self.lab.router(other), ip);
                    if has != (other == router) && self.addresses_tell(other) {
                        let has = if has { "has" } else { "lacks" };
                        return Err(format!("router {other} {has} {ip}"));
                    }
                }
            }
            Ok(())
        });
    }

    /// Whether a router's addresses say who the owner is: a killed daemon leaves
    /// them behind, and FRR's are always on its macvlan.
    fn addresses_tell(&self, router: usize) -> bool {
        self.pair[router] != Daemon::Frr && self.running[router].is_some()
    }

    /// Routers whose latest advert for `vrid` is fresh and no resignation.
    #[must_use]
    pub fn advertisers(&self, vrid: u8, interval: Duration) -> Vec<usize> {
        let now = Stamp::now();
        let window = interval * 2 + interval / 2;
        let since = Stamp(
            now.0
                .saturating_sub(u64::try_from(window.as_nanos()).unwrap_or(0)),
        );
        let mut priorities = [0, 0];
        for (_, node, advert) in self.tap.adverts(since) {
            if advert.vrid == vrid && node < 2 {
                priorities[node] = advert.priority;
            }
        }
        (0..2).filter(|node| priorities[*node] > 0).collect()
    }

    /// Waits until the daemon of `router` is up and has had the chance to hear
    /// the other one: what it does from here on is no matter of its start.
    #[track_caller]
    pub fn await_listener(&self, router: usize) {
        let running = self.running[router].as_ref().expect("it was started");
        let interval = self.confs[router].instances[0].interval;
        eventually(PATIENCE, "the other daemon listens", || {
            if running.listens() {
                Ok(())
            } else {
                Err("it says nothing of the kind".into())
            }
        });
        let since = Stamp::now();
        eventually(
            interval * 12 + PATIENCE,
            "two adverts to hear",
            || match self.tap.adverts(since).len() {
                0 | 1 => Err("not yet".into()),
                _ => Ok(()),
            },
        );
    }

    /// Waits until `to` takes virtual router `vrid` over from the other router
    /// after `since`.
    #[track_caller]
    pub fn takeover(&self, vrid: u8, to: usize, since: Stamp) -> Takeover {
        let interval = self.confs[to].instances[0].interval;
        let what = format!("an advert of router {to} for virtual router {vrid}");
        let first = self
            .tap
            .wait(interval * 12 + PATIENCE, &what, since, |seen| {
                let advert = seen.advert_sent()?;
                (seen.node == to && advert.vrid == vrid && advert.priority > 0).then_some(seen.at)
            });
        let (mut last, mut resigned) = (None, None);
        for (at, node, advert) in self.tap.adverts(Stamp::default()) {
            if node == to || advert.vrid != vrid || at >= first {
                continue;
            }
            if advert.priority > 0 {
                (last, resigned) = (Some(at), None);
            } else if resigned.is_none() {
                resigned = Some(at);
            }
        }
        Takeover {
            last: last.expect("the other router was the owner"),
            resigned,
            first,
        }
    }
}

/// Fails unless `took` is `due`, a timer's tolerance and a busy machine
/// considered.
#[track_caller]
pub fn assert_took(what: &str, took: Duration, due: Duration) {
    assert!(
        took + EARLY >= due,
        "{what} after {took:?}, too early: due after {due:?}"
    );
    assert!(
        took <= due + SLACK,
        "{what} after {took:?}, too late: due after {due:?}"
    );
}
