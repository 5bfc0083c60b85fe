//! The network, and what a client asks in it.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::{Command, Output},
    time::Duration,
};
use xvrrp_tests::{
    capture::Stamp,
    daemon::{Daemon::Xvrrpd, Running, conf_file},
    namespace::Namespace,
    net::{INTERFACE, Lab, Node},
    observe, place,
    server::{Kind, Server},
    wait::eventually,
};

pub(crate) const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 200));
pub(crate) const VIP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0xc8));
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// For a connection and its answer; a SYN that is lost comes again after a second.
const ANSWER: Duration = Duration::from_secs(3);
/// Directors are routers 0 and 1, real servers those after them.
const DIRECTORS: usize = 2;
pub(crate) const SERVERS: usize = 3;

/// Directors with nothing on them yet, servers that serve, and a client.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    pub(crate) servers: Vec<Server>,
    directors: Vec<Option<Running>>,
}

/// A `virtual_server` of the first servers, with these weights.
pub(crate) fn virtual_server(vip: IpAddr, words: &str, weights: &[u32]) -> String {
    let mut text = format!("virtual_server {vip} 80 {{\n{words}\nprotocol TCP\n");
    for (at, weight) in weights.iter().enumerate() {
        let server = real_server(at, vip);
        let _ = write!(text, "real_server {server} 80 {{\nweight {weight}\n}}\n");
    }
    text + "}\n"
}

/// Address of a server in the family of `like`.
pub(crate) fn real_server(at: usize, like: IpAddr) -> IpAddr {
    let host = u8::try_from(DIRECTORS + 1 + at).expect("few");
    match like {
        IpAddr::V4(_) => Ipv4Addr::new(10, 77, 0, host).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, host.into()).into(),
    }
}

/// A director's file: both addresses in one group, and `services`.
pub(crate) fn conf(priority: u8, services: &str) -> String {
    let instance = |name: &str, vrid: u8, vip: IpAddr| {
        let length = if vip.is_ipv4() { 24 } else { 64 };
        let link_local = if vip.is_ipv4() { "" } else { "fe80::c8/64\n" };
        format!(
            "vrrp_instance {name} {{\nstate BACKUP\ninterface {INTERFACE}\nvirtual_router_id {vrid}\npriority {priority}\nadvert_int 0.1\nversion 3\nvirtual_ipaddress {{\n{link_local}{vip}/{length}\n}}\n}}\n"
        )
    };
    let (v4, v6) = (instance("V4", 51, VIP), instance("V6", 52, VIP6));
    format!("vrrp_sync_group G {{\ngroup {{\nV4\nV6\n}}\n}}\n{v4}{v6}{services}")
}

impl Stage {
    /// `services` is what the servers prepare themselves for, too.
    pub(crate) fn new(services: &str) -> Self {
        let lab = Lab::new(u8::try_from(DIRECTORS + SERVERS).expect("few"));
        let set = |ns: &Namespace, interface: &str, words: [&str; 2]| {
            let mut command = ns.command("ethtool");
            let done = command.args(["-K", interface]).args(words).output();
            let done = done.expect("ethtool");
            assert!(done.status.success(), "{done:?}");
        };
        for node in &lab.nodes {
            // The other end of a veth takes what XDP sends it only where it polls, and
            // nobody fills in checksums that were left to a network card.
            set(&lab.bridge, &format!("p-{}", node.role), ["gro", "on"]);
            set(&node.ns, INTERFACE, ["tx", "off"]);
        }
        let mut servers = Vec::new();
        for at in 0..SERVERS {
            let node = lab.router(DIRECTORS + at);
            if !services.is_empty() {
                let done = xvrrpd_on(node, &["real-server", "up"], &conf(100, services));
                assert!(done.status.success(), "{done:?}");
            }
            let mut server = Server::new(Kind::Web);
            server.start(node);
            servers.push(server);
        }
        let stage = Self {
            lab,
            servers,
            directors: vec![None, None],
        };
        for at in 0..SERVERS {
            let own = real_server(at, VIP);
            eventually(PATIENCE, "nginx answers", || {
                stage.get(own).map_err(|error| error.to_string())
            });
        }
        stage
    }

    /// With both directors, the first of which owns.
    pub(crate) fn with_pair(services: &str) -> Self {
        let mut stage = Self::new(services);
        stage.start(0, &conf(200, services));
        stage.start(1, &conf(100, services));
        stage.await_owner(0);
        stage.await_ready();
        stage
    }

    /// With one director.
    pub(crate) fn with_one(services: &str) -> Self {
        let mut stage = Self::new(services);
        stage.start(0, &conf(200, services));
        stage.await_owner(0);
        stage.await_ready();
        stage
    }

