//! The lab on a terminal of 80 by 24: what is, what was, and keys.

use std::collections::VecDeque;

use xvrrp_tests::{daemon::Daemon, interrupt};

use crate::{
    maps,
    pulse::PERIOD,
    stage::{PRIORITIES, Process, Stage, VIP, name},
    terminal::Terminal,
    timeline::{Origin, between, now_ns},
};

const WIDTH: usize = 79;
/// Timeline entries shown.
const ENTRIES: usize = 9;
/// Between two looks, and so the width of a cell of the strip.
const LOOK_EVERY_MS: u16 = 100;
/// Cells of the strip of answers.
const STRIP: usize = 60;

const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

const HELP: &str = "k kill  s stop/go on  t terminate  l cut/plug link  c starve CPU  r restart";

/// Whom the keys act upon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Active,
    Router(usize),
}

impl Target {
    fn next(self) -> Self {
        match self {
            Self::Active => Self::Router(0),
            Self::Router(0) => Self::Router(1),
            Self::Router(_) => Self::Active,
        }
    }

    fn label(self) -> String {
        match self {
            Self::Active => "the Active".to_owned(),
            Self::Router(index) => format!("r{}", index + 1),
        }
    }
}

/// Until somebody quits. Watching is always good.
pub(crate) fn run(stage: &mut Stage) -> bool {
    let mut terminal = match Terminal::open() {
        Ok(terminal) => terminal,
        Err(error) => {
            eprintln!("xvrrp-lab: no terminal to draw on: {error}");
            return false;
        }
    };
    let mut target = Target::Active;
    let mut strip = VecDeque::from(vec![false; STRIP]);
    let mut answered = 0;
    let mut last_cell = now_ns();
    while !interrupt::asked() {
        stage.look();
        if between(last_cell, now_ns()).as_millis() >= u128::from(LOOK_EVERY_MS) {
            last_cell = now_ns();
            strip.pop_front();
            strip.push_back(stage.answers.count > answered);
            answered = stage.answers.count;
        }
        if terminal.draw(&lines(stage, target, &strip)).is_err() {
            break;
        }
        for key in terminal.keys(LOOK_EVERY_MS) {
            match key {
                b'q' | 0x03 | 0x04 => return true,
                b'\t' => target = target.next(),
                key => act(stage, target, key),
            }
        }
    }
    true
}

/// One key. Stop, link and restart undo what has been done before they do more.
fn act(stage: &mut Stage, target: Target, key: u8) {
    let routers = 0..stage.routers.len();
    let index = match target {
        Target::Active => stage.owner(),
        Target::Router(index) => Some(index),
    };
    let process = index.map(|index| stage.routers[index].process);
    let alive = process.is_some_and(|process| process != Process::Dead);
    let first = |wanted: &dyn Fn(usize) -> bool| {
        // The router chosen, or with "the Active" whichever it was.
        match target {
            Target::Router(index) => wanted(index).then_some(index),
            Target::Active => routers.clone().find(|index| wanted(*index)),
        }
    };
    match (key, index) {
        (b's', _) => {
            let stopped = first(&|i| stage.routers[i].process == Process::Stopped);
            match (stopped, index) {
                (Some(stopped), _) => stage.resume(stopped),
                (None, Some(index)) if alive => stage.stop(index),
                _ => {}
            }
        }
        (b'l', _) => match (first(&|i| !stage.routers[i].linked), index) {
            (Some(cut), _) => stage.plug(cut),
            (None, Some(index)) => stage.unplug(index),
            _ => {}
        },
        (b'r', _) => {
            if let Some(dead) = first(&|i| stage.routers[i].process == Process::Dead) {
                stage.restart(dead);
            }
        }
        (b'k', Some(index)) if alive => stage.kill(index),
        (b't', Some(index)) if process == Some(Process::Running) => stage.terminate(index),
        (b'c', Some(index)) if alive => stage.starve(index),
        _ => {}
    }
}

