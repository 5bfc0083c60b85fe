//! The shortest interval beside processes that take all they can get. Default
//! settings: neither daemon's configuration mentions priorities.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    daemon::Daemon,
    interrupt,
    net::Node,
    referee::Stall,
    trial::{HIGH, LOW, Profile, Trial},
    wait::pass,
};

use crate::{
    attempt::{attempt, whole},
    figures::{Figures, name},
    grid::Grid,
    noise::Noise,
    plan::Plan,
};

const PROCESSES: usize = 4;
/// A daemon's turn; then it is the other's.
const TURN: Duration = Duration::from_secs(30);
/// What the interval of 10 ms may become.
const LIMIT: Duration = Duration::from_millis(12);
/// Nobody is measured before the load has come to rest.
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Turn {
    span: Duration,
    /// Between two adverts of the owner in a row.
    gaps: Vec<Duration>,
    /// The same, while the machine stood still for a part of it.
    excused: Vec<Duration>,
    /// Takeovers from an owner that lived.
    takeovers: usize,
    /// Of those, the ones before which the machine stood still.
    stalled: usize,
    /// Adverts of the other router while its better lived.
    strange: usize,
}

pub(crate) fn run(plan: &Plan, noise: &Noise) {
    let what = "between two adverts, ms";
    let mut figures = Figures::default();
    let mut totals: Vec<Turn> = plan.daemons.iter().map(|_| Turn::default()).collect();
    let turn = TURN.min(plan.busy_span);
    let turns = plan.busy_span.as_secs().div_ceil(turn.as_secs());
    for number in 1..=turns {
        for (&daemon, total) in plan.daemons.iter().zip(&mut totals) {
            if interrupt::asked() {
                break;
            }
            eprint!("\r{number}/{turns} of {turn:?} ");
            match attempt(|| sample(daemon, turn, noise)) {
                Ok(sample) => {
                    for gap in &sample.gaps {
                        figures.add("10ms", what, daemon, gap.as_secs_f64() * 1e3);
                    }
                    total.span += turn;
                    total.takeovers += sample.takeovers;
                    total.stalled += sample.stalled;
                    total.strange += sample.strange;
                    total.gaps.extend(sample.gaps);
                    total.excused.extend(sample.excused);
                }
                Err(why) => figures.fail("10ms", daemon, why),
            }
        }
    }
    eprintln!();
    let header = [
        "",
        "watched",
        "gaps",
        "over 12 ms",
        "over 30 ms",
        "false takeovers",
        "of them in a stall",
        "adverts of the backup",
        "gaps not counted",
        "the longest, ms",
    ];
    let mut grid = Grid::new(1, &header);
    for (&daemon, total) in plan.daemons.iter().zip(&totals) {
        let over = |limit| total.gaps.iter().filter(|gap| **gap > limit).count();
        grid.add(vec![
            name(daemon).to_owned(),
            format!("{:?}", total.span),
            total.gaps.len().to_string(),
            over(LIMIT).to_string(),
            over(Duration::from_millis(30)).to_string(),
            total.takeovers.to_string(),
            total.stalled.to_string(),
            total.strange.to_string(),
            total.excused.len().to_string(),
            total.excused.iter().max().map_or("-".into(), |longest| {
                format!("{:.1}", longest.as_secs_f64() * 1e3)
            }),
        ]);
    }
    println!(
        "Version 3 every 10 ms, {PROCESSES} busy processes, default settings. Not counted are \
         gaps in which the machine itself stood still for a millisecond or more, on any CPU; \
         takeovers are counted all the same.\n\n{figures}\n{grid}"
    );
}

fn sample(daemon: Daemon, turn: Duration, noise: &Noise) -> Result<Turn, String> {
    let conf = |priority| Conf::of(3, Profile::V3At10ms.instance(priority));
    let mut trial = Trial::new([daemon; 2], [conf(HIGH), conf(LOW)]);
    trial.settle();
    let busy = Busy::start(trial.lab.router(0));
    pass(WARM_UP);
    let since = Stamp::now();
    pass(turn);
    let until = Stamp::now();
    drop(busy);
    let sent = trial.tap.adverts(since);
    whole(&trial)?;
    if !(trial.daemon(0).is_running() && trial.daemon(1).is_running()) {
        return Err("a daemon is gone".into());
    }
    let sent: Vec<(Stamp, usize)> = sent
        .into_iter()
        .filter(|(at, ..)| *at < until)
        .map(|(at, node, _)| (at, node))
        .collect();
    let own: Vec<Stamp> = sent
        .iter()
        .filter(|(_, node)| *node == 0)
        .map(|(at, _)| *at)
        .collect();
    if !noise.referee.is_watching() {
        return Err("no real-time priority to watch the machine by".into());
    }
    let stalls: Vec<Stall> = noise.referee.stalls();
    let stood_still = |pair: &&[Stamp]| stalls.iter().any(|stall| stall.touches(pair[0], pair[1]));
    let takeovers = sent
        .windows(2)
        .filter(|pair| (pair[0].1, pair[1].1) == (0, 1));
    let (excused, counted): (Vec<&[Stamp]>, Vec<&[Stamp]>) = own.windows(2).partition(&stood_still);
    let gaps = |pairs: Vec<&[Stamp]>| pairs.iter().map(|p| p[1].since(p[0])).collect();
    Ok(Turn {
        span: turn,
        gaps: gaps(counted),
        excused: gaps(excused),
        takeovers: takeovers.clone().count(),
        stalled: takeovers
            .filter(|pair| stood_still(&&[pair[0].0, pair[1].0][..]))
            .count(),
        strange: sent.len() - own.len(),
    })
}

/// Processes that never sleep; ended when dropped. They are in a namespace of the
/// lab, so that whoever removes that ends them as well.
struct Busy(Vec<Child>);

impl Busy {
    fn start(node: &Node) -> Self {
        let spawn = |_| {
            let mut shell: Command = node.ns.command("sh");
            shell
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .expect("sh")
        };
        Self((0..PROCESSES).map(spawn).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
