//! The owner's daemon is ended, and the next one started the moment it is gone, as
//! a service manager does.

use std::time::Duration;

use nix::sys::signal::Signal;
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon,
    interrupt,
    probe::{Kind, Probe},
    question::longest_gap,
    trial::{Profile, Trial},
    wait::pass,
};

use crate::{
    attempt::{attempt, whole},
    figures::Figures,
    plan::Plan,
};

const ECHO_EVERY: Duration = Duration::from_millis(1);
/// After the new daemon owns the address.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// An answer later than this is none.
const ANSWER_WITHIN: Duration = Duration::from_millis(300);

/// What tells a daemon to end for a successor: xvrrpd leaves everything in place
/// for it; keepalived knows only how to leave.
fn farewell(daemon: Daemon) -> Signal {
    match daemon {
        Daemon::Xvrrpd => Signal::SIGQUIT,
        Daemon::Keepalived | Daemon::Frr => Signal::SIGTERM,
    }
}

pub(crate) fn run(plan: &Plan) {
    let mut figures = Figures::default();
    let samples = plan.samples(10);
    for profile in [Profile::V3At100ms, Profile::V3At1s] {
        let group = format!("{:?}", profile.interval());
        for number in 1..=samples {
            for &daemon in &plan.daemons {
                if interrupt::asked() {
                    break;
                }
                eprint!("\r{group} {number}/{samples} ");
                match attempt(|| sample(daemon, profile)) {
                    Ok(sample) => {
                        for (what, value) in sample {
                            figures.add(&group, what, daemon, value);
                        }
                    }
                    Err(why) => figures.fail(&group, daemon, why),
                }
            }
        }
        eprintln!();
    }
    println!(
        "xvrrpd by SIGQUIT (everything is left for the successor), keepalived by SIGTERM; \
         the client asks 1000 times a second.\n\n{figures}"
    );
}

#[allow(clippy::cast_precision_loss, reason = "counts, to be printed")]
fn sample(daemon: Daemon, profile: Profile) -> Result<[(&'static str, f64); 4], String> {
    let mut trial = Trial::of([daemon; 2], profile);
    let client = Probe::start(&trial.lab, Kind::Echo, profile.vip(), ECHO_EVERY);
    pass(Duration::from_millis(300));
    let since = Stamp::now();
    let mut old = trial.running[0].take().ok_or("it was started")?;
    let gone = old.end_by(farewell(daemon));
    trial.start(0);
    let took = gone.since(since);
    // Its own last adverts count as an owner's for two intervals and a half.
    pass(profile.interval() * 3);
    trial.await_owner(0);
    pass(AFTERWARDS);
    let until = Stamp::now();
    pass(ANSWER_WITHIN);
    drop(old);
    let mut questions = client.questions(&trial.tap, since);
    questions.retain(|question| question.at < until);
    let lost = questions.iter().filter(|q| q.answers.is_empty()).count();
    let (gap, _) = longest_gap(&questions).ok_or("no answers")?;
    whole(&trial)?;
    let changes = trial
        .daemon(1)
        .log()
        .since(since)
        .iter()
        .filter(|line| line.contains("Entering ") && line.contains(" STATE"))
        .count();
    Ok([
        ("probes lost", lost as f64),
        ("longest silence, ms", gap.as_secs_f64() * 1e3),
        ("state changes at the peer", changes as f64),
        ("the old daemon's end took, ms", took.as_secs_f64() * 1e3),
    ])
}