fn lines(stage: &Stage, target: Target, strip: &VecDeque<bool>) -> Vec<String> {
    let mut lines = Vec::new();
    let elapsed = stage.timeline.elapsed().as_secs();
    lines.push(format!(
        "{BOLD}xvrrp lab{PLAIN}   {VIP} moves between two routers   every {} s   up {}:{:02}",
        stage.interval.as_secs_f64(),
        elapsed / 60,
        elapsed % 60
    ));
    lines.push(String::new());
    lines.push(format!(
        "{DIM}{:<4}{:<12}{:<5}{:<9}{:<5}{:<18}{:<12}{:>5}{:>9}{PLAIN}",
        "", "daemon", "prio", "process", "link", "gate", "hears", "prio", "age"
    ));
    for index in 0..stage.routers.len() {
        lines.extend(router(stage, index));
    }
    lines.push(String::new());
    lines.extend(client(stage, strip));
    lines.push(String::new());
    lines.push(format!("{DIM}what happened{PLAIN}"));
    let entries = stage.timeline.entries();
    for entry in &entries[entries.len().saturating_sub(ENTRIES)..] {
        let line = cut(&stage.timeline.line(entry));
        lines.push(match entry.origin {
            Origin::Player => format!("{BOLD}{line}{PLAIN}"),
            Origin::Router(_) => line,
            Origin::Client => format!("{YELLOW}{line}{PLAIN}"),
        });
    }
    lines.push(String::new());
    lines.push(format!("{DIM}{HELP}{PLAIN}"));
    lines.push(format!(
        "{DIM}on{PLAIN} {} {DIM}(Tab for another); q quit{PLAIN}",
        target.label()
    ));
    lines
}

/// One line of the router, one more for each peer after the first.
fn router(stage: &Stage, index: usize) -> Vec<String> {
    let it = &stage.routers[index];
    let process = match it.process {
        _ if stage.is_starved(index) => "starved",
        Process::Running => "running",
        Process::Stopped => "STOPPED",
        Process::Leaving => "leaving",
        Process::Dead => "DEAD",
    };
    let gate = match &it.maps {
        Some(maps) if maps.open => format!("open {:.2} s more", maps.lease_left.as_secs_f64()),
        Some(_) => "shut".to_owned(),
        None if it.make == Daemon::Xvrrpd => "no maps yet".to_owned(),
        None => "has none".to_owned(),
    };
    let colour = if stage.owner() == Some(index) {
        GREEN
    } else if it.process == Process::Dead {
        RED
    } else {
        ""
    };
    let mut lines = vec![format!(
        "{colour}r{:<3}{:<12}{:<5}{process:<9}{:<5}{gate:<18}",
        index + 1,
        name(it.make),
        PRIORITIES[index],
        if it.linked { "up" } else { "CUT" },
    )];
    let peers = it.maps.iter().flat_map(|maps| &maps.peers).take(2);
    for (place, peer) in peers.enumerate() {
        let text = maps::describe(peer);
        match place {
            0 => lines[0].push_str(&text),
            _ => lines.push(format!("{:53}{text}", "")),
        }
    }
    for line in &mut lines {
        line.push_str(PLAIN);
    }
    lines
}

fn client(stage: &Stage, strip: &VecDeque<bool>) -> Vec<String> {
    let answering = stage.answering();
    let state = match (answering, stage.answers.silent_for()) {
        (Some(index), _) => {
            format!(
                "{GREEN}r{} ({}) answers{PLAIN}",
                index + 1,
                stage.address(index)
            )
        }
        (None, Some(silent)) => format!("{RED}no answer for {:.1} s{PLAIN}", silent.as_secs_f64()),
        (None, None) => "no answer yet".to_owned(),
    };
    let strip: String = strip
        .iter()
        .map(|answered| if *answered { '|' } else { '.' })
        .collect();
    let last: Vec<String> = stage
        .answers
        .gaps
        .iter()
        .rev()
        .take(6)
        .map(|gap| format!("{:.3} s", gap.length.as_secs_f64()))
        .collect();
    let gaps = if last.is_empty() {
        "none".to_owned()
    } else {
        last.join(", ")
    };
    vec![
        format!("client asks {VIP} every {} ms: {state}", PERIOD.as_millis()),
        format!("  last 6 s  {strip}"),
        cut(&format!("  gaps, the latest first: {gaps}")),
    ]
}

fn cut(line: &str) -> String {
    line.chars().take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::{HELP, Target, WIDTH};

    #[test]
    fn the_keys_fit_on_a_line_and_tab_comes_round() {
        assert!(HELP.len() <= WIDTH, "{}", HELP.len());
        let start = Target::Active;
        assert_ne!(start.next(), start);
        assert_eq!(start.next().next().next(), start);
    }
}
