//! Adverts that nobody should care about, from a few to as many as there can be.

use std::time::Duration;

use aya::sys::{Stats, enable_stats};
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon,
    interrupt, observe,
    probe::{self, Probe},
    process::cpu_time,
    trial::{HIGH, LOW, Profile, Trial},
    wait::pass,
};

use crate::{
    attempt::{attempt, whole},
    figures::name,
    grid::Grid,
    pest::{self, Kind, Pest},
    plan::Plan,
};

const ECHO_EVERY: Duration = Duration::from_millis(10);
/// An answer later than this is none.
const ANSWER_WITHIN: Duration = Duration::from_millis(300);
/// Of the frames a program saw; with fewer, what it cost is not what they cost.
const OURS_LEAST: f64 = 0.9;

/// What happened in one flood.
struct Sample {
    /// Of the pest, a second.
    sent_per_s: f64,
    /// Of the owner.
    adverts: usize,
    takeovers: usize,
    /// "Entering ... STATE" in either daemon's log.
    changes: usize,
    asked: usize,
    unanswered: usize,
    log_lines: usize,
    owner_cpu: Duration,
    backup_cpu: Duration,
    /// Of the XDP program on the owner, a packet.
    xdp_ns: Option<f64>,
}

pub(crate) fn run(plan: &Plan) {
    // For as long as this is held; the kernel takes it back by itself.
    let counting = enable_stats(Stats::RunTime);
    if let Err(error) = &counting {
        println!("What the programs cost is not counted: {error}");
    }
    let header = [
        "interval",
        "flood",
        "asked",
        "",
        "sent/s",
        "adverts",
        "due",
        "takeovers",
        "state changes",
        "probes",
        "lost",
        "log lines",
        "owner CPU s",
        "backup CPU s",
        "XDP ns/packet",
    ];
    let mut grid = Grid::new(4, &header);
    let mut failures = Vec::new();
    for (profile, kind, per_s) in floods(plan) {
        let asked = per_s.map_or("all it can".to_owned(), |per_s| format!("{per_s}/s"));
        for &daemon in &plan.daemons {
            if interrupt::asked() {
                break;
            }
            let what = format!("{:?} {} {asked}", profile.interval(), kind.name());
            eprintln!("{what}, {}", name(daemon));
            match attempt(|| sample(daemon, profile, kind, per_s, plan.flood_span)) {
                Ok(it) => grid.add(vec![
                    format!("{:?}", profile.interval()),
                    kind.name().into(),
                    asked.clone(),
                    name(daemon).into(),
                    format!("{:.0}", it.sent_per_s),
                    it.adverts.to_string(),
                    (plan.flood_span.as_millis() / profile.interval().as_millis()).to_string(),
                    it.takeovers.to_string(),
                    it.changes.to_string(),
                    it.asked.to_string(),
                    it.unanswered.to_string(),
                    it.log_lines.to_string(),
                    format!("{:.2}", it.owner_cpu.as_secs_f64()),
                    format!("{:.2}", it.backup_cpu.as_secs_f64()),
                    it.xdp_ns.map_or("-".into(), |ns| format!("{ns:.0}")),
                ]),
                Err(why) => failures.push(format!("{what}, {}: {why}", name(daemon))),
            }
        }
    }
    println!(
        "{:?} each. Log lines and state changes are of both routers. CPU time is the \
         daemons' own processes', in hundredths. XDP ns/packet is the program's own time \
         on the owner by the kernel's count, entry to verdict; the clock the kernel reads \
         around it is in it, the driver is not; \"-\" where less than {:.0} % of what it saw \
         was the flood.\n\n{grid}",
        plan.flood_span,
        OURS_LEAST * 100.0
    );
    for failure in failures {
        println!("not counted, {failure}");
    }
}

/// All of them, or the ones that tell most.
fn floods(plan: &Plan) -> Vec<(Profile, Kind, Option<u32>)> {
    use Kind::{BadAuth, BadChecksum, Junk, Lower, WrongVrid};
    let version_3 = [BadChecksum, WrongVrid, Junk, Lower];
    let all: &[(Profile, &[Kind])] = &[
        (Profile::V3At100ms, &version_3),
        (Profile::V3At1s, &version_3),
        (Profile::V2Pass1s, &[BadAuth]),
    ];
    let rates: &[Option<u32>] = if plan.quick {
        &[Some(50), None]
    } else {
        &[Some(2), Some(50), Some(1000), None]
    };
    let mut floods = Vec::new();
    for (profile, kinds) in all {
        if plan.quick && *profile == Profile::V3At1s {
            continue;
        }
        for kind in *kinds {
            floods.extend(rates.iter().map(|rate| (*profile, *kind, *rate)));
        }
    }
    floods
}

fn sample(
    daemon: Daemon,
    profile: Profile,
    kind: Kind,
    per_s: Option<u32>,
    span: Duration,
) -> Result<Sample, String> {
    let confs = [profile.conf(HIGH), profile.conf(LOW)];
    let mut trial = Trial::blind_to([daemon; 2], confs, Some(pest::MAC));
    trial.settle();
    let vip = profile.vip();
    let client = Probe::start(&trial.lab, probe::Kind::Echo, vip, ECHO_EVERY);
    // The client finds the owner first.
    pass(Duration::from_millis(200));
    let (owner, backup) = (trial.daemon(0).pid(), trial.daemon(1).pid());
    let state = || {
        (
            cpu_time(owner),
            cpu_time(backup),
            observe::program_runs(owner, "xdp"),
        )
    };
    let before = state();
    let since = Stamp::now();
    let pest = Pest::start(&trial.lab, kind, profile, per_s);
    pass(span);
    let until = Stamp::now();
    let sent = pest.sent();
    drop(pest);
    let after = state();
    pass(ANSWER_WITHIN);
    if !(trial.daemon(0).is_running() && trial.daemon(1).is_running()) {
        return Err("a daemon is gone".into());
    }
    let advertisers: Vec<usize> = trial
        .tap
        .adverts(since)
        .into_iter()
        .filter(|(at, node, _)| *at < until && *node < 2)
        .map(|(_, node, _)| node)
        .collect();
    let mut questions = client.questions(&trial.tap, since);
    questions.retain(|question| question.at < until);
    whole(&trial)?;
    let mut log = trial.daemon(0).log().since(since);
    log.extend(trial.daemon(1).log().since(since));
    let changed = |line: &&String| line.contains("Entering ") && line.contains(" STATE");
    let (runs, time) = (after.2.0 - before.2.0, after.2.1.saturating_sub(before.2.1));
    let changes = log.iter().filter(changed).count();
    Ok(Sample {
        sent_per_s: ratio(sent, 1) / until.since(since).as_secs_f64(),
        adverts: advertisers.iter().filter(|node| **node == 0).count(),
        takeovers: advertisers.windows(2).filter(|p| p[0] != p[1]).count(),
        changes,
        asked: questions.len(),
        unanswered: questions.iter().filter(|q| q.answers.is_empty()).count(),
        log_lines: log.len(),
        owner_cpu: after.0.saturating_sub(before.0),
        backup_cpu: after.1.saturating_sub(before.1),
        xdp_ns: (runs > 0 && ratio(sent, runs) >= OURS_LEAST)
            .then(|| time.as_secs_f64() * 1e9 / ratio(runs, 1)),
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts, to be printed")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
