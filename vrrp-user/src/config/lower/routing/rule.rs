//! One row of `virtual_rules` or `static_rules`.

use super::{
    Cursor, Reader,
    names::{Of, number},
    values::Wide,
};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::routing::{PROTOCOL, Rule, RuleAction},
    words::Word,
};

const OPTIONS: &[&str] = &[
    "inet",
    "inet6",
    "not",
    "from",
    "to",
    "table",
    "lookup",
    "preference",
    "priority",
    "order",
    "tos",
    "dsfield",
    "fwmark",
    "realms",
    "suppress_prefixlength",
    "suppress_ifgroup",
    "dev",
    "iif",
    "oif",
    "tunnel-id",
    "uidrange",
    "l3mdev",
    "protocol",
    "ipproto",
    "sport",
    "dport",
    "no_track",
    "track_group",
    "type",
    "goto",
    "nop",
    "blackhole",
    "unreachable",
    "prohibit",
];

#[derive(Default)]
struct Draft {
    invert: bool,
    from: Option<Wide>,
    to: Option<Wide>,
    preference: Option<u32>,
    action: Option<RuleAction>,
    iif: Option<String>,
    oif: Option<String>,
    tos: u8,
    mark: Option<(u32, Option<u32>)>,
    realms: Option<u32>,
    suppress_prefix_length: Option<u32>,
    suppress_group: Option<u32>,
    tunnel_id: Option<u64>,
    uids: Option<(u32, u32)>,
    ip_protocol: Option<u8>,
    source_ports: Option<(u16, u16)>,
    destination_ports: Option<(u16, u16)>,
    protocol: Option<u8>,
    no_track: bool,
    track_group: Option<String>,
}

pub(super) fn read(reader: &mut Reader<'_>, row: &mut Cursor<'_>) -> Option<Rule> {
    let mut draft = Draft::default();
    while let Some(word) = row.next() {
        option(&mut draft, reader, row, word)?;
    }
    finish(draft, reader, row)
}

fn option<'a>(
    draft: &mut Draft,
    reader: &Reader<'_>,
    row: &mut Cursor<'a>,
    word: &'a Word,
) -> Option<()> {
    let short = |(first, last)| Some((u16::try_from(first).ok()?, u16::try_from(last).ok()?));
    match word.text.as_str() {
        "inet" => row.of_family(false, word)?,
        "inet6" => row.of_family(true, word)?,
        "not" => draft.invert = true,
        "from" => {
            let at = row.value(word)?;
            draft.from = Some(row.wide(at)?);
        }
        "to" => {
            let at = row.value(word)?;
            draft.to = Some(row.wide(at)?);
        }
        "preference" | "order" | "priority" => {
            draft.preference = Some(row.number(word, u32::MAX)?);
        }
        "tos" | "dsfield" => draft.tos = row.octet(reader, Of::DsFields, word)?,
        "fwmark" => draft.mark = Some(mark(row, word)?),
        "realms" => draft.realms = Some(row.realms(reader, word)?),
        "suppress_prefixlength" | "sup_pl" => {
            draft.suppress_prefix_length = Some(row.number(word, i32::MAX.unsigned_abs())?);
        }
        "suppress_ifgroup" | "sup_group" => {
            let at = row.value(word)?;
            let group = row.named(reader, Of::Groups, at, i32::MAX.unsigned_abs())?;
            draft.suppress_group = Some(group);
        }
        "dev" | "iif" => draft.iif = Some(row.device(word)?),
        "oif" => draft.oif = Some(row.device(word)?),
        "tunnel-id" => {
            let at = row.value(word)?;
            let Ok(id) = at.text.parse() else {
                let message = format!("`{}` is no tunnel ID", at.text);
                return row.refuse(at, message, "write a whole number");
            };
            draft.tunnel_id = Some(id);
        }
        "uidrange" => draft.uids = Some(row.range(word, u32::MAX, false)?),
        "protocol" => draft.protocol = Some(row.octet(reader, Of::Protocols, word)?),
        "ipproto" | "ip_proto" => draft.ip_protocol = Some(ip_protocol(row, word)?),
        "sport" => draft.source_ports = short(row.range(word, 65535, true)?),
        "dport" => draft.destination_ports = short(row.range(word, 65535, true)?),
        "no_track" => draft.no_track = true,
        "track_group" => draft.track_group = Some(row.track_group(word)?),
        _ => return act(draft, reader, row, word),
    }
    Some(())
}

fn act<'a>(
    draft: &mut Draft,
    reader: &Reader<'_>,
    row: &mut Cursor<'a>,
    word: &'a Word,
) -> Option<()> {
    let named = if word.text == "type" {
        row.value(word)?
    } else {
        word
    };
    let action = match named.text.as_str() {
        "table" | "lookup" => {
            let at = row.value(named)?;
            match row.named(reader, Of::Tables, at, u32::MAX)? {
                0 => {
                    let message = "there is no routing table 0".to_owned();
                    return row.refuse(at, message, "write the number or name of a table");
                }
                table => RuleAction::Table(table),
            }
        }
        "l3mdev" => RuleAction::L3mdev,
        "goto" => RuleAction::Goto(row.number(named, u32::MAX)?),
        "nop" => RuleAction::Nop,
        "blackhole" => RuleAction::Blackhole,
        "unreachable" => RuleAction::Unreachable,
        "prohibit" => RuleAction::Prohibit,
        _ => return row.unknown(named, "rule", OPTIONS),
    };
    if draft.action.replace(action).is_some() {
        let message = "a rule does one thing, and this is the second".to_owned();
        let help = "keep one of table, goto, nop, blackhole, unreachable, prohibit, l3mdev";
        return row.refuse(named, message, help);
    }
    Some(())
}

