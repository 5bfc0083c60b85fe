use super::*;
use crate::config::model::{Authentication, Broadcast, ChecksumPolicy, Instance, Lease, LeaseMode};
use core::net::IpAddr;

/// The first instance of a file whose instance has these lines, and what was said.
pub(super) fn one(globals: &str, lines: &str) -> (Option<Instance>, Vec<String>) {
    let text = format!(
        "global_defs {{\n{globals}\n}}\nvrrp_script s {{\nscript /bin/s\nweight -5\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n}}\n"
    );
    let loaded = read(&text);
    let told = loaded
        .diagnostics
        .iter()
        .filter(|d| !d.message.starts_with("nothing tracks"));
    let told = told
        .map(|d| format!("{:?}: {}", d.severity, d.message))
        .collect();
    (
        loaded.config.and_then(|c| c.instances.into_iter().next()),
        told,
    )
}

pub(super) fn good(globals: &str, lines: &str) -> Instance {
    let (instance, told) = one(globals, lines);
    assert_eq!(told, Vec::<String>::new());
    instance.expect("an instance")
}

pub(super) const VIP: &str = "virtual_ipaddress {\n10.0.0.1\n}\n";

pub(super) fn told(globals: &str, lines: &str) -> (Instance, String) {
    let (instance, told) = one(globals, &format!("{VIP}{lines}"));
    (
        instance.unwrap_or_else(|| panic!("{told:?}")),
        told.join("\n"),
    )
}

#[test]
fn defaults_are_keepaliveds() {
    let i = good("", VIP);
    assert_eq!(
        (i.state, i.priority, i.version, i.family),
        (InitialState::Backup, 100, Version::V2, Family::V4)
    );
    assert_eq!(
        (i.advert_interval, i.down_timer_adverts, i.accept, i.strict),
        (Duration::from_secs(1), 3, true, false)
    );
    assert_eq!(
        (i.nopreempt, i.preempt_delay, i.checksum),
        (false, Duration::ZERO, ChecksumPolicy::Learn)
    );
    assert_eq!(i.garp, model::Garp::default());
    assert_eq!(i.addresses[0].prefix_len, 32);
    assert_eq!(i.line, 8);
    assert!(i.authentication.is_none() && i.unicast.is_none() && i.source.is_none());
}

#[test]
fn globals_flow_into_instances() {
    let globals = "vrrp_version 3\nvrrp_garp_master_delay 2\nvrrp_garp_master_repeat 3\nvrrp_garp_master_refresh 60\nvrrp_garp_lower_prio_repeat 1\nvrrp_garp_interval 0.001\nvrrp_gna_interval 0\nvrrp_skip_check_adv_addr\nvrrp_lower_prio_no_advert\nvrrp_down_timer_adverts 4\nv3_checksum_as_v2";
    let i = good(globals, &format!("{VIP}garp_master_repeat 9"));
    assert_eq!(i.version, Version::V3);
    assert_eq!(
        (
            i.garp.delay.as_secs(),
            i.garp.repeat,
            i.garp.refresh.as_secs()
        ),
        (2, 9, 60)
    );
    // From the global settings, not the instance's own.
    assert_eq!(
        (i.garp.lower_prio_delay.as_secs(), i.garp.lower_prio_repeat),
        (2, 1)
    );
    assert_eq!(
        (i.garp.arp_interval, i.garp.na_interval),
        (Duration::from_millis(1), Duration::ZERO)
    );
    assert!(i.skip_check_advert_addresses && i.lower_prio_no_advert);
    assert_eq!(
        (i.down_timer_adverts, i.checksum),
        (4, ChecksumPolicy::Plain)
    );
    assert!(
        !good(
            "vrrp_skip_check_adv_addr",
            &format!("{VIP}skip_check_adv_addr off")
        )
        .skip_check_advert_addresses
    );
}

#[test]
fn priority_and_state_settle_each_other() {
    assert_eq!(
        good("", &format!("{VIP}state MASTER\npriority 90")).priority,
        90
    );
    let (i, message) = told("", "state MASTER");
    assert_eq!((i.priority, i.state), (255, InitialState::Master));
    assert!(
        message.starts_with("Warning: `state MASTER` without `priority`"),
        "{message}"
    );
    let (i, message) = told("", "priority 255");
    assert_eq!(i.state, InitialState::Master);
    assert!(message.starts_with("Note: priority 255"), "{message}");
    let (i, message) = told("", "state MASTER\nstate BACKUP\npriority 9");
    assert_eq!(i.state, InitialState::Master);
    assert!(message.contains("already MASTER"), "{message}");
}

