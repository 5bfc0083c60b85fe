//! `virtual_server`: keywords to model, and what is wrong with them.

use super::*;
use crate::config::model::balance::{
    Balance, Gone, Listen, Method, Persistence, Protocol, Scheduler, SchedulerKind, Tunnel,
    VirtualServer,
};
use core::net::IpAddr;

/// What is said of a file, but not that its services wait for their way to forward: see
/// [`what_is_not_forwarded_yet_is_said`].
fn whole(text: &str) -> (Option<model::Config>, String) {
    let loaded = read(text);
    let told = loaded.diagnostics.iter();
    let told = told.filter(|it| !it.message.contains("` is not balanced: "));
    let told = told.map(|it| {
        let help = it.help.clone().unwrap_or_default();
        format!("{:?}: {}; {help}\n", it.severity, it.message)
    });
    let told = told.collect();
    (loaded.config, told)
}

fn good(text: &str) -> Balance {
    let (config, told) = whole(text);
    assert_eq!(told, "", "{text}");
    config.expect("valid").balance
}

/// A service with nothing to remark on.
fn service(words: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n{words}\nreal_server 10.0.1.1 80 {{\n}}\n}}\n"
    )
}

fn only(text: &str) -> VirtualServer {
    let mut services = good(text).services;
    assert_eq!(services.len(), 1);
    services.remove(0)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn seconds(timeout: u64, prefix: u8) -> Persistence {
    Persistence {
        timeout: Duration::from_secs(timeout),
        prefix,
    }
}

#[test]
fn a_virtual_server_with_its_real_servers() {
    let it = only(
        "virtual_server 10.0.0.1 80 {\nlb_algo wrr\nlb_kind DR\nprotocol TCP\npersistence_timeout 50\nweight 7\nreal_server 10.0.1.1 80 {\nweight 3\n}\nreal_server 10.0.1.2 {\nuthreshold 100\nlthreshold 50\n}\nreal_server 10.0.1.3 8080 {\nlvs_method NAT\nweight 0\n}\n}\n",
    );
    assert_eq!(it.name, "TCP 10.0.0.1:80");
    assert_eq!(
        it.listens,
        [Listen {
            first: ip("10.0.0.1"),
            last: ip("10.0.0.1"),
            first_port: 80,
            last_port: 80
        }]
    );
    assert_eq!((it.protocol, it.method), (Protocol::Tcp, Method::Dr));
    assert_eq!(it.persistence, Some(seconds(50, 32)));
    let servers: Vec<_> = it
        .servers
        .iter()
        .map(|s| (s.port, s.weight, s.method, s.upper, s.lower))
        .collect();
    assert_eq!(
        servers,
        [
            (80, 3, Method::Dr, 0, 0),
            (80, 7, Method::Dr, 100, 50),
            (8080, 0, Method::Nat, 0, 0),
        ]
    );
}

#[test]
fn what_is_not_written_is_as_in_keepalived() {
    let (config, told) = whole("virtual_server 10.0.0.1 80 {\nreal_server 10.0.1.1 {\n}\n}\n");
    for default in [
        "no `protocol`: UDP is used",
        "no `lb_algo`: wlc is used",
        "no `lb_kind`: NAT is used",
    ] {
        assert!(told.contains(default), "{told}");
    }
    let it = &config.expect("valid").balance.services[0];
    assert_eq!(
        (it.protocol, it.scheduler.kind, it.method, it.persistence),
        (Protocol::Udp, SchedulerKind::Wlc, Method::Nat, None)
    );
    assert_eq!((it.servers[0].port, it.servers[0].weight), (80, 1));
    // A service without servers is none, and says so.
    let (config, told) = whole("virtual_server 10.0.0.1 80 {\nlb_algo rr\nprotocol TCP\n}\n");
    assert!(told.contains("has no real server: it is ignored"), "{told}");
    assert!(config.expect("valid").balance.services.is_empty());
}

#[test]
fn every_lb_algo_and_lvs_sched() {
    for (word, kind) in [
        ("rr", SchedulerKind::Rr),
        ("wrr", SchedulerKind::Wrr),
        ("lc", SchedulerKind::Lc),
        ("wlc", SchedulerKind::Wlc),
        ("sed", SchedulerKind::Sed),
        ("nq", SchedulerKind::Nq),
        ("sh", SchedulerKind::Sh),
        ("dh", SchedulerKind::Dh),
        ("mh", SchedulerKind::Mh),
        ("fo", SchedulerKind::Fo),
        ("ovf", SchedulerKind::Ovf),
        ("lblc", SchedulerKind::Lblc),
        ("lblcr", SchedulerKind::Lblcr),
        ("twos", SchedulerKind::Twos),
        ("maglev", SchedulerKind::Maglev),
    ] {
        for keyword in ["lb_algo", "lvs_sched"] {
            let text = service("").replace("lb_algo rr", &format!("{keyword} {word}"));
            assert_eq!(only(&text).scheduler.kind, kind, "{keyword} {word}");
        }
    }
}

#[test]
fn flags_of_schedulers() {
    let flags = |algo: &str, flag: &str| {
        let text = service(flag).replace("lb_algo rr", &format!("lb_algo {algo}"));
        let Scheduler { port, fallback, .. } = only(&text).scheduler;
        (port, fallback)
    };
    for (algo, flag, expected) in [
        ("sh", "", (false, false)),
        ("sh", "sh-port", (true, false)),
        ("sh", "sh-fallback", (false, true)),
        ("mh", "mh-port\nmh-fallback", (true, true)),
        // As `ipvsadm -b` has them.
        ("sh", "flag-1", (false, true)),
        ("mh", "flag-2", (true, false)),
    ] {
        assert_eq!(flags(algo, flag), expected, "{algo} {flag}");
    }
    let (config, told) = whole(&service("mh-port"));
    assert!(told.contains("`mh-port` means nothing to `rr`"), "{told}");
    assert!(!config.expect("valid").balance.services[0].scheduler.port);
}

#[test]
fn lb_kind_and_lvs_method_with_tunnels() {
    for (words, method) in [
        ("NAT", Method::Nat),
        ("DR", Method::Dr),
        ("TUN", Method::Tun(Tunnel::Ipip)),
        ("TUN type ipip", Method::Tun(Tunnel::Ipip)),
        (
            "TUN type gue port 6080",
            Method::Tun(Tunnel::Gue {
                port: 6080,
                checksum: false,
            }),
        ),
        (
            "TUN type gue port 6080 csum",
            Method::Tun(Tunnel::Gue {
                port: 6080,
                checksum: true,
            }),
        ),
        (
            "TUN type gre nocsum",
            Method::Tun(Tunnel::Gre { checksum: false }),
        ),
        (
            "TUN type gre csum",
            Method::Tun(Tunnel::Gre { checksum: true }),
        ),
    ] {
        for keyword in ["lb_kind", "lvs_method"] {
            let text = service("").replace("lb_kind NAT", &format!("{keyword} {words}"));
            assert_eq!(only(&text).servers[0].method, method, "{keyword} {words}");
        }
    }
    for (words, help) in [
        ("dr", "write `lb_kind DR`"),
        ("TUN gue", "write `TUN type gue`"),
        ("TUN type gue", "write `TUN type gue port 6080`"),
        ("TUN type ipip csum", "remove `csum`"),
        ("TUN type gre port 5", "remove `port` and the number"),
        (
            "route",
            "write `lb_kind DR`, `lb_kind NAT` or `lb_kind TUN`",
        ),
    ] {
        let text = service("").replace("lb_kind NAT", &format!("lb_kind {words}"));
        let (config, told) = whole(&text);
        assert!(told.contains(help) && config.is_none(), "{words}: {told}");
    }
}

#[test]
fn persistence_timeout_and_persistence_granularity() {
    for (words, expected) in [
        ("", None),
        ("persistence_timeout", Some(seconds(360, 32))),
        ("persistence_timeout 50", Some(seconds(50, 32))),
        (
            "persistence_timeout 50\npersistence_granularity 255.255.255.0",
            Some(seconds(50, 24)),
        ),
        (
            "persistence_granularity 255.255.0.0",
            Some(seconds(360, 16)),
        ),
    ] {
        assert_eq!(only(&service(words)).persistence, expected, "{words}");
    }
    let v6 = service("persistence_granularity 64").replace("10.0.", "2001:db8::10:");
    let v6 = v6.replace("::10:0.1 ", "::1 ").replace("::10:1.1 ", "::2 ");
    assert_eq!(only(&v6).persistence, Some(seconds(360, 64)));
    assert_eq!(only(&v6).name, "TCP [2001:db8::1]:80");
    // All ports want persistence.
    let all = service("")
        .replace("10.0.0.1 80", "10.0.0.1")
        .replace("10.0.1.1 80", "10.0.1.1");
    let (config, told) = whole(&all);
    assert!(told.contains("all ports (0) are only served with persistence"));
    let it = &config.expect("valid").balance.services[0];
    assert_eq!(
        (it.persistence, it.servers[0].port),
        (Some(seconds(360, 32)), 0)
    );
    for (words, help) in [
        (
            "persistence_granularity 24",
            "write `persistence_granularity 255.255.255.0`",
        ),
        (
            "persistence_granularity 255.0.255.0",
            "write `persistence_granularity 255.255.255.0`",
        ),
        ("persistence_timeout 0", "write a number from 1 to 2678400"),
    ] {
        let (config, told) = whole(&service(words));
        assert!(told.contains(help) && config.is_none(), "{words}: {told}");
    }
}

#[test]
fn ops_is_for_udp() {
    let text = service("ops").replace("TCP", "UDP");
    assert!(only(&text).one_packet);
    let (config, told) = whole(&service("ops"));
    assert!(told.contains("`ops` is for UDP"), "{told}");
    assert!(!config.expect("valid").balance.services[0].one_packet);
}

#[test]
fn a_virtual_server_group_is_many_addresses() {
    let text = "virtual_server_group web {\n10.0.0.1 80\n10.0.0.10-12 80\n10.0.0.250-10.0.1.5 443\n10.0.2.8/29 80\n}\nvirtual_server group web {\nlb_algo rr\nlb_kind DR\nprotocol TCP\nreal_server 10.0.9.1 80 {\n}\n}\n";
    let it = only(text);
    assert_eq!(it.name, "TCP group web");
    let ranges: Vec<String> = it
        .listens
        .iter()
        .map(|l| format!("{}-{} {}", l.first, l.last, l.first_port))
        .collect();
    assert_eq!(
        ranges,
        [
            "10.0.0.1-10.0.0.1 80",
            "10.0.0.10-10.0.0.12 80",
            "10.0.0.250-10.0.1.5 443",
            "10.0.2.8-10.0.2.15 80",
        ]
    );
    let v6 = "virtual_server_group web {\n2001:db8::1-f 80\n2001:db8::100/120 80\n}\nvirtual_server group web {\nlb_algo rr\nlb_kind TUN\nprotocol TCP\nreal_server 10.0.9.1 80 {\n}\n}\n";
    let it = only(v6);
    assert_eq!(it.listens[0].last, ip("2001:db8::f"));
    assert_eq!(it.listens[1].last, ip("2001:db8::1ff"));
    assert_eq!(it.servers[0].address, ip("10.0.9.1"), "a tunnel crosses");
    for (row, help) in [
        ("10.0.0.9-3 80", "write the lower address first"),
        ("10.0.0.9/24 80", "write `10.0.0.0/24` for all of it"),
        ("10.0.0.9-x 80", "write `10.0.0.9-9` for the last number"),
        ("10.0.0.9 70000", "write a number from 0 to 65535"),
        (
            "fwmark 3",
            "write the addresses and ports that get this mark",
        ),
        ("10.0.0.0/8 80", "leave some out"),
    ] {
        let (config, told) = whole(&text.replace("10.0.0.1 80", row));
        assert!(told.contains(help) && config.is_none(), "{row}: {told}");
    }
}

#[test]
fn what_cannot_be_balanced_is_refused_with_what_to_write() {
    let twice = format!("{}{}", service(""), service(""));
    let in_group = format!(
        "{}virtual_server_group g {{\n10.0.0.0/24 80\n}}\n{}",
        service(""),
        service("").replace("10.0.0.1 80", "group g")
    );
    for (text, expected) in [
        (twice.clone(), "`TCP 10.0.0.1:80` is already defined above"),
        (
            in_group,
            "`TCP group g` listens on 10.0.0.1 port 80, as `TCP 10.0.0.1:80` does above",
        ),
        (
            service("").replace("10.0.0.1 80", "fwmark 3"),
            "write `virtual_server group mark3 {`",
        ),
        (
            service("").replace("10.0.0.1 80", "10.0.0.1:80"),
            "write `virtual_server 10.0.0.1 80 {`",
        ),
        (
            service("").replace("10.0.0.1 80", "group wbe"),
            "there is no `virtual_server_group wbe`",
        ),
        (
            service("").replace("10.0.1.1 80", "2001:db8::1 80"),
            "2001:db8::1 is of another family than `TCP 10.0.0.1:80`",
        ),
        (
            service("real_server 10.0.1.1 80 {\n}"),
            "has the real server 10.0.1.1:80 already",
        ),
        (
            service("real_server 10.0.1.2 80 {\nlthreshold 9\nuthreshold 5\n}"),
            "write `lthreshold` with at most 5",
        ),
        (
            service("real_server 10.0.1.2 80 {\nweight 65536\n}"),
            "65536 is out of range",
        ),
        (
            service("").replace("lb_algo rr", "lb_algo RR"),
            "write `lb_algo rr`",
        ),
        (
            service("").replace("lb_algo rr", "lb_algo wrrr"),
            "write `lb_algo wrr`",
        ),
        (
            service("").replace("protocol TCP", "protocol ICMP"),
            "write `protocol TCP`",
        ),
    ] {
        let (config, told) = whole(&text);
        assert!(told.contains(expected), "{expected}:\n{told}");
        assert!(config.is_none());
    }
    let other_protocol = twice.replacen("protocol TCP", "protocol UDP", 1);
    assert_eq!(good(&other_protocol).services.len(), 2);
}

/// Only NAT can change the port; keepalived corrects it as well.
#[test]
fn a_port_that_only_nat_could_change_is_not_changed() {
    let text = service("")
        .replace("lb_kind NAT", "lb_kind DR")
        .replace("10.0.1.1 80", "10.0.1.1 8080");
    let (config, told) = whole(&text);
    assert!(told.contains("write `real_server 10.0.1.1 80 {`"), "{told}");
    assert_eq!(
        config.expect("valid").balance.services[0].servers[0].port,
        80
    );
}

#[test]
fn lvs_timeouts_and_lvs_gone_servers() {
    let globals = |words: &str| good(&format!("global_defs {{\n{words}\n}}\n"));
    let it = globals("lvs_timeouts tcp 7200 udp 30\nlvs_gone_servers drop");
    assert_eq!(it.timeouts.tcp, Duration::from_hours(2));
    assert_eq!(it.timeouts.tcp_fin, Duration::from_mins(2), "IPVS's");
    assert_eq!(it.timeouts.udp, Duration::from_secs(30));
    assert_eq!(it.gone, Gone::Drop);
    assert_eq!(globals("").gone, Gone::Reset);
    for (words, help) in [
        ("lvs_timeouts tcp 7200 udp", "write `lvs_timeouts tcp 900"),
        ("lvs_timeouts icmp 5", "`icmp` has no timeout"),
        ("lvs_gone_servers keep", "write `lvs_gone_servers reset`"),
    ] {
        let (config, told) = whole(&format!("global_defs {{\n{words}\n}}\n"));
        assert!(told.contains(help) && config.is_none(), "{words}: {told}");
    }
}

/// A file with checkers is balanced, and told once that nothing is checked.
#[test]
fn checkers_are_taken_and_wait() {
    let (config, told) = whole(&service(
        "delay_loop 6\nalpha\nreal_server 10.0.1.2 80 {\nTCP_CHECK {\nconnect_timeout 3\nnb_get_retry 3\n}\n}\nreal_server 10.0.1.3 80 {\nHTTP_GET {\nurl {\npath /\n}\n}\n}",
    ));
    assert_eq!(
        told,
        "Warning: no real server is checked, each counts as up: `delay_loop`, `alpha`, `TCP_CHECK` and `HTTP_GET` are not served yet; \n"
    );
    assert_eq!(config.expect("valid").balance.services[0].servers.len(), 3);
}

/// A service that nobody forwards does not look as if somebody did.
#[test]
fn what_is_not_forwarded_yet_is_said() {
    for (words, what) in [
        ("lb_kind NAT\nprotocol TCP", Some("`lb_kind NAT`")),
        ("lb_kind TUN\nprotocol TCP", Some("`lb_kind TUN`")),
        ("lb_kind DR\nprotocol SCTP", Some("`protocol SCTP`")),
        ("lb_kind DR\nprotocol TCP", None),
        ("lb_kind DR\nprotocol UDP", None),
    ] {
        let loaded = read(&format!(
            "virtual_server 10.0.0.1 80 {{\nlb_algo rr\n{words}\nreal_server 10.0.1.1 80 {{\n}}\n}}\n"
        ));
        let said: Vec<&str> = loaded.diagnostics.iter().map(|it| &*it.message).collect();
        match what {
            None => assert_eq!(said, [""; 0], "{words}"),
            Some(what) => {
                assert_eq!(said.len(), 1, "{words}: {said:?}");
                let end = format!("0.0.1:80` is not balanced: {what} is not served yet");
                assert!(said[0].ends_with(&end), "{said:?}");
            }
        }
        let balance = loaded.config.expect("valid").balance;
        assert_eq!(balance.services[0].unserved(), what);
    }
}
