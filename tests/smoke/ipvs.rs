//! The same packets through IPVS, as keepalived sets it up, and through xvrrpd with the
//! same file: the same server for the same history, scheduler by scheduler.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use xvrrp_tests::place;

use crate::{guest::Guest, machine::Transcript};

/// Two balancers, one after the other, on an emulated processor.
const PATIENCE: Duration = Duration::from_mins(4);

/// What IPVS is made of, in the order in which it can be loaded.
const MODULES: [&str; 22] = [
    "llc",
    "stp",
    "veth",
    "sch_ingress",
    "cls_bpf",
    "crc32c_generic",
    "libcrc32c",
    "nf_defrag_ipv4",
    "nf_defrag_ipv6",
    "nf_conntrack",
    "ip_vs",
    "ip_vs_rr",
    "ip_vs_wrr",
    "ip_vs_lc",
    "ip_vs_wlc",
    "ip_vs_sed",
    "ip_vs_nq",
    "ip_vs_sh",
    "ip_vs_dh",
    "ip_vs_mh",
    "ip_vs_fo",
    "ip_vs_ovf",
];

/// A client's side and a servers' side. Nobody answers: a balancer with direct routing
/// sees no answers in any case.
const NETWORK: &str = r#"
ip netns add client
ip netns add servers
ip link add eth0 type veth peer name eth0 netns client
ip link add eth1 type veth peer name eth1 netns servers
ip addr add 10.77.0.1/24 dev eth0
ip addr add 10.77.0.50/32 dev eth0
ip addr add 10.88.0.1/24 dev eth1
ip -6 addr add 2001:db8:77::1/64 dev eth0 nodad
ip -6 addr add 2001:db8:77::50/128 dev eth0 nodad
ip -6 addr add 2001:db8:88::1/64 dev eth1 nodad
ip link set lo up
ip link set eth0 up
ip link set eth1 up
ip -n client addr add 10.77.0.100/24 dev eth0
ip -n client -6 addr add 2001:db8:77::100/64 dev eth0 nodad
ip -n client link set eth0 up
ip -n servers link set lo up
for last in 11 12 13 14 15; do
    ip -n servers addr add 10.88.0.$last/24 dev eth1
    ip -n servers -6 addr add 2001:db8:88::$last/64 dev eth1 nodad
done
ip -n servers link set eth1 up
echo 1 >/proc/sys/net/ipv4/ip_forward
# XDP sends to a veth whose other side takes what it is sent.
ip netns exec client ethtool -K eth0 gro on
ip netns exec servers ethtool -K eth1 gro on
for server in 10.88.0.11 2001:db8:88::11; do
    ping -c 1 -w 9 $server >/dev/null || say "no way to $server"
done
for vip in 10.77.0.50 2001:db8:77::50; do
    ip netns exec client ping -c 1 -w 9 $vip >/dev/null || say "no way to $vip"
done
sends() { ip netns exec client /flow <$1 || say "$1 was not sent"; }
"#;

/// A service of the test, on a port of its own.
struct Case {
    /// Its lines in `virtual_server`.
    lines: &'static str,
    /// Its servers' weights.
    weights: [u32; 5],
    udp: bool,
}

const fn case(lines: &'static str, weights: [u32; 5]) -> Case {
    Case {
        lines,
        weights,
        udp: false,
    }
}

const CASES: [Case; 17] = [
    case("lb_algo rr", [1, 1, 1, 1, 1]),
    case("lb_algo rr", [1, 0, 1, 1, 1]),
    case("lb_algo wrr", [1, 2, 3, 4, 5]),
    case("lb_algo wrr", [10, 0, 20, 5, 5]),
    case("lb_algo lc", [1, 1, 1, 1, 1]),
    case("lb_algo wlc", [1, 2, 3, 4, 5]),
    case("lb_algo sed", [1, 2, 3, 4, 5]),
    case("lb_algo nq", [1, 2, 3, 4, 5]),
    case("lb_algo sh", [1, 1, 1, 1, 1]),
    case("lb_algo sh\nsh-port", [1, 2, 3, 0, 5]),
    case("lb_algo dh", [1, 1, 1, 1, 1]),
    case("lb_algo mh", [1, 1, 1, 1, 1]),
    case("lb_algo mh\nmh-port", [1, 2, 3, 4, 5]),
    case("lb_algo fo", [1, 2, 5, 4, 5]),
    case("lb_algo ovf", [1, 2, 3, 4, 5]),
    Case {
        lines: "lb_algo wrr",
        weights: [3, 1, 1, 2, 1],
        udp: true,
    },
    case("lb_algo wrr\npersistence_timeout 60", [3, 1, 1, 2, 1]),
];