#[test]
fn master_clears_nopreempt_and_preempt_delay() {
    let (i, message) = told(
        "",
        "state MASTER\npriority 100\nnopreempt\npreempt_delay 30",
    );
    assert_eq!((i.nopreempt, i.preempt_delay), (false, Duration::ZERO));
    assert_eq!(message.lines().count(), 2, "{message}");
    let (i, message) = told("", "nopreempt\npreempt_delay 30");
    assert!(
        i.nopreempt
            && i.preempt_delay.is_zero()
            && message.contains("`preempt_delay` does nothing with `nopreempt`")
    );
    assert!(!good("", &format!("{VIP}nopreempt\npreempt")).nopreempt);
    assert_eq!(
        good("", &format!("{VIP}preempt_delay 2.5")).preempt_delay,
        Duration::from_millis(2500)
    );
}

#[test]
fn intervals_are_rounded_as_the_version_counts() {
    for (lines, millis, complains) in [
        ("advert_int 5", 5000, false),
        ("advert_int 0.1\nversion 3", 100, false),
        ("advert_int 0.01\nversion 3", 10, false),
        ("advert_int 0.1", 1000, true),
        ("advert_int 1.5", 2000, true),
        ("advert_int 0.014\nversion 3", 10, true),
        ("advert_int 60\nversion 3", 40_950, true),
    ] {
        let (i, message) = told("", lines);
        assert_eq!(i.advert_interval, Duration::from_millis(millis), "{lines}");
        assert_eq!(!message.is_empty(), complains, "{lines}: {message}");
    }
    assert!(one("", &format!("{VIP}advert_int 256")).0.is_none());
}

#[test]
fn authentication_is_version_2_only() {
    let auth = |pass: &str| format!("authentication {{\nauth_type PASS\nauth_pass {pass}\n}}");
    let pass = |text: &[u8; 8]| Some(Authentication::Pass(*text));
    assert_eq!(
        good("", &format!("{VIP}{}", auth("1111"))).authentication,
        pass(b"1111\0\0\0\0")
    );
    assert_eq!(
        good("", &format!("{VIP}{}", auth("\"a b#c\""))).authentication,
        pass(b"a b#c\0\0\0")
    );
    let (i, message) = told("", &auth("123456789"));
    assert_eq!(i.authentication, pass(b"12345678"));
    assert!(message.contains("only `12345678` is used"), "{message}");
    let (i, message) = told("", &auth("ab!cd"));
    assert_eq!(i.authentication, pass(b"ab\0\0\0\0\0\0"));
    assert!(message.contains("the password is only `ab`"), "{message}");
    let (i, message) = told("vrrp_version 3", &auth("1111"));
    assert!(
        i.authentication.is_none() && message.contains("version 3 has no authentication"),
        "{message}"
    );
    assert!(
        one("", &format!("{VIP}authentication {{\nauth_pass x\n}}"))
            .0
            .is_none()
    );
    assert!(
        one("", &format!("{VIP}authentication {{\nauth_type PASS\n}}"))
            .0
            .is_none()
    );
}

#[test]
fn too_few_adverts_to_wait_for_are_pointed_out() {
    let said = |globals, n| told(globals, &format!("down_timer_adverts {n}")).1;
    let silent = |text: String| text.contains("fall silent for a moment at every interval");
    assert!(silent(said("", 2)));
    assert_eq!(said("", 3), "");
    assert_eq!(said("lease_loss_tolerance 0", 2), "");
    assert!(silent(said("lease_loss_tolerance 2", 5)));
    assert!(silent(said("lease_adverts 2", 5)));
}

#[test]
fn what_a_lease_is_made_of() {
    let lease = |lines: &str| {
        let loaded = read(&format!("global_defs {{\n{lines}\n}}\n"));
        loaded.config.expect("a configuration").global.lease
    };
    assert_eq!(lease(""), Lease::default());
    let said = lease("lease_loss_tolerance 0\nlease_adverts 2\nclaim_hold 0.0025");
    assert_eq!(
        said,
        Lease {
            mode: LeaseMode::Enforce,
            loss_tolerance: 0,
            adverts: 2,
            claim_hold: Duration::from_micros(2500),
        }
    );
}

