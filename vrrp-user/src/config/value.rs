//! Words to numbers, times, switches and addresses, with a reason when they are none.

use super::{
    check::foreign_punctuation,
    diagnostic::{Code, Diagnostic},
    words::Word,
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};

/// A whole number within bounds.
pub(crate) fn number(
    word: &Word,
    range: RangeInclusive<i64>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<i64> {
    let text = word.text.trim();
    let Ok(value) = text.strip_prefix('+').unwrap_or(text).parse::<i64>() else {
        let found = bad(word, format!("`{}` is no whole number", word.text));
        diagnostics.push(found.help(number_help(text, &range)));
        return None;
    };
    if !range.contains(&value) {
        diagnostics.push(bad(word, format!("{value} is out of range")).help(format!(
            "write a number from {} to {}",
            range.start(),
            range.end()
        )));
        return None;
    }
    Some(value)
}

/// Seconds, with a fraction of at most `decimals` digits; `least..=most` in microseconds.
pub(crate) fn seconds(
    word: &Word,
    range: RangeInclusive<u64>,
    decimals: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Duration> {
    let text = word.text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let parsed = if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction)
    {
        None
    } else {
        let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
        let whole = if whole.is_empty() { "0" } else { whole };
        whole
            .parse::<u64>()
            .ok()
            .and_then(|s| s.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?))
    };
    let Some(micros) = parsed else {
        let unit = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let found = bad(word, format!("`{}` is no number of seconds", word.text));
        let help = match (unit.parse::<f64>(), &text[unit.len()..]) {
            (Ok(_), "s") => format!("write `{unit}`: the unit is always the second"),
            (Ok(ms), "ms") => format!("write `{}`: the unit is always the second", ms / 1000.0),
            _ => foreign_punctuation(text)
                .unwrap_or_else(|| "write seconds, as in `1` or `0.5`".to_owned()),
        };
        diagnostics.push(found.help(help));
        return None;
    };
    if fraction.len() > decimals {
        let what = match decimals {
            0 => "only whole seconds are possible here".to_owned(),
            n => format!("only {n} digits after the point are possible here"),
        };
        diagnostics.push(bad(
            word,
            format!("`{}` is finer than can be kept: {what}", word.text),
        ));
        return None;
    }
    if !range.contains(&micros) {
        diagnostics.push(
            bad(word, format!("{} seconds are out of range", word.text)).help(format!(
                "write seconds from {} to {}",
                show(*range.start()),
                show(*range.end())
            )),
        );
        return None;
    }
    Some(Duration::from_micros(micros))
}

/// `on`, `true`, `yes` or the opposite; on when nothing is written.
pub(crate) fn switch(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
    let Some(word) = word else { return Some(true) };
    match word.text.as_str() {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => {
            let found = bad(word, format!("`{}` is neither on nor off", word.text));
            diagnostics.push(found.help("write `on` or `off` (`true`, `false`, `yes`, `no`)"));
            None
        }
    }
}

