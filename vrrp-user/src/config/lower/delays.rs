//! `interface_up_down_delays`.

use super::{address, body, complete::Completed};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::LinkDelays,
    tree::Statement,
    value::{seconds, surplus},
};
use core::time::Duration;
use std::collections::BTreeMap;

/// Longest delay, microseconds.
const MOST_MICROS: u64 = 255_000_000;

pub(super) fn all(
    root: &[Statement],
    instances: &[Completed],
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, LinkDelays> {
    let mut delays = BTreeMap::new();
    let blocks = root
        .iter()
        .filter(|block| block.name() == "interface_up_down_delays");
    for row in blocks.flat_map(body) {
        let Some((name, mut read)) = one(row, diagnostics) else {
            continue;
        };
        let users = instances.iter().map(|it| &it.instance);
        for it in users.filter(|it| it.interface == name) {
            // Longer, and a peer takes over before this router says FAULT, or this
            // one, which heard nobody, before it says that it is back.
            let adverts = u32::from(it.down_timer_adverts.saturating_sub(1));
            let most = it.advert_interval * adverts;
            if read.down >= most || read.up >= most {
                let most = most.saturating_sub(it.advert_interval / 256);
                let message = format!(
                    "`{}` waits {} adverts for a MASTER: the delay of {name} is cut to {most:?}",
                    it.name, it.down_timer_adverts
                );
                let found = Diagnostic::warning(Code::Overruled, row.span(), message);
                diagnostics.push(found.help("write a shorter delay"));
                read.down = read.down.min(most);
                read.up = read.up.min(most);
            }
        }
        delays.insert(name, read);
    }
    delays
}

fn one(row: &Statement, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, LinkDelays)> {
    let name = address::interface(row.words.first()?, diagnostics)?;
    let Some(down) = row.words.get(1) else {
        let message = format!("`{name}` has no delay");
        let found = Diagnostic::error(Code::MissingParameter, row.span(), message);
        diagnostics.push(found.help(format!("write `{name} DOWN_SECONDS [UP_SECONDS]`")));
        return None;
    };
    let down = seconds(down, 0..=MOST_MICROS, 6, diagnostics)?;
    let up = match row.words.get(2) {
        Some(up) => seconds(up, 0..=MOST_MICROS, 6, diagnostics)?,
        None => Duration::ZERO,
    };
    surplus(&row.words, 3, diagnostics);
    Some((name, LinkDelays { down, up }))
}
