//! `use_vmac`, `use_vmac_addr`, `vmac_xmit_base`: which addresses have the virtual MAC.
//!
//! keepalived makes a macvlan for each. None is made here, so its name, its group and
//! whether anybody is told of it are of no consequence, and are taken as such.

use super::instance::Draft;
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{Family, Instance, Vmac},
    value::bad,
    words::Word,
};
use vrrp_common::wire::virtual_mac;

/// As written.
#[derive(Debug, Default)]
pub(super) struct VmacWords {
    on: bool,
    given: Option<Given>,
    /// `use_vmac_addr`.
    pub(super) elsewhere: bool,
    /// `vmac_xmit_base`.
    pub(super) xmit_base: bool,
}

/// A MAC as written; `None` as its last octet: the VRID.
#[derive(Clone, Copy, Debug)]
struct Given([u8; 5], Option<u8>);

impl VmacWords {
    /// `[[name] NAME] [MAC] [netlink_notify_msg] [group GROUP]`, in any order.
    pub(super) fn read(&mut self, words: &[Word], diagnostics: &mut Vec<Diagnostic>) {
        self.on = true;
        let mut words = words.iter();
        let mut name = None;
        while let Some(word) = words.next() {
            match word.text.as_str() {
                text if text.contains(':') => {
                    self.given = mac(word, diagnostics).or(self.given.take());
                }
                "netlink_notify_msg" => {}
                option @ ("name" | "group") => {
                    if words.next().is_none() {
                        diagnostics.push(Diagnostic::error(
                            Code::MissingParameter,
                            word.span,
                            format!("nothing follows `{option}`"),
                        ));
                    }
                }
                text if name.is_some() => {
                    let found = bad(word, format!("`{text}` is no MAC address"));
                    diagnostics.push(found.help("write `use_vmac [NAME] [MAC]`"));
                }
                text => name = Some(text),
            }
        }
    }
}

/// Five or six octets in hexadecimal.
fn mac(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Given> {
    let text = word.text.strip_suffix(':').unwrap_or(&word.text);
    let octets: Option<Vec<u8>> = text
        .split(':')
        .map(|octet| match octet.len() {
            1 | 2 => u8::from_str_radix(octet, 16).ok(),
            _ => None,
        })
        .collect();
    let octets = octets.unwrap_or_default();
    let mut refuse = |message: String, help: &str| {
        diagnostics.push(bad(word, message).help(help));
        None
    };
    let (Some(head), true) = (octets.first_chunk::<5>(), octets.len() <= 6) else {
        return refuse(
            format!("`{}` is no MAC address", word.text),
            "write six octets, or five, and the VRID becomes the sixth: 02:00:00:00:00:01",
        );
    };
    if head[0] & 1 != 0 {
        return refuse(
            format!("`{}` is the MAC of a group", word.text),
            "write one whose first octet is even: 02:00:00:00:00:01",
        );
    }
    let usual = [4, 6].map(|family| virtual_mac(family, 0));
    if usual.iter().any(|usual| usual.starts_with(head)) {
        return refuse(
            format!("`{}` is VRRP's own, for the VRID it ends with", word.text),
            "leave it out, and the VRID's is used",
        );
    }
    Some(Given(*head, octets.get(5).copied()))
}

/// What its adverts and addresses use.
pub(super) fn vmac(draft: &Draft, strict: bool, diagnostics: &mut Vec<Diagnostic>) -> Vmac {
    let words = &draft.vmac;
    let mut overrule = |keyword, message, help| {
        let at = draft.places.at(keyword);
        diagnostics.push(Diagnostic::warning(Code::Overruled, at, message).help(help));
    };
    let mut given = words.given;
    if strict && given.take().is_some() {
        overrule(
            "use_vmac",
            "strict mode has only the virtual MAC of RFC 9568, which is used",
            "leave the MAC out",
        );
    }
    let mut base = words.xmit_base;
    if base && !words.on {
        overrule(
            "vmac_xmit_base",
            "`vmac_xmit_base` does nothing without `use_vmac`",
            "write `use_vmac` too, or remove it",
        );
    } else if base && strict {
        overrule(
            "vmac_xmit_base",
            "strict mode sends from the virtual MAC: `vmac_xmit_base` is ignored",
            "remove it",
        );
        base = false;
    }
    let vrid = draft.vrid.unwrap_or_default();
    Vmac {
        adverts: words.on && !base,
        given: given.map(|Given([a, b, c, d, e], last)| [a, b, c, d, e, last.unwrap_or(vrid)]),
    }
}

/// `use_vmac` is for addresses on the instance's interface and of its family,
/// `use_vmac_addr` for the others; `use_vmac` behind an address is for that one.
pub(super) fn spread(instance: &mut Instance, words: &VmacWords) {
    let (interface, v6) = (instance.interface.clone(), instance.family == Family::V6);
    let all = instance.addresses.iter_mut();
    for address in all.chain(&mut instance.excluded_addresses) {
        let home = address.dev.as_ref().is_none_or(|dev| *dev == interface)
            && address.address.is_ipv6() == v6;
        address.use_vmac |= if home { words.on } else { words.elsewhere };
    }
}
