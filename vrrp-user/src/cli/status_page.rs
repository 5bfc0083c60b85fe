//! The page `status` shows to people: 80 columns, most important first.

mod trackers;

use super::status_told::{Balance, Fifo, Mail};
use crate::{ownership::standing::Standing, time::in_words as span};
use serde::Deserialize;
use serde_json::Value;
use std::{fmt::Write as _, net::IpAddr, time::Duration};

/// Senders of refused packets that are shown.
pub(super) const TALKERS: usize = 5;
/// Longest line.
const COLUMNS: usize = 80;

/// Interface index, VLAN, VRID, family and cast, as in the maps.
pub(super) type Key = (u32, u16, u8, u8, u8);

/// What the maps say.
pub(super) struct MapView {
    pub(super) routers: Vec<Router>,
    /// Most first.
    pub(super) talkers: Vec<Talker>,
}

/// Somebody whose packets were refused.
pub(super) struct Talker {
    pub(super) interface: String,
    pub(super) source: IpAddr,
    pub(super) mac: String,
    pub(super) dropped: u64,
    pub(super) cause: &'static str,
    pub(super) vrid: u32,
    pub(super) age: Duration,
}

/// A virtual router in the maps.
pub(super) struct Router {
    pub(super) key: Key,
    pub(super) interface: String,
    pub(super) standing: Standing,
    pub(super) shut_for: Option<Duration>,
    /// `lease`, as the gate record has it.
    pub(super) mode: &'static str,
    pub(super) lease_left: Duration,
    pub(super) priority: u8,
    pub(super) peers: Vec<Peer>,
}

/// Somebody who was heard.
pub(super) struct Peer {
    pub(super) source: IpAddr,
    pub(super) priority: u8,
    pub(super) version: u8,
    pub(super) interval_ms: u64,
    pub(super) age: Duration,
    pub(super) adverts: u64,
    /// What it says otherwise than this router.
    pub(super) differs: Vec<String>,
}

/// What the page is made of.
pub(super) struct Page<'a> {
    pub(super) identity: &'a str,
    pub(super) daemon: Option<&'a Value>,
    pub(super) silence: Option<&'a str>,
    pub(super) maps: Option<&'a MapView>,
    pub(super) no_maps: Option<&'a str>,
}