/// An address without prefix length.
pub(crate) fn address(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<IpAddr> {
    let parsed = word.text.parse().ok();
    if parsed.is_none() {
        diagnostics.push(no_address(word, &word.text));
    }
    parsed
}

/// `ADDRESS` or `ADDRESS/BITS`; 32 or 128 bits where none are written.
pub(crate) fn prefix(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<(IpAddr, u8)> {
    let (text, bits) = word
        .text
        .split_once('/')
        .map_or((word.text.as_str(), None), |(a, b)| (a, Some(b)));
    let Ok(address) = text.parse::<IpAddr>() else {
        diagnostics.push(no_address(word, text));
        return None;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let Some(bits) = bits else {
        return Some((address, most));
    };
    if let Some(bits) = bits.parse::<u8>().ok().filter(|&n| n <= most) {
        return Some((address, bits));
    }
    let found = bad(
        word,
        format!("`/{bits}` is no prefix length of an address with {most} bits"),
    );
    let help = match bits.parse::<Ipv4Addr>().ok().and_then(mask_bits) {
        Some(bits) => format!("write `{address}/{bits}`"),
        None => format!("write `{address}/{}`", if most == 32 { 24 } else { 64 }),
    };
    diagnostics.push(found.help(help));
    None
}

/// Anything that follows what a keyword takes: keepalived drops it without a word.
pub(crate) fn surplus(words: &[Word], takes: usize, diagnostics: &mut Vec<Diagnostic>) {
    if let (Some(first), Some(last)) = (words.get(takes), words.last()) {
        diagnostics.push(
            Diagnostic::warning(
                Code::BadValue,
                first.span.to(last.span),
                "this is ignored: the keyword takes no more",
            )
            .help("remove it, or put `#` before it"),
        );
    }
}

/// What somebody may have meant who wrote a relative path.
pub(crate) fn absolute_guess(path: &str) -> String {
    const TOPS: [&str; 10] = [
        "bin", "dev", "etc", "home", "opt", "run", "srv", "tmp", "usr", "var",
    ];
    let mut rest = path;
    while let Some(shorter) = rest.strip_prefix("./").or_else(|| rest.strip_prefix("../")) {
        rest = shorter;
    }
    let top = rest.split('/').next().unwrap_or_default();
    if rest.contains('/') && TOPS.contains(&top) {
        format!("/{rest}")
    } else {
        format!("/run/{rest}")
    }
}

pub(crate) fn bad(word: &Word, message: String) -> Diagnostic {
    Diagnostic::error(Code::BadValue, word.span, message)
}

fn no_address(word: &Word, text: &str) -> Diagnostic {
    let found = bad(word, format!("`{text}` is no address"));
    let octets: Vec<&str> = text.split('.').collect();
    let help = if let Some(help) = foreign_punctuation(text) {
        help
    } else if let Some(big) = octets
        .iter()
        .find(|o| o.parse::<u64>().is_ok_and(|n| n > 255))
    {
        format!("{big} is more than 255")
    } else if let Some(zero) = octets
        .iter()
        .find(|o| o.len() > 1 && o.starts_with('0') && o.parse::<u8>().is_ok())
    {
        format!(
            "write `{}` without the leading zero",
            zero.trim_start_matches('0')
        )
    } else if let Some(name) = text.strip_prefix('$') {
        let name: String = name
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        format!("if `{name}` is a macro, define it above and write `${{{name}}}`")
    } else if octets.len() > 1
        && (octets.len() != 4 || octets.contains(&""))
        && octets
            .iter()
            .all(|o| o.parse::<u8>().is_ok() || o.is_empty())
    {
        "an IPv4 address has four numbers, as in `192.0.2.1`".to_owned()
    } else {
        "write an address as in `192.0.2.1` or `2001:db8::1`".to_owned()
    };
    found.help(help)
}

fn mask_bits(mask: Ipv4Addr) -> Option<u32> {
    let bits = mask.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() == 32).then(|| bits.leading_ones())
}

fn number_help(text: &str, range: &RangeInclusive<i64>) -> String {
    let digits = text.trim_matches(|c: char| !c.is_ascii_digit() && c != '-');
    match digits.parse::<i64>() {
        Ok(value) if range.contains(&value) => format!("write `{value}`"),
        _ => foreign_punctuation(text)
            .unwrap_or_else(|| format!("write a number from {} to {}", range.start(), range.end())),
    }
}

fn show(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Link-local, as the first address of an IPv6 instance should be.
pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Span;

    fn word(text: &str) -> Word {
        Word {
            text: text.to_owned(),
            span: Span {
                file: 0,
                start: 0,
                end: 0,
            },
        }
    }

    fn told<T: core::fmt::Debug>(read: impl FnOnce(&mut Vec<Diagnostic>) -> Option<T>) -> String {
        let mut diagnostics = Vec::new();
        match read(&mut diagnostics) {
            Some(value) => format!("{value:?}"),
            None => diagnostics
                .pop()
                .map(|d| d.help.unwrap_or(d.message))
                .unwrap_or_default(),
        }
    }

    #[test]
    fn a_relative_path_and_what_may_be_meant() {
        for (path, guess) in [
            ("run/drain", "/run/drain"),
            ("drain", "/run/drain"),
            ("./drain", "/run/drain"),
            ("../var/lib/drain", "/var/lib/drain"),
            ("keepalived/drain", "/run/keepalived/drain"),
            ("run", "/run/run"),
        ] {
            assert_eq!(absolute_guess(path), guess, "{path}");
        }
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("51", "51"),
            ("+7", "7"),
            (" 8", "8"),
            ("051", "51"),
            ("0", "write a number from 1 to 255"),
            ("256", "write a number from 1 to 255"),
            ("100;", "write `100`"),
            ("abc", "write a number from 1 to 255"),
            ("99999999999999999999", "write a number from 1 to 255"),
        ] {
            assert_eq!(
                told(|d| number(&word(text), 1..=255, d)),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("1", "1s"),
            ("0.5", "500ms"),
            (".01", "10ms"),
            ("2.", "2s"),
            ("1s", "write `1`: the unit is always the second"),
            ("100ms", "write `0.1`: the unit is always the second"),
            ("-1", "write seconds, as in `1` or `0.5`"),
            ("", "write seconds, as in `1` or `0.5`"),
            (".", "write seconds, as in `1` or `0.5`"),
            ("0", "write seconds from 0.01 to 255"),
            ("256", "write seconds from 0.01 to 255"),
            (
                "1.234",
                "`1.234` is finer than can be kept: only 2 digits after the point are possible here",
            ),
        ] {
            assert_eq!(
                told(|d| seconds(&word(text), 10_000..=255_000_000, 2, d)),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("10.0.0.1", "(10.0.0.1, 32)"),
            ("10.0.0.1/24", "(10.0.0.1, 24)"),
            ("fe80::1", "(fe80::1, 128)"),
            ("10.0.0.1/255.255.255.0", "write `10.0.0.1/24`"),
            ("10.0.0.1/33", "write `10.0.0.1/24`"),
            ("fe80::1/129", "write `fe80::1/64`"),
            ("10.0.0.256", "256 is more than 255"),
            ("10.0.0.01", "write `1` without the leading zero"),
            (
                "10.0.0./24",
                "an IPv4 address has four numbers, as in `192.0.2.1`",
            ),
            (
                "$VIP/24",
                "if `VIP` is a macro, define it above and write `${VIP}`",
            ),
            (
                "10\u{3002}0.0.1",
                "`\u{3002}` (U+3002) is not `.`: type the ASCII character",
            ),
            (
                "eth0",
                "write an address as in `192.0.2.1` or `2001:db8::1`",
            ),
        ] {
            assert_eq!(told(|d| prefix(&word(text), d)), expected, "{text}");
        }
    }

    #[test]
    fn switches() {
        assert_eq!(told(|d| switch(None, d)), "true");
        assert_eq!(told(|d| switch(Some(&word("off")), d)), "false");
        assert_eq!(
            told(|d| switch(Some(&word("1")), d)),
            "write `on` or `off` (`true`, `false`, `yes`, `no`)"
        );
    }
}
