//! `auth_hmac`: keepalived's authentication for every version and family.

use super::{body, instance::Draft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{AntiReplay, Authentication, Instance, Trailer, TrailerMode},
    source::{Source, Span},
    tree::Statement,
    value::{number, surplus},
    words::Word,
};
use core::ops::RangeInclusive;
use std::{collections::BTreeMap, path::Path};

/// Octets of a key: fewer can be guessed, more are hashed to 32.
const KEY_LEN: RangeInclusive<usize> = 32..=64;
/// Octets of a key file that are worth reading: `hex:`, the digits, an end of line.
const MOST_FILE_LEN: usize = 4 + 2 * 64 + 7;
/// Bounds of the window that follows from the interval; seconds.
const LEAST_WINDOW_S: u64 = 5;
const MOST_WINDOW_S: u64 = 300;

/// The block as written.
#[derive(Clone, Debug, Default)]
pub(super) struct HmacWords {
    keys: BTreeMap<u8, Vec<u8>>,
    active_key: Option<(u8, Span)>,
    window_s: Option<u32>,
    monotonic: bool,
    mode: TrailerMode,
}

impl HmacWords {
    pub(super) fn read(&mut self, block: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        for statement in body(block) {
            let Some(word) = statement.arguments().first() else {
                continue;
            };
            match statement.name() {
                "key" => self.key(statement, word, diagnostics),
                "active_key" => {
                    let id = number(word, 1..=255, diagnostics);
                    let id = id.and_then(|id| u8::try_from(id).ok());
                    self.active_key = id.map(|id| (id, word.span)).or(self.active_key);
                }
                "time_window" => {
                    let seconds = number(word, 1..=300, diagnostics);
                    let seconds = seconds.and_then(|s| u32::try_from(s).ok());
                    self.window_s = seconds.or(self.window_s);
                }
                "anti_replay" => match word.text.as_str() {
                    "time" => self.monotonic = false,
                    "monotonic" => self.monotonic = true,
                    _ => diagnostics.push(neither(word, "`time` or `monotonic`")),
                },
                "mode" => match word.text.as_str() {
                    "enforce" => self.mode = TrailerMode::Enforce,
                    "permissive" => self.mode = TrailerMode::Permissive,
                    "receive-only" => self.mode = TrailerMode::ReceiveOnly,
                    _ => {
                        diagnostics
                            .push(neither(word, "`enforce`, `permissive` or `receive-only`"));
                    }
                },
                _ => continue,
            }
            if statement.name() != "key" {
                surplus(statement.arguments(), 1, diagnostics);
            }
        }
    }

    fn key(&mut self, statement: &Statement, id: &Word, diagnostics: &mut Vec<Diagnostic>) {
        let Some(id_number) = number(id, 1..=255, diagnostics) else {
            return;
        };
        let Some(secret) = statement.arguments().get(1) else {
            return;
        };
        let octets = match secret.text.strip_prefix("hex:") {
            Some(digits) => hex(digits),
            None => Some(secret.text.clone().into_bytes()),
        };
        let Some(octets) = octets else {
            let message = "what follows `hex:` is not two digits from 0 to f for each octet";
            diagnostics.push(Diagnostic::error(Code::BadValue, secret.span, message).help(MAKE));
            return;
        };
        if !KEY_LEN.contains(&octets.len()) {
            let message = format!("a key has 32 to 64 octets, this one {}", octets.len());
            diagnostics.push(Diagnostic::error(Code::BadValue, secret.span, message).help(MAKE));
            return;
        }
        let id_number = u8::try_from(id_number).unwrap_or(u8::MAX);
        if self.keys.contains_key(&id_number) {
            let message = format!("there is a key {id_number} already");
            let found = Diagnostic::error(Code::DuplicateName, id.span, message);
            diagnostics.push(found.help("give this one another number from 1 to 255"));
            return;
        }
        self.keys.insert(id_number, octets);
        surplus(statement.arguments(), 2, diagnostics);
    }

