//! `global_defs`, and the defaults it gives to every instance.

use super::{Places, multicast, telling::Telling, told_twice, transmit, upkeep};
use crate::config::{
    command,
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::{Family, Global, Lease, LeaseMode, User, Version},
    source::Span,
    tree::Statement,
    value::{number, seconds, surplus, switch},
    words::Word,
};
use core::{net::IpAddr, ops::RangeInclusive, time::Duration};

/// Most whole seconds keepalived's microsecond counters hold.
pub(super) const MOST_MICROS: u64 = u32::MAX as u64;

/// `claim_hold`: less than a burst takes would be none, more than a second a gap.
const HOLD_MICROS: RangeInclusive<u64> = 100..=1_000_000;

/// Longest `garp_extra_if`, seconds: a day.
const MOST_EXTRA_S: i64 = 86_400;

/// What `global_defs` says, and what instances take from it.
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword")]
#[derive(Debug, Default)]
pub(super) struct Globals {
    global: Global,
    places: Option<Places>,
    pub(super) telling: Option<Telling>,
    pub(super) version: Version,
    /// `vrrp_mcast_group4`.
    pub(super) group_v4: Option<IpAddr>,
    /// `vrrp_mcast_group6`.
    pub(super) group_v6: Option<IpAddr>,
    pub(super) strict: bool,
    pub(super) skip_check: bool,
    pub(super) check_unicast_source: bool,
    pub(super) checksum_plain: Option<bool>,
    pub(super) lower_prio_no_advert: bool,
    pub(super) higher_prio_send_advert: bool,
    pub(super) owner_ignore_adverts: bool,
    pub(super) down_timer_adverts: Option<u8>,
    /// `vrrp_min_garp`: one announcement of each address, unless more are asked for.
    pub(super) min_garp: bool,
    pub(super) garp: GarpWords,
}

/// `garp_*` as written, in `global_defs` (with `vrrp_` before it) or an instance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GarpWords {
    pub(super) delay: Option<Duration>,
    pub(super) repeat: Option<u32>,
    pub(super) refresh: Option<Duration>,
    pub(super) refresh_repeat: Option<u32>,
    pub(super) lower_prio_delay: Option<Duration>,
    pub(super) lower_prio_repeat: Option<u32>,
    pub(super) arp_interval: Option<Duration>,
    pub(super) na_interval: Option<Duration>,
    /// `garp_extra_if`: how often, and whether on `all` interfaces.
    pub(super) extra: Option<(Duration, bool)>,
}

impl GarpWords {
    /// Takes a `garp_*` keyword; false if it is none. `name` has no `vrrp_`.
    pub(super) fn read(
        &mut self,
        name: &str,
        statement: &Statement,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> bool {
        let first = statement.arguments().first();
        match name {
            "garp_master_delay" => {
                self.delay = whole_seconds(first, diagnostics).or(self.delay);
            }
            "garp_master_refresh" => {
                self.refresh = whole_seconds(first, diagnostics).or(self.refresh);
            }
            "garp_lower_prio_delay" => {
                self.lower_prio_delay = whole_seconds(first, diagnostics).or(self.lower_prio_delay);
            }
            "garp_master_repeat" => {
                self.repeat = at_least_one(first, diagnostics).or(self.repeat);
            }
            "garp_master_refresh_repeat" => {
                self.refresh_repeat = at_least_one(first, diagnostics).or(self.refresh_repeat);
            }
            "garp_lower_prio_repeat" => {
                let value = first.and_then(|w| number(w, 0..=i64::from(i32::MAX), diagnostics));
                self.lower_prio_repeat = value
                    .and_then(|n| u32::try_from(n).ok())
                    .or(self.lower_prio_repeat);
            }
            "garp_interval" => {
                self.arp_interval = pace(first, diagnostics).or(self.arp_interval);
            }
            "garp_extra_if" => {
                let words = statement.arguments();
                let all = first.is_some_and(|word| word.text == "all");
                let rest = if all { &words[1..] } else { words };
                let every = rest
                    .first()
                    .and_then(|word| number(word, 0..=MOST_EXTRA_S, diagnostics));
                if all && rest.is_empty() {
                    let message = "`garp_extra_if all` says not how often";
                    let found =
                        Diagnostic::error(Code::MissingParameter, statement.span(), message);
                    diagnostics.push(found.help("write `garp_extra_if all 100`"));
                }
                if let Some(every) = every.and_then(|n| u64::try_from(n).ok()) {
                    self.extra = Some((Duration::from_secs(every), all));
                }
                surplus(rest, 1, diagnostics);
                return true;
            }
            "gna_interval" => {
                self.na_interval = pace(first, diagnostics).or(self.na_interval);
            }
            _ => return false,
        }
        surplus(statement.arguments(), 1, diagnostics);
        true
    }
}

impl Globals {
    pub(super) fn read(&mut self, statements: &[Statement], diagnostics: &mut Vec<Diagnostic>) {
        for statement in statements {
            let telling = self
                .telling
                .get_or_insert_with(|| Telling::new(Places::new(statement.span())));
            if !telling.read(statement, diagnostics) {
                self.statement(statement, diagnostics);
            }
            if let Some(keyword) = keyword::lookup(Kind::Global, statement.name()) {
                let places = self
                    .places
                    .get_or_insert_with(|| Places::new(statement.span()));
                places.set(keyword::current_name(keyword), statement.span());
            }
        }
    }