    pub(crate) fn start(&mut self, director: usize, text: &str) {
        self.directors[director] = Some(Xvrrpd.start_text(self.lab.router(director), text));
    }

    pub(crate) fn director(&mut self, director: usize) -> &mut Running {
        self.directors[director].as_mut().expect("it was started")
    }

    pub(crate) fn await_owner(&self, director: usize) {
        let node = self.lab.router(director);
        eventually(PATIENCE, "it owns both addresses", || {
            match (observe::has(node, VIP), observe::has(node, VIP6)) {
                (true, true) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// Every server of every service can be sent to.
    pub(crate) fn await_ready(&self) {
        for director in 0..self.directors.len() {
            if self.directors[director].is_none() {
                continue;
            }
            eventually(PATIENCE, "all servers are resolved", || {
                let picture = self.lvs_json(director)?;
                let services = picture["services"].as_array().ok_or("no services")?;
                let servers = services.iter().filter_map(|it| it["servers"].as_array());
                let unresolved = servers.flatten().filter(|it| it["unresolved"] != false);
                match (services.len(), unresolved.count()) {
                    (0, _) => Err("none yet".to_owned()),
                    (_, 0) => Ok(()),
                    (_, n) => Err(format!("{n} are not")),
                }
            });
        }
    }

    /// Which server a fresh connection reaches, and whom it sees as the client.
    pub(crate) fn get(&self, to: IpAddr) -> io::Result<(usize, IpAddr)> {
        let mut stream = self.connect(to)?;
        self.ask(&mut stream)
    }

    pub(crate) fn connect(&self, to: IpAddr) -> io::Result<TcpStream> {
        let connect = || TcpStream::connect_timeout(&SocketAddr::new(to, 80), ANSWER);
        let stream = self.lab.client().ns.run(connect)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(stream)
    }

    /// One more request on a connection.
    pub(crate) fn ask(&self, stream: &mut TcpStream) -> io::Result<(usize, IpAddr)> {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut text = Vec::new();
        let mut chunk = [0; 2048];
        let body = loop {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            text.extend_from_slice(&chunk[..read]);
            let all = String::from_utf8_lossy(&text).into_owned();
            let (head, body) = match all.split_once("\r\n\r\n") {
                Some((head, body)) => (head.to_owned(), body.to_owned()),
                None => continue,
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse().ok());
            if length == Some(body.len()) {
                break body;
            }
        };
        let (directory, client) = body.split_once(' ').expect("two words");
        let server = self
            .servers
            .iter()
            .position(|it| it.directory().display().to_string() == directory);
        Ok((
            server.expect("one of ours"),
            client.parse().expect("an address"),
        ))
    }

    /// How many of `count` fresh connections each server gets; none may fail.
    #[track_caller]
    pub(crate) fn spread(&self, to: IpAddr, count: usize) -> BTreeMap<usize, usize> {
        let mut found = BTreeMap::new();
        for _ in 0..count {
            let (server, client) = self.get(to).expect("an answer");
            assert_eq!(client, self.lab.client().address_like(to), "whom it sees");
            *found.entry(server).or_default() += 1;
        }
        found
    }

    /// `xvrrpd lvs` on a director.
    pub(crate) fn lvs(&self, director: usize, words: &[&str]) -> Output {
        let mut command = self.lab.router(director).ns.command(place::xvrrpd());
        command.arg("lvs").args(words);
        command.output().expect("xvrrpd")
    }

    pub(crate) fn lvs_json(&self, director: usize) -> Result<Value, String> {
        let output = self.lvs(director, &["--json"]);
        serde_json::from_slice(&output.stdout)
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What the programs of a director counted.
    pub(crate) fn counter(&self, director: usize, name: &str) -> u64 {
        let picture = self.lvs_json(director).expect("a picture");
        picture["counters"][name]
            .as_u64()
            .unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// Tells a director to read another file.
    pub(crate) fn reload(&mut self, director: usize, text: &str) {
        let since = Stamp::now();
        self.director(director).reload_text(text);
        let log = self.director(director).log().clone();
        log.wait(PATIENCE, since, "Reloading");
    }
}

/// Runs `xvrrpd WORDS FILE` on a node, with this text in the file.
pub(crate) fn xvrrpd_on(node: &Node, words: &[&str], text: &str) -> Output {
    let file = conf_file(node, text);
    let mut command: Command = node.ns.command(place::xvrrpd());
    command.args(words).arg(file);
    command.output().expect("xvrrpd")
}
