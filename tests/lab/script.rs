//! The lab plays by itself, and judges: every takeover within its time.

use std::{thread, time::Duration};

use xvrrp_tests::{daemon::Daemon, interrupt};

use crate::{
    stage::{Process, Stage},
    timeline::{between, now_ns},
};

/// What a busy machine may add to any takeover, whatever the interval.
const TOLERANCE: Duration = Duration::from_secs(2);
/// And to the first start of both daemons, which load programs first.
const START_TOLERANCE: Duration = Duration::from_secs(8);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A router stays the owner for so long before the next thing happens.
const CALM: Duration = Duration::from_secs(1);

/// One event and who has to own the address after it.
struct Step {
    what: &'static str,
    act: fn(&mut Stage),
    owner: usize,
    within: fn(&Stage) -> Duration,
}

const R1: usize = 0;
const R2: usize = 1;

const STEPS: &[Step] = &[
    Step {
        what: "terminate r1",
        act: |stage| stage.terminate(R1),
        owner: R2,
        within: |stage| stage.skew(R2) + TOLERANCE,
    },
    Step {
        what: "start r1 again",
        act: restart_r1,
        owner: R1,
        within: |stage| stage.down_interval(R1) + TOLERANCE,
    },
    Step {
        what: "kill r1",
        act: |stage| stage.kill(R1),
        owner: R2,
        within: |stage| stage.down_interval(R2) + TOLERANCE,
    },
    Step {
        what: "start r1 again",
        act: restart_r1,
        owner: R1,
        within: |stage| stage.down_interval(R1) + TOLERANCE,
    },
    Step {
        what: "cut r1's link",
        act: |stage| stage.unplug(R1),
        owner: R2,
        within: |stage| stage.down_interval(R2) + TOLERANCE,
    },
    Step {
        what: "plug r1's link in again",
        act: |stage| stage.plug(R1),
        owner: R1,
        within: |stage| stage.down_interval(R1) + TOLERANCE,
    },
];

fn restart_r1(stage: &mut Stage) {
    // A daemon that was asked to leave is given the time to do so.
    let start = now_ns();
    while stage.routers[R1].process != Process::Dead && between(start, now_ns()) < TOLERANCE {
        stage.look();
        thread::sleep(LOOK_EVERY);
    }
    stage.restart(R1);
}

/// Plays everything; did every takeover happen in time?
pub(crate) fn run(stage: &mut Stage) -> bool {
    stage.timeline.print();
    stage.timeline.echo = true;
    let outcome = play(stage);
    report(stage, &outcome);
    outcome.is_ok()
}

/// A takeover as it went.
struct Takeover {
    what: &'static str,
    took: Duration,
    allowed: Duration,
    /// Of the client's silences since the step before.
    gap: Option<Duration>,
}

fn play(stage: &mut Stage) -> Result<Vec<Takeover>, String> {
    let mut takeovers = Vec::new();
    let allowed = stage.down_interval(R1) + START_TOLERANCE;
    let took = wait_for(stage, R1, allowed).map_err(|why| format!("start: {why}"))?;
    takeovers.push(Takeover {
        what: "start",
        took,
        allowed,
        gap: None,
    });
    stay(stage, R1, CALM).map_err(|why| format!("after the start: {why}"))?;
    for step in STEPS {
        let gaps = stage.answers.gaps.len();
        (step.act)(stage);
        let allowed = (step.within)(stage);
        let in_step = |why| format!("{}: {why}", step.what);
        let took = wait_for(stage, step.owner, allowed).map_err(in_step)?;
        stay(stage, step.owner, CALM).map_err(in_step)?;
        let gap = stage.answers.gaps[gaps..]
            .iter()
            .map(|gap| gap.length)
            .max();
        takeovers.push(Takeover {
            what: step.what,
            took,
            allowed,
            gap,
        });
    }
    if stage.routers[R2].make == Daemon::Xvrrpd {
        observe_stopped(stage).map_err(|why| format!("stop r2, the backup: {why}"))?;
    }
    if stage.overlaps > 0 {
        return Err(format!("both gates were open in {} looks", stage.overlaps));
    }
    Ok(takeovers)
}

