//! Configurations, links, adverts and times to test with.

pub(super) use super::bench::Bench;
use crate::{
    config::model::{
        ChecksumPolicy, CommandLine, Config, Family, Garp, InitialState, Instance, Notify, Script,
        SyncGroup, Tracked, Version, VirtualAddress, Vmac,
    },
    engine::input::{Heard, Link},
    ownership::command::VrId,
    time::Instant,
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};
use vrrp_common::wire::GROUP_V4;

/// Everything starts here, far enough from zero to look back.
pub(super) const T0: Instant = Instant::from_ns(1_000_000_000_000);
/// Of [`Lease::default`](crate::config::model::Lease).
pub(super) const HOLD: Duration = Duration::from_millis(1);

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) const fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// When the claim starts whose gate opens after so many microseconds.
pub(super) const fn lead(opening: u64) -> Duration {
    lead_ns(opening * 1_000)
}

/// The same in nanoseconds.
pub(super) const fn lead_ns(opening: u64) -> Duration {
    Duration::from_nanos(opening - 1_000_000)
}

/// `192.0.2.n`; ours is 10.
pub(super) const fn host(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

/// `fe80::n`; ours is 10.
pub(super) const fn host6(n: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n as u16))
}

pub(super) fn address(address: IpAddr) -> VirtualAddress {
    VirtualAddress {
        address,
        prefix_len: if address.is_ipv4() { 32 } else { 128 },
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
        origin: crate::config::model::routing::Origin::default(),
    }
}

/// `198.51.100.n`.
pub(super) fn vip(n: u8) -> VirtualAddress {
    address(IpAddr::from([198, 51, 100, n]))
}

/// `VI_n`: VRID n on eth0, version 3, priority 100, one second, `198.51.100.n`.
pub(super) fn instance(n: u8, change: impl FnOnce(&mut Instance)) -> Instance {
    let mut instance = Instance {
        name: format!("VI_{n}"),
        line: 1,
        state: InitialState::Backup,
        interface: "eth0".into(),
        vrid: n,
        priority: 100,
        version: Version::V3,
        family: Family::V4,
        advert_interval: Duration::from_secs(1),
        authentication: None,
        addresses: vec![vip(n)],
        excluded_addresses: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        devices: Vec::new(),
        promote_secondaries: false,
        nopreempt: false,
        preempt_delay: Duration::ZERO,
        garp: Garp::default(),
        garp_group: None,
        source: None,
        group: GROUP_V4.into(),
        unicast: None,
        lacks_peers: false,
        unicast_ttl: 255,
        tracks_source: false,
        advert_sources: Vec::new(),
        track_interfaces: Vec::new(),
        track_scripts: Vec::new(),
        track_files: Vec::new(),
        track_processes: Vec::new(),
        track_tcp: Vec::new(),
        track_http: Vec::new(),
        notify: Notify::default(),
        dont_track_primary: false,
        strict: false,
        accept: true,
        skip_check_advert_addresses: false,
        checksum: ChecksumPolicy::Learn,
        down_timer_adverts: 3,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        ignores_adverts: false,
        vmac: Vmac::default(),
        oneway_fault: false,
    };
    change(&mut instance);
    instance
}

/// Every notify script, `/PREFIX/STATE`.
pub(super) fn notify(prefix: &str) -> Notify {
    let script = |name: &str| Some(CommandLine::Argv(vec![format!("/{prefix}/{name}")]));
    Notify {
        master: script("master"),
        backup: script("backup"),
        fault: script("fault"),
        stop: script("stop"),
        master_rx_lower_priority: script("lower"),
        conflict: script("conflict"),
        tells_deleted: false,
        deleted: script("deleted"),
        any: script("any"),
        priority_changes: false,
        mail: false,
        user: None,
    }
}

/// `vrrp_script` NAME: runs every second, no rise, no fall.
pub(super) fn script(name: &str) -> Script {
    Script {
        name: name.into(),
        command: CommandLine::Argv(vec![format!("/usr/bin/{name}")]),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        weight: 0,
        rise: 1,
        fall: 1,
        init_fail: false,
        user: None,
    }
}

pub(super) fn tracked(name: &str, weight: i16) -> Tracked {
    Tracked {
        name: name.into(),
        weight,
        reverse: false,
    }
}

pub(super) fn config(instances: Vec<Instance>) -> Config {
    Config {
        instances,
        ..Config::default()
    }
}

/// All of them in the sync group `G`, which has notify scripts of its own.
pub(super) fn grouped(instances: Vec<Instance>) -> Config {
    let members = instances.iter().map(|it| it.name.clone()).collect();
    let mut config = config(instances);
    config.groups.push(SyncGroup {
        name: "G".into(),
        members,
        notify: notify("G"),
    });
    config
}

/// An interface that is up, with `192.0.2.10` and `fe80::10`.
pub(super) fn link(ifindex: u32, name: &str) -> Link {
    Link {
        ifindex,
        name: name.into(),
        up: true,
        mac: [2, 0, 0, 0, 0, 10],
        mtu: 1500,
        ipv4: Some(Ipv4Addr::new(192, 0, 2, 10)),
        link_local: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 10)),
    }
}

/// A version 3 advert for the first instance, at 1 s; [`Bench::hear`] dates it.
pub(super) fn advert(source: IpAddr, priority: u8) -> Heard {
    Heard {
        vr: VrId(0),
        source,
        priority,
        interval_cs: 100,
        version: 3,
        checksum_form: 1,
        at: T0,
        revoked: false,
        addresses_differ: false,
        mac: [2, 0, 0, 0, 0, 99],
    }
}