/// Ours, not keepalived's: what is done about another owner.
#[test]
fn what_is_done_about_another_owner() {
    let (i, message) = told("", "");
    assert_eq!(
        (i.oneway_fault, i.notify.conflict),
        (false, None),
        "{message}"
    );
    for (lines, want) in [
        ("oneway_fault", true),
        ("oneway_fault on", true),
        ("oneway_fault off", false),
    ] {
        let (i, message) = told("", lines);
        assert_eq!((i.oneway_fault, &*message), (want, ""), "{lines}");
    }
    let (i, message) = told("", "notify_conflict \"/bin/n a\" u g");
    let command = CommandLine::Argv(vec!["/bin/n".into(), "a".into()]);
    assert_eq!((i.notify.conflict, &*message), (Some(command), ""));
}

#[test]
fn what_a_shut_gate_does() {
    let mode = |word: &str| {
        let loaded = read(&format!("global_defs {{\nlease {word}\n}}\n"));
        loaded.config.map(|config| config.global.lease.mode)
    };
    assert_eq!(mode("enforce"), Some(LeaseMode::Enforce));
    assert_eq!(mode("observe"), Some(LeaseMode::Observe));
    assert_eq!(mode("off"), Some(LeaseMode::Off));
    assert_eq!(mode("maybe"), None, "an error");
    let (_, told) = one("lease of", VIP);
    assert_eq!(told, ["Error: `of` is nothing a lease can do"]);
}

#[test]
fn sources_of_adverts() {
    let sources = |text: &str| text.parse::<IpAddr>().expect("an address");
    let i = good("", &format!("{VIP}advert_sources 10.0.0.2 10.0.0.3"));
    assert_eq!(i.advert_sources, ["10.0.0.2", "10.0.0.3"].map(sources));
    assert!(good("", VIP).advert_sources.is_empty());

    let (i, message) = told("", "advert_sources 10.0.0.2 10.0.0.2");
    assert_eq!(i.advert_sources, [sources("10.0.0.2")]);
    assert!(message.contains("listed twice"), "{message}");
    let (_, told_of_none) = one("", &format!("{VIP}advert_sources"));
    assert!(
        told_of_none[0].contains("advert_sources"),
        "{told_of_none:?}"
    );
    let both = "unicast_peer {\n10.0.0.2\n}\nadvert_sources 10.0.0.2";
    let (i, message) = told("", both);
    assert!(i.advert_sources.is_empty() && message.contains("for multicast"));
    let (i, told) = one("", &format!("{VIP}advert_sources fe80::1"));
    assert!(i.is_none() && told[0].contains("family"), "{told:?}");
}

#[test]
fn strict_mode_takes_back_what_it_has_not() {
    let lines = "state MASTER\npriority 100\nauthentication {\nauth_type PASS\nauth_pass x\n}";
    let (i, message) = told("vrrp_strict", lines);
    assert!(i.strict && !i.accept && i.authentication.is_none() && i.lower_prio_no_advert);
    assert_eq!(
        (i.state, i.garp.lower_prio_repeat),
        (InitialState::Backup, 0)
    );
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(message.contains("drops what is sent to them"), "{message}");
    let (i, _) = told("vrrp_strict\nvrrp_version 3", "accept");
    assert!(i.accept);
    let (i, message) = told("vrrp_strict", "accept");
    assert!(!i.accept && message.contains("no accept mode"), "{message}");
    assert!(good("vrrp_strict", &format!("{VIP}strict_mode off")).accept);
    assert!(
        one("vrrp_strict", &format!("{VIP}unicast_peer {{ 10.0.0.9 }}"))
            .0
            .is_none()
    );
    assert!(one("vrrp_strict", "").0.is_none(), "no address");
}