/// A stopped backup goes on hearing: its peer's age in the map stays below two
/// intervals although no userspace of it runs; and when it goes on, it does not
/// take over.
fn observe_stopped(stage: &mut Stage) -> Result<(), String> {
    let limit = stage.interval * 2 + Duration::from_millis(500);
    let adverts = |stage: &Stage| {
        let maps = stage.routers[R2].maps.as_ref()?;
        maps.peers
            .first()
            .map(|it| (it.peer.adverts, it.peer.last_seen_ns))
    };
    let (before, _) = adverts(stage).ok_or("no peer in its map")?;
    stage.stop(R2);
    let mut oldest = Duration::ZERO;
    let start = now_ns();
    while between(start, now_ns()) < stage.interval * 5 + CALM {
        stage.look();
        let (_, last_seen_ns) = adverts(stage).ok_or("its peer is gone")?;
        oldest = oldest.max(between(last_seen_ns, now_ns()));
        interrupted()?;
        thread::sleep(LOOK_EVERY);
    }
    let (after, _) = adverts(stage).ok_or("its peer is gone")?;
    stage.resume(R2);
    if oldest > limit {
        return Err(format!(
            "its peer grew {:.3} s old in the map",
            oldest.as_secs_f64()
        ));
    }
    println!(
        "            while it was stopped, {} adverts were counted; its peer was never older than {:.3} s",
        after - before,
        oldest.as_secs_f64()
    );
    stay(stage, R1, stage.interval + CALM)
}

/// Until the router owns the address and answers the client.
fn wait_for(stage: &mut Stage, owner: usize, allowed: Duration) -> Result<Duration, String> {
    let start = now_ns();
    loop {
        stage.look();
        let took = between(start, now_ns());
        if stage.owner() == Some(owner) && stage.answering() == Some(owner) {
            return Ok(took);
        }
        if took > allowed {
            let who = |it: Option<usize>| it.map_or("nobody".to_owned(), |i| format!("r{}", i + 1));
            return Err(format!(
                "r{} has not taken over within {:.3} s: {} owns the address, {} answers",
                owner + 1,
                allowed.as_secs_f64(),
                who(stage.owner()),
                who(stage.answering()),
            ));
        }
        interrupted()?;
        thread::sleep(LOOK_EVERY);
    }
}

/// The router remains the owner for a while.
fn stay(stage: &mut Stage, owner: usize, span: Duration) -> Result<(), String> {
    let start = now_ns();
    while between(start, now_ns()) < span {
        stage.look();
        if let Some(other) = stage.owner().filter(|other| *other != owner) {
            return Err(format!("r{} took over from r{}", other + 1, owner + 1));
        }
        interrupted()?;
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn interrupted() -> Result<(), String> {
    if interrupt::asked() {
        Err("interrupted".to_owned())
    } else {
        Ok(())
    }
}

fn report(stage: &Stage, outcome: &Result<Vec<Takeover>, String>) {
    match outcome {
        Ok(takeovers) => {
            println!(
                "\n{:<24} {:>10} {:>10} {:>14}",
                "", "took over", "allowed", "client's gap"
            );
            for it in takeovers {
                let gap = it.gap.map_or("none".to_owned(), |gap| {
                    format!("{:.3} s", gap.as_secs_f64())
                });
                println!(
                    "{:<24} {:>8.3} s {:>8.3} s {gap:>14}",
                    it.what,
                    it.took.as_secs_f64(),
                    it.allowed.as_secs_f64(),
                );
            }
            let all_gates = stage
                .routers
                .iter()
                .all(|router| router.make == Daemon::Xvrrpd);
            println!(
                "\n{} takeovers, all in time; {} answers{}.",
                takeovers.len(),
                stage.answers.count,
                if all_gates {
                    "; never two open gates"
                } else {
                    ""
                }
            );
        }
        Err(why) => println!("\nFAILED: {why}"),
    }
}
