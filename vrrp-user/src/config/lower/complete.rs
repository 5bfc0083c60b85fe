//! From what is written to what runs: defaults, rounding, what overrules what.

use super::{
    Places, authentication, checksum,
    global::Globals,
    instance::Draft,
    ipvlan::IpvlanWords,
    multicast, strict,
    track::{self, Track},
    trackers::Trackers,
    vmac,
};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{
        Family, Garp, InitialState, Instance, Lease, TrackerKind, Unicast, Version, VirtualAddress,
    },
    source::Span,
    tree::Statement,
    value::is_link_local,
};
use core::{net::IpAddr, time::Duration};
use vrrp_common::wire::ADVERT_TTL;

/// An instance, and what `lint` wants to know about where it came from.
#[derive(Debug)]
pub(crate) struct Completed {
    pub(crate) instance: Instance,
    pub(crate) places: Places,
    pub(crate) tracks: Vec<Track>,
    /// What it and its sync group name, followed or not.
    pub(crate) named: Vec<(TrackerKind, String)>,
    pub(crate) addresses: Vec<(IpAddr, Span)>,
    pub(crate) lease: Lease,
    /// Rows of `virtual_routes` and `virtual_rules`.
    pub(super) routes: Vec<Statement>,
    pub(super) rules: Vec<Statement>,
    pub(super) ipvlan: IpvlanWords,
}

/// Adverts a Backup waits for unless told otherwise (RFC 9568 section 6.1).
const DOWN_TIMER_ADVERTS: u8 = 3;
/// Addresses an advert can carry in an Ethernet frame: the count is one octet,
/// and keepalived leaves room for 89 IPv6 addresses in 1500 octets.
const MOST_V4: usize = 255;
const MOST_V6: usize = 89;

/// What an instance's sync group adds to it.
pub(super) struct Shared<'a> {
    /// Weights of its own count.
    pub(super) weights: bool,
    /// What the group tracks.
    pub(super) tracks: &'a [Track],
}

