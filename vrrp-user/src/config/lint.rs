//! Settings that are all right each by itself and cannot work as meant. Only
//! what one file proves: the peers' files are not known here.

use super::{
    diagnostic::{Code, Diagnostic, Severity},
    lower::{Completed, Trackers, tracked_by},
    model::{InitialState, TrackerKind},
};
use core::net::IpAddr;
use std::collections::BTreeMap;

pub(crate) fn lint(
    instances: &[Completed],
    trackers: &Trackers,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for one in instances {
        owner(one, diagnostics);
        weights(one, diagnostics);
        patience(one, diagnostics);
    }
    shared_addresses(instances, diagnostics);
    unused(instances, trackers, diagnostics);
}

/// 255 is not "the highest": it says that the addresses are this host's own.
fn owner(one: &Completed, diagnostics: &mut Vec<Diagnostic>) {
    let i = &one.instance;
    if i.priority != 255 {
        return;
    }
    if one.places.get("priority").is_none() && i.state == InitialState::Master {
        let message = "`state MASTER` without `priority` means priority 255, the owner of the addresses, which nothing lowers";
        let found = Diagnostic::warning(Code::Lint, one.places.at("state"), message);
        diagnostics.push(
            found.help("write a `priority` below 255 unless the addresses are this host's own"),
        );
    } else {
        let message = "priority 255 means that this host owns the addresses: it takes over at once and nothing lowers it";
        let found = Diagnostic::note(Code::Lint, one.places.at("priority"), message);
        diagnostics.push(found.help("write 254 or less if the addresses are only virtual"));
    }
}

/// A lease ends as many intervals before a peer's patience does as adverts may be
/// lost; what is left must outlast the interval to the next one.
fn patience(one: &Completed, diagnostics: &mut Vec<Diagnostic>) {
    let waits = one.instance.down_timer_adverts;
    let adverts = waits.min(one.lease.adverts);
    let lost = one.lease.loss_tolerance;
    if adverts >= lost + 2 {
        return;
    }
    let message = format!(
        "a lease of {adverts} adverts, of which {lost} may be lost, ends before the next one is due: the addresses fall silent for a moment at every interval"
    );
    let help = match (lost, waits) {
        (2, _) => "write `lease_loss_tolerance 1` in `global_defs`",
        (_, 3..) => "write `lease_adverts 3` in `global_defs`",
        _ => {
            "write `down_timer_adverts 3` on every router of the group, and a shorter `advert_int` for a faster failover"
        }
    };
    let at = one.places.at("down_timer_adverts");
    diagnostics.push(Diagnostic::warning(Code::Lint, at, message).help(help));
}

fn weights(one: &Completed, diagnostics: &mut Vec<Diagnostic>) {
    let i = &one.instance;
    let Some(first) = one.tracks.iter().find(|t| t.tracked.weight != 0) else {
        return;
    };
    if i.nopreempt {
        let message = "with `nopreempt` on both routers a weight does not fail over: neither takes over from the other's lowered priority";
        let found = Diagnostic::warning(Code::Lint, first.span, message);
        diagnostics.push(
            found.help("write `weight 0`, so that a failure is a FAULT, or remove `nopreempt`"),
        );
    }
    for track in &one.tracks {
        let weight = match (track.kind, track.tracked.reverse) {
            // A file's value has a sign of its own.
            (TrackerKind::File, _) => continue,
            (_, false) => track.tracked.weight,
            (_, true) => -track.tracked.weight,
        };
        // The effective priority stays in 1..=254.
        let stuck = (weight > 0 && i.priority >= 254) || (weight < 0 && i.priority <= 1);
        if stuck && i.priority != 255 {
            let message = format!(
                "weight {weight} never changes priority {}, which cannot go {}",
                i.priority,
                if weight > 0 { "above 254" } else { "below 1" }
            );
            let found = Diagnostic::warning(Code::Lint, track.span, message);
            diagnostics.push(found.help("leave the priority room for the weight"));
        }
    }
}

/// One address in two instances is taken away by whichever ceases.
fn shared_addresses(instances: &[Completed], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(IpAddr, Option<&str>), &str> = BTreeMap::new();
    for one in instances {
        let i = &one.instance;
        for (address, span) in &one.addresses {
            let all = i.addresses.iter().chain(&i.excluded_addresses);
            let dev = all
                .clone()
                .find(|a| a.address == *address)
                .and_then(|a| a.dev.as_deref());
            let key = (*address, Some(dev.unwrap_or(&i.interface)));
            match seen.insert(key, &i.name) {
                Some(first) if first != i.name => {
                    let message = format!(
                        "`{address}` is also an address of `{first}`: whichever ceases takes it away"
                    );
                    let found = Diagnostic::warning(Code::Lint, *span, message);
                    diagnostics.push(found.help("an address belongs to one instance"));
                }
                _ => {}
            }
        }
    }
}

/// Only in a file without errors: a misspelt name has been told already.
fn unused(instances: &[Completed], trackers: &Trackers, diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return;
    }
    for (kind, name, span) in trackers.names() {
        let this = |it: &(TrackerKind, String)| it.0 == kind && it.1 == name;
        if instances.iter().any(|one| one.named.iter().any(this)) {
            continue;
        }
        let idle = match kind {
            TrackerKind::Script => "it is not run",
            _ => "nobody looks at it",
        };
        let message = format!("nothing tracks `{name}`: {idle}");
        let found = Diagnostic::note(Code::Lint, span, message);
        let keyword = tracked_by(kind);
        diagnostics.push(found.help(format!("name it in an instance: `{keyword} {{ {name} }}`")));
    }
}
