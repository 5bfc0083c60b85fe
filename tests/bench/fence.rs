//! The owner is killed, or stopped: what does its kernel go on answering, once
//! another router has taken over?

use std::time::Duration;

use xvrrp_tests::{
    capture::{Stamp, Way},
    daemon::Daemon,
    emitter::Emitter,
    interrupt,
    probe::{Kind, Probe},
    question::Question,
    trial::{PATIENCE, Profile, Trial},
    wait::{eventually, pass},
};

use crate::{
    attempt::{attempt, whole},
    figures::name,
    grid::Grid,
    plan::Plan,
};

const VRID: u8 = 51;
const PROFILE: Profile = Profile::V3At100ms;
/// How long after the new owner's first advert both are watched.
const WATCHED: Duration = Duration::from_millis(500);
const ARP_EVERY: Duration = Duration::from_millis(2);
/// To each of the two in turn.
const ECHO_EVERY: Duration = Duration::from_millis(1);
const DATAGRAM_EVERY: Duration = Duration::from_millis(2);

/// What becomes of the owner's daemon.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

/// Counts of one trial, or of many.
#[derive(Default)]
struct Count {
    trials: usize,
    /// In which one ARP question had two answers.
    split: usize,
    asked: usize,
    answered_by_old: usize,
    answered_twice: usize,
    echoes: usize,
    echoed: usize,
    handed_over: usize,
    left: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.trials += other.trials;
        self.split += other.split;
        self.asked += other.asked;
        self.answered_by_old += other.answered_by_old;
        self.answered_twice += other.answered_twice;
        self.echoes += other.echoes;
        self.echoed += other.echoed;
        self.handed_over += other.handed_over;
        self.left += other.left;
    }
}

pub(crate) fn run(plan: &Plan) {
    let samples = plan.samples(20);
    let header = [
        "old owner",
        "",
        "trials",
        "with two owners",
        "ARP asked",
        "old answered",
        "both did",
        "echoes to old",
        "answered",
        "datagrams from VIP",
        "left",
    ];
    let mut grid = Grid::new(2, &header);
    let mut failures = Vec::new();
    for (end, what) in [(End::Killed, "SIGKILL"), (End::Stopped, "SIGSTOP")] {
        let mut counts: Vec<Count> = plan.daemons.iter().map(|_| Count::default()).collect();
        for number in 1..=samples {
            for (&daemon, count) in plan.daemons.iter().zip(&mut counts) {
                if interrupt::asked() {
                    break;
                }
                eprint!("\r{what} {number}/{samples} ");
                match attempt(|| sample(daemon, end)) {
                    Ok(sample) => count.add(&sample),
                    Err(why) => failures.push(format!("{what} {}: {why}", name(daemon))),
                }
            }
        }
        eprintln!();
        for (&daemon, count) in plan.daemons.iter().zip(&counts) {
            let mut row = vec![what.to_owned(), name(daemon).to_owned()];
            row.extend(
                [
                    count.trials,
                    count.split,
                    count.asked,
                    count.answered_by_old,
                    count.answered_twice,
                    count.echoes,
                    count.echoed,
                    count.handed_over,
                    count.left,
                ]
                .map(|count| count.to_string()),
            );
            grid.add(row);
        }
    }
    println!(
        "Version 3 every {:?}; the {WATCHED:?} that follow the new owner's first advert.\n\n{grid}",
        PROFILE.interval()
    );
    for failure in failures {
        println!("not counted, {failure}");
    }
}

fn sample(daemon: Daemon, end: End) -> Result<Count, String> {
    let mut trial = Trial::of([daemon; 2], PROFILE);
    let vip = PROFILE.vip();
    let who = Probe::start(&trial.lab, Kind::Resolve, vip, ARP_EVERY);
    let each = Probe::start(&trial.lab, Kind::EchoEach, vip, ECHO_EVERY);
    let emitter = Emitter::start(&trial.lab, 0, vip, DATAGRAM_EVERY);
    let old = trial.lab.router(0).mac;
    let start = Stamp::now();
    let sent = |trial: &Trial, since, until: Stamp| {
        trial.tap.with(|seen| {
            seen.iter()
                .filter(|s| s.at >= since && s.at < until && s.node == 0 && s.way == Way::From)
                .filter(|s| s.speaks_for(vip) && is_datagram(&s.frame.packet))
                .count()
        })
    };
    // Otherwise silence afterwards would show nothing.
    eventually(PATIENCE, "the owner answers and sends", || {
        let answers = |questions: Vec<Question>| questions.iter().any(|q| q.answerers() == [0]);
        match (
            answers(who.questions(&trial.tap, start)),
            answers(each.questions(&trial.tap, start)),
            sent(&trial, start, Stamp(u64::MAX)),
        ) {
            (true, true, 1..) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let ended = match end {
        End::Killed => trial.kill(0),
        End::Stopped => trial.daemon(0).stop(),
    };
    let first = trial.takeover(VRID, 1, ended).first;
    let until = first.plus(WATCHED);
    pass(until.since(Stamp::now()));
    let handed_over = emitter.handed_over(first);
    // Answers that are under way.
    pass(Duration::from_millis(50));
    let within = |probe: &Probe| {
        let mut asked = probe.questions(&trial.tap, first);
        asked.retain(|q| q.at < until);
        asked
    };
    let (who, each) = (within(&who), within(&each));
    whole(&trial)?;
    let by_old = |q: &&Question| q.answerers().contains(&0);
    let twice = who.iter().filter(|q| q.answerers().len() > 1).count();
    let echoes: Vec<&Question> = each.iter().filter(|q| q.to == old).collect();
    Ok(Count {
        trials: 1,
        split: usize::from(twice > 0),
        asked: who.len(),
        answered_by_old: who.iter().filter(by_old).count(),
        answered_twice: twice,
        echoes: echoes.len(),
        echoed: echoes.into_iter().filter(by_old).count(),
        handed_over,
        left: sent(&trial, first, until),
    })
}

fn is_datagram(packet: &xvrrp_tests::frame::Packet) -> bool {
    *packet == xvrrp_tests::frame::Packet::Other
}
