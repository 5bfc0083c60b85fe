//! `authentication`: what of it is in force.

use super::{
    hmac,
    instance::{AuthType, Draft},
};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{Authentication, Instance, Version},
};

/// Of `authentication` and `auth_hmac` the one that counts.
pub(super) fn in_force(
    draft: &mut Draft,
    instance: &Instance,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Authentication> {
    let legacy = authentication(draft, instance, diagnostics);
    hmac::settle(draft, instance, legacy, diagnostics)
}

/// Version 2 only (version 3 has no authentication data), and not in strict mode.
fn authentication(
    draft: &Draft,
    instance: &Instance,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Authentication> {
    let at = draft.places.at("authentication");
    let password = draft.password.clone().unwrap_or_default();
    if draft.auth_type.is_none() {
        if !password.is_empty() && draft.places.get("auth_type").is_none() {
            let found = Diagnostic::error(
                Code::Incomplete,
                at,
                "a password without `auth_type` is not used",
            );
            diagnostics.push(found.help("write `auth_type PASS`"));
        }
        return None;
    }
    let strict = instance.strict;
    let ignored = if strict {
        Some("strict mode has no authentication: it is ignored")
    } else if instance.version == Version::V3 {
        Some("VRRP version 3 has no authentication: it is ignored")
    } else {
        None
    };
    if let Some(message) = ignored {
        let found = Diagnostic::warning(Code::Overruled, at, message);
        let help = if strict {
            "remove the block, or remove `vrrp_strict`; do the same on every router of the group"
        } else {
            "remove the block"
        };
        diagnostics.push(found.help(help));
        return None;
    }
    if password.is_empty() {
        let found = Diagnostic::error(
            Code::Incomplete,
            at,
            "authentication without a password is not used",
        );
        diagnostics.push(found.help("write `auth_pass PASSWORD`, at most 8 characters"));
        return None;
    }
    if password.len() > 8 {
        let kept = String::from_utf8_lossy(&password[..8]);
        let found = Diagnostic::warning(
            Code::Overruled,
            draft.places.at("auth_pass"),
            format!("an advert carries 8 characters of a password: only `{kept}` is used"),
        );
        diagnostics.push(found.help(format!("write `auth_pass {kept}`")));
    }
    let mut octets = [0; 8];
    for (to, from) in octets.iter_mut().zip(&password) {
        *to = *from;
    }
    Some(if draft.auth_type == Some(AuthType::Ah) {
        Authentication::Header(octets)
    } else {
        Authentication::Pass(octets)
    })
}
