//! What stands outside all blocks.

use super::{Keyword, Kind, UNCHECKED, block, idle, later, old, served};

pub(super) const ROOT: &[Keyword] = &[
    block(served("global_defs", 0, ""), Kind::Global),
    block(served("vrrp_instance", 1, "NAME"), Kind::Instance),
    block(served("vrrp_script", 1, "NAME"), Kind::Script),
    block(served("vrrp_sync_group", 1, "NAME"), Kind::SyncGroup),
    served("instance", 1, "NAME"),
    served("net_namespace", 1, "NAME"),
    later(
        "net_namespace_ipvs",
        1,
        "NAME",
        "services are balanced where their addresses are",
    ),
    idle("namespace_with_ipsets", 0, "", "no ipsets are used"),
    idle("use_pid_dir", 0, "", "two daemons never share a pid file"),
    idle(
        "child_wait_time",
        1,
        "SECONDS",
        "there are no child daemons to wait for",
    ),
    idle(
        "linkbeat_use_polling",
        0,
        "",
        "link state comes from netlink events",
    ),
    block(
        idle(
            "linkbeat_interfaces",
            0,
            "",
            "link state comes from netlink events",
        ),
        Kind::Names,
    ),
    block(served("interface_up_down_delays", 0, ""), Kind::Names),
    block(served("static_ipaddress", 0, ""), Kind::Addresses),
    block(served("static_routes", 0, ""), Kind::Free),
    block(served("static_rules", 0, ""), Kind::Free),
    block(served("track_group", 1, "NAME"), Kind::TrackGroup),
    block(served("garp_group", 0, ""), Kind::GarpGroup),
    block(served("track_file", 1, "NAME"), Kind::TrackFile),
    block(
        old("vrrp_track_file", 1, "NAME", "track_file"),
        Kind::TrackFile,
    ),
    block(served("vrrp_track_process", 1, "NAME"), Kind::TrackProcess),
    // Ours.
    block(served("vrrp_track_tcp", 1, "NAME"), Kind::TrackTcp),
    block(served("vrrp_track_http", 1, "NAME"), Kind::TrackHttp),
    block(
        later("bfd_instance", 1, "NAME", "no BFD session is run"),
        Kind::Bfd,
    ),
    block(
        served("virtual_server", 1, "ADDRESS [PORT]|group NAME"),
        Kind::VirtualServer,
    ),
    block(served("virtual_server_group", 1, "NAME"), Kind::Addresses),
    block(later("SSL", 0, "", UNCHECKED), Kind::Tls),
];