/// Rounds of packets, one to every service in each.
const ROUNDS: u32 = 60;

fn port(index: usize) -> usize {
    8000 + index
}

/// Both daemons' file.
fn conf(v6: bool) -> String {
    let mut text = String::from("global_defs {\n    router_id differential\n}\n");
    let (vip, servers) = if v6 {
        ("2001:db8:77::50", "2001:db8:88::")
    } else {
        ("10.77.0.50", "10.88.0.")
    };
    for (index, case) in CASES.iter().enumerate() {
        let port = port(index);
        let protocol = if case.udp { "UDP" } else { "TCP" };
        writeln!(
            text,
            "virtual_server {vip} {port} {{\n{}\nlb_kind DR\nprotocol {protocol}",
            case.lines
        )
        .expect("a string");
        for (server, weight) in case.weights.iter().enumerate() {
            let last = 11 + server;
            writeln!(
                text,
                "real_server {servers}{last} {port} {{\nweight {weight}\n}}"
            )
            .expect("a string");
        }
        text.push_str("}\n");
    }
    text
}

/// What clients send: new connections, some of which go on, end or break off.
fn history(v6: bool) -> String {
    let (client, vip) = if v6 {
        ("[2001:db8:9:", "[2001:db8:77::50]")
    } else {
        ("10.9.", "10.77.0.50")
    };
    let mut text = String::new();
    // Any sequence will do that is the same each time (Knuth, MMIX).
    let mut state = 1_u64;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut opened: Vec<(usize, String)> = Vec::new();
    for _ in 0..ROUNDS {
        for (index, case) in CASES.iter().enumerate() {
            let source = if v6 {
                format!(
                    "{client}{:x}::{:x}]:{}",
                    next(8),
                    1 + next(200),
                    1024 + next(60000)
                )
            } else {
                format!(
                    "{client}{}.{}:{}",
                    next(8),
                    1 + next(200),
                    1024 + next(60000)
                )
            };
            let to = format!("{vip}:{}", port(index));
            if case.udp {
                writeln!(text, "udp {source} {to}").expect("a string");
                continue;
            }
            writeln!(text, "tcp {source} {to} syn").expect("a string");
            opened.push((index, source));
            if next(2) == 0 {
                let which = usize::try_from(next(opened.len() as u64)).expect("small");
                let (index, source) = &opened[which];
                let flags = ["ack", "fin,ack", "rst", "ack", "ack"]
                    [usize::try_from(next(5)).expect("small")];
                writeln!(text, "tcp {source} {vip}:{} {flags}", port(*index)).expect("a string");
            }
        }
    }
    text
}

/// The guest both daemons run in.
fn guest(v6: bool) -> Guest {
    Guest::new()
        .program("/usr/sbin/ip")
        .program("/usr/sbin/ethtool")
        .program("/usr/sbin/keepalived")
        .program_as(Path::new(env!("CARGO_BIN_EXE_xvrrp-flow")), "/flow")
        .program_as(&place::xvrrpd(), "/xvrrpd")
        .modules(&MODULES)
        .file("/conf", conf(v6).into_bytes())
        .file("/history", history(v6).into_bytes())
        .script(&format!(
            "for module in {}; do\n[ -e /modules/$module.ko ] && insmod /modules/$module.ko\ndone\n",
            MODULES.join(" ")
        ))
        .script(NETWORK)
}

/// keepalived, and what IPVS then says of itself.
const BY_KEEPALIVED: &str = r"
keepalived -n -l -D -G -C -p /run/k.pid -c /run/c.pid -f /conf >/log 2>&1 & daemon=$!
for look in $(seq 100); do
    [ $(grep -c '  -> ' /proc/net/ip_vs) -ge 86 ] && break
    sleep 0.2
done
sends /history
while read line; do say ipvs server $line; done </proc/net/ip_vs
while read line; do say ipvs connection $line; done </proc/net/ip_vs_conn
kill $daemon
wait $daemon
for module in $(lsmod | grep -o '^ip_vs_[a-z]*') ip_vs; do rmmod $module; done
[ -e /proc/net/ip_vs ] && say 'IPVS is still there'
";

/// xvrrpd, which has to do without IPVS.
const BY_XVRRPD: &str = r"
/xvrrpd -n -l -D -f /conf >/log 2>&1 & daemon=$!
for look in $(seq 100); do
    [ $(/xvrrpd lvs | grep -c '  -> ') -ge 85 ] && break
    sleep 0.2
done
# Its servers' neighbours answer, and it hears of it.
sleep 3
sends /history
/xvrrpd lvs | while read line; do say xvrrpd server $line; done
/xvrrpd lvs -c | while read line; do say xvrrpd connection $line; done
cat /log
kill $daemon
wait $daemon
say 'it left with status' $?
";

