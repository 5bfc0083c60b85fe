//! `vrrp_strict` and `strict_mode`: RFC 5798 and 3768 to the letter.

use super::{global::Globals, instance::Draft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{InitialState, Instance, Version},
};
use core::time::Duration;

/// Takes back what strict mode does not have; authentication and repeated
/// announcements were never taken in.
pub(super) fn apply(
    instance: &mut Instance,
    draft: &Draft,
    globals: &Globals,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let places = &draft.places;
    let mut overrule = |keyword: &str, message: &str, help: &str| {
        diagnostics
            .push(Diagnostic::warning(Code::Overruled, places.at(keyword), message).help(help));
    };
    let owner = instance.priority == 255;
    let by_priority = if owner {
        InitialState::Master
    } else {
        InitialState::Backup
    };
    if instance.state != by_priority {
        let (message, help) = if owner {
            (
                "in strict mode priority 255 means `state MASTER`, which is used",
                "write `state MASTER`",
            )
        } else {
            (
                "in strict mode only priority 255 may be `state MASTER`: BACKUP is used",
                "write `state BACKUP`, or remove `vrrp_strict`",
            )
        };
        overrule("state", message, help);
        instance.state = by_priority;
    }
    if !instance.preempt_delay.is_zero() {
        overrule(
            "preempt_delay",
            "strict mode has no `preempt_delay`: it is ignored",
            "remove it",
        );
        instance.preempt_delay = Duration::ZERO;
    }
    if draft.down_timer_adverts.is_some_and(|n| n != 3) {
        overrule(
            "down_timer_adverts",
            "in strict mode a backup waits for 3 adverts, which is used",
            "remove it",
        );
    }
    instance.down_timer_adverts = 3;
    for (keyword, given) in [
        (
            "garp_lower_prio_repeat",
            draft.garp.lower_prio_repeat.is_some_and(|n| n > 0),
        ),
        (
            "garp_lower_prio_delay",
            draft.garp.lower_prio_delay.is_some_and(|d| !d.is_zero()),
        ),
    ] {
        if given {
            overrule(
                keyword,
                "strict mode does not repeat announcements: it is ignored",
                "remove it",
            );
        }
    }
    if !instance.lower_prio_no_advert {
        overrule(
            "lower_prio_no_advert",
            "strict mode sends no advert in answer to a lower priority",
            "remove it",
        );
        instance.lower_prio_no_advert = true;
    }
    if instance.higher_prio_send_advert {
        overrule(
            "higher_prio_send_advert",
            "strict mode sends no advert in answer to a higher priority",
            "remove it",
        );
        instance.higher_prio_send_advert = false;
    }
    // RFC 3768 section 6.4.3: only an address owner accepts.
    if instance.accept && !owner && instance.version == Version::V2 {
        overrule(
            "accept",
            "strict version 2 has no accept mode",
            "write `version 3`, or remove `vrrp_strict`",
        );
        instance.accept = false;
    }
    if !instance.accept && draft.accept.is_none() {
        let at = places
            .get("strict_mode")
            .or_else(|| globals.place("vrrp_strict"))
            .unwrap_or(draft.name.span);
        let message = "in strict mode a router that does not own the addresses drops what is sent to them: no ping, no service";
        diagnostics.push(Diagnostic::note(Code::Lint, at, message).help(
            "remove `vrrp_strict` if clients talk to the addresses, or write `accept` in version 3",
        ));
    }
    if instance.unicast.is_some() {
        let at = places.at("unicast_peer");
        let found = Diagnostic::error(Code::Overruled, at, "strict mode has no unicast");
        diagnostics.push(found.help("remove `unicast_peer`, or remove `vrrp_strict`"));
    }
}
