//! `lb_algo`, `lvs_sched`, and their flags.

use super::super::Places;
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::balance::{Scheduler, SchedulerKind},
    nearest_name,
    value::bad,
    words::Word,
};

/// keepalived's, where none is written.
pub(super) const DEFAULT: SchedulerKind = SchedulerKind::Wlc;

const NAMES: [(&str, SchedulerKind); 15] = [
    ("rr", SchedulerKind::Rr),
    ("wrr", SchedulerKind::Wrr),
    ("lc", SchedulerKind::Lc),
    ("wlc", SchedulerKind::Wlc),
    ("lblc", SchedulerKind::Lblc),
    ("lblcr", SchedulerKind::Lblcr),
    ("dh", SchedulerKind::Dh),
    ("sh", SchedulerKind::Sh),
    ("mh", SchedulerKind::Mh),
    ("fo", SchedulerKind::Fo),
    ("ovf", SchedulerKind::Ovf),
    ("sed", SchedulerKind::Sed),
    ("nq", SchedulerKind::Nq),
    ("twos", SchedulerKind::Twos),
    // Ours.
    ("maglev", SchedulerKind::Maglev),
];

/// Flags, the schedulers they belong to, and whether they are about the port (or else
/// about falling back). `flag-1` and `flag-2` are what these are to `ipvsadm`.
const FLAGS: [(&str, &[SchedulerKind], bool); 6] = [
    ("sh-port", &[SchedulerKind::Sh], true),
    ("sh-fallback", &[SchedulerKind::Sh], false),
    ("mh-port", &[SchedulerKind::Mh], true),
    ("mh-fallback", &[SchedulerKind::Mh], false),
    ("flag-1", &[SchedulerKind::Sh, SchedulerKind::Mh], false),
    ("flag-2", &[SchedulerKind::Sh, SchedulerKind::Mh], true),
];

/// The name of one.
pub(super) fn name(kind: SchedulerKind) -> &'static str {
    NAMES
        .iter()
        .find(|(_, it)| *it == kind)
        .map_or("", |(name, _)| name)
}

pub(super) fn kind(
    keyword: &str,
    word: &Word,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SchedulerKind> {
    let text = word.text.as_str();
    if let Some((_, kind)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*kind);
    }
    let names = NAMES.map(|(name, _)| name);
    let lower = text.to_ascii_lowercase();
    let near = names
        .iter()
        .find(|name| **name == lower)
        .copied()
        .or_else(|| nearest_name(names.into_iter(), &lower));
    let found = bad(word, format!("`{text}` is no scheduler"));
    diagnostics.push(found.help(match near {
        Some(near) => format!("write `{keyword} {near}`"),
        None => format!("there are {}", names.join(", ")),
    }));
    None
}

/// A scheduler with those of its flags that are written; others are told.
pub(super) fn with_flags(
    kind: SchedulerKind,
    places: &Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> Scheduler {
    let mut scheduler = Scheduler {
        kind,
        port: false,
        fallback: false,
    };
    for (flag, of, port) in FLAGS {
        let Some(span) = places.get(flag) else {
            continue;
        };
        if !of.contains(&kind) {
            let of: Vec<String> = of
                .iter()
                .map(|&it| format!("`lb_algo {}`", name(it)))
                .collect();
            diagnostics.push(
                Diagnostic::warning(
                    Code::Overruled,
                    span,
                    format!("`{flag}` means nothing to `{}`: it is ignored", name(kind)),
                )
                .help(format!("remove it, or write {}", of.join(" or "))),
            );
        } else if port {
            scheduler.port = true;
        } else {
            scheduler.fallback = true;
        }
    }
    scheduler
}