    fn statement(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let name = statement.name();
        let words = statement.arguments();
        let first = words.first();
        let served = keyword::lookup(Kind::Global, name)
            .is_some_and(|k| k.status == keyword::Status::Served);
        if let Some(places) = self.places.as_ref().filter(|_| served) {
            told_twice(places, statement, false, diagnostics);
        }
        if transmit::read(&mut self.global.transmit, statement, diagnostics)
            || upkeep::read(&mut self.global, statement, diagnostics)
            || self.lease_word(statement, diagnostics)
        {
            return;
        }
        if name
            .strip_prefix("vrrp_")
            .is_some_and(|n| self.garp.read(n, statement, diagnostics))
        {
            return;
        }
        match name {
            "router_id" => {
                if let Some(word) = first {
                    self.global.router_id.clone_from(&word.text);
                    surplus(words, 1, diagnostics);
                }
            }
            "script_user" => self.global.script_user = user(words, diagnostics),
            "enable_script_security" => self.global.script_security = true,
            "vrrp_startup_delay" => {
                if let Some(delay) =
                    first.and_then(|w| seconds(w, 1_000..=MOST_MICROS, 6, diagnostics))
                {
                    self.global.startup_delay = delay;
                }
            }
            "vrrp_delay_after_boot" => {
                if let Some(delay) =
                    first.and_then(|w| seconds(w, 1_000..=MOST_MICROS, 6, diagnostics))
                {
                    self.global.delay_after_boot = delay;
                }
            }
            "vrrp_min_garp" => set(&mut self.min_garp, switch(first, diagnostics)),
            "vrrp_version" => {
                if let Some(version) = first.and_then(|w| version(w, diagnostics)) {
                    self.version = version;
                }
            }
            "vrrp_mcast_group4" => {
                self.group_v4 = first
                    .and_then(|w| multicast::group(name, w, Some(Family::V4), diagnostics))
                    .or(self.group_v4);
                surplus(words, 1, diagnostics);
            }
            "vrrp_mcast_group6" => {
                self.group_v6 = first
                    .and_then(|w| multicast::group(name, w, Some(Family::V6), diagnostics))
                    .or(self.group_v6);
                surplus(words, 1, diagnostics);
            }
            "vrrp_strict" => {
                set(&mut self.strict, switch(first, diagnostics));
            }
            "vrrp_skip_check_adv_addr" => {
                set(&mut self.skip_check, switch(first, diagnostics));
            }
            "vrrp_check_unicast_src" => {
                self.check_unicast_source = true;
            }
            "vrrp_lower_prio_no_advert" => {
                set(&mut self.lower_prio_no_advert, switch(first, diagnostics));
            }
            "vrrp_higher_prio_send_advert" => set(
                &mut self.higher_prio_send_advert,
                switch(first, diagnostics),
            ),
            "vrrp_owner_ignore_adverts" => {
                set(&mut self.owner_ignore_adverts, switch(first, diagnostics));
            }
            "v3_checksum_as_v2" => {
                self.checksum_plain = switch(first, diagnostics).or(self.checksum_plain);
            }
            "vrrp_down_timer_adverts" => {
                self.down_timer_adverts = first
                    .and_then(|w| down_timer_adverts(w, diagnostics))
                    .or(self.down_timer_adverts);
            }
            _ => {}
        }
    }

    /// What a lease and a claim are made of; false if it is none of that.
    fn lease_word(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) -> bool {
        let words = statement.arguments();
        let first = words.first();
        match statement.name() {
            "lease" => {
                let lease = &mut self.global.lease;
                lease.mode = first
                    .and_then(|w| lease_mode(w, diagnostics))
                    .unwrap_or(lease.mode);
                surplus(words, 1, diagnostics);
            }
            "lease_loss_tolerance" => {
                let lease = &mut self.global.lease;
                lease.loss_tolerance =
                    small(first, 0..=2, diagnostics).unwrap_or(lease.loss_tolerance);
            }
            "lease_adverts" => {
                let lease = &mut self.global.lease;
                lease.adverts = small(first, 1..=3, diagnostics).unwrap_or(lease.adverts);
            }
            "claim_hold" => {
                if let Some(hold) = first.and_then(|w| seconds(w, HOLD_MICROS, 6, diagnostics)) {
                    self.global.lease.claim_hold = hold;
                }
            }
            _ => return false,
        }
        true
    }

