//! Rows of `virtual_ipaddress` and `unicast_peer`.

use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    model::{Broadcast, UnicastPeer, VirtualAddress, routing::Origin},
    tree::Statement,
    value::{address, bad, number, prefix},
    words::Word,
};
use core::net::IpAddr;

/// Longest name of an interface or label, IFNAMSIZ less its end.
const MOST_NAME_BYTES: usize = 15;

const OPTIONS: [&str; 14] = [
    "dev",
    "scope",
    "brd",
    "broadcast",
    "label",
    "peer",
    "home",
    "-nodad",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "no_track",
    "preferred_lft",
    "use_vmac",
];

/// `ADDRESS[/BITS] [OPTION ...]`.
pub(super) fn virtual_address(
    row: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<VirtualAddress> {
    let (first, mut rest) = row.words.split_first()?;
    let (ip, prefix_len) = prefix(first, diagnostics)?;
    let mut out = VirtualAddress {
        address: ip,
        prefix_len,
        broadcast: None,
        dev: None,
        scope: None,
        label: None,
        peer: None,
        home: false,
        detect_duplicates: false,
        manage_temporary: false,
        no_prefix_route: false,
        auto_join: false,
        preferred_lifetime_s: None,
        no_track: false,
        use_vmac: false,
        origin: Origin::default(),
    };
    // A /128 is of no use as a source address; keepalived marks it so.
    if ip.is_ipv6() && prefix_len == 128 {
        out.preferred_lifetime_s = Some(0);
    }
    while let Some((option, after)) = rest.split_first() {
        rest = after;
        match option.text.as_str() {
            "home" => out.home = true,
            "-nodad" => out.detect_duplicates = true,
            "mngtmpaddr" => out.manage_temporary = true,
            "noprefixroute" => out.no_prefix_route = true,
            "no_track" => out.no_track = true,
            "use_vmac" => out.use_vmac = true,
            "autojoin" => {
                out.auto_join = ip.is_multicast();
                if !out.auto_join {
                    diagnostics.push(no_group(option, ip));
                }
            }
            "dev" | "scope" | "brd" | "broadcast" | "label" | "peer" | "preferred_lft" => {
                let Some((value, after)) = rest.split_first() else {
                    let found = Diagnostic::error(
                        Code::MissingParameter,
                        option.span,
                        format!("nothing follows `{}`", option.text),
                    );
                    diagnostics.push(found);
                    return None;
                };
                rest = after;
                valued(&mut out, &option.text, value, diagnostics);
            }
            _ => diagnostics.push(unknown_option(option)),
        }
    }
    if out.broadcast.is_some() && out.peer.is_some() {
        let message = "an address with a peer has no broadcast address; it is ignored";
        diagnostics.push(Diagnostic::warning(Code::Overruled, row.span(), message));
        out.broadcast = None;
    }
    if let Some(Broadcast::HostBitsSet | Broadcast::HostBitsCleared) = out.broadcast
        && out.prefix_len > 30
    {
        let message = format!(
            "a /{} has no broadcast address; it is ignored",
            out.prefix_len
        );
        diagnostics.push(Diagnostic::warning(Code::Overruled, row.span(), message));
        out.broadcast = None;
    }
    Some(out)
}

fn valued(out: &mut VirtualAddress, option: &str, value: &Word, diagnostics: &mut Vec<Diagnostic>) {
    let v6 = out.address.is_ipv6();
    match option {
        "dev" => out.dev = interface(value, diagnostics),
        "label" if v6 => diagnostics.push(only_v4(value, "label")),
        "label" => out.label = label(value, diagnostics),
        "scope" if v6 => diagnostics.push(only_v4(value, "scope")),
        "scope" => out.scope = scope(value, diagnostics),
        "peer" => {
            if let Some(peer) = address(value, diagnostics) {
                if peer.is_ipv6() == v6 {
                    out.peer = Some(peer);
                    // As for any point-to-point address, the peer is a host.
                    out.prefix_len = if v6 { 128 } else { 32 };
                } else {
                    diagnostics.push(bad(
                        value,
                        format!("`{peer}` is not of the address's family"),
                    ));
                }
            }
        }
        "preferred_lft" => {
            out.preferred_lifetime_s = match value.text.as_str() {
                "forever" => None,
                _ => number(value, 0..=i64::from(u32::MAX), diagnostics)
                    .and_then(|n| u32::try_from(n).ok()),
            };
        }
        _ if v6 => diagnostics.push(only_v4(value, "broadcast address")),
        _ => {
            out.broadcast = match value.text.as_str() {
                "+" => Some(Broadcast::HostBitsSet),
                "-" => Some(Broadcast::HostBitsCleared),
                _ => match address(value, diagnostics) {
                    Some(IpAddr::V4(broadcast)) => Some(Broadcast::Address(broadcast)),
                    Some(IpAddr::V6(_)) => {
                        diagnostics.push(bad(
                            value,
                            "a broadcast address is an IPv4 address".to_owned(),
                        ));
                        None
                    }
                    None => None,
                },
            };
        }
    }
}

/// The kernel would refuse the address.
fn no_group(word: &Word, address: IpAddr) -> Diagnostic {
    let message = format!("`autojoin` joins a multicast group, and {address} is none");
    bad(word, message).help("remove `autojoin`, or write the address of the group")
}

fn only_v4(word: &Word, what: &str) -> Diagnostic {
    Diagnostic::warning(
        Code::Overruled,
        word.span,
        format!("an IPv6 address has no {what}; it is ignored"),
    )
    .help("remove it")
}

/// As the kernel numbers them; names beyond these are the host's own.
fn scope(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u8> {
    match word.text.as_str() {
        "global" | "universe" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        "nowhere" => Some(255),
        text => {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            if let Some(scope) = text.parse().ok().filter(|_| digits) {
                return Some(scope);
            }
            let found = bad(word, format!("`{text}` is no scope"));
            diagnostics.push(found.help("write global, site, link, host, nowhere or 0 to 255"));
            None
        }
    }
}

/// A name the kernel takes for an interface.
pub(super) fn interface(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    if let Some((device, _)) = word.text.split_once(':') {
        let found = bad(
            word,
            format!("`{}` is a label, not an interface", word.text),
        );
        diagnostics.push(found.help(format!(
            "write `{device}`; a label stands behind an address: `192.0.2.1/24 label {}`",
            word.text
        )));
        return None;
    }
    label(word, diagnostics)
}

/// A name the kernel takes for the label of an address.
fn label(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let text = &word.text;
    let ok = !text.is_empty()
        && text.len() <= MOST_NAME_BYTES
        && text != "."
        && text != ".."
        && !text.contains(|c: char| c == '/' || c.is_whitespace());
    if ok {
        return Some(text.clone());
    }
    let found = bad(word, format!("`{text}` cannot be the name of an interface"));
    diagnostics.push(found.help(format!(
        "a name has 1 to {MOST_NAME_BYTES} bytes, no space and no `/`; see `ip link`"
    )));
    None
}

fn unknown_option(word: &Word) -> Diagnostic {
    let found = bad(word, format!("`{}` is no option of an address", word.text));
    if word.text.parse::<IpAddr>().is_ok() || word.text.contains('/') {
        return found.help("write one address a line");
    }
    let glued = OPTIONS[..7]
        .iter()
        .find(|o| word.text.starts_with(*o) && word.text.len() > o.len());
    match (nearest_name(OPTIONS.into_iter(), &word.text), glued) {
        (_, Some(option)) => found.help(format!("a space is missing: write `{option} {}`", &word.text[option.len()..])),
        (Some(option), None) => found.help(format!("write `{option}`")),
        (None, None) => found.help("known are dev, label, scope, brd, peer, home, -nodad, mngtmpaddr, noprefixroute, autojoin, no_track, use_vmac, preferred_lft"),
    }
}

/// `ADDRESS [min_ttl N] [max_ttl N]`; true if a TTL is given.
pub(super) fn unicast_peer(
    row: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(UnicastPeer, bool)> {
    let (first, mut rest) = row.words.split_first()?;
    let mut out = UnicastPeer {
        address: address(first, diagnostics)?,
        min_ttl: 0,
        max_ttl: 255,
    };
    let mut limited = false;
    while let Some((option, after)) = rest.split_first() {
        let slot =
            match option.text.as_str() {
                "min_ttl" => &mut out.min_ttl,
                "max_ttl" => &mut out.max_ttl,
                text => {
                    let found = bad(option, format!("`{text}` is no option of a unicast peer"));
                    diagnostics.push(found.help(
                        "write one address a line; after it only `min_ttl N` and `max_ttl N`",
                    ));
                    break;
                }
            };
        let Some((value, after)) = after.split_first() else {
            let message = format!("nothing follows `{}`", option.text);
            diagnostics.push(Diagnostic::error(
                Code::MissingParameter,
                option.span,
                message,
            ));
            break;
        };
        if let Some(ttl) = number(value, 0..=255, diagnostics).and_then(|n| u8::try_from(n).ok()) {
            *slot = ttl;
            limited = true;
        }
        rest = after;
    }
    if out.min_ttl > out.max_ttl {
        let message = format!(
            "min_ttl {} is above max_ttl {}: every advert would be discarded",
            out.min_ttl, out.max_ttl
        );
        diagnostics.push(Diagnostic::error(Code::BadValue, row.span(), message));
    }
    Some((out, limited))
}