#[test]
fn addresses_with_all_their_options() {
    let i = good(
        "",
        "virtual_ipaddress {\n10.0.0.1/24 brd + dev eth1 scope link label eth1:v home no_track\n10.0.0.2 peer 10.0.0.3 noprefixroute preferred_lft 60\n10.0.0.4/24 broadcast 10.0.0.255\n}\nvirtual_ipaddress_excluded {\nfe80::1/64 -nodad mngtmpaddr\n2001:db8::1\n239.1.1.3/32 autojoin\n}",
    );
    let a = &i.addresses[0];
    assert_eq!(
        (a.prefix_len, a.broadcast, a.dev.as_deref()),
        (24, Some(Broadcast::HostBitsSet), Some("eth1"))
    );
    assert_eq!(
        (a.scope, a.label.as_deref(), a.home, a.no_track),
        (Some(253), Some("eth1:v"), true, true)
    );
    let a = &i.addresses[1];
    assert_eq!(
        (a.peer, a.no_prefix_route, a.preferred_lifetime_s),
        ("10.0.0.3".parse().ok(), true, Some(60))
    );
    assert_eq!(
        i.addresses[2].broadcast,
        Some(Broadcast::Address("10.0.0.255".parse().unwrap()))
    );
    let a = &i.excluded_addresses[0];
    assert!(a.detect_duplicates && a.manage_temporary && a.preferred_lifetime_s.is_none());
    assert_eq!(
        i.excluded_addresses[1].preferred_lifetime_s,
        Some(0),
        "a /128 is deprecated, as keepalived does it"
    );
    assert!(i.excluded_addresses[2].auto_join);
    let (refused, message) = one("", "virtual_ipaddress {\n10.0.0.1 autojoin\n}");
    assert!(
        refused.is_none() && message.iter().any(|it| it.contains("10.0.0.1 is none")),
        "{message:?}"
    );
}

#[test]
fn the_first_address_decides_the_family() {
    let i = good("", "virtual_ipaddress {\nfe80::1/64\n2001:db8::1/64\n}");
    assert_eq!((i.family, i.version), (Family::V6, Version::V3));
    assert!(
        one("", "virtual_ipaddress {\nfe80::1/64\n10.0.0.1\n}")
            .0
            .is_none()
    );
    assert!(one("", &format!("mcast_src_ip fe80::9\n{VIP}")).0.is_none());
}

#[test]
fn unicast_needs_peers() {
    let i = good(
        "vrrp_check_unicast_src",
        &format!(
            "{VIP}unicast_src_ip 10.0.0.8\nunicast_peer {{\n10.0.0.9\n10.0.0.7 min_ttl 64 max_ttl 64\n}}"
        ),
    );
    let unicast = i.unicast.expect("unicast");
    assert_eq!(
        (
            unicast.peers.len(),
            unicast.peers[1].min_ttl,
            unicast.check_source
        ),
        (2, 64, true)
    );
    assert_eq!(i.source, "10.0.0.8".parse().ok());
    let (i, message) = told("", "unicast_src_ip 10.0.0.8");
    assert!(
        i.unicast.is_none() && message.contains("without any `unicast_peer`"),
        "{message}"
    );
}

#[test]
fn tracking_takes_the_scripts_weight() {
    let (i, _) = told(
        "",
        "track_script {\ns\n}\ntrack_interface {\neth0\neth1 weight 3 reverse\neth2\n}",
    );
    assert_eq!(
        (i.track_scripts[0].weight, i.track_scripts[0].reverse),
        (-5, false)
    );
    let names: Vec<&str> = i.track_interfaces.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(
        names,
        ["eth1", "eth2"],
        "its own interface is tracked anyway"
    );
    assert!(i.track_interfaces[0].reverse);
    assert_eq!(
        good("", &format!("{VIP}track_script {{ s weight 0 }}")).track_scripts[0].weight,
        0
    );
    assert_eq!(
        good("", &format!("{VIP}track_script {{ s weight -254 }}")).track_scripts[0].weight,
        -253
    );
    let (none, messages) = one("", &format!("{VIP}track_script {{ ss }}"));
    assert!(
        none.is_none() && messages[0].contains("no `vrrp_script ss`"),
        "{messages:?}"
    );
}

#[test]
fn weights_are_warned_of_only_where_they_cannot_work() {
    let track = "track_script { s }";
    good("", &format!("{VIP}{track}"));
    good("", &format!("{VIP}{track}\npreempt_delay 5"));
    assert!(
        told("", &format!("{track}\nnopreempt"))
            .1
            .contains("does not fail over")
    );
    assert!(
        told("", &format!("{track}\npriority 1"))
            .1
            .contains("below 1")
    );
    assert!(
        told("", "track_script { s weight 5 }\npriority 254")
            .1
            .contains("above 254")
    );
    let (i, message) = told("", &format!("{track}\npriority 255"));
    assert!(
        i.track_scripts.is_empty() && message.contains("is not tracked"),
        "{message}"
    );
}

