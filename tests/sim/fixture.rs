//! Configurations and links to test with.

use core::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use vrrp_common::wire::GROUP_V4;
use vrrp_user::{
    config::model::{
        ChecksumPolicy, CommandLine, Config, Family, Garp, InitialState, Instance, Notify, Script,
        SyncGroup, Tracked, Unicast, UnicastPeer, Version, VirtualAddress, Vmac,
    },
    engine::input::Link,
};

/// Index of the interface every instance runs on.
pub(crate) const IFINDEX: u32 = 2;

/// `192.0.2.n`.
pub(crate) const fn host(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

/// `198.51.100.n/32` on the instance's own interface.
pub(crate) fn vip(n: u8) -> VirtualAddress {
    VirtualAddress {
        address: IpAddr::V4(Ipv4Addr::new(198, 51, 100, n)),
        prefix_len: 32,
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
        origin: vrrp_user::config::model::routing::Origin::default(),
    }
}

/// `VI_n` on eth0, VRID n, version 3, one address, no second GARP burst.
pub(crate) fn instance(n: u8, priority: u8, interval: Duration) -> Instance {
    Instance {
        name: format!("VI_{n}"),
        line: 1,
        state: InitialState::Backup,
        interface: "eth0".into(),
        vrid: n,
        priority,
        version: Version::V3,
        family: Family::V4,
        advert_interval: interval,
        authentication: None,
        addresses: vec![vip(n)],
        excluded_addresses: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        devices: Vec::new(),
        promote_secondaries: false,
        nopreempt: false,
        preempt_delay: Duration::ZERO,
        garp: Garp {
            delay: Duration::ZERO,
            repeat: 1,
            ..Garp::default()
        },
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
    }
}

/// `chk`, which changes the priority by `weight`.
pub(crate) fn script(interval: Duration) -> Script {
    Script {
        name: "chk".into(),
        command: CommandLine::Argv(vec!["/usr/bin/chk".into()]),
        interval,
        timeout: interval,
        weight: 0,
        rise: 1,
        fall: 1,
        init_fail: false,
        user: None,
    }
}

/// `unicast_peer`: these hosts, and nobody else is heard.
pub(crate) fn unicast(hosts: impl Iterator<Item = u8>) -> Unicast {
    let peer = |n| UnicastPeer {
        address: host(n),
        min_ttl: 1,
        max_ttl: 255,
    };
    Unicast {
        peers: hosts.map(peer).collect(),
        check_source: true,
    }
}

/// A line of `track_script`.
pub(crate) fn tracked(weight: i16) -> Tracked {
    Tracked {
        name: "chk".into(),
        weight,
        reverse: false,
    }
}

/// All instances, in one sync group `G` if asked for.
pub(crate) fn config(instances: Vec<Instance>, scripts: Vec<Script>, grouped: bool) -> Config {
    let groups = if grouped {
        vec![group(&instances)]
    } else {
        Vec::new()
    };
    Config {
        scripts,
        groups,
        instances,
        ..Config::default()
    }
}

/// The sync group `G` of them all.
pub(crate) fn group(instances: &[Instance]) -> SyncGroup {
    let members = instances.iter();
    SyncGroup {
        name: "G".into(),
        members: members.map(|instance| instance.name.clone()).collect(),
        notify: Notify::default(),
    }
}

/// eth0 of node n.
pub(crate) fn link(n: u8, up: bool) -> Link {
    Link {
        ifindex: IFINDEX,
        name: "eth0".into(),
        up,
        mac: [2, 0, 0, 0, 0, n],
        mtu: 1500,
        ipv4: Some(Ipv4Addr::new(192, 0, 2, n)),
        link_local: None,
    }
}
