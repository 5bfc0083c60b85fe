//! Two routers, a client, and what can be done to them.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_user::shell::bpf::reader::RouterView;
use xvrrp_tests::{
    daemon::{Daemon, Running},
    net::Lab,
    starve::Starvation,
};

use crate::{
    maps,
    pulse::{Answers, Gap, Pulse},
    timeline::{Origin, Timeline},
};

/// The address that moves.
pub(crate) const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 50));
/// Priorities of r1 and r2.
pub(crate) const PRIORITIES: [u8; 2] = [200, 100];
/// For how long a router is starved.
const STARVED: Duration = Duration::from_secs(5);
/// A router has stopped answering when it has not for so long: far beyond what
/// a busy machine makes of a millisecond.
const SILENT: Duration = Duration::from_millis(100);

/// What has become of a daemon's process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Process {
    Running,
    Stopped,
    Leaving,
    Dead,
}

/// A router as last looked at.
pub(crate) struct Router {
    pub(crate) make: Daemon,
    pub(crate) process: Process,
    /// Its link is plugged in.
    pub(crate) linked: bool,
    /// Its maps; nothing for a daemon that has none.
    pub(crate) maps: Option<RouterView>,
    /// Its gate was open.
    pub(crate) open: bool,
    configuration: String,
    daemon: Running,
}

/// The lab at work. Fields are dropped in this order: the namespaces go last.
pub(crate) struct Stage {
    starvation: Option<(usize, Starvation)>,
    pulse: Pulse,
    pub(crate) routers: Vec<Router>,
    lab: Lab,
    pub(crate) interval: Duration,
    pub(crate) timeline: Timeline,
    pub(crate) answers: Answers,
    /// Looks that found both gates open.
    pub(crate) overlaps: u32,
    told_gaps: usize,
}

impl Stage {
    /// Makes it all and starts both daemons.
    pub(crate) fn new(makes: [Daemon; 2], interval: Duration) -> Self {
        let lab = Lab::new(2);
        let mut timeline = Timeline::new();
        let routers = makes
            .into_iter()
            .enumerate()
            .map(|(index, make)| {
                let configuration = configuration(PRIORITIES[index], interval);
                let daemon = make.start_text(lab.router(index), &configuration);
                timeline.add(
                    Origin::Player,
                    format!("{} started on r{}", name(make), index + 1),
                );
                Router {
                    make,
                    process: Process::Running,
                    linked: true,
                    maps: None,
                    open: false,
                    configuration,
                    daemon,
                }
            })
            .collect();
        let pulse = Pulse::start(&lab, VIP);
        Self {
            starvation: None,
            pulse,
            routers,
            lab,
            interval,
            timeline,
            answers: Answers::default(),
            overlaps: 0,
            told_gaps: 0,
        }
    }

    /// Longest a router of this priority waits before it takes over from a dead
    /// one (`Active_Down_Interval`, RFC 9568 §6.1).
    pub(crate) fn down_interval(&self, router: usize) -> Duration {
        self.interval * 3 + self.skew(router)
    }

    /// And from one that said goodbye (`Skew_Time`).
    pub(crate) fn skew(&self, router: usize) -> Duration {
        self.interval * (256 - u32::from(PRIORITIES[router])) / 256
    }

    /// The router that owns the address: by its gate, or, where a daemon has no
    /// maps, by the answers that come from it.
    pub(crate) fn owner(&self) -> Option<usize> {
        let open = self.routers.iter().position(|router| router.open);
        open.or_else(|| {
            self.answering()
                .filter(|index| self.routers[*index].maps.is_none())
        })
    }

    /// The router that answers the client at the moment.
    pub(crate) fn answering(&self) -> Option<usize> {
        let silent = self.answers.silent_for()?;
        self.answers
            .last
            .and_then(|(_, router)| router)
            .filter(|_| silent < SILENT)
    }

    /// Its own address on the bridge, as its adverts have it.
    pub(crate) fn address(&self, router: usize) -> Ipv4Addr {
        self.lab.router(router).v4
    }

    pub(crate) fn is_starved(&self, router: usize) -> bool {
        self.starvation
            .as_ref()
            .is_some_and(|(victim, _)| *victim == router)
    }

    /// Looks at everything, and notes in the timeline what has changed.
    pub(crate) fn look(&mut self) {
        for index in 0..self.routers.len() {
            self.look_at_process(index);
            self.look_at_maps(index);
        }
        self.look_for_overlap();
        self.answers = self.pulse.answers();
        for gap in &self.answers.gaps[self.told_gaps..] {
            self.timeline.add(Origin::Client, describe(gap));
        }
        self.told_gaps = self.answers.gaps.len();
        if let Some((victim, starvation)) = self.starvation.take_if(|(_, it)| it.is_over()) {
            let text = match starvation.end() {
                Ok(()) => "has its CPU back".to_owned(),
                Err(why) => format!("could not be starved: {why}"),
            };
            self.timeline.add(Origin::Router(victim), text);
        }
    }

