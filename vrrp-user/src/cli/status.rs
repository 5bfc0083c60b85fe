//! `status`: what the daemon says of itself, and what the maps say whether it does
//! or not.

use super::status_page::{self, MapView, Peer, Router, Talker};
use crate::{
    explain::differences,
    ownership::standing::mode_name,
    shell::{
        bpf::{Instance, Reader, reader},
        control::{self, Command},
    },
};
use nix::net::if_::if_indextoname;
use serde_json::{Value, json};
use std::{process::ExitCode, time::Duration};
use vrrp_common::{
    counter::Cause,
    maps::{CAST_UNICAST, FAMILY_V6},
};

/// A daemon that takes longer is stopped, hung or starved; the maps tell more.
const PATIENCE: Duration = Duration::from_millis(300);
/// The daemon did not answer, or there is none.
const EXIT_SILENT: u8 = 1;

pub(super) fn run(instance: &Instance, as_json: bool) -> ExitCode {
    let answer = control::ask(&control::socket_path(instance), &Command::Status, PATIENCE);
    let maps = Reader::open(instance).and_then(|reader| reader.snapshot());
    let (daemon, silence) = match answer {
        Ok(daemon) => (Some(daemon), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let code = if daemon.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_SILENT)
    };
    let (maps, no_maps) = match maps {
        Ok(snapshot) => (Some(view(&snapshot)), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    if as_json {
        let text = json!({
            "v": control::VERSION,
            "identity": instance.to_string(),
            "daemon": daemon,
            "daemon_silent": silence,
            "maps": maps.as_ref().map(to_json),
            "maps_error": no_maps,
        });
        println!("{text:#}");
    } else {
        let page = status_page::Page {
            identity: &instance.to_string(),
            daemon: daemon.as_ref(),
            silence: silence.as_deref(),
            maps: maps.as_ref(),
            no_maps: no_maps.as_deref(),
        };
        print!("{}", page.render());
    }
    code
}

fn view(snapshot: &reader::Snapshot) -> MapView {
    let routers = snapshot.routers.iter().map(|view| Router {
        key: (
            view.key.ifindex,
            view.key.vlan,
            view.key.vrid,
            view.key.family,
            view.key.cast,
        ),
        interface: interface(view.key.ifindex),
        standing: view.standing,
        shut_for: view
            .standing
            .shut_since()
            .map(|since| snapshot.at.since(since)),
        mode: mode_name(view.gate.mode),
        lease_left: view.lease_left,
        priority: view.router.priority,
        peers: view
            .peers
            .iter()
            .map(|peer| Peer {
                source: peer.source,
                priority: peer.peer.priority,
                version: peer.peer.version,
                interval_ms: u64::from(peer.peer.interval_cs) * 10,
                age: peer.age,
                adverts: peer.peer.adverts,
                differs: differences(view.key.family, &view.router, &peer.peer),
            })
            .collect(),
    });
    let talkers = snapshot.talkers.iter().map(|talker| Talker {
        interface: interface(talker.ifindex),
        source: talker.source,
        mac: talker.mac.map(|octet| format!("{octet:02x}")).join(":"),
        dropped: talker.dropped,
        cause: talker.cause.map_or("?", Cause::name),
        vrid: talker.vrid,
        age: talker.age,
    });
    MapView {
        routers: routers.collect(),
        talkers: talkers.collect(),
    }
}

fn interface(ifindex: u32) -> String {
    let name = if_indextoname(ifindex)
        .ok()
        .and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| format!("if{ifindex}"))
}

fn to_json(maps: &MapView) -> Value {
    let milliseconds = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let routers = maps.routers.iter().map(|router| {
        let (ifindex, vlan, vrid, family, cast) = router.key;
        let peers = router.peers.iter().map(|peer| {
            json!({
                "source": peer.source,
                "priority": peer.priority,
                "version": peer.version,
                "interval_ms": peer.interval_ms,
                "age_ms": milliseconds(peer.age),
                "adverts": peer.adverts,
                "differs": peer.differs,
            })
        });
        json!({
            "interface": router.interface,
            "ifindex": ifindex,
            "vlan": vlan,
            "vrid": vrid,
            "family": if family == FAMILY_V6 { 6 } else { 4 },
            "cast": if cast == CAST_UNICAST { "unicast" } else { "multicast" },
            "priority": router.priority,
            "gate_open": router.standing.is_open(),
            "gate": {
                "state": router.standing.name(),
                "why": router.standing.to_string(),
                "shut_for_ms": router.shut_for.map(milliseconds),
                "mode": router.mode,
            },
            "lease_left_ms": milliseconds(router.lease_left),
            "peers": peers.collect::<Vec<_>>(),
        })
    });
    let talkers = maps
        .talkers
        .iter()
        .take(status_page::TALKERS)
        .map(|talker| {
            json!({
                "interface": talker.interface,
                "source": talker.source,
                "mac": talker.mac,
                "dropped": talker.dropped,
                "cause": talker.cause,
                "vrid": talker.vrid,
                "age_ms": milliseconds(talker.age),
            })
        });
    json!({
        "routers": routers.collect::<Vec<_>>(),
        "talkers": talkers.collect::<Vec<_>>(),
    })
}
