//! `use_ipvlan [NAME] [ADDRESS] [bridge|private|vepa] [group GROUP]`: adverts from an
//! address of their own.
//!
//! keepalived makes an ipvlan for it, with this address. None is made here: the address
//! is on the instance's interface as long as the daemon runs, as a row of
//! `static_ipaddress` would be, and adverts leave from it. The frames are the same, for
//! an ipvlan has the MAC of the interface below.

use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{
        Family, Instance, VirtualAddress,
        routing::{Origin, StaticAddress},
    },
    value::{bad, prefix},
    words::Word,
};

/// As written.
#[derive(Debug, Default)]
pub(super) struct IpvlanWords {
    pub(super) on: bool,
    /// With its prefix length in bits.
    address: Option<(core::net::IpAddr, u8)>,
}

impl IpvlanWords {
    /// The words behind the keyword, in any order. The word that is an address, if one is.
    pub(super) fn read<'a>(
        &mut self,
        words: &'a [Word],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<(core::net::IpAddr, &'a Word)> {
        self.on = true;
        let mut words = words.iter();
        let (mut name, mut kind) = (false, false);
        let mut found = None;
        while let Some(word) = words.next() {
            match word.text.as_str() {
                "bridge" | "private" | "vepa" if !kind => kind = true,
                option @ ("name" | "group") => {
                    name |= option == "name";
                    if words.next().is_none() {
                        let message = format!("nothing follows `{option}`");
                        let code = Code::MissingParameter;
                        diagnostics.push(Diagnostic::error(code, word.span, message));
                    }
                }
                text if looks_like_an_address(text) && found.is_none() => {
                    let read = prefix(word, diagnostics);
                    self.address = read.or(self.address);
                    found = read.map(|(address, _)| (address, word));
                }
                _ if !name => name = true,
                text => {
                    let message = format!("`{text}` is too much behind `use_ipvlan`");
                    diagnostics.push(
                        bad(word, message)
                            .help("write `use_ipvlan [NAME] [ADDRESS] [bridge|private|vepa]`"),
                    );
                }
            }
        }
        found
    }

    /// IPv4 has no address that such an interface would have of itself.
    pub(super) fn check(
        &self,
        instance: &Instance,
        at: crate::config::Span,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if self.on && self.address.is_none() && instance.family == Family::V4 {
            let message = "`use_ipvlan` without an address changes nothing here: adverts leave from the interface's own";
            let found = Diagnostic::warning(Code::Incomplete, at, message);
            diagnostics.push(found.help("write `use_ipvlan ADDRESS`, or remove it"));
        }
    }

    /// The address, for the interface of its instance.
    pub(super) fn placed(&self, instance: &Instance, origin: Origin) -> Option<StaticAddress> {
        let (address, prefix_len) = self.address?;
        let v6 = address.is_ipv6();
        Some(StaticAddress {
            address: VirtualAddress {
                address,
                prefix_len,
                broadcast: None,
                dev: Some(instance.interface.clone()),
                scope: None,
                label: None,
                peer: None,
                home: false,
                detect_duplicates: false,
                manage_temporary: false,
                no_prefix_route: false,
                auto_join: false,
                preferred_lifetime_s: (v6 && prefix_len == 128).then_some(0),
                no_track: false,
                use_vmac: false,
                origin,
            },
            track_group: None,
        })
    }
}

fn looks_like_an_address(text: &str) -> bool {
    let address = text.split('/').next().unwrap_or_default();
    address.parse::<core::net::IpAddr>().is_ok()
}