/// The part of the daemon's answer that is shown. Whatever is missing is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Daemon {
    version: String,
    pid: u32,
    now_ns: u64,
    engine: Engine,
    interfaces: Vec<Interface>,
    unattached: Vec<String>,
    fence: Fence,
    fifos: Vec<Fifo>,
    mail: Option<Mail>,
    balance: Option<Balance>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Engine {
    maintenance: String,
    instances: Vec<Instance>,
    groups: Vec<Group>,
    #[serde(flatten)]
    trackers: trackers::Trackers,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Instance {
    name: String,
    state: String,
    claiming: bool,
    since: u64,
    reason: String,
    vrid: u8,
    interface: String,
    key: Option<Key>,
    priority: u8,
    effective_priority: u8,
    interval_ms: u64,
    fault_text: Vec<String>,
    addresses: Vec<IpAddr>,
    times_active: u64,
    handing_over: bool,
    held: bool,
    last_conflict: Option<Conflict>,
    tracked: Vec<trackers::Tracked>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conflict {
    kind: String,
    mac: String,
    address: String,
    interface: String,
    at: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Group {
    name: String,
    state: String,
    members: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Interface {
    name: String,
    xdp: String,
    egress: String,
    notes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fence {
    survives_the_daemon: Option<bool>,
    why: Option<String>,
}

impl Page<'_> {
    /// The page, with a line feed after each line.
    pub(super) fn render(&self) -> String {
        let mut out = Lines::default();
        let daemon = self
            .daemon
            .map(|value| Daemon::deserialize(value).unwrap_or_default());
        if let Some(daemon) = &daemon {
            self.daemon(&mut out, daemon);
        } else {
            out.text(
                "",
                &format!("xvrrpd {}: {}", self.identity, self.silence.unwrap_or("?")),
            );
            self.maps_alone(&mut out);
        }
        let talkers = self.maps.map(|maps| maps.talkers.as_slice());
        talkers_of(&mut out, talkers.unwrap_or_default());
        if let Some(why) = self.no_maps {
            out.text("", &format!("The maps cannot be read: {why}"));
        }
        out.0
    }

    fn daemon(&self, out: &mut Lines, daemon: &Daemon) {
        match daemon.engine.maintenance.as_str() {
            "on" => out.text(
                "",
                "MAINTENANCE: takes over nothing until `xvrrpd maintenance off`",
            ),
            "handing over" => out.text("", "MAINTENANCE begins: handing over everything"),
            _ => {}
        }
        let (version, pid) = (&daemon.version, daemon.pid);
        out.text(
            "",
            &format!("xvrrpd {version}, pid {pid}, instance {}", self.identity),
        );
        for complaint in &daemon.unattached {
            out.text("  ", &format!("NOT ATTACHED: {complaint}"));
        }
        if daemon.fence.survives_the_daemon == Some(false) {
            let why = daemon
                .fence
                .why
                .as_deref()
                .unwrap_or("its maps are not pinned");
            out.text(
                "  ",
                &format!("The fence lasts only as long as the daemon: {why}"),
            );
        }
        for instance in &daemon.engine.instances {
            out.text("", "");
            self.instance(out, instance, daemon.now_ns);
        }
        if !daemon.engine.groups.is_empty() {
            out.text("", "");
        }
        for group in &daemon.engine.groups {
            out.text(
                "",
                &format!(
                    "Group {}: {} ({})",
                    group.name,
                    group.state,
                    group.members.join(", ")
                ),
            );
        }
        trackers::trackers(out, &daemon.engine.trackers);
        if !daemon.interfaces.is_empty() {
            out.text("", "");
        }
        for interface in &daemon.interfaces {
            let Interface {
                name,
                xdp,
                egress,
                notes,
            } = interface;
            let mut said = vec![format!("Interface {name}: XDP {xdp}, egress by {egress}")];
            said.extend(notes.iter().cloned());
            out.text("", &said.join("; "));
        }
        let told = daemon.fifos.iter().map(Fifo::line);
        let told = told.chain(daemon.mail.iter().map(Mail::line));
        for (at, line) in told
            .chain(daemon.balance.iter().flat_map(Balance::lines))
            .enumerate()
        {
            if at == 0 {
                out.text("", "");
            }
            out.text("", &line);
        }
    }

    fn instance(&self, out: &mut Lines, it: &Instance, now_ns: u64) {
        let since = span(Duration::from_nanos(now_ns.saturating_sub(it.since)));
        let state = if it.claiming {
            "BACKUP, claiming"
        } else {
            &it.state
        };
        out.text(
            "",
            &format!(
                "{}: {state} for {since}, {} times MASTER",
                it.name, it.times_active
            ),
        );
        let priority = if it.priority == it.effective_priority {
            it.priority.to_string()
        } else {
            format!("{} (configured {})", it.effective_priority, it.priority)
        };
        let interval = span(Duration::from_millis(it.interval_ms));
        out.text(
            "  ",
            &format!(
                "VRID {} on {}, priority {priority}, every {interval}",
                it.vrid, it.interface
            ),
        );
        if !it.reason.is_empty() {
            out.text("  ", &format!("because: {}", it.reason));
        }
        for fault in &it.fault_text {
            out.text("  ", &format!("fault: {fault}"));
        }
        trackers::tracked(out, &it.tracked);
        if it.handing_over {
            out.text("  ", "being handed over");
        }
        if it.held {
            out.text("  ", "handed over, held back until released");
        }
        if let Some(last) = &it.last_conflict {
            conflict(out, last, now_ns);
        }
        let addresses: Vec<String> = it.addresses.iter().map(ToString::to_string).collect();
        out.text("  ", &addresses.join(" "));
        let routers = self
            .maps
            .map(|maps| maps.routers.as_slice())
            .unwrap_or_default();
        if let Some(router) = routers.iter().find(|router| Some(router.key) == it.key) {
            gate(out, router);
        }
    }

    fn maps_alone(&self, out: &mut Lines) {
        let Some(maps) = self.maps else { return };
        out.text("", "What the kernel knows without it:");
        for router in &maps.routers {
            out.text("", "");
            let (_, vlan, vrid, _, _) = router.key;
            let vlan = if vlan == 0 {
                String::new()
            } else {
                format!(", VLAN {vlan}")
            };
            let text = format!(
                "VRID {vrid} on {}{vlan}, priority {}",
                router.interface, router.priority
            );
            out.text("", &text);
            gate(out, router);
        }
    }
}

fn conflict(out: &mut Lines, last: &Conflict, now_ns: u64) {
    let Conflict {
        kind,
        mac,
        address,
        interface,
        at,
    } = last;
    let ago = span(Duration::from_nanos(now_ns.saturating_sub(*at)));
    let by = if mac.is_empty() {
        String::new()
    } else {
        format!(" by {mac}")
    };
    let text = format!("CONFLICT {ago} ago: {kind}{by}, {address} on {interface}");
    out.text("  ", &text);
}

fn talkers_of(out: &mut Lines, talkers: &[Talker]) {
    if !talkers.is_empty() {
        out.text("", "");
    }
    for talker in talkers.iter().take(TALKERS) {
        let Talker {
            interface,
            source,
            mac,
            dropped,
            cause,
            vrid,
            age,
        } = talker;
        out.text(
            "",
            &format!(
                "Refused {dropped} of {source} (MAC {mac}) on {interface}, last {} ago: {cause}, VRID {vrid}",
                span(*age)
            ),
        );
    }
}

fn gate(out: &mut Lines, router: &Router) {
    let mode = match router.mode {
        "enforce" => String::new(),
        mode => format!(" (lease {mode})"),
    };
    let text = match (router.standing, router.shut_for) {
        (Standing::Open { .. }, _) => {
            format!("gate open, lease for {}{mode}", span(router.lease_left))
        }
        (shut, Some(time)) => format!("gate shut for {}{mode}: {shut}", span(time)),
        (shut, None) => format!("gate shut{mode}: {shut}"),
    };
    out.text("  ", &text);
    for peer in &router.peers {
        out.text(
            "  ",
            &format!(
                "heard {} {} ago: priority {}, version {}, every {}, {} adverts",
                peer.source,
                span(peer.age),
                peer.priority,
                peer.version,
                span(Duration::from_millis(peer.interval_ms)),
                peer.adverts
            ),
        );
        for difference in &peer.differs {
            out.text("    ", &format!("differs: {difference}"));
        }
    }
}

/// Lines, broken between words where they are too long.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn text(&mut self, indent: &str, text: &str) {
        let mut line = indent.to_owned();
        let mut empty = true;
        for word in text.split(' ') {
            if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
                let _ = writeln!(self.0, "{line}");
                line = format!("{indent}    ");
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        let _ = writeln!(self.0, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn maps() -> MapView {
        let peer = Peer {
            source: "10.0.0.3".parse().expect("an address"),
            priority: 90,
            version: 3,
            interval_ms: 1000,
            age: Duration::from_millis(420),
            adverts: 12_345,
            differs: Vec::new(),
        };
        MapView {
            routers: vec![Router {
                key: (4, 0, 51, 4, 0),
                interface: "eth0".into(),
                standing: Standing::Open {
                    left: Duration::from_millis(2900),
                },
                shut_for: None,
                mode: "enforce",
                lease_left: Duration::from_millis(2900),
                priority: 100,
                peers: vec![peer],
            }],
            talkers: Vec::new(),
        }
    }

    fn talker(last: u8) -> Talker {
        Talker {
            interface: "eth0".into(),
            source: [10, 0, 0, last].into(),
            mac: "02:00:00:00:00:09".into(),
            dropped: 4711,
            cause: "drop_checksum",
            vrid: 51,
            age: Duration::from_secs(3),
        }
    }

    fn page(daemon: Option<&Value>, maps: Option<&MapView>) -> String {
        let (silence, no_maps) = (Some("xvrrpd does not answer"), Some("no such file"));
        Page {
            identity: "42",
            daemon,
            silence: silence.filter(|_| daemon.is_none()),
            maps,
            no_maps: no_maps.filter(|_| maps.is_none()),
        }
        .render()
    }

    #[test]
    fn a_running_daemon() {
        let daemon = json!({
            "version": "0.1.0", "pid": 7, "now_ns": 100_000_000_000_u64,
            "engine": {
                "instances": [{
                    "name": "VI_1", "state": "MASTER", "since": 88_000_000_000_u64,
                    "reason": "Receive advertisement timeout", "vrid": 51, "interface": "eth0",
                    "key": [4, 0, 51, 4, 0], "priority": 100, "effective_priority": 105,
                    "interval_ms": 1000, "addresses": ["10.0.0.10", "10.0.0.11"],
                    "times_active": 2, "fault_text": [], "claiming": false, "later": true,
                }],
                "groups": [{ "name": "G", "state": "MASTER", "members": ["VI_1", "VI_2"] }],
                "scripts": [{ "name": "chk", "standing": "Up", "last": "exited with status 0" }],
            },
            "interfaces": [{ "name": "eth0", "xdp": "native", "egress": "TCX", "notes": ["a note"] }],
            "fence": { "survives_the_daemon": false, "why": "no bpffs" },
        });
        let expected = "\
xvrrpd 0.1.0, pid 7, instance 42
  The fence lasts only as long as the daemon: no bpffs

VI_1: MASTER for 12 s, 2 times MASTER
  VRID 51 on eth0, priority 105 (configured 100), every 1.0 s
  because: Receive advertisement timeout
  10.0.0.10 10.0.0.11
  gate open, lease for 2.9 s
  heard 10.0.0.3 420 ms ago: priority 90, version 3, every 1.0 s, 12345 adverts

Group G: MASTER (VI_1, VI_2)

Script chk: up, exited with status 0

Interface eth0: XDP native, egress by TCX; a note
";
        assert_eq!(page(Some(&daemon), Some(&maps())), expected);
    }

    #[test]
    fn maintenance_comes_first_and_holds_and_conflicts_are_shown() {
        let daemon = json!({
            "version": "0.1.0", "pid": 7, "now_ns": 100_000_000_000_u64,
            "engine": {
                "maintenance": "on",
                "instances": [{
                    "name": "VI_1", "state": "FAULT", "since": 88_000_000_000_u64, "vrid": 51,
                    "interface": "eth0", "priority": 100, "effective_priority": 100,
                    "interval_ms": 1000, "addresses": ["10.0.0.10"], "held": true,
                    "fault_text": ["maintenance"],
                    "last_conflict": { "kind": "arp_claim", "mac": "02:00:00:00:00:63",
                        "address": "10.0.0.10", "interface": "eth0", "at": 98_500_000_000_u64 },
                }],
            },
        });
        let expected = "\
MAINTENANCE: takes over nothing until `xvrrpd maintenance off`
xvrrpd 0.1.0, pid 7, instance 42

VI_1: FAULT for 12 s, 0 times MASTER
  VRID 51 on eth0, priority 100, every 1.0 s
  fault: maintenance
  handed over, held back until released
  CONFLICT 1.5 s ago: arp_claim by 02:00:00:00:00:63, 10.0.0.10 on eth0
  10.0.0.10
";
        assert_eq!(
            page(
                Some(&daemon),
                Some(&MapView {
                    routers: vec![],
                    talkers: vec![]
                })
            ),
            expected
        );
        let begins = json!({ "engine": { "maintenance": "handing over" } });
        let text = page(Some(&begins), None);
        assert!(text.starts_with("MAINTENANCE begins: "), "{text}");
    }

    #[test]
    fn a_silent_daemon_still_has_maps() {
        let expected = "\
xvrrpd 42: xvrrpd does not answer
What the kernel knows without it:

VRID 51 on eth0, priority 100
  gate open, lease for 2.9 s
  heard 10.0.0.3 420 ms ago: priority 90, version 3, every 1.0 s, 12345 adverts
";
        assert_eq!(page(None, Some(&maps())), expected);
        let mut differing = maps();
        differing.routers[0].peers[0].differs = vec!["2 addresses there, 1 here".into()];
        let expected = format!("{expected}    differs: 2 addresses there, 1 here\n");
        assert_eq!(page(None, Some(&differing)), expected);
        let neither = "xvrrpd 42: xvrrpd does not answer\nThe maps cannot be read: no such file\n";
        assert_eq!(page(None, None), neither);
    }

    #[test]
    fn a_shut_gate_says_since_when_and_why() {
        let shut = |standing, shut_for, mode| {
            let mut maps = maps();
            let router = &mut maps.routers[0];
            (router.standing, router.shut_for, router.mode) = (standing, shut_for, mode);
            router.peers.clear();
            maps.talkers = (1..=7).map(talker).collect();
            page(None, Some(&maps))
        };
        let beaten = Standing::Beaten {
            priority: 200,
            at: crate::time::Instant::from_ns(5),
        };
        let expected = "\
xvrrpd 42: xvrrpd does not answer
What the kernel knows without it:

VRID 51 on eth0, priority 100
  gate shut for 3.0 s: beaten by priority 200

Refused 4711 of 10.0.0.1 (MAC 02:00:00:00:00:09) on eth0, last 3.0 s ago:
    drop_checksum, VRID 51
";
        let text = shut(beaten, Some(Duration::from_secs(3)), "enforce");
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(text.matches("Refused").count(), TALKERS);
        let text = shut(Standing::Unclaimed, None, "observe");
        let line = "  gate shut (lease observe): never claimed\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn it_fits_a_terminal_whatever_it_says() {
        let many: Vec<String> = (1..=40).map(|n| format!("2001:db8::{n}")).collect();
        let daemon = json!({
            "engine": { "instances": [{ "name": "VI", "state": "FAULT", "addresses": many,
                "reason": "a reason that goes on and on ".repeat(6) }] },
            "unattached": ["a complaint that goes on and on ".repeat(5)],
        });
        let text = page(Some(&daemon), None);
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        assert!(text.contains("2001:db8::40"), "nothing is left out");
    }

    #[test]
    fn spans() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1500, "1.5 s"),
            (42_000, "42 s"),
            (100_000, "1 min 40 s"),
            (7_200_000, "2 h 0 min"),
            (200_000_000, "2 days 7 h"),
        ];
        for (ms, expected) in cases {
            assert_eq!(span(Duration::from_millis(ms)), expected);
        }
    }
}
