//! `vrrp_instance` as written; `complete` fills in the rest.

use super::{
    Places, address, body,
    global::{self, GarpWords, set},
    hmac::HmacWords,
    ipvlan::IpvlanWords,
    multicast, named,
    notify::NotifyWords,
    told_twice, track,
    vmac::VmacWords,
};
use crate::config::{
    diagnostic::{Code, Diagnostic, Severity},
    keyword::{self, Kind, Status},
    model::{Family, InitialState, UnicastPeer, Version, VirtualAddress},
    source::Span,
    tree::Statement,
    value::{address as plain_address, number, seconds, surplus, switch},
    words::Word,
};
use core::{net::IpAddr, time::Duration};

/// An instance as written: `None` is what the file does not say.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a keyword without parameter"
)]
pub(super) struct Draft {
    pub(super) name: Word,
    pub(super) places: Places,
    pub(super) state: Option<InitialState>,
    pub(super) interface: Option<String>,
    pub(super) vrid: Option<u8>,
    pub(super) priority: Option<u8>,
    pub(super) version: Option<Version>,
    pub(super) family: Option<Family>,
    pub(super) advert_interval: Option<Duration>,
    pub(super) auth_type: Option<AuthType>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) hmac: Option<HmacWords>,
    /// `mcast_dst_ip`.
    pub(super) group: Option<IpAddr>,
    pub(super) addresses: Vec<(VirtualAddress, Span)>,
    pub(super) excluded: Vec<(VirtualAddress, Span)>,
    /// Rows of `virtual_routes` and `virtual_rules`.
    pub(super) routes: Vec<Statement>,
    pub(super) rules: Vec<Statement>,
    pub(super) promote_secondaries: bool,
    pub(super) no_addresses: bool,
    /// A row of `virtual_ipaddress` was an error, and is told as such.
    pub(super) address_refused: bool,
    pub(super) nopreempt: bool,
    pub(super) preempt_delay: Duration,
    pub(super) garp: GarpWords,
    pub(super) source: Option<IpAddr>,
    pub(super) unicast: bool,
    pub(super) unicast_ttl: Option<u8>,
    /// `unicast_fault_no_peer`.
    pub(super) fault_no_peer: bool,
    pub(super) peers: Vec<UnicastPeer>,
    pub(super) check_source: bool,
    pub(super) advert_sources: Vec<IpAddr>,
    pub(super) tracks: Vec<track::Row>,
    pub(super) notify: NotifyWords,
    pub(super) dont_track_primary: bool,
    pub(super) strict: Option<bool>,
    pub(super) accept: Option<bool>,
    pub(super) skip_check: Option<bool>,
    pub(super) checksum_plain: Option<bool>,
    /// `old_unicast_checksum`, without `never`.
    pub(super) old_checksum: bool,
    pub(super) down_timer_adverts: Option<u8>,
    pub(super) lower_prio_no_advert: Option<bool>,
    pub(super) higher_prio_send_advert: Option<bool>,
    pub(super) owner_ignore_adverts: Option<bool>,
    pub(super) oneway_fault: Option<bool>,
    pub(super) vmac: VmacWords,
    pub(super) ipvlan: IpvlanWords,
    ipvlan_source: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthType {
    Pass,
    Ah,
}

/// Longest `preempt_delay`, microseconds.
const MOST_PREEMPT_MICROS: u64 = 1_000_000_000;

