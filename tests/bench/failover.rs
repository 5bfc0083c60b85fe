//! The owner is killed, and its cable is cut.

use std::{thread, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon,
    interrupt,
    probe::{Kind, Probe},
    question::{Question, longest_gap},
    trial::{PATIENCE, Profile, Trial},
    wait::eventually,
};

use crate::{
    attempt::{attempt, whole},
    figures::Figures,
    plan::Plan,
};

const VRID: u8 = 51;
/// How often the client asks by ARP; the resolution of "first answer".
const ARP_EVERY: Duration = Duration::from_micros(250);
/// How often it sends an echo request; the resolution of its gap.
const ECHO_EVERY: Duration = Duration::from_millis(1);

pub(crate) fn run(plan: &Plan) {
    let mut figures = Figures::default();
    let samples = plan.samples(21);
    for profile in [Profile::V3At100ms, Profile::V3At10ms] {
        let group = format!("{:?}", profile.interval());
        // Alternating, so that whatever the machine does besides hits both.
        for number in 1..=samples {
            // Spread evenly over the interval, as accidents are.
            let phase = (f64::from(number) - 0.5) / f64::from(samples);
            for &daemon in &plan.daemons {
                if interrupt::asked() {
                    break;
                }
                eprint!("\r{group} {number}/{samples} ");
                match attempt(|| sample(daemon, profile, phase)) {
                    Ok(sample) => {
                        for (what, took) in sample {
                            let took_ms = took.as_secs_f64() * 1e3;
                            figures.add(&group, what, daemon, took_ms);
                        }
                    }
                    Err(why) => figures.fail(&group, daemon, why),
                }
            }
        }
        eprintln!();
    }
    println!("{figures}");
}

/// `phase`, from 0 to 1, is where between two adverts the cable is cut.
fn sample(
    daemon: Daemon,
    profile: Profile,
    phase: f64,
) -> Result<[(&'static str, Duration); 4], String> {
    let (advert, answer) = killed(daemon, profile)?;
    let gap = cut(daemon, profile, profile.interval().mul_f64(phase))?;
    Ok([
        ("last advert to the new owner's first, ms", advert),
        ("last advert to the first ARP answer, ms", answer),
        (
            "first advert to the first ARP answer, ms",
            answer.saturating_sub(advert),
        ),
        ("client's gap when the link is cut, ms", gap),
    ])
}

/// Last advert of the killed owner to the first of the new one, and to the new
/// one's first ARP answer.
fn killed(daemon: Daemon, profile: Profile) -> Result<(Duration, Duration), String> {
    let mut trial = Trial::of([daemon; 2], profile);
    let who = Probe::start(&trial.lab, Kind::Resolve, profile.vip(), ARP_EVERY);
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    let answered = eventually(PATIENCE, "the new owner answers", || {
        let questions = who.questions(&trial.tap, takeover.last);
        let answers = questions.iter().flat_map(|q| &q.answers);
        let first = answers
            .filter(|(_, node)| *node == 1)
            .map(|(at, _)| *at)
            .min();
        first.ok_or_else(|| "not yet".to_owned())
    });
    whole(&trial)?;
    Ok((
        takeover.first.since(takeover.last),
        answered.since(takeover.last),
    ))
}

/// Longest gap between echo replies when the owner's cable is cut.
fn cut(daemon: Daemon, profile: Profile, after_advert: Duration) -> Result<Duration, String> {
    let trial = Trial::of([daemon; 2], profile);
    let client = Probe::start(&trial.lab, Kind::Echo, profile.vip(), ECHO_EVERY);
    let start = Stamp::now();
    let answers = |since, by| {
        let questions: Vec<Question> = client.questions(&trial.tap, since);
        questions.iter().filter(|q| q.answerers() == [by]).count()
    };
    eventually(PATIENCE, "the client has answers", || {
        match answers(start, 0) {
            0..100 => Err("too few".to_owned()),
            _ => Ok(()),
        }
    });
    let advert = trial.tap.wait(PATIENCE, "an advert", Stamp::now(), |seen| {
        seen.advert_sent().map(|_| seen.at)
    });
    thread::sleep(advert.plus(after_advert).since(Stamp::now()));
    let cut = Stamp::now();
    trial.lab.unplug(0);
    eventually(PATIENCE, "the client has answers again", || {
        match answers(cut, 1) {
            0..20 => Err("too few".to_owned()),
            _ => Ok(()),
        }
    });
    let gap = longest_gap(&client.questions(&trial.tap, start));
    whole(&trial)?;
    gap.map(|(gap, _)| gap).ok_or_else(|| "no answers".into())
}