#[test]
fn a_group_of_two_ignores_weights_unless_it_says_otherwise() {
    let text = |members: &str, more: &str| {
        let instance = |n: u8| {
            format!(
                "vrrp_instance V{n} {{\ninterface eth0\nvirtual_router_id {n}\nvirtual_ipaddress {{ 10.0.0.{n} }}\ntrack_script {{ s }}\n}}\n"
            )
        };
        format!(
            "vrrp_sync_group G {{\ngroup {{ {members} }}\n{more}\n}}\nvrrp_script s {{\nscript /bin/s\nweight -5\n}}\n{}{}",
            instance(1),
            instance(2)
        )
    };
    let kept = |members, more| {
        let loaded = read(&text(members, more));
        let left = loaded.config.map(|c| {
            c.instances
                .iter()
                .map(|i| i.track_scripts.len())
                .sum::<usize>()
        });
        (left, loaded.diagnostics.len())
    };
    assert_eq!(kept("V1 V2", ""), (Some(0), 2));
    assert_eq!(kept("V1 V2", "sync_group_tracking_weight"), (Some(2), 0));
    assert_eq!(kept("V1", ""), (Some(2), 0));
    assert_eq!(kept("V1 V3", "").0, None);
}

#[test]
fn notify_scripts_first_wins_and_share_a_user() {
    let (i, message) = told(
        "",
        "notify_master \"/bin/n a\" u g\nnotify_master /bin/other\nnotify /bin/all",
    );
    assert_eq!(
        i.notify.master,
        Some(CommandLine::Argv(vec!["/bin/n".into(), "a".into()]))
    );
    assert_eq!(
        i.notify.any,
        Some(CommandLine::Argv(vec!["/bin/all".into()]))
    );
    assert_eq!(
        i.notify.user.map(|u| (u.name, u.group)),
        Some(("u".into(), Some("g".into())))
    );
    assert!(
        message.contains("more than once; the first counts"),
        "{message}"
    );
}

#[test]
fn scripts_have_keepaliveds_defaults() {
    let loaded = read(
        "vrrp_script a {\nscript \"</dev/tcp/127.0.0.1/80\"\n}\nvrrp_script b {\nscript /bin/b\ninterval 2.5\ntimeout 1\nrise 2\nfall 3\nweight 5 reverse\ninit_fail\nuser u\n}",
    );
    let scripts = loaded.config.expect("valid").scripts;
    let (a, b) = (&scripts[0], &scripts[1]);
    assert_eq!(
        a.command,
        CommandLine::Shell("</dev/tcp/127.0.0.1/80".into())
    );
    assert_eq!(
        (
            a.interval.as_secs(),
            a.timeout.as_secs(),
            a.rise,
            a.fall,
            a.weight,
            a.init_fail
        ),
        (1, 1, 1, 1, 0, false)
    );
    assert_eq!(
        (b.interval, b.timeout),
        (Duration::from_millis(2500), Duration::from_secs(1))
    );
    assert_eq!((b.rise, b.fall, b.weight, b.init_fail), (2, 3, 5, true));
    assert_eq!(b.user.as_ref().map(|u| u.name.as_str()), Some("u"));
}

#[test]
fn two_routers_with_one_vrid_on_one_interface_are_refused() {
    let instance = |name: &str, more: &str| {
        format!("vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id 7\n{more}\n}}\n")
    };
    let v4 = "virtual_ipaddress { 10.0.0.1 }";
    let exit = |a: &str, b: &str| {
        exit_code(&read(&[instance("A", a), instance("B", b)].concat()).diagnostics)
    };
    assert_eq!(exit(v4, "virtual_ipaddress { 10.0.0.2 }"), 2);
    assert_eq!(exit(v4, "virtual_ipaddress { fe80::1 }"), 0);
    assert_eq!(
        exit(
            v4,
            "virtual_ipaddress { 10.0.0.2 }\nunicast_peer { 10.0.0.9 }"
        ),
        0
    );
    assert_eq!(
        exit(v4, "virtual_ipaddress { 10.0.0.2 }\ninterface eth1"),
        0
    );
}

