//! Values of routes and rules: numbers with names, times, prefixes.

use super::{
    Cursor, Reader,
    names::{Of, number},
};
use crate::config::{
    keyword::suggest::nearest_name, lower::address, model::routing::Prefix, value, words::Word,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What keepalived takes for a round-trip time.
const LEAST_MS: u32 = 200;
const MOST_MS: u32 = 120_000;

/// Where a packet goes to or comes from.
#[derive(Clone, Copy)]
pub(super) enum Wide {
    /// `default`, `any`, `all`: of whichever family the row is.
    All,
    Prefix(Prefix),
}

impl Wide {
    pub(super) fn resolved(self, v6: bool) -> Prefix {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::All => Prefix {
                address: if v6 {
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                } else {
                    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
                },
                bits: 0,
            },
        }
    }
}

impl<'a> Cursor<'a> {
    /// A number, or a name that one of iproute2's files has.
    pub(super) fn named(
        &mut self,
        reader: &Reader<'_>,
        of: Of,
        word: &Word,
        most: u32,
    ) -> Option<u32> {
        let found = number(&word.text).or_else(|| reader.names.id(of, &word.text));
        match found {
            Some(id) if id <= most => Some(id),
            Some(_) => {
                let message = format!("`{}` is out of range", word.text);
                self.refuse(word, message, &format!("write a number from 0 to {most}"))
            }
            None => {
                let message = format!("`{}` is no {}", word.text, of.what());
                let help = match nearest_name(reader.names.all(of), &word.text) {
                    Some(name) => format!("write `{name}`"),
                    None => format!(
                        "write its number, or name it in /etc/iproute2/{}",
                        of.file()
                    ),
                };
                self.refuse(word, message, &help)
            }
        }
    }

    pub(super) fn octet(&mut self, reader: &Reader<'_>, of: Of, keyword: &Word) -> Option<u8> {
        let word = self.value(keyword)?;
        self.named(reader, of, word, 255)
            .and_then(|id| u8::try_from(id).ok())
    }

    /// A whole number, decimal or with `0x`.
    pub(super) fn number(&mut self, keyword: &Word, most: u32) -> Option<u32> {
        let word = self.value(keyword)?;
        match number(&word.text) {
            Some(value) if value <= most => Some(value),
            _ => {
                let message = format!("`{}` is no number for `{}`", word.text, keyword.text);
                self.refuse(word, message, &format!("write a number from 0 to {most}"))
            }
        }
    }

    /// `REALM` or `SOURCE/DESTINATION`.
    pub(super) fn realms(&mut self, reader: &Reader<'_>, keyword: &'a Word) -> Option<u32> {
        self.of_family(false, keyword)?;
        let word = self.value(keyword)?;
        let part = |text: &str| Word {
            text: text.to_owned(),
            span: word.span,
        };
        match word.text.split_once('/') {
            None => self.named(reader, Of::Realms, word, 255),
            Some((source, destination)) => {
                let source = self.named(reader, Of::Realms, &part(source), 255)?;
                let destination = self.named(reader, Of::Realms, &part(destination), 255)?;
                Some(source << 16 | destination)
            }
        }
    }

    /// In kernel units as a bare number; `ms` or `s` after it counts `units` to the
    /// millisecond.
    pub(super) fn time(&mut self, keyword: &Word, units: u32) -> Option<u32> {
        let word = self.value(keyword)?;
        let text = word.text.to_ascii_lowercase();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let scale = match &text[digits.len()..] {
            "" => Some((1, 1)),
            "ms" | "msec" | "msecs" => Some((units, 1)),
            "s" | "sec" | "secs" => Some((units, 1000)),
            _ => None,
        };
        let parsed = scale.and_then(|(units, milli)| {
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
            let thousandths = whole
                .parse::<u64>()
                .ok()?
                .checked_mul(1000)?
                .checked_add(fraction.parse().ok()?)?;
            let value = thousandths.checked_mul(u64::from(units) * milli)? / 1000;
            u32::try_from(value).ok()
        });
        let bounds = (LEAST_MS * units, MOST_MS * units);
        match parsed {
            Some(value) if value < bounds.0 || value > bounds.1 => {
                let message = format!(
                    "`{}` is not between {LEAST_MS} ms and {} s; the nearest of them is used",
                    word.text,
                    MOST_MS / 1000
                );
                self.warn(word, message, "write milliseconds as in `250ms`");
                Some(value.clamp(bounds.0, bounds.1))
            }
            Some(value) => Some(value),
            None => {
                let message = format!("`{}` is no time", word.text);
                self.refuse(
                    word,
                    message,
                    "write milliseconds as in `250ms`, or `0.25s`",
                )
            }
        }
    }

    /// An address alone.
    pub(super) fn address(&mut self, keyword: &Word) -> Option<(IpAddr, &'a Word)> {
        let word = self.value(keyword)?;
        let address = value::address(word, self.diagnostics)?;
        Some((address, word))
    }

    /// A prefix, `default`, `any` or `all`.
    pub(super) fn wide(&mut self, word: &'a Word) -> Option<Wide> {
        match word.text.as_str() {
            "default" | "any" | "all" => Some(Wide::All),
            "default6" => {
                self.of_family(true, word)?;
                self.warn(
                    word,
                    "`default6` is an old spelling".to_owned(),
                    "write `inet6 default`",
                );
                Some(Wide::All)
            }
            _ => {
                let (address, bits) = value::prefix(word, self.diagnostics)?;
                self.of_address(address, word)?;
                Some(Wide::Prefix(Prefix { address, bits }))
            }
        }
    }

    pub(super) fn device(&mut self, keyword: &Word) -> Option<String> {
        let word = self.value(keyword)?;
        address::interface(word, self.diagnostics)
    }

    /// `A` or `A-B`.
    pub(super) fn range(&mut self, keyword: &Word, most: u32, alone: bool) -> Option<(u32, u32)> {
        let word = self.value(keyword)?;
        let parsed = match word.text.split_once('-') {
            Some((first, last)) => first.parse().ok().zip(last.parse().ok()),
            None if alone => word.text.parse().ok().map(|one| (one, one)),
            None => None,
        };
        let parsed = parsed.filter(|&(first, last): &(u32, u32)| first <= last && last <= most);
        parsed.or_else(|| {
            let message = format!("`{}` is no range for `{}`", word.text, keyword.text);
            let or_one = if alone { " or one number" } else { "" };
            let help = format!("write `FIRST-LAST`{or_one}, up to {most}");
            self.refuse(word, message, &help)
        })
    }
}
