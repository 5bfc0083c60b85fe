//! `handover` and `maintenance`: what was asked for, and who has it now.

use crate::{
    engine::answer::{Done, HandedOver},
    shell::{
        bpf::Instance,
        control::{self, Command},
    },
};
use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use std::{
    io::{self, Write as _},
    time::Duration,
};

/// Longer than the daemon waits for peers at the longest interval there is.
const PATIENCE: Duration = Duration::from_hours(7);

pub(super) fn hand_over(instance: &Instance, name: &str, force: bool) -> Result<()> {
    say(&format!("Handing over {name} ..."));
    let done = ask(
        instance,
        &Command::Handover {
            name: name.into(),
            force,
        },
    )?;
    for it in &done.handed_over {
        say(&line(it));
    }
    say("It is held back until `xvrrpd handover --release`, or until that router is silent.");
    Ok(())
}

pub(super) fn release(instance: &Instance, name: &str) -> Result<()> {
    ask(instance, &Command::Release { name: name.into() })?;
    say(&format!("{name} is no longer held back."));
    Ok(())
}

pub(super) fn maintenance(instance: &Instance, on: bool, force: bool) -> Result<()> {
    if on {
        say("Handing over everything ...");
    }
    let done = ask(instance, &Command::Maintenance { on, force })?;
    for it in &done.handed_over {
        say(&line(it));
    }
    say(if on {
        "Maintenance: this node takes over nothing until `xvrrpd maintenance off`."
    } else {
        "Maintenance is over."
    });
    Ok(())
}

fn ask(instance: &Instance, command: &Command) -> Result<Done> {
    let answer = control::ask(&control::socket_path(instance), command, PATIENCE)?;
    Done::deserialize(answer).context("the answer makes no sense")
}

fn line(it: &HandedOver) -> String {
    let HandedOver { name, to, after_ms } = it;
    let after = Duration::from_millis(*after_ms).as_secs_f64();
    match to {
        Some(to) => format!("{name}: {to} took over after {after:.2} s"),
        None => format!("{name}: nobody claimed within {after:.2} s, resigned"),
    }
}

/// Whoever reads may have left; what was asked for is done all the same.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
