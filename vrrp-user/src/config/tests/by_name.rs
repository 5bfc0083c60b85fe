//! Keywords one by one: each changes what it is for, and nothing else.

use super::*;
use crate::config::model::{Garp, Instance, Notify, SyncGroup};
use core::net::IpAddr;

const VIP: &str = "virtual_ipaddress {\n10.0.0.1\n}\n";

/// A file with these lines in `global_defs`, in the group and in the instance, which
/// nothing is said of.
fn sound(globals: &str, group: &str, lines: &str) -> (model::Global, SyncGroup, Instance) {
    let text = format!(
        "global_defs {{\n{globals}\n}}\nvrrp_sync_group G {{\ngroup {{\nV\n}}\n{group}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n}}\n"
    );
    let loaded = read(&text);
    let told: Vec<_> = loaded.diagnostics.iter().map(|d| &d.message).collect();
    assert!(told.is_empty(), "{globals} {group} {lines}: {told:?}");
    let mut config = loaded.config.expect("no diagnostics");
    (
        config.global,
        config.groups.remove(0),
        config.instances.remove(0),
    )
}

fn instance(globals: &str, lines: &str) -> Instance {
    sound(globals, "", lines).2
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn what_every_instance_says() {
    let i = instance("", &format!("{VIP}priority 9\nversion 3"));
    assert_eq!((i.interface.as_str(), i.vrid, i.priority), ("eth0", 7, 9));
    assert_eq!(i.version, Version::V3);
    let text = format!(
        "vrrp_instance V {{\ninterface bond0.7\nvirtual_router_id 255\n{VIP}state MASTER\npriority 200\n}}\n"
    );
    let i = read(&text).config.expect("valid").instances.remove(0);
    assert_eq!((i.interface.as_str(), i.vrid), ("bond0.7", 255));
    assert_eq!((i.state, i.priority), (InitialState::Master, 200));
}

/// A change of the defaults.
type Change = fn(&mut Garp);

fn changed(change: Change) -> Garp {
    let mut garp = Garp::default();
    change(&mut garp);
    garp
}

#[test]
fn announcements_of_an_instance() {
    let cases: [(&str, Change); 6] = [
        ("garp_master_delay 2", |g| g.delay = Duration::from_secs(2)),
        ("garp_master_repeat 3", |g| g.repeat = 3),
        ("garp_master_refresh 60", |g| {
            g.refresh = Duration::from_mins(1);
        }),
        ("garp_master_refresh_repeat 4", |g| g.refresh_repeat = 4),
        ("garp_lower_prio_delay 6", |g| {
            g.lower_prio_delay = Duration::from_secs(6);
        }),
        ("garp_lower_prio_repeat 7", |g| g.lower_prio_repeat = 7),
    ];
    for (line, change) in cases {
        let garp = instance("", &format!("{VIP}{line}")).garp;
        assert_eq!(garp, changed(change), "{line}");
    }
}

/// Those for a lower priority follow those for becoming the Active.
#[test]
fn announcements_of_all_instances() {
    let cases: [(&str, Change); 8] = [
        ("vrrp_garp_master_delay 2", |g| {
            g.delay = Duration::from_secs(2);
            g.lower_prio_delay = Duration::from_secs(2);
        }),
        ("vrrp_garp_master_repeat 3", |g| {
            g.repeat = 3;
            g.lower_prio_repeat = 3;
        }),
        ("vrrp_garp_master_refresh 60", |g| {
            g.refresh = Duration::from_mins(1);
        }),
        ("vrrp_garp_master_refresh_repeat 4", |g| {
            g.refresh_repeat = 4;
        }),
        ("vrrp_garp_lower_prio_delay 6", |g| {
            g.lower_prio_delay = Duration::from_secs(6);
        }),
        ("vrrp_garp_lower_prio_repeat 7", |g| g.lower_prio_repeat = 7),
        ("vrrp_garp_interval 0.01", |g| {
            g.arp_interval = Duration::from_millis(10);
        }),
        ("vrrp_gna_interval 0.02", |g| {
            g.na_interval = Duration::from_millis(20);
        }),
    ];
    for (line, change) in cases {
        assert_eq!(instance(line, VIP).garp, changed(change), "{line}");
    }
}

#[test]
fn where_adverts_come_from() {
    let i = instance("", &format!("{VIP}mcast_src_ip 10.0.0.8"));
    assert_eq!((i.source, i.unicast), (Some(address("10.0.0.8")), None));
    let peers = "unicast_peer {\n10.0.0.9\n}\n";
    let i = instance("", &format!("{VIP}unicast_src_ip 10.0.0.8\n{peers}"));
    assert_eq!(i.source, Some(address("10.0.0.8")));
    let unicast = i.unicast.expect("unicast");
    assert_eq!(unicast.peers[0].address, address("10.0.0.9"));
    assert!(!unicast.check_source);
    assert_eq!(i.unicast_ttl, 255);
    let i = instance("", &format!("{VIP}unicast_ttl 64\n{peers}"));
    assert_eq!(i.unicast_ttl, 64);
    let i = instance("", &format!("{VIP}check_unicast_src\n{peers}"));
    assert!(i.unicast.expect("unicast").check_source);
    let i = instance("vrrp_check_unicast_src", &format!("{VIP}{peers}"));
    assert!(i.unicast.expect("unicast").check_source);
}

#[test]
fn an_instance_may_say_that_it_is_ipv6() {
    let v6 = "virtual_ipaddress {\nfe80::7/64\n}\n";
    let i = instance("", &format!("native_ipv6\n{v6}"));
    assert_eq!((i.family, i.version), (Family::V6, Version::V3));
    for (lines, want) in [
        (
            format!("native_ipv6\n{VIP}"),
            "not of this instance's family",
        ),
        (format!("{VIP}native_ipv6"), "`native_ipv6` in an instance"),
    ] {
        let text = format!("vrrp_instance V {{\ninterface e\nvirtual_router_id 7\n{lines}\n}}\n");
        let loaded = read(&text);
        assert!(loaded.config.is_none(), "{lines}");
        assert!(loaded.diagnostics[0].message.contains(want), "{lines}");
    }
}

#[test]
fn which_addresses_have_the_virtual_mac() {
    let lines = |words: &str| {
        format!(
            "{words}\nvirtual_ipaddress {{\n10.0.0.1\n10.0.0.2 dev eth1\n10.0.0.3 dev eth1 use_vmac\n}}\nvirtual_ipaddress_excluded {{\n2001:db8::1\n}}\n"
        )
    };
    for (words, adverts, addresses) in [
        ("", false, [false, false, true, false]),
        ("use_vmac", true, [true, false, true, false]),
        ("use_vmac_addr", false, [false, true, true, true]),
        ("use_vmac\nuse_vmac_addr", true, [true; 4]),
        (
            "use_vmac\nvmac_xmit_base",
            false,
            [true, false, true, false],
        ),
        ("use_vmac vrrp.7", true, [true, false, true, false]),
    ] {
        let i = instance("", &lines(words));
        let all = i.addresses.iter().chain(&i.excluded_addresses);
        let found: Vec<bool> = all.map(|it| it.use_vmac).collect();
        assert_eq!(
            (i.vmac.adverts, &*found),
            (adverts, &addresses[..]),
            "{words}"
        );
        assert_eq!(i.virtual_mac(false), [0, 0, 0x5e, 0, 1, 7], "{words}");
    }
    let i = instance("", &lines("use_vmac vrrp.7 02:00:00:00:00:09"));
    assert_eq!(i.virtual_mac(false), [2, 0, 0, 0, 0, 9]);
}

#[test]
fn each_script_of_an_instance_and_of_a_group() {
    type Slot = fn(&Notify) -> &Option<CommandLine>;
    let of_both: [(&str, Slot); 5] = [
        ("notify_master", |n| &n.master),
        ("notify_backup", |n| &n.backup),
        ("notify_fault", |n| &n.fault),
        ("notify_stop", |n| &n.stop),
        ("notify", |n| &n.any),
    ];
    let of_instances: [(&str, Slot); 3] = [
        ("notify_master_rx_lower_pri", |n| {
            &n.master_rx_lower_priority
        }),
        ("notify_conflict", |n| &n.conflict),
        ("notify_deleted", |n| &n.deleted),
    ];
    let command = CommandLine::Argv(vec!["/bin/n".into(), "it".into()]);
    let only = |notify: &Notify, word: &str| {
        for (other, slot) in of_both.iter().chain(&of_instances) {
            let want = (*other == word).then_some(&command);
            assert_eq!(slot(notify).as_ref(), want, "{word}: {other}");
        }
    };
    for (word, _) in of_both.iter().chain(&of_instances) {
        let line = format!("{word} \"/bin/n it\"");
        only(&instance("", &format!("{VIP}{line}")).notify, word);
    }
    for (word, _) in of_both {
        let line = format!("{word} \"/bin/n it\"");
        let (_, group, instance) = sound("", &line, VIP);
        only(&group.notify, word);
        assert_eq!(instance.notify, Notify::default(), "{word}");
    }
}

#[test]
fn an_instance_may_have_no_address() {
    let i = instance("", "no_virtual_ipaddress");
    assert!(i.addresses.is_empty() && i.version == Version::V2);
    let excluded = "virtual_ipaddress_excluded {\n10.0.0.9\n}\n";
    let i = instance("", &format!("no_virtual_ipaddress\n{excluded}"));
    assert_eq!((i.addresses.len(), i.excluded_addresses.len()), (0, 1));
    let i = instance("", "no_virtual_ipaddress\nversion 3");
    assert!(i.addresses.is_empty() && i.version == Version::V3);
    // Unsaid, version 3 has to advertise one.
    let text = "vrrp_instance V {\ninterface e\nvirtual_router_id 7\nversion 3\n}\n";
    let loaded = read(text);
    assert!(loaded.config.is_none());
    assert!(loaded.diagnostics[0].message.contains("no virtual address"));
}

#[test]
fn members_of_a_group() {
    let text = format!(
        "vrrp_sync_group G {{\ngroup {{\nA\nB\n}}\n}}\n{}{}",
        one("A", 1),
        one("B", 2)
    );
    let config = read(&text).config.expect("valid");
    assert_eq!(config.groups[0].name, "G");
    assert_eq!(config.groups[0].members, ["A", "B"]);
}

#[test]
fn old_spellings_of_what_is_served() {
    // Without the first of them a weight of a member's own is none.
    let text = |group: &str, file: &str| {
        let tracks = one("A", 1).replace(
            "virtual_router_id 1",
            "virtual_router_id 1\ntrack_file {\nf weight 5\n}",
        );
        format!(
            "{file} f {{\nfile /f\n}}\nvrrp_sync_group G {{\ngroup {{\nA\nB\n}}\n{group}\n}}\n{tracks}{}",
            one("B", 2)
        )
    };
    let now = read(&text("sync_group_tracking_weight", "track_file"));
    assert!(now.diagnostics.is_empty(), "{:?}", now.diagnostics);
    for (group, file) in [
        ("global_tracking", "track_file"),
        ("sync_group_tracking_weight", "vrrp_track_file"),
    ] {
        let old = read(&text(group, file));
        assert_eq!(old.config, now.config, "{group} {file}");
        assert_eq!(old.diagnostics[0].code, Code::Deprecated, "{group} {file}");
    }
    let weights = |it: Loaded| it.config.expect("sound").instances[0].track_files.len();
    assert_eq!(weights(read(&text("", "track_file"))), 0);
    assert_eq!(weights(now), 1);
}

fn one(name: &str, vrid: u8) -> String {
    format!(
        "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{\n10.0.0.{vrid}\n}}\n}}\n"
    )
}

#[test]
fn switches_of_all_instances_and_of_one() {
    type Switch = fn(&Instance) -> bool;
    let cases: [(&str, &str, Switch); 3] = [
        ("vrrp_skip_check_adv_addr", "skip_check_adv_addr", |i| {
            i.skip_check_advert_addresses
        }),
        ("vrrp_lower_prio_no_advert", "lower_prio_no_advert", |i| {
            i.lower_prio_no_advert
        }),
        ("v3_checksum_as_v2", "v3_checksum_as_v2", |i| {
            i.checksum == model::ChecksumPolicy::Plain
        }),
    ];
    for (all, one, is_on) in cases {
        assert!(!is_on(&instance("", VIP)), "{one} is off by itself");
        assert!(is_on(&instance(all, VIP)), "{all}");
        assert!(is_on(&instance("", &format!("{VIP}{one}"))), "{one}");
        assert!(is_on(&instance("", &format!("{VIP}{one} on"))), "{one} on");
        let off = instance(all, &format!("{VIP}{one} off"));
        assert!(!is_on(&off), "{one} off");
    }
    assert!(!instance("", VIP).dont_track_primary);
    assert!(instance("", &format!("{VIP}dont_track_primary")).dont_track_primary);
    assert_eq!(
        instance("", &format!("{VIP}down_timer_adverts 5")).down_timer_adverts,
        5
    );
    let of_all = instance("vrrp_down_timer_adverts 4", VIP);
    assert_eq!(of_all.down_timer_adverts, 4);
}

#[test]
fn how_long_a_startup_script_may_take() {
    let (global, ..) = sound(
        "startup_script /bin/up\nstartup_script_timeout 7\nshutdown_script /bin/down\nshutdown_script_timeout 8",
        "",
        VIP,
    );
    let timeout = |hook: Option<model::Hook>| hook.map(|hook| hook.timeout.as_secs());
    assert_eq!(timeout(global.startup), Some(7));
    assert_eq!(timeout(global.shutdown), Some(8));
}