pub(super) fn all(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Vec<Draft> {
    let named = named(root, "vrrp_instance", diagnostics);
    let one = |(name, statement): (&Word, &Statement)| {
        let mut draft = Draft::new(name);
        for inner in body(statement) {
            draft.statement(inner, diagnostics);
        }
        draft
    };
    named.into_iter().map(one).collect()
}

impl Draft {
    fn new(name: &Word) -> Self {
        Self {
            name: name.clone(),
            places: Places::new(name.span),
            state: None,
            interface: None,
            vrid: None,
            priority: None,
            version: None,
            family: None,
            advert_interval: None,
            auth_type: None,
            password: None,
            hmac: None,
            group: None,
            addresses: Vec::new(),
            excluded: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            promote_secondaries: false,
            no_addresses: false,
            address_refused: false,
            nopreempt: false,
            preempt_delay: Duration::ZERO,
            garp: GarpWords::default(),
            source: None,
            unicast: false,
            unicast_ttl: None,
            fault_no_peer: false,
            peers: Vec::new(),
            check_source: false,
            advert_sources: Vec::new(),
            tracks: Vec::new(),
            notify: NotifyWords::default(),
            dont_track_primary: false,
            strict: None,
            accept: None,
            skip_check: None,
            checksum_plain: None,
            old_checksum: false,
            down_timer_adverts: None,
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            owner_ignore_adverts: None,
            oneway_fault: None,
            vmac: VmacWords::default(),
            ipvlan: IpvlanWords::default(),
            ipvlan_source: None,
        }
    }

    /// `priority`, or what its absence means.
    pub(super) fn base_priority(&self) -> u8 {
        self.priority.unwrap_or(match self.state {
            Some(InitialState::Master) => 255,
            _ => 100,
        })
    }

    fn statement(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some(keyword) = keyword::lookup(Kind::Instance, statement.name()) else {
            return;
        };
        if self.notify.read(&mut self.places, statement, diagnostics) {
            return;
        }
        if keyword.block.is_none() && keyword.status == Status::Served && keyword.name != "state" {
            told_twice(&self.places, statement, false, diagnostics);
        }
        self.places.set(keyword.name, statement.span());
        if self.garp.read(keyword.name, statement, diagnostics)
            || self.block(statement, diagnostics)
        {
            return;
        }
        if keyword.least == 0 {
            self.switch(statement, diagnostics);
        } else if let Some(word) = statement.arguments().first()
            && keyword.status == Status::Served
        {
            self.scalar(keyword.name, word, diagnostics);
            surplus(statement.arguments(), 1, diagnostics);
        }
    }

    fn scalar(&mut self, name: &str, word: &Word, diagnostics: &mut Vec<Diagnostic>) {
        let byte = |value: Option<i64>| value.and_then(|n| u8::try_from(n).ok());
        match name {
            "state" => self.state(word, diagnostics),
            "interface" => {
                self.interface = address::interface(word, diagnostics).or(self.interface.take());
            }
            "virtual_router_id" => {
                self.vrid = byte(number(word, 1..=255, diagnostics)).or(self.vrid);
            }
            "priority" => {
                self.priority = byte(number(word, 1..=255, diagnostics)).or(self.priority);
            }
            "advert_int" => {
                // Finer than 10 ms cannot be sent; `complete` rounds for the version.
                self.advert_interval =
                    seconds(word, 10_000..=255_000_000, 6, diagnostics).or(self.advert_interval);
            }
            "version" => {
                self.version = global::version(word, diagnostics).or(self.version);
            }
            "preempt_delay" => {
                if let Some(delay) = seconds(word, 0..=MOST_PREEMPT_MICROS, 6, diagnostics) {
                    self.preempt_delay = delay;
                }
            }
            "down_timer_adverts" => {
                self.down_timer_adverts =
                    global::down_timer_adverts(word, diagnostics).or(self.down_timer_adverts);
            }
            "unicast_ttl" => {
                self.unicast_ttl = byte(number(word, 0..=255, diagnostics)).or(self.unicast_ttl);
            }
            "mcast_dst_ip" => {
                if let Some(group) = multicast::group(name, word, None, diagnostics)
                    && self.same_family(group, word.span, diagnostics)
                {
                    self.group = Some(group);
                }
            }
            "mcast_src_ip" | "unicast_src_ip" => {
                self.unicast |= name == "unicast_src_ip";
                if let Some(source) = plain_address(word, diagnostics)
                    && self.same_family(source, word.span, diagnostics)
                {
                    self.source = Some(source);
                }
            }
            _ => {}
        }
    }

    fn switch(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let first = statement.arguments().first();
        match statement.name() {
            "nopreempt" => {
                self.nopreempt = true;
            }
            "preempt" => {
                self.nopreempt = false;
            }
            "accept" => {
                self.accept = Some(true);
            }
            "no_accept" => {
                self.accept = Some(false);
            }
            "dont_track_primary" => {
                self.dont_track_primary = true;
            }
            "promote_secondaries" => {
                self.promote_secondaries = true;
            }
            "no_virtual_ipaddress" => {
                self.no_addresses = true;
            }
            "native_ipv6" => {
                if self.family == Some(Family::V4) {
                    let message = "`native_ipv6` in an instance with IPv4 addresses";
                    let found = Diagnostic::error(Code::BadValue, statement.span(), message);
                    diagnostics.push(found.help("remove it, or give the instance IPv6 addresses"));
                } else {
                    self.family = Some(Family::V6);
                }
            }
            "unicast_fault_no_peer" => self.fault_no_peer = true,
            "check_unicast_src" => {
                self.unicast = true;
                self.check_source = true;
            }
            "strict_mode" => {
                self.strict = switch(first, diagnostics).or(self.strict);
            }
            "skip_check_adv_addr" => {
                self.skip_check = switch(first, diagnostics).or(self.skip_check);
            }
            "v3_checksum_as_v2" => {
                self.checksum_plain = switch(first, diagnostics).or(self.checksum_plain);
            }
            "lower_prio_no_advert" => {
                self.lower_prio_no_advert =
                    switch(first, diagnostics).or(self.lower_prio_no_advert);
            }
            "higher_prio_send_advert" => {
                self.higher_prio_send_advert =
                    switch(first, diagnostics).or(self.higher_prio_send_advert);
            }
            "old_unicast_checksum" => self.old_unicast_checksum(statement, diagnostics),
            "use_vmac" => self.vmac.read(statement.arguments(), diagnostics),
            "use_ipvlan" => self.use_ipvlan(statement.arguments(), diagnostics),
            "use_vmac_addr" => self.vmac.elsewhere = true,
            "vmac_xmit_base" => self.vmac.xmit_base = true,
            "owner_ignore_adverts" => {
                self.owner_ignore_adverts =
                    switch(first, diagnostics).or(self.owner_ignore_adverts);
            }
            "oneway_fault" => {
                self.oneway_fault = switch(first, diagnostics).or(self.oneway_fault);
            }
            _ => {}
        }
    }

    fn block(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) -> bool {
        match statement.name() {
            "authentication" => {
                for inner in body(statement) {
                    self.authentication(inner, diagnostics);
                }
            }
            "auth_hmac" => {
                let words = self.hmac.get_or_insert_default();
                words.read(statement, diagnostics);
            }
            "virtual_ipaddress" => {
                let before = diagnostics.len();
                for row in body(statement) {
                    self.address(row, diagnostics);
                }
                self.address_refused |= diagnostics[before..]
                    .iter()
                    .any(|found| found.severity == Severity::Error);
            }
            "virtual_ipaddress_excluded" => {
                for row in body(statement) {
                    let Some(address) = address::virtual_address(row, diagnostics) else {
                        continue;
                    };
                    let taken = self.addresses.iter().chain(&self.excluded);
                    let twin = |(a, _): &(VirtualAddress, Span)| {
                        a.address == address.address && a.dev == address.dev
                    };
                    if taken.clone().any(twin) {
                        diagnostics.push(twice(row.name(), row.name_span()));
                    } else {
                        self.excluded.push((address, row.span()));
                    }
                }
            }
            "virtual_routes" => self.routes.extend(body(statement).iter().cloned()),
            "virtual_rules" => self.rules.extend(body(statement).iter().cloned()),
            "unicast_peer" => {
                self.unicast = true;
                for row in body(statement) {
                    self.peer(row, diagnostics);
                }
            }
            "advert_sources" => {
                self.advert_sources.clear();
                for word in statement.arguments() {
                    self.advert_source(word, diagnostics);
                }
            }
            _ => return track::read(&mut self.tracks, statement, diagnostics),
        }
        true
    }

    /// MASTER once said stays.
    fn state(&mut self, word: &Word, diagnostics: &mut Vec<Diagnostic>) {
        match word.text.as_str() {
            "MASTER" => {
                self.state = Some(InitialState::Master);
            }
            "BACKUP" if self.state == Some(InitialState::Master) => {
                let message = "the state is already MASTER; BACKUP is ignored";
                diagnostics.push(
                    Diagnostic::warning(Code::Overruled, word.span, message)
                        .help("remove one of them"),
                );
            }
            "BACKUP" => {
                self.state = Some(InitialState::Backup);
            }
            text => {
                let found =
                    Diagnostic::error(Code::BadValue, word.span, format!("`{text}` is no state"));
                let upper = text.to_ascii_uppercase();
                let near = match upper.as_str() {
                    "MASTER" | "ACTIVE" => "write `MASTER`",
                    "BACKUP" | "SLAVE" | "STANDBY" => "write `BACKUP`",
                    _ => "write `MASTER` or `BACKUP`",
                };
                diagnostics.push(found.help(near));
            }
        }
    }

    fn authentication(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some(word) = statement.arguments().first() else {
            return;
        };
        match statement.name() {
            "auth_type" => {
                self.places.set("auth_type", statement.span());
                self.auth_type = match word.text.as_str() {
                    "PASS" => Some(AuthType::Pass),
                    "AH" => Some(AuthType::Ah),
                    text => {
                        let found = Diagnostic::error(
                            Code::BadValue,
                            word.span,
                            format!("`{text}` is no authentication type"),
                        );
                        diagnostics.push(found.help("write `PASS` or `AH`"));
                        None
                    }
                };
            }
            "auth_pass" => {
                self.places.set("auth_pass", word.span);
                self.password = Some(word.text.clone().into_bytes());
                if let Some(span) = statement.glued_comment {
                    let found = Diagnostic::warning(
                        Code::Syntax,
                        span,
                        format!(
                            "a comment begins here: the password is only `{}`",
                            word.text
                        ),
                    );
                    diagnostics.push(found.help("if it belongs to the password, write `\\!` or `\\#`, or quote the password with \"...\""));
                }
            }
            _ => return,
        }
        surplus(statement.arguments(), 1, diagnostics);
    }

    fn old_unicast_checksum(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        surplus(statement.arguments(), 1, diagnostics);
        match statement.arguments().first() {
            None => self.old_checksum = true,
            Some(word) if word.text == "never" => self.old_checksum = false,
            Some(word) => {
                let message = format!("`{}` says nothing to `old_unicast_checksum`", word.text);
                let found = Diagnostic::error(Code::BadValue, word.span, message);
                diagnostics.push(found.help("write it alone, or with `never`"));
            }
        }
    }

    fn address(&mut self, row: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some(address) = address::virtual_address(row, diagnostics) else {
            return;
        };
        if !self.same_family(address.address, row.name_span(), diagnostics) {
            return;
        }
        if self
            .addresses
            .iter()
            .any(|(a, _)| a.address == address.address)
        {
            diagnostics.push(twice(row.name(), row.name_span()));
            return;
        }
        self.addresses.push((address, row.span()));
    }

    fn peer(&mut self, row: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some((peer, limited)) = address::unicast_peer(row, diagnostics) else {
            return;
        };
        if !self.same_family(peer.address, row.name_span(), diagnostics) {
            return;
        }
        if self.peers.iter().any(|p| p.address == peer.address) {
            diagnostics.push(twice(row.name(), row.name_span()));
            return;
        }
        self.check_source |= limited;
        self.peers.push(peer);
    }

    fn advert_source(&mut self, word: &Word, diagnostics: &mut Vec<Diagnostic>) {
        let Some(source) = plain_address(word, diagnostics) else {
            return;
        };
        if !self.same_family(source, word.span, diagnostics) {
            return;
        }
        if self.advert_sources.contains(&source) {
            diagnostics.push(twice(&word.text, word.span));
        } else {
            self.advert_sources.push(source);
        }
    }

    /// Where adverts come from, if not from the interface's primary address.
    pub(super) fn source(&self) -> Option<IpAddr> {
        self.source.or(self.ipvlan_source)
    }

    /// Its address is the source of adverts, unless another one is said to be.
    fn use_ipvlan(&mut self, words: &[Word], diagnostics: &mut Vec<Diagnostic>) {
        if let Some((address, word)) = self.ipvlan.read(words, diagnostics)
            && self.same_family(address, word.span, diagnostics)
        {
            self.ipvlan_source = Some(address);
        }
    }

    /// The first address decides; another family cannot travel with it.
    fn same_family(
        &mut self,
        address: IpAddr,
        span: Span,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> bool {
        let family = if address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        if *self.family.get_or_insert(family) == family {
            return true;
        }
        let found = Diagnostic::error(
            Code::BadValue,
            span,
            format!(
                "`{address}` is not of this instance's family, which its first address decides"
            ),
        );
        diagnostics.push(
            found.help("move it to `virtual_ipaddress_excluded`, or to an instance of its own"),
        );
        false
    }
}

fn twice(name: &str, at: Span) -> Diagnostic {
    Diagnostic::warning(
        Code::DuplicateName,
        at,
        format!("`{name}` is listed twice; it counts once"),
    )
    .help("remove one of them")
}

impl Draft {
    /// `strict_mode`, or what `vrrp_strict` says.
    pub(super) fn is_strict(&self, globals: &global::Globals) -> bool {
        let mut strict = globals.strict;
        set(&mut strict, self.strict);
        strict
    }
}
