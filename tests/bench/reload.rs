//! The owner reads a configuration with one more virtual router while it advertises.

use std::time::Duration;

use xvrrp_tests::{
    capture::Stamp,
    conf::Instance,
    daemon::Daemon,
    interrupt,
    probe::{Kind, Probe},
    question::longest_gap,
    trial::{HIGH, Profile, Trial},
    wait::pass,
};

use crate::{
    attempt::{attempt, whole},
    figures::Figures,
    plan::Plan,
};

const VRID: u8 = 51;
const ADDED: u8 = 52;
const ECHO_EVERY: Duration = Duration::from_millis(1);
const BEFORE: Duration = Duration::from_millis(200);
/// Whatever a reload costs has been paid by then.
const AFTERWARDS: Duration = Duration::from_secs(1);
/// An answer later than this is none.
const ANSWER_WITHIN: Duration = Duration::from_millis(300);

pub(crate) fn run(plan: &Plan) {
    let mut figures = Figures::default();
    let samples = plan.samples(10);
    for profile in [Profile::V3At10ms, Profile::V3At100ms] {
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
        "By SIGHUP; the client asks for the address of the other virtual router, 1000 times a \
         second. Of a takeover the peer's first advert is counted.\n\n{figures}"
    );
}

#[allow(clippy::cast_precision_loss, reason = "counts, to be printed")]
fn sample(daemon: Daemon, profile: Profile) -> Result<[(&'static str, f64); 4], String> {
    let mut trial = Trial::of([daemon; 2], profile);
    let client = Probe::start(&trial.lab, Kind::Echo, profile.vip(), ECHO_EVERY);
    pass(BEFORE);
    let since = Stamp::now();
    pass(BEFORE);
    let mut more = profile.conf(HIGH);
    let added = Instance {
        name: "VI_2".into(),
        vrid: ADDED,
        ..Instance::new(HIGH, profile.interval())
    };
    more.instances.push(added.vip("10.77.0.60/24"));
    trial.daemon(0).reload(&more);
    pass(AFTERWARDS);
    let until = Stamp::now();
    pass(ANSWER_WITHIN);
    whole(&trial)?;
    let mut questions = client.questions(&trial.tap, since);
    questions.retain(|question| question.at < until);
    let lost = questions.iter().filter(|q| q.answers.is_empty()).count();
    let (silence, _) = longest_gap(&questions).ok_or("no answers")?;
    let mut sent = trial.tap.adverts(since);
    sent.retain(|(at, ..)| *at < until);
    if !sent.iter().any(|(.., advert)| advert.vrid == ADDED) {
        return Err("the new virtual router was never advertised".into());
    }
    let first: Vec<(Stamp, usize)> = sent
        .into_iter()
        .filter(|(.., advert)| advert.vrid == VRID && advert.priority > 0)
        .map(|(at, node, _)| (at, node))
        .collect();
    let pairs = || first.windows(2);
    let takeovers = pairs().filter(|it| (it[0].1, it[1].1) == (0, 1)).count();
    let gap = pairs().map(|it| it[1].0.since(it[0].0)).max();
    let gap = gap.ok_or("no adverts")?;
    Ok([
        ("takeovers", takeovers as f64),
        ("longest between two adverts, ms", gap.as_secs_f64() * 1e3),
        ("probes lost", lost as f64),
        ("longest silence, ms", silence.as_secs_f64() * 1e3),
    ])
}