/// `VALUE` or `VALUE/MASK`.
fn mark(row: &mut Cursor<'_>, keyword: &Word) -> Option<(u32, Option<u32>)> {
    let at = row.value(keyword)?;
    let parsed = match at.text.split_once('/') {
        None => number(&at.text).map(|mark| (mark, None)),
        Some((mark, mask)) => number(mark)
            .zip(number(mask))
            .map(|(mark, mask)| (mark, Some(mask))),
    };
    parsed.or_else(|| {
        let message = format!("`{}` is no mark", at.text);
        row.refuse(at, message, "write `1`, `0x10` or `0x10/0xff`")
    })
}

fn ip_protocol(row: &mut Cursor<'_>, keyword: &Word) -> Option<u8> {
    let at = row.value(keyword)?;
    let name = at.text.to_ascii_lowercase();
    let number = match name.as_str() {
        "icmp" => Some(1),
        "tcp" => Some(6),
        "udp" => Some(17),
        "gre" => Some(47),
        "esp" => Some(50),
        "ah" => Some(51),
        "ipv6-icmp" | "icmpv6" => Some(58),
        "sctp" => Some(132),
        _ => number(&name).and_then(|n| u8::try_from(n).ok()),
    };
    number.or_else(|| {
        let message = format!("`{}` is no IP protocol", at.text);
        row.refuse(at, message, "write `tcp`, `udp`, `icmp`, or its number")
    })
}

fn finish(draft: Draft, reader: &mut Reader<'_>, row: &mut Cursor<'_>) -> Option<Rule> {
    let span = row.row.span();
    let Some(action) = draft.action else {
        let found = Diagnostic::error(Code::Incomplete, span, "a rule that does nothing");
        row.diagnostics.push(found.help(
            "write `table TABLE`, or one of goto, nop, blackhole, unreachable, prohibit, l3mdev",
        ));
        return None;
    };
    let looks_up = matches!(action, RuleAction::Table(_) | RuleAction::L3mdev);
    let of_a_table = draft.realms.is_some()
        || draft.suppress_prefix_length.is_some()
        || draft.suppress_group.is_some();
    if of_a_table && !looks_up {
        let message = "`realms` and `suppress_*` are for a rule that looks up a table";
        let found = Diagnostic::error(Code::BadValue, span, message);
        row.diagnostics
            .push(found.help("remove it, or write `table TABLE`"));
        return None;
    }
    if let RuleAction::Goto(target) = action
        && draft
            .preference
            .is_none_or(|preference| preference >= target)
    {
        let message = "a rule goes only to one with a higher preference than its own";
        let found = Diagnostic::error(Code::BadValue, span, message);
        row.diagnostics
            .push(found.help(format!("write `preference NUMBER`, less than {target}")));
        return None;
    }
    let mut protocol = draft.protocol.unwrap_or(PROTOCOL);
    if !draft.no_track && protocol != PROTOCOL {
        let message =
            format!("a rule that is tracked has protocol {PROTOCOL} (keepalived), which is used");
        row.diagnostics.push(
            Diagnostic::warning(Code::Overruled, span, message)
                .help("remove `protocol`, or add `no_track`"),
        );
        protocol = PROTOCOL;
    }
    let v6 = row.is_v6();
    let preference = draft.preference.unwrap_or_else(|| {
        let next = &mut reader.next_preference[usize::from(v6)];
        let given = *next;
        *next = given.saturating_sub(1);
        let message = format!("a rule without `preference`: it gets {given}");
        row.diagnostics.push(
            Diagnostic::warning(Code::Lint, span, message)
                .help("write `preference NUMBER`: rules are asked in its order"),
        );
        given
    });
    let has_device = draft.iif.is_some();
    if draft.track_group.is_some() && !has_device {
        let message = "without `iif` there is nothing of this rule to track";
        row.diagnostics
            .push(Diagnostic::warning(Code::Overruled, span, message).help("add `iif INTERFACE`"));
    }
    Some(Rule {
        origin: reader.origin(row.row),
        v6,
        invert: draft.invert,
        from: draft.from.map(|wide| wide.resolved(v6)),
        to: draft.to.map(|wide| wide.resolved(v6)),
        preference,
        action,
        iif: draft.iif,
        oif: draft.oif,
        tos: draft.tos,
        mark: draft.mark,
        realms: draft.realms,
        suppress_prefix_length: draft.suppress_prefix_length,
        suppress_group: draft.suppress_group,
        tunnel_id: draft.tunnel_id,
        uids: draft.uids,
        ip_protocol: draft.ip_protocol,
        source_ports: draft.source_ports,
        destination_ports: draft.destination_ports,
        protocol,
        no_track: draft.no_track,
        track_group: draft.track_group.filter(|_| has_device),
    })
}