#[test]
fn the_global_block() {
    let loaded = read(
        "instance red\nglobal_defs {\nrouter_id R\nscript_user u g\nenable_script_security\nvrrp_startup_delay 2.5\n}",
    );
    let global = loaded.config.expect("valid").global;
    assert_eq!(
        (global.router_id.as_str(), global.instance_name.as_deref()),
        ("R", Some("red"))
    );
    assert!(global.script_security);
    assert_eq!(global.startup_delay, Duration::from_millis(2500));
    assert_eq!(
        global.script_user.and_then(|u| u.group),
        Some("g".to_owned())
    );
}

#[test]
fn an_address_in_two_instances_is_warned_of() {
    let instance = |n: u8, row: &str| {
        format!(
            "vrrp_instance V{n} {{\ninterface eth0\nvirtual_router_id {n}\nvirtual_ipaddress {{ {row} }}\n}}\n"
        )
    };
    let count = |a: &str, b: &str| {
        read(&[instance(1, a), instance(2, b)].concat())
            .diagnostics
            .len()
    };
    assert_eq!(count("10.0.0.1", "10.0.0.1/24"), 1);
    assert_eq!(count("10.0.0.1", "10.0.0.2"), 0);
    assert_eq!(count("10.0.0.1", "10.0.0.1 dev eth1"), 0);
}

#[test]
fn more_addresses_than_an_advert_carries_are_not_advertised() {
    let i = |family: &str| {
        let (i, message) = one(
            "",
            &format!("virtual_ipaddress {{\n~SEQ(A,1,200) ~SEQ(B,1,2) {family}\n}}"),
        );
        let i = i.unwrap_or_else(|| panic!("{message:?}"));
        assert!(message[0].contains("are not advertised"), "{message:?}");
        (i.addresses.len(), i.excluded_addresses.len())
    };
    assert_eq!(i("10.0.${B}.${A}"), (255, 145));
    assert_eq!(i("fe80::${B}:${A}"), (89, 311));
}

#[test]
fn the_model_is_serialisable() {
    fn serialisable<T: serde::Serialize + serde::de::DeserializeOwned>() {}
    serialisable::<model::Config>();
}

#[test]
fn delays_of_links_are_cut_to_what_a_peer_waits() {
    let text = |rows: &str, lines: &str| {
        format!(
            "interface_up_down_delays {{\n{rows}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{VIP}{lines}\n}}\n"
        )
    };
    let delays = |rows: &str, lines: &str| {
        let loaded = read(&text(rows, lines));
        let told: Vec<String> = loaded
            .diagnostics
            .iter()
            .map(|d| d.message.clone())
            .collect();
        let config = loaded.config.map(|config| config.delays);
        (config.unwrap_or_default(), told)
    };
    let of = |down, up| model::LinkDelays {
        down: Duration::from_micros(down),
        up: Duration::from_micros(up),
    };
    let (read, told) = delays("eth0 0.5 1\neth1 200\neth2 0.00001", "");
    assert_eq!(told, Vec::<String>::new());
    assert_eq!(read["eth0"], of(500_000, 1_000_000));
    assert_eq!(read["eth1"], of(200_000_000, 0));
    assert_eq!(read["eth2"], of(10, 0));
    let (read, told) = delays("eth0 2 3", "");
    let cut = Duration::from_nanos(1_996_093_750);
    assert_eq!((read["eth0"].down, read["eth0"].up), (cut, cut));
    assert!(
        told[0].contains("the delay of eth0 is cut to 1.99609375s"),
        "{told:?}"
    );
    for (rows, expected) in [
        ("eth0", "`eth0` has no delay"),
        ("eth0 soon", "`soon` is no number of seconds"),
        ("eth0 256", "256 seconds are out of range"),
        ("eth0 1 1 3", "this is ignored: the keyword takes no more"),
    ] {
        let (_, told) = delays(rows, "");
        assert_eq!(told, [expected], "{rows}");
    }
}

#[test]
fn secondaries_are_promoted_where_it_is_asked_for() {
    assert!(!good("", VIP).promote_secondaries);
    assert!(good("", &format!("{VIP}promote_secondaries")).promote_secondaries);
}
