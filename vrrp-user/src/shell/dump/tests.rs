//! Against what keepalived 2.2.7 writes.

use super::{Received, Snapshot, Stats, file::replace, json, stats_text, text};
use crate::{
    config::{
        self, Context, Source,
        model::{Config, JsonVersion, Parameters, ProcessPattern, TrackProcess},
    },
    engine::{Engine, input::Input, settings::Settings, status::ProcessStatus},
    time::Instant,
    tracking::effective::Standing,
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::Duration,
};

const FILE: &str = "\
vrrp_script chk {
    script \"/bin/check it\"
    weight 10
}
vrrp_instance A {
    interface eth0
    virtual_router_id 51
    advert_int 2
    track_script { chk }
    authentication {
        auth_type PASS
        auth_pass sesame12
    }
    virtual_ipaddress {
        10.9.0.100/24 brd + label eth0:1
        10.9.0.101 dev eth1 scope link no_track
    }
    virtual_ipaddress_excluded {
        fd00::1/64
    }
    notify_master \"/n/master now\"
    notify_deleted
}
";

struct One;

impl Source for One {
    fn read(&mut self, _: &Path) -> Result<Vec<u8>, String> {
        Ok(FILE.into())
    }

    fn list(&mut self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn config() -> Config {
    let context = Context {
        config_id: "host".into(),
        working_directory: "/".into(),
        environment: std::collections::BTreeMap::new(),
        random_seed: 1,
        strict_includes: false,
    };
    let loaded = config::load("/k.conf", &mut One, &context);
    loaded.config.expect("a good file")
}

fn with_snapshot(look: impl FnOnce(&Config, &crate::engine::status::Status, &[Snapshot<'_>])) {
    let config = config();
    let mut engine = Engine::new(Settings::default(), []);
    engine.handle(
        Input::Config(Box::new(config.clone())),
        Instant::from_ns(1_000_000_000),
    );
    let status = engine.status();
    let snapshot = Snapshot {
        config: &config.instances[0],
        status: &status.instances[0],
        stats: Stats {
            advert_rcvd: 7,
            pri_zero_sent: 1,
            ..Stats::default()
        },
        last_transition_s: 1_795_465_222.139_289,
    };
    look(&config, &status, &[snapshot]);
}

/// Every name that keepalived 2.2.7 writes for such an instance, in its order.
#[test]
fn the_names_are_keepaliveds() {
    const DATA: &[&str] = &[
        "iname",
        "dont_track_primary",
        "skip_check_adv_addr",
        "strict_mode",
        "vmac_ifname",
        "ifp_ifname",
        "master_priority",
        "last_transition",
        "garp_delay",
        "garp_refresh",
        "garp_rep",
        "garp_refresh_rep",
        "garp_lower_prio_delay",
        "garp_lower_prio_rep",
        "lower_prio_no_advert",
        "higher_prio_send_advert",
        "vrid",
        "base_priority",
        "effective_priority",
        "vipset",
        "promote_secondaries",
        "adver_int",
        "master_adver_int",
        "accept",
        "nopreempt",
        "preempt_delay",
        "state",
        "wantstate",
        "version",
        "smtp_alert",
        "notify_deleted",
        "script_master",
        "vips",
        "evips",
        "track_script",
        "auth_type",
        "auth_data",
    ];
    const STATS: &[&str] = &[
        "advert_rcvd",
        "advert_sent",
        "become_master",
        "release_master",
        "packet_len_err",
        "advert_interval_err",
        "ip_ttl_err",
        "invalid_type_rcvd",
        "addr_list_err",
        "invalid_authtype",
        "authtype_mismatch",
        "auth_failure",
        "pri_zero_rcvd",
        "pri_zero_sent",
    ];
    with_snapshot(|config, status, snapshots| {
        let text = json(config, status, snapshots);
        let mut rest = text.as_str();
        for name in ["data"].iter().chain(DATA).chain(&["stats"]).chain(STATS) {
            let wanted = format!("\"{name}\":");
            let at = rest
                .find(&wanted)
                .unwrap_or_else(|| panic!("{name} in {rest}"));
            rest = &rest[at + wanted.len()..];
        }
        let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let entry = &all[0];
        assert_eq!(
            entry["data"].as_object().map(serde_json::Map::len),
            Some(DATA.len())
        );
        assert_eq!(
            entry["stats"].as_object().map(serde_json::Map::len),
            Some(STATS.len())
        );
        assert_eq!(
            entry["data"]["vips"],
            serde_json::json!([
                "10.9.0.100/24 brd 10.9.0.255 dev eth0 scope global label eth0:1",
                "10.9.0.101 dev eth1 scope link no_track",
            ])
        );
        assert_eq!(entry["data"]["track_script"][0], "/bin/check it");
        assert_eq!(entry["data"]["adver_int"], 2.0);
        assert_eq!(entry["stats"]["advert_rcvd"], 7);
        assert!(!text.contains("sesame"), "{text}");
    });
}

/// `json_version 2`: an object, with what is tracked beside the instances.
#[test]
fn json_version_2_is_what_newer_keepaliveds_write() {
    const PROCESS: &[&str] = &[
        "process",
        "parameters",
        "param_match",
        "min_processes",
        "current_processes",
        "have_quorum",
        "weight",
        "terminate_delay",
        "fork_delay",
        "fork_delay_timer_running",
        "terminate_delay_timer_running",
        "full_command",
    ];
    with_snapshot(|config, status, snapshots| {
        let one: serde_json::Value =
            serde_json::from_str(&json(config, status, snapshots)).expect("JSON");
        let mut config = config.clone();
        config.global.dumps.json_version = JsonVersion::Two;
        let text = json(&config, status, snapshots);
        let two: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(two["vrrp"], one, "nothing tracked: the same entries");
        assert_eq!(two.as_object().map(serde_json::Map::len), Some(1));
        config.processes = vec![TrackProcess {
            name: "web".into(),
            pattern: ProcessPattern {
                command: "nginx".into(),
                full_command: true,
                parameters: Some(Parameters::StartWith(vec!["-g".into(), "x".into()])),
            },
            quorum: 2,
            quorum_max: None,
            fork_delay: Duration::from_millis(500),
            terminate_delay: Duration::ZERO,
            weight: -7,
        }];
        let mut status = status.clone();
        status.processes = vec![ProcessStatus {
            name: "web".into(),
            standing: Standing::Down,
            count: Some(3),
            quorum: 2,
            quorum_max: None,
            delayed: true,
        }];
        let text = json(&config, &status, snapshots);
        let mut rest = text.split_once("\"track_process\"").expect("it").1;
        for name in PROCESS {
            let wanted = format!("\"{name}\":");
            let at = rest
                .find(&wanted)
                .unwrap_or_else(|| panic!("{name} in {rest}"));
            rest = &rest[at + wanted.len()..];
        }
        let two: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let process = &two["track_process"][0];
        assert_eq!(
            process.as_object().map(serde_json::Map::len),
            Some(PROCESS.len())
        );
        assert_eq!(process["parameters"], "-g x");
        assert_eq!(process["param_match"], "partial");
        assert_eq!(
            (process["weight"].as_i64(), process["fork_delay"].as_f64()),
            (Some(-7), Some(0.5))
        );
        assert_eq!(process["fork_delay_timer_running"], true);
        assert_eq!(process["terminate_delay_timer_running"], false);
        assert_eq!(process["have_quorum"], false);
    });
}

#[test]
fn the_text_is_keepaliveds() {
    with_snapshot(|config, status, snapshots| {
        let data = text::data(config, status, snapshots);
        for line in [
            "------< VRRP Topology >------",
            " VRRP Instance = A",
            "   VRRP Version = 2",
            "   Interface = eth0",
            "   Virtual Router ID = 51",
            "   Advert interval = 2 sec",
            "   Authentication type = SIMPLE_PASSWORD",
            "   Virtual IP (2):",
            "     10.9.0.101 dev eth1 scope link no_track",
            "   Virtual IP Excluded :",
            "     fd00::1/64 dev eth0 scope global preferred_lft forever",
            "     chk, weight 10",
            "   Notify deleted = Deleted",
            "   Master state transition script = /n/master now",
            " VRRP Script = chk",
            "   Command = /bin/check it",
        ] {
            assert!(data.lines().any(|it| it == line), "{line:?} in\n{data}");
        }
        assert!(!data.contains("sesame"), "{data}");
        let stats = stats_text(snapshots);
        let want = "VRRP Instance: A\n  Advertisements:\n    Received: 7\n    Sent: 0\n  Became master: 0\n";
        assert!(stats.starts_with(want), "{stats}");
        assert!(
            stats.ends_with("  Priority Zero:\n    Received: 0\n    Sent: 1\n"),
            "{stats}"
        );
    });
}

#[test]
fn counts_of_sources_that_come_and_go_never_fall() {
    let mut received = Received::default();
    for (counts, total) in [
        (vec![(1, 10), (2, 5)], 15),
        (vec![(1, 12)], 17),
        (vec![(1, 12), (2, 3)], 20),
        (vec![(1, 2)], 22),
        (vec![], 22),
    ] {
        assert_eq!(received.update(counts), total);
    }
}

#[test]
fn a_link_in_its_place_is_replaced_and_not_followed() {
    let place = std::env::temp_dir().join(format!("xvn-dump-{}", std::process::id()));
    fs::create_dir_all(&place).expect("mkdir");
    let (path, victim) = (place.join("keepalived.json"), place.join("victim"));
    fs::write(&victim, "precious").expect("write");
    symlink(&victim, &path).expect("a link");
    symlink(
        &victim,
        place.join(format!("keepalived.json.{}", std::process::id())),
    )
    .expect("a link in the draft's place");
    for text in ["[]", "[1]"] {
        replace(&path, text).expect("replaced");
        let found = fs::symlink_metadata(&path).expect("there");
        assert!(found.is_file());
        assert_eq!(found.permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_to_string(&path).expect("read"), text);
    }
    assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
    assert_eq!(fs::read_dir(&place).expect("a directory").count(), 2);
    assert!(replace(&place.join("none/such"), "").is_err());
    fs::remove_dir_all(&place).expect("clean up");
}
