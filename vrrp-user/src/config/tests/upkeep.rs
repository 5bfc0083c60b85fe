//! Dumps, reloads, copies of what was read: keywords to model, and what is wrong with
//! them.

use super::*;
use crate::config::model::{Dumps, Global, JsonVersion, Marker, Reading, User};

fn globals(lines: &str) -> (Option<Global>, Vec<String>) {
    let loaded = read(&format!("global_defs {{\n{lines}\n}}"));
    let told = loaded.diagnostics.iter().map(|it| it.message.clone());
    (loaded.config.map(|it| it.global), told.collect())
}

fn sound(lines: &str) -> Global {
    let (global, told) = globals(lines);
    assert_eq!(told, Vec::<String>::new(), "{lines}");
    global.expect("valid")
}

#[test]
fn how_dump_files_look() {
    assert_eq!(sound("").dumps, Dumps::default());
    let dumps = sound("json_version 2\ndata_use_instance").dumps;
    assert_eq!((dumps.json_version, dumps.named), (JsonVersion::Two, true));
    let dumps = sound("json_version 1\ndata_use_instance off").dumps;
    assert_eq!((dumps.json_version, dumps.named), (JsonVersion::One, false));
    for wrong in ["json_version 3", "json_version", "data_use_instance maybe"] {
        assert!(globals(wrong).0.is_none(), "{wrong}");
    }
}

#[test]
fn when_the_configuration_is_read_and_what_is_kept() {
    let reading = sound(
        "reload_time_file /run/when\nreload_repeat\nreload_file /run/reading\nconfig_save_dir /var/k/",
    )
    .reading;
    let want = Reading {
        time_file: Some("/run/when".into()),
        repeat: true,
        marker: Some(Marker::Path("/run/reading".into())),
        save_directory: Some("/var/k".into()),
    };
    assert_eq!(reading, want);
    let usual = sound("reload_file").reading;
    assert_eq!(usual.marker, Some(Marker::Usual));
    for (name, path) in [
        (None, "/run/keepalived.reload"),
        (Some("a"), "/run/keepalived/keepalived_a.reload"),
    ] {
        assert_eq!(usual.marker_path(name).as_deref(), Some(path));
        assert_eq!(want.marker_path(name).as_deref(), Some("/run/reading"));
        assert_eq!(Reading::default().marker_path(name), None);
    }
    let (global, told) = globals("reload_repeat");
    assert!(
        global.is_some() && told[0].contains("no time is said"),
        "{told:?}"
    );
    for wrong in [
        "reload_time_file when",
        "reload_file here",
        "config_save_dir k",
    ] {
        assert!(globals(wrong).0.is_none(), "{wrong}");
    }
}

#[test]
fn groups_of_scripts() {
    assert!(!sound("").supplementary_groups);
    assert!(sound("set_supplementary_groups").supplementary_groups);
    assert!(!sound("set_supplementary_groups off").supplementary_groups);
    for (words, group, all_groups) in [
        ("script_user nobody", None, false),
        ("script_user nobody daemon", Some("daemon"), false),
        ("script_user nobody :daemon", Some("daemon"), true),
        ("script_user nobody :", None, true),
    ] {
        let want = User {
            name: "nobody".into(),
            group: group.map(str::to_owned),
            all_groups,
        };
        assert_eq!(sound(words).script_user, Some(want), "{words}");
    }
}

/// Names of tables from other places than iproute2's own.
#[test]
fn where_iproute2_s_names_stand() {
    let route =
        "virtual_ipaddress {\n10.0.0.1\n}\nvirtual_routes {\n10.1.0.0/16 dev eth0 table far\n}\n";
    let load = |globals: &str| {
        let text = format!(
            "global_defs {{\n{globals}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{route}}}\n"
        );
        let files = [
            ("/k", text.as_str()),
            ("/etc/iproute2/rt_tables", "7 far\n"),
            ("/usr/share/iproute2/rt_tables", "6 far\n"),
            ("/x/etc/rt_tables", "17 far\n"),
            ("/x/usr/rt_tables.d/a.conf", "16 far\n"),
        ];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
        let loaded = super::load("/k", &mut Memory(files.into()), &Context::default());
        let config = loaded.config?;
        Some(config.instances[0].routes[0].table.clone())
    };
    let number = |n| Some(model::routing::Table::Number(n));
    assert_eq!(load(""), number(7));
    assert_eq!(load("iproute_etc_dir /x/etc"), number(17));
    assert_eq!(load("iproute_usr_dir /x/usr"), number(7));
    assert_eq!(
        load("iproute_usr_dir /x/usr\niproute_etc_dir /none"),
        number(16)
    );
    assert_eq!(load("iproute_etc_dir /none"), number(6));
    assert_eq!(load("iproute_etc_dir etc"), None, "relative");
}

/// `use_ipvlan`: where adverts come from, and what is placed for it.
#[test]
fn adverts_from_an_address_of_their_own() {
    let load = |lines: &str| {
        read(&format!(
            "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{lines}\n}}\n"
        ))
    };
    for (lines, source, prefix) in [
        ("use_ipvlan 10.0.0.9", "10.0.0.9", Some(32)),
        ("use_ipvlan ipv7 10.0.0.9/24 private", "10.0.0.9", Some(24)),
        (
            "use_ipvlan vepa name ipv7 10.0.0.9 group 5",
            "10.0.0.9",
            Some(32),
        ),
        (
            "use_ipvlan 10.0.0.9\nmcast_src_ip 10.0.0.8",
            "10.0.0.8",
            Some(32),
        ),
        (
            "mcast_src_ip 10.0.0.8\nuse_ipvlan 10.0.0.9",
            "10.0.0.8",
            Some(32),
        ),
    ] {
        let loaded = load(lines);
        assert_eq!(loaded.diagnostics, [], "{lines}");
        let config = loaded.config.expect("valid");
        assert_eq!(config.instances[0].source, source.parse().ok(), "{lines}");
        let placed: Vec<_> = config.statics.addresses.iter().collect();
        let [placed] = placed[..] else {
            panic!("{lines}: {placed:?}");
        };
        assert_eq!(
            placed.address.address,
            "10.0.0.9".parse::<core::net::IpAddr>().expect("one")
        );
        assert_eq!(Some(placed.address.prefix_len), prefix, "{lines}");
        assert_eq!(placed.address.dev.as_deref(), Some("eth0"));
    }
    let loaded = load("use_ipvlan ipv7");
    let config = loaded.config.expect("valid");
    assert!(config.instances[0].source.is_none() && config.statics.addresses.is_empty());
    assert_eq!(loaded.diagnostics.len(), 1, "it changes nothing");
    for wrong in [
        "use_ipvlan 10.0.0.9 10.0.0.8 x",
        "use_ipvlan fd00::9",
        "use_ipvlan a b",
        "use_ipvlan name",
    ] {
        assert!(load(wrong).config.is_none(), "{wrong}");
    }
}