/// Client and service of a connection: its server and its state.
type Connections = BTreeMap<(SocketAddr, SocketAddr), (SocketAddr, String)>;

/// Service and server: active and inactive connections.
type Loads = BTreeMap<(String, SocketAddr), (u32, u32)>;

/// What `/proc/net/ip_vs_conn` says.
fn connections_of_ipvs(said: &Transcript) -> Connections {
    let lines = said.after("ipvs connection ");
    let rows = lines.filter(|line| !line.starts_with("Pro"));
    rows.map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, client, from, vip, port, server, to, state, ..] = words[..] else {
            panic!("{line}");
        };
        let at = |address, port| SocketAddr::new(proc_address(address), proc_port(port));
        // That a client's connections have got somewhere is noted of the client as well,
        // for the synchronisation between directors: of no use here.
        let state = state.replace("ASSURED", "NONE");
        ((at(client, from), at(vip, port)), (at(server, to), state))
    })
    .collect()
}

/// What `xvrrpd lvs -c` says, as `ipvsadm -lnc` would.
fn connections_of_xvrrpd(said: &Transcript) -> Connections {
    let lines = said.after("xvrrpd connection ");
    let rows = lines.filter(|line| line.starts_with("TCP") || line.starts_with("UDP"));
    rows.map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, state, client, service, server] = words[..] else {
            panic!("{line}");
        };
        let at = |word: &str| word.parse().unwrap_or_else(|_| panic!("{line}"));
        ((at(client), at(service)), (at(server), state.to_owned()))
    })
    .collect()
}

/// What `/proc/net/ip_vs` says.
fn loads_of_ipvs(said: &Transcript) -> Loads {
    loads(said, "ipvs server ", |word| {
        let (address, port) = word.rsplit_once(':').expect("ADDRESS:PORT");
        SocketAddr::new(proc_address(address), proc_port(port))
    })
}

/// What `xvrrpd lvs` says, as `ipvsadm -ln` would.
fn loads_of_xvrrpd(said: &Transcript) -> Loads {
    loads(said, "xvrrpd server ", |word| {
        word.parse().unwrap_or_else(|_| panic!("{word}"))
    })
}

fn loads(said: &Transcript, prefix: &str, address: impl Fn(&str) -> SocketAddr) -> Loads {
    let mut service = String::new();
    let mut found = Loads::new();
    for line in said.after(prefix) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [protocol @ ("TCP" | "UDP"), at, ..] => service = format!("{protocol} {}", address(at)),
            ["->", server, _, _, active, inactive] if active.parse::<u32>().is_ok() => {
                let count = |word: &str| word.parse().unwrap_or_else(|_| panic!("{line}"));
                found.insert(
                    (service.clone(), address(server)),
                    (count(active), count(inactive)),
                );
            }
            _ => {}
        }
    }
    found
}

/// As in `/proc/net`: eight digits, or an IPv6 address, in brackets or not.
fn proc_address(word: &str) -> IpAddr {
    if word.len() == 8 && !word.contains(':') {
        return Ipv4Addr::from(u32::from_str_radix(word, 16).expect("hexadecimal")).into();
    }
    let word = word.trim_matches(['[', ']']);
    word.parse().unwrap_or_else(|_| panic!("{word}"))
}

fn proc_port(word: &str) -> u16 {
    u16::from_str_radix(word, 16).expect("hexadecimal")
}

/// Both are asked the same; every difference is said, by service.
fn compare(v6: bool) {
    let said = guest(v6)
        .script(BY_KEEPALIVED)
        .script(BY_XVRRPD)
        .run(PATIENCE);
    said.has("it left with status 0");
    let (theirs, ours) = (connections_of_ipvs(&said), connections_of_xvrrpd(&said));
    assert!(theirs.len() > 500, "{} connections", theirs.len());
    let mut differences = Vec::new();
    for key in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let (theirs, ours) = (theirs.get(key), ours.get(key));
        if theirs != ours {
            let (client, service) = key;
            differences.push(format!(
                "{} {client}: IPVS {theirs:?}, xvrrpd {ours:?}",
                CASES[usize::from(service.port()) - 8000].lines
            ));
        }
    }
    let (theirs, ours) = (loads_of_ipvs(&said), loads_of_xvrrpd(&said));
    for key in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let (theirs, ours) = (theirs.get(key), ours.get(key));
        if theirs != ours {
            differences.push(format!("{key:?}: IPVS {theirs:?}, xvrrpd {ours:?}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn ipv4_as_ipvs_does_it() {
    compare(false);
}

#[test]
fn ipv6_as_ipvs_does_it() {
    compare(true);
}