pub(super) fn complete(
    mut draft: Draft,
    globals: &Globals,
    trackers: &Trackers,
    shared: &Shared<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Completed> {
    let strict = draft.is_strict(globals);
    let family = draft.family.unwrap_or_default();
    let version = version(&draft, family, globals, diagnostics);
    let (priority, state) = standing(&draft);
    let owner = priority == 255;
    let required = required(&draft, diagnostics);
    let mut instance = Instance {
        name: draft.name.text.clone(),
        line: 0,
        state,
        interface: draft.interface.clone().unwrap_or_default(),
        vrid: draft.vrid.unwrap_or_default(),
        priority,
        version,
        family,
        advert_interval: advert_interval(&draft, version, diagnostics),
        authentication: None,
        addresses: Vec::new(),
        excluded_addresses: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        devices: Vec::new(),
        promote_secondaries: draft.promote_secondaries,
        nopreempt: draft.nopreempt,
        preempt_delay: draft.preempt_delay,
        garp: garp(&draft, globals, strict),
        garp_group: None,
        source: draft.source(),
        group: multicast::of(&draft, family, globals, diagnostics),
        unicast: unicast(&draft, globals, diagnostics),
        lacks_peers: lacks_peers(&draft),
        unicast_ttl: draft.unicast_ttl.unwrap_or(ADVERT_TTL),
        tracks_source: tracks_source(&draft, diagnostics),
        advert_sources: advert_sources(&draft, diagnostics),
        track_interfaces: Vec::new(),
        track_scripts: Vec::new(),
        track_files: Vec::new(),
        track_processes: Vec::new(),
        track_tcp: Vec::new(),
        track_http: Vec::new(),
        notify: draft.notify.finish(globals),
        dont_track_primary: draft.dont_track_primary,
        strict,
        accept: accept(&draft, owner, strict, diagnostics),
        skip_check_advert_addresses: draft.skip_check.unwrap_or(globals.skip_check),
        checksum: checksum::policy(&draft, family, version, globals, diagnostics),
        down_timer_adverts: draft
            .down_timer_adverts
            .or(globals.down_timer_adverts)
            .unwrap_or(DOWN_TIMER_ADVERTS),
        lower_prio_no_advert: draft
            .lower_prio_no_advert
            .unwrap_or(strict || globals.lower_prio_no_advert),
        higher_prio_send_advert: draft
            .higher_prio_send_advert
            .unwrap_or(!strict && globals.higher_prio_send_advert),
        ignores_adverts: ignores_adverts(&draft, owner, strict, globals, diagnostics),
        vmac: vmac::vmac(&draft, strict, diagnostics),
        oneway_fault: draft.oneway_fault.unwrap_or(false),
    };
    instance.authentication = authentication::in_force(&mut draft, &instance, diagnostics);
    if strict {
        strict::apply(&mut instance, &draft, globals, diagnostics);
    }
    preemption(&mut instance, &draft.places, diagnostics);
    let listed = addresses(&mut instance, &draft, diagnostics);
    let own = draft.tracks.iter().map(track::Row::named);
    let of_group = shared.tracks.iter();
    let of_group = of_group.map(|t| (t.kind, t.tracked.name.clone()));
    let named = own.chain(of_group).collect();
    let mut tracks = track::resolve(draft.tracks, trackers, diagnostics);
    track::drop_own(&mut tracks, &instance.interface, diagnostics);
    track::weigh(&mut tracks, owner, shared.weights, diagnostics);
    track::merge(&mut tracks, shared.tracks, diagnostics);
    // Of a group its own interface is one of those tracked only if nothing else does.
    tracks.retain(|t| {
        let own = t.kind == TrackerKind::Interface && t.tracked.name == instance.interface;
        !own || instance.dont_track_primary
    });
    for track in &tracks {
        let list = match track.kind {
            TrackerKind::Interface => &mut instance.track_interfaces,
            TrackerKind::Script => &mut instance.track_scripts,
            TrackerKind::File => &mut instance.track_files,
            TrackerKind::Process => &mut instance.track_processes,
            TrackerKind::Tcp => &mut instance.track_tcp,
            TrackerKind::Http => &mut instance.track_http,
        };
        list.push(track.tracked.clone());
    }
    required.then_some(Completed {
        instance,
        places: draft.places,
        tracks,
        named,
        addresses: listed,
        lease: globals.lease(),
        routes: draft.routes,
        rules: draft.rules,
        ipvlan: draft.ipvlan,
    })
}

/// Priority and state settle each other where one of them is not written.
fn standing(draft: &Draft) -> (u8, InitialState) {
    let priority = draft.base_priority();
    let state = draft.state.unwrap_or(match priority {
        255 => InitialState::Master,
        _ => InitialState::Backup,
    });
    (priority, state)
}

/// What is sent to the addresses is for this router. Strict mode has it so only where
/// the addresses are its own (RFC 9568 section 6.1).
fn accept(draft: &Draft, owner: bool, strict: bool, diagnostics: &mut Vec<Diagnostic>) -> bool {
    if owner && draft.accept == Some(false) {
        let message = "an address owner (priority 255) accepts what is sent to its addresses: `no_accept` is ignored";
        let at = draft.places.at("no_accept");
        diagnostics.push(Diagnostic::warning(Code::Overruled, at, message).help("remove it"));
    }
    owner || draft.accept.unwrap_or(!strict)
}

/// `owner_ignore_adverts`, which strict mode implies.
fn ignores_adverts(
    draft: &Draft,
    owner: bool,
    strict: bool,
    globals: &Globals,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let own = draft.owner_ignore_adverts;
    let mut overruled = |message: &str, help: &str| {
        let at = draft.places.at("owner_ignore_adverts");
        diagnostics.push(Diagnostic::warning(Code::Overruled, at, message).help(help));
    };
    if !owner && own == Some(true) {
        overruled(
            "`owner_ignore_adverts` is for an address owner (priority 255): it is ignored",
            "remove it",
        );
    }
    if owner && strict && own == Some(false) {
        overruled(
            "in strict mode an address owner ignores adverts",
            "remove it, or remove `vrrp_strict`",
        );
    }
    owner && (strict || own.unwrap_or(globals.owner_ignore_adverts))
}

/// Without these nothing can run.
fn required(draft: &Draft, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let mut complete = true;
    let mut lacks = |keyword: &str, missing: bool, help: &str| {
        // A value that is no value has been told already.
        if missing && draft.places.get(keyword).is_none() {
            let message = format!("`vrrp_instance {}` has no `{keyword}`", draft.name.text);
            diagnostics
                .push(Diagnostic::error(Code::Incomplete, draft.name.span, message).help(help));
        }
        complete &= !missing;
    };
    lacks(
        "virtual_router_id",
        draft.vrid.is_none(),
        "write `virtual_router_id 1-255`, the same on every router of the group",
    );
    lacks(
        "interface",
        draft.interface.is_none(),
        "write `interface eth0`, with the name `ip link` shows",
    );
    complete
}

fn version(
    draft: &Draft,
    family: Family,
    globals: &Globals,
    diagnostics: &mut Vec<Diagnostic>,
) -> Version {
    if family == Family::V4 {
        return draft.version.unwrap_or(globals.version);
    }
    if draft.version == Some(Version::V2) {
        let found = Diagnostic::warning(
            Code::Overruled,
            draft.places.at("version"),
            "IPv6 has only VRRP version 3, which is used",
        );
        diagnostics.push(found.help("write `version 3`"));
    }
    Version::V3
}

/// v2 counts whole seconds up to 255 (RFC 3768 section 5.3.7), v3 centiseconds
/// up to 40.95 s (RFC 9568 section 5.2.7).
fn advert_interval(draft: &Draft, version: Version, diagnostics: &mut Vec<Diagnostic>) -> Duration {
    let wanted = draft.advert_interval.unwrap_or(Duration::from_secs(1));
    let micros = u64::try_from(wanted.as_micros()).unwrap_or(u64::MAX);
    let (unit, most) = match version {
        Version::V2 => (1_000_000, 255),
        Version::V3 => (10_000, 4095),
    };
    let rounded = ((micros + unit / 2) / unit).clamp(1, most) * unit;
    if rounded != micros {
        let used = Duration::from_micros(rounded);
        let (why, help) = match version {
            Version::V2 => (
                "version 2 carries whole seconds",
                "write whole seconds, or `version 3` on every router of the group",
            ),
            Version::V3 => (
                "version 3 carries hundredths of a second up to 40.95 s",
                "write hundredths of a second, at most 40.95",
            ),
        };
        let found = Diagnostic::warning(
            Code::Overruled,
            draft.places.at("advert_int"),
            format!("{why}: {used:?} is used, not {wanted:?}"),
        );
        diagnostics.push(found.help(help));
    }
    Duration::from_micros(rounded)
}

/// The settings for lower-priority adverts follow the global ones, those
/// `vrrp_garp_master_*`; in strict mode nothing is repeated.
fn garp(draft: &Draft, globals: &Globals, strict: bool) -> Garp {
    let default = Garp::default();
    let (own, all) = (&draft.garp, &globals.garp);
    let all_delay = all.delay.unwrap_or(default.delay);
    let all_repeat = all.repeat.unwrap_or(default.repeat);
    let extra = own.extra.or(all.extra);
    Garp {
        delay: own.delay.unwrap_or(all_delay),
        repeat: own.repeat.unwrap_or(all_repeat),
        refresh: own.refresh.or(all.refresh).unwrap_or(default.refresh),
        refresh_repeat: own
            .refresh_repeat
            .or(all.refresh_repeat)
            .unwrap_or(default.refresh_repeat),
        lower_prio_delay: if strict {
            Duration::ZERO
        } else {
            own.lower_prio_delay
                .or(all.lower_prio_delay)
                .unwrap_or(all_delay)
        },
        lower_prio_repeat: if strict {
            0
        } else {
            own.lower_prio_repeat
                .or(all.lower_prio_repeat)
                .unwrap_or(all_repeat)
        },
        arp_interval: all.arp_interval.unwrap_or(default.arp_interval),
        na_interval: all.na_interval.unwrap_or(default.na_interval),
        extra: extra.map_or(default.extra, |(every, _)| every),
        extra_all: extra.is_some_and(|(_, all)| all),
    }
}

/// `unicast_fault_no_peer` where there is none.
fn lacks_peers(draft: &Draft) -> bool {
    draft.fault_no_peer && draft.unicast && draft.peers.is_empty()
}

/// `track_src_ip`; the interface's own primary address is tracked in any case.
fn tracks_source(draft: &Draft, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(at) = draft.places.get("track_src_ip") else {
        return false;
    };
    if draft.source().is_none() {
        let message = "`track_src_ip` without `mcast_src_ip` or `unicast_src_ip`: the interface's primary address is needed in any case";
        diagnostics.push(
            Diagnostic::warning(Code::Overruled, at, message)
                .help("remove it, or write which address: `mcast_src_ip ADDRESS`"),
        );
    }
    draft.source().is_some()
}

fn unicast(draft: &Draft, globals: &Globals, diagnostics: &mut Vec<Diagnostic>) -> Option<Unicast> {
    if draft.peers.is_empty() {
        if draft.unicast && draft.fault_no_peer {
            let at = draft.places.at("unicast_fault_no_peer");
            let message = "unicast without any `unicast_peer`: the instance stays in FAULT";
            diagnostics.push(
                Diagnostic::warning(Code::Overruled, at, message)
                    .help("list the peers: `unicast_peer { ADDRESS }`"),
            );
        } else if draft.unicast {
            let keyword = ["unicast_peer", "unicast_src_ip", "check_unicast_src"];
            let at = keyword
                .iter()
                .find_map(|k| draft.places.get(k))
                .unwrap_or(draft.name.span);
            let message = "unicast without any `unicast_peer`: adverts are sent by multicast";
            diagnostics.push(
                Diagnostic::warning(Code::Overruled, at, message)
                    .help("list the peers: `unicast_peer { ADDRESS }`"),
            );
        }
        return None;
    }
    Some(Unicast {
        peers: draft.peers.clone(),
        check_source: draft.check_source || globals.check_unicast_source,
    })
}

/// An allowlist is for multicast; in unicast the peers are one already.
fn advert_sources(draft: &Draft, diagnostics: &mut Vec<Diagnostic>) -> Vec<IpAddr> {
    let Some(at) = draft
        .places
        .get("advert_sources")
        .filter(|_| !draft.peers.is_empty())
    else {
        return draft.advert_sources.clone();
    };
    let message = "`advert_sources` is for multicast; with `unicast_peer` it is ignored";
    let help = "remove it, and write `check_unicast_src` to refuse everybody but the peers";
    diagnostics.push(Diagnostic::warning(Code::Overruled, at, message).help(help));
    Vec::new()
}

/// What keepalived clears.
fn preemption(instance: &mut Instance, places: &Places, diagnostics: &mut Vec<Diagnostic>) {
    let mut cleared = |keyword: &str, message: &str, help: &str| {
        diagnostics
            .push(Diagnostic::warning(Code::Overruled, places.at(keyword), message).help(help));
    };
    if instance.nopreempt && instance.priority == 255 {
        cleared(
            "nopreempt",
            "an address owner (priority 255) always preempts: `nopreempt` is ignored",
            "remove it",
        );
        instance.nopreempt = false;
    }
    if instance.state == InitialState::Master {
        if instance.nopreempt {
            cleared(
                "nopreempt",
                "`nopreempt` does nothing with `state MASTER`: this router takes over whenever it comes back",
                "write `state BACKUP` on every router of the group; the higher priority starts as master",
            );
            instance.nopreempt = false;
        }
        if !instance.preempt_delay.is_zero() {
            cleared(
                "preempt_delay",
                "`preempt_delay` does nothing with `state MASTER`: this router takes over at once when it comes back",
                "write `state BACKUP`",
            );
            instance.preempt_delay = Duration::ZERO;
        }
    }
    if instance.nopreempt && !instance.preempt_delay.is_zero() {
        cleared(
            "preempt_delay",
            "`preempt_delay` does nothing with `nopreempt`",
            "remove one of them",
        );
        instance.preempt_delay = Duration::ZERO;
    }
}

/// Moves what an advert cannot carry; gives every address with its place.
fn addresses(
    instance: &mut Instance,
    draft: &Draft,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(IpAddr, Span)> {
    let most = if instance.family == Family::V4 {
        MOST_V4
    } else {
        MOST_V6
    };
    let carried = draft.addresses.len().min(most);
    let (advertised, surplus) = draft.addresses.split_at(carried);
    if let Some((_, span)) = surplus.first() {
        let message = format!(
            "an advert carries {most} addresses: this one and those that follow are not advertised"
        );
        diagnostics.push(
            Diagnostic::warning(Code::Overruled, *span, message)
                .help("move them to `virtual_ipaddress_excluded`"),
        );
    }
    if draft.addresses.is_empty()
        && !draft.address_refused
        && (!draft.no_addresses || instance.strict)
    {
        // Rows that are no addresses have been told already.
        let at = draft.places.at("virtual_ipaddress");
        let message = format!("`vrrp_instance {}` has no virtual address", instance.name);
        let help = "write `virtual_ipaddress { ADDRESS/BITS }`";
        diagnostics.push(if instance.version == Version::V3 || instance.strict {
            Diagnostic::error(Code::Incomplete, at, message).help(help)
        } else {
            Diagnostic::warning(Code::Incomplete, at, message).help(help)
        });
    }
    if let Some((
        VirtualAddress {
            address: IpAddr::V6(first),
            ..
        },
        span,
    )) = draft.addresses.first()
        && instance.strict
        && instance.unicast.is_none()
        && !is_link_local(*first)
    {
        let message =
            "the first address of an IPv6 router must be link-local (RFC 9568 section 5.2.9)";
        diagnostics.push(
            Diagnostic::warning(Code::Lint, *span, message)
                .help("put an address of fe80::/10 first"),
        );
    }
    instance.addresses = advertised.iter().map(|(a, _)| a.clone()).collect();
    let excluded = surplus.iter().chain(&draft.excluded);
    instance.excluded_addresses = excluded.map(|(a, _)| a.clone()).collect();
    vmac::spread(instance, &draft.vmac);
    draft
        .addresses
        .iter()
        .chain(&draft.excluded)
        .map(|(a, span)| (a.address, *span))
        .collect()
}