    fn look_at_process(&mut self, index: usize) {
        let router = &mut self.routers[index];
        if router.process != Process::Dead && !router.daemon.is_running() {
            let how = if router.process == Process::Leaving {
                "has left"
            } else {
                "is dead"
            };
            router.process = Process::Dead;
            self.timeline.add(
                Origin::Router(index),
                format!("{} {how}", name(router.make)),
            );
        }
    }

    fn look_at_maps(&mut self, index: usize) {
        let cookie = self.lab.router(index).ns.cookie();
        let router = &mut self.routers[index];
        if router.make != Daemon::Xvrrpd {
            return;
        }
        router.maps = maps::read(cookie);
        let open = router.maps.as_ref().is_some_and(|maps| maps.open);
        if open == router.open {
            return;
        }
        router.open = open;
        let text = match router.maps.as_ref().map(|maps| maps.standing) {
            Some(standing) if open => format!("Active: its gate is {standing}"),
            Some(standing) => format!("its gate is shut: {standing}"),
            None => "its maps are gone".to_owned(),
        };
        self.timeline.add(Origin::Router(index), text);
    }

    /// Both gates open in turn, and the first one still afterwards: then both
    /// were open at once.
    fn look_for_overlap(&mut self) {
        if !self.routers.iter().all(|router| router.open) {
            return;
        }
        let is_open = |index: usize| {
            maps::read(self.lab.router(index).ns.cookie()).is_some_and(|maps| maps.open)
        };
        if is_open(0) && is_open(1) && is_open(0) {
            self.overlaps += 1;
            if self.overlaps == 1 {
                self.timeline.add(Origin::Router(1), "BOTH GATES ARE OPEN");
            }
        }
    }

    pub(crate) fn kill(&mut self, router: usize) {
        self.note(router, "killed (SIGKILL)");
        self.routers[router].daemon.kill();
        self.routers[router].process = Process::Dead;
    }

    pub(crate) fn terminate(&mut self, router: usize) {
        self.note(router, "asked to leave (SIGTERM)");
        self.routers[router].daemon.terminate();
        self.routers[router].process = Process::Leaving;
    }

    pub(crate) fn stop(&mut self, router: usize) {
        self.note(router, "stopped (SIGSTOP)");
        self.routers[router].daemon.stop();
        self.routers[router].process = Process::Stopped;
    }

    pub(crate) fn resume(&mut self, router: usize) {
        self.note(router, "continued (SIGCONT)");
        self.routers[router].daemon.resume();
        self.routers[router].process = Process::Running;
    }

    pub(crate) fn unplug(&mut self, router: usize) {
        self.note(router, "its link is cut");
        self.lab.unplug(router);
        self.routers[router].linked = false;
    }

    pub(crate) fn plug(&mut self, router: usize) {
        self.note(router, "its link is back");
        self.lab.plug(router);
        self.routers[router].linked = true;
    }

    pub(crate) fn starve(&mut self, router: usize) {
        if self.starvation.is_some() {
            return;
        }
        match Starvation::of(self.routers[router].daemon.pid(), &[], STARVED) {
            Ok(starvation) => {
                let seconds = STARVED.as_secs();
                self.note(
                    router,
                    &format!("no CPU for {seconds} s (a busy real-time loop)"),
                );
                self.starvation = Some((router, starvation));
            }
            Err(why) => self.note(router, &format!("cannot be starved: {why}")),
        }
    }

    /// A new daemon in place of a dead one.
    pub(crate) fn restart(&mut self, router: usize) {
        self.note(router, "started again");
        let it = &mut self.routers[router];
        it.forget_configuration();
        it.daemon = it
            .make
            .start_text(self.lab.router(router), &it.configuration);
        it.process = Process::Running;
    }

    fn note(&mut self, router: usize, what: &str) {
        let name = name(self.routers[router].make);
        self.timeline
            .add(Origin::Player, format!("{name} on r{}: {what}", router + 1));
    }
}

impl Router {
    /// The file its daemon read.
    fn forget_configuration(&self) {
        let _ = std::fs::remove_file(self.daemon.conf());
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.forget_configuration();
    }
}

pub(crate) fn name(make: Daemon) -> &'static str {
    match make {
        Daemon::Xvrrpd => "xvrrpd",
        Daemon::Keepalived => "keepalived",
        Daemon::Frr => "FRR",
    }
}

/// The whole configuration, in keepalived's language; either daemon reads it.
fn configuration(priority: u8, interval: Duration) -> String {
    format!(
        "\
global_defs {{
    vrrp_version 3
}}

vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
",
        interval.as_secs_f64()
    )
}

fn describe(gap: &Gap) -> String {
    let router = |index: Option<usize>| index.map_or("?".to_owned(), |i| format!("r{}", i + 1));
    format!(
        "gap of {:.3} s, {} requests unanswered: {} -> {}",
        gap.length.as_secs_f64(),
        gap.unanswered,
        router(gap.from),
        router(gap.to),
    )
}