    /// What is in force, with an interval from which the window follows.
    fn finish(
        self,
        at: Span,
        instance: &Instance,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Trailer> {
        let Some((active_key, span)) = self.active_key else {
            let found = Diagnostic::error(Code::Incomplete, at, "`auth_hmac` has no `active_key`");
            diagnostics
                .push(found.help("write `active_key NUMBER`, that of the `key` to send with"));
            return None;
        };
        if !self.keys.contains_key(&active_key) {
            let message = format!("there is no `key {active_key}` to send with");
            let found = Diagnostic::error(Code::Incomplete, span, message);
            diagnostics.push(found.help(format!("write `key {active_key} SECRET`")));
            return None;
        }
        let mut mode = self.mode;
        if instance.strict && mode != TrailerMode::Enforce {
            let message = "strict mode has only `mode enforce`, which is used";
            let found = Diagnostic::warning(Code::Overruled, at, message);
            diagnostics.push(found.help("write `mode enforce`, or remove `vrrp_strict`"));
            mode = TrailerMode::Enforce;
        }
        let derived = (3 * instance.advert_interval.as_secs()).clamp(LEAST_WINDOW_S, MOST_WINDOW_S);
        let derived = u32::try_from(derived).unwrap_or(u32::MAX);
        Some(Trailer {
            keys: self.keys,
            active_key,
            anti_replay: if self.monotonic {
                AntiReplay::Monotonic
            } else {
                AntiReplay::Time {
                    window_s: self.window_s.unwrap_or(derived),
                }
            },
            mode,
        })
    }
}

const MAKE: &str = "make one with `openssl rand -hex 32` and write `key 1 hex:DIGITS`";

/// Where it is written it replaces `authentication`.
pub(super) fn settle(
    draft: &mut Draft,
    instance: &Instance,
    legacy: Option<Authentication>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Authentication> {
    let Some(words) = draft.hmac.take() else {
        return legacy;
    };
    if legacy.is_some() {
        let at = draft.places.at("authentication");
        let message = "`auth_hmac` takes the place of `authentication`, which is ignored";
        let found = Diagnostic::warning(Code::Overruled, at, message);
        diagnostics.push(found.help("remove one of the two blocks, on every router of the group"));
    }
    let trailer = words.finish(draft.places.at("auth_hmac"), instance, diagnostics);
    trailer.map(Authentication::Trailer)
}

/// Puts what is in key files in place of their names, so that the rest of the reading
/// touches no file.
pub(in crate::config) fn read_key_files(
    root: &mut [Statement],
    source: &mut dyn Source,
    working_directory: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let instances = root.iter_mut().filter(|it| it.name() == "vrrp_instance");
    let inner = instances
        .flat_map(inside)
        .filter(|it| it.name() == "auth_hmac");
    for key in inner.flat_map(inside).filter(|it| it.name() == "key") {
        let Some(word) = key.words.get_mut(2) else {
            continue;
        };
        let Some(name) = word.text.strip_prefix("file:") else {
            continue;
        };
        let path = working_directory.join(name);
        if !source.is_private(&path) {
            let message = format!(
                "others than its owner can read the key file {}",
                path.display()
            );
            let help = format!("chmod 600 {}", path.display());
            diagnostics.push(Diagnostic::warning(Code::Lint, word.span, message).help(help));
        }
        let read = source.read(&path).and_then(|octets| match octets.len() {
            0..=MOST_FILE_LEN => String::from_utf8(octets)
                .map_err(|_| "it is no text: write `hex:` and digits".into()),
            _ => Err("it is too long for a key".to_owned()),
        });
        match read {
            Ok(text) => text
                .trim_end_matches(['\n', '\r'])
                .clone_into(&mut word.text),
            Err(why) => {
                let message = format!("cannot read the key file {}: {why}", path.display());
                let found = Diagnostic::error(Code::BadValue, word.span, message);
                diagnostics.push(found.help("write the path of a file that holds the key"));
                // Not its name as a key.
                key.words.truncate(2);
            }
        }
    }
}

fn inside(statement: &mut Statement) -> &mut [Statement] {
    match &mut statement.block {
        Some(block) => &mut block.statements,
        None => &mut [],
    }
}

fn neither(word: &Word, which: &str) -> Diagnostic {
    let message = format!("`{}` is not one of {which}", word.text);
    Diagnostic::error(Code::BadValue, word.span, message).help(format!("write {which}"))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let nibble = |digit: u8| (digit as char).to_digit(16);
    let octet = |&[high, low]: &[u8; 2]| {
        let octet = nibble(high)? << 4 | nibble(low)?;
        u8::try_from(octet).ok()
    };
    rest.is_empty()
        .then(|| pairs.iter().map(octet).collect())
        .flatten()
}
