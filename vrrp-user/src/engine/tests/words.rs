//! Actions as words to compare.

use crate::{
    config::model::CommandLine,
    engine::{
        action::{Action, Announcement, PlacedAddress},
        answer::HandedOver,
    },
    ownership::command::{GateId, VrId},
};

fn parted(gate: GateId, vrs: &[VrId], resign: bool) -> String {
    let vrs: Vec<String> = vrs.iter().map(|vr| vr.0.to_string()).collect();
    format!("part {}: {}{}", gate.0, vrs.join(" "), told(resign))
}

const fn told(resign: bool) -> &'static str {
    if resign { " resign" } else { "" }
}

/// An action in few words.
pub(super) fn words(action: &Action) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| -> String {
        items.flat_map(|it| [" ".to_owned(), it]).collect()
    };
    let placed =
        |all: &[PlacedAddress]| list(&mut all.iter().map(|it| it.address.address.to_string()));
    let announced = |all: &[Announcement]| list(&mut all.iter().map(|it| it.address.to_string()));
    match action {
        Action::AttachInterfaces(all) => format!("attach {all:?}"),
        Action::SetRouter { vr, record: None } => format!("router {} gone", vr.0),
        Action::SetRouter {
            vr,
            record: Some(it),
        } => {
            format!(
                "router {} priority {} from {}",
                vr.0, it.priority, it.source
            )
        }
        Action::SetVips(all) => {
            let vips = list(&mut all.iter().map(|it| it.address.to_string()));
            format!("vips{vips}")
        }
        Action::SetLeaseMode(mode) => format!("lease {mode:?}"),
        Action::SetAddresses { wanted, .. } => format!("addresses{}", placed(wanted)),
        Action::SetNetwork { wanted, .. } => {
            let addresses = wanted.addresses.iter().map(|it| it.address.to_string());
            let routes = wanted.routes.iter().map(|it| it.destination.to_string());
            let rules = wanted.rules.iter().map(|it| it.preference.to_string());
            format!("network{}", list(&mut addresses.chain(routes).chain(rules)))
        }
        Action::Claim { gate, .. } => format!("claim {}", gate.0),
        Action::CloseOthers { kept } => {
            format!(
                "close all but{}",
                list(&mut kept.iter().map(|it| it.0.to_string()))
            )
        }
        Action::Resume { gate, adverts, .. } => {
            let priorities = list(&mut adverts.iter().map(|it| it.priority.to_string()));
            format!("resume {} priority{priorities}", gate.0)
        }
        Action::Prolong { gate, .. } => format!("prolong {}", gate.0),
        Action::Confirm { gate, .. } => format!("confirm {}", gate.0),
        Action::UpdateAdvert { advert, .. } => {
            format!("update {} priority {}", advert.vr.0, advert.priority)
        }
        Action::AdvertiseNow { vr, .. } => format!("advertise {}", vr.0),
        Action::Cease { gate, resign, .. } => format!("cease {}{}", gate.0, told(*resign)),
        Action::Part { gate, vrs, resign } => parted(*gate, vrs, *resign),
        Action::Concede { advert, winner, .. } => {
            format!("concede {} to {winner}", advert.vr.0)
        }
        Action::Announce { announcements, .. } => format!("announce{}", announced(announcements)),
        Action::RunScript { script, .. } => format!("run {script}"),
        Action::StopScript { script } => format!("stop {script}"),
        Action::Probe(probe) => format!("probe {}", probe.name),
        Action::StopProbe { name, .. } => format!("stop {name}"),
        Action::WatchFiles { files, first } => {
            let start = if *first { " at start" } else { "" };
            let names = list(&mut files.iter().map(|it| it.name.clone()));
            format!("files{names}{start}")
        }
        Action::WatchProcesses(all) => {
            format!("processes{}", list(&mut all.iter().map(|it| it.0.clone())))
        }
        Action::Notify {
            command, arguments, ..
        } => {
            let mut argv = match command {
                CommandLine::Argv(argv) => argv.clone(),
                CommandLine::Shell(line) => vec![line.clone()],
            };
            argv.extend(arguments.iter().cloned());
            format!("notify{}", list(&mut argv.into_iter()))
        }
        Action::NotifyFifo { line } => format!("fifo {}", line.trim_end()),
        Action::StatusChange { name, status } => format!("status {name} {status}"),
        Action::Mail { subject, body } => format!("mail {subject} | {body}"),
        Action::Answer {
            answer: Ok(done), ..
        } => {
            let each = |it: &HandedOver| match it.to {
                Some(to) => format!("{} to {to}", it.name),
                None => it.name.clone(),
            };
            format!(
                "answer done{}",
                list(&mut done.handed_over.iter().map(each))
            )
        }
        Action::Answer {
            answer: Err(why), ..
        } => format!("answer refused {why}"),
        Action::RememberMaintenance(on) => format!("remember {on}"),
        Action::Log(_, line) => format!("log {line}"),
        Action::Finished => "finished".into(),
        Action::Left => "left".into(),
    }
}