    /// `instance NAME`, outside all blocks.
    pub(super) fn instance(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some(word) = statement.arguments().first() else {
            return;
        };
        if self.global.instance_name.is_some() {
            diagnostics.push(Diagnostic::warning(
                Code::Overruled,
                statement.span(),
                "`instance` is given more than once; the first counts",
            ));
            return;
        }
        self.global.instance_name = Some(word.text.clone());
    }

    /// `net_namespace NAME`, outside all blocks.
    pub(super) fn net_namespace(
        &mut self,
        statement: &Statement,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some(word) = statement.arguments().first() else {
            return;
        };
        surplus(statement.arguments(), 1, diagnostics);
        if self.global.net_namespace.is_some() {
            diagnostics.push(Diagnostic::warning(
                Code::Overruled,
                statement.span(),
                "`net_namespace` is given more than once; the first counts",
            ));
        } else if word.text.contains('/') || word.text.starts_with('.') {
            let message = format!("`{}` is no name of a network namespace", word.text);
            let found = Diagnostic::error(Code::BadValue, word.span, message);
            diagnostics.push(found.help("write a name that `ip netns list` shows"));
        } else {
            self.global.net_namespace = Some(word.text.clone());
        }
    }

    /// Once every `global_defs` is read.
    pub(super) fn settle(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        if self.min_garp {
            self.garp.repeat.get_or_insert(1);
            self.garp.delay.get_or_insert(Duration::ZERO);
        }
        if let Some(telling) = &mut self.telling {
            telling.settle(&mut self.global, diagnostics);
        }
        upkeep::settle(&self.global, |keyword| self.place(keyword), diagnostics);
    }

    pub(super) const fn lease(&self) -> Lease {
        self.global.lease
    }

    pub(super) fn finish(self) -> Global {
        self.global
    }

    /// Where a keyword of `global_defs` stands, for what an instance takes from it.
    pub(super) fn place(&self, keyword: &str) -> Option<Span> {
        self.places.as_ref()?.get(keyword)
    }
}

fn lease_mode(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<LeaseMode> {
    Some(match word.text.as_str() {
        "enforce" => LeaseMode::Enforce,
        "observe" => LeaseMode::Observe,
        "off" => LeaseMode::Off,
        text => {
            let message = format!("`{text}` is nothing a lease can do");
            let found = Diagnostic::error(Code::BadValue, word.span, message);
            diagnostics.push(found.help("write `enforce`, `observe` or `off`"));
            return None;
        }
    })
}

fn small(
    word: Option<&Word>,
    range: RangeInclusive<i64>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<u8> {
    let value = number(word?, range, diagnostics)?;
    u8::try_from(value).ok()
}

pub(super) fn set(target: &mut bool, value: Option<bool>) {
    if let Some(value) = value {
        *target = value;
    }
}

pub(super) fn version(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Version> {
    Some(if number(word, 2..=3, diagnostics)? == 3 {
        Version::V3
    } else {
        Version::V2
    })
}

/// `USER [GROUP]`.
pub(super) fn user(words: &[Word], diagnostics: &mut Vec<Diagnostic>) -> Option<User> {
    surplus(words, 2, diagnostics);
    let group = words.get(1).map(|word| word.text.as_str());
    Some(command::user_of(&words.first()?.text, group))
}

pub(super) fn down_timer_adverts(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u8> {
    number(word, 1..=100, diagnostics).and_then(|n| u8::try_from(n).ok())
}

fn whole_seconds(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    let most = i64::from(u32::MAX / 1_000_000);
    number(word?, 0..=most, diagnostics)
        .and_then(|n| u64::try_from(n).ok())
        .map(Duration::from_secs)
}

/// Zero asks for a pause, not for none; keepalived makes it one.
fn at_least_one(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    let word = word?;
    let value = number(word, 0..=i64::from(u32::MAX), diagnostics)?;
    if value == 0 {
        let found = Diagnostic::warning(
            Code::BadValue,
            word.span,
            "at least one announcement is sent; 1 is used",
        );
        diagnostics.push(found.help("write `1`"));
    }
    u32::try_from(value.max(1)).ok()
}

/// 0, which widespread files write, means no pause.
pub(super) fn pace(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    seconds(word?, 0..=MOST_MICROS, 6, diagnostics)
}
