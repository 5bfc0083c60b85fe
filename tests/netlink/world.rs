//! A network namespace with the netlink thread in it.

use std::{
    collections::BTreeSet,
    io::Write,
    net::IpAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::mpsc};
use vrrp_user::{
    config::model::VirtualAddress,
    engine::{
        action::{Network, PlacedAddress},
        input::{Input, Link},
    },
    shell::netlink::{self, Handle},
};

/// Runs `test` on a thread that has a fresh network namespace.
pub(crate) fn within(test: impl FnOnce() + Send + 'static) {
    let done = std::thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
            .expect("this test makes network namespaces: run it as root");
        test();
    });
    if let Err(panic) = done.join() {
        std::panic::resume_unwind(panic);
    }
}

pub(crate) struct World {
    runtime: Runtime,
    handle: Handle,
    inputs: mpsc::Receiver<Input>,
    pub(crate) ifindex: u32,
    pub(crate) last_link: Link,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let (handle, inputs) = netlink::spawn().expect("the netlink thread");
        let last_link = Link {
            ifindex: 0,
            name: String::new(),
            up: false,
            mac: [0; 6],
            mtu: 0,
            ipv4: None,
            link_local: None,
        };
        Self {
            runtime: runtime.expect("a runtime"),
            handle,
            inputs,
            ifindex: 0,
            last_link,
        }
    }

    /// With an interface `xvn0` that is up and has 10.77.0.1/24 and a link-local address.
    pub(crate) fn with_interface() -> Self {
        add_interface();
        ip("address add 10.77.0.1/24 dev xvn0");
        let mut world = Self::new();
        let link = world.expect_link(Duration::from_secs(5), |link| {
            link.name == "xvn0" && link.link_local.is_some() && link.ipv4.is_some()
        });
        world.ifindex = link.ifindex;
        world
    }

    pub(crate) fn set(&self, wanted: &[PlacedAddress], managed: &[PlacedAddress]) {
        self.handle.set(wanted.to_vec(), managed.to_vec());
    }

    pub(crate) fn set_network(&self, wanted: &Network, managed: &Network) {
        self.handle.set_network(wanted.clone(), managed.clone());
    }

    /// Hears nothing any more, as a daemon that is leaving.
    pub(crate) fn stop_listening(&mut self) {
        self.inputs.close();
    }

    pub(crate) fn settled(&self, limit: Duration) -> bool {
        self.runtime.block_on(self.handle.settled(limit))
    }

    fn next(&mut self, limit: Duration) -> Option<Input> {
        let inputs = &mut self.inputs;
        let wait = async { tokio::time::timeout(limit, inputs.recv()).await };
        let input = self
            .runtime
            .block_on(wait)
            .ok()?
            .expect("the netlink thread lives");
        if let Input::Link(link) = &input
            && link.name == "xvn0"
        {
            self.last_link = link.clone();
        }
        Some(input)
    }

    pub(crate) fn expect(&mut self, limit: Duration, fits: impl Fn(&Input) -> bool) -> Input {
        let start = Instant::now();
        let mut seen = Vec::new();
        loop {
            match self.next(limit.saturating_sub(start.elapsed())) {
                Some(input) if fits(&input) => return input,
                Some(input) => seen.push(input),
                None => panic!("not within {limit:?}; seen: {seen:#?}"),
            }
        }
    }

    pub(crate) fn expect_at(&mut self, limit: Duration, fits: impl Fn(&Input) -> bool) -> Instant {
        self.expect(limit, fits);
        Instant::now()
    }

    pub(crate) fn expect_link(&mut self, limit: Duration, fits: impl Fn(&Link) -> bool) -> Link {
        match self.expect(
            limit,
            |input| matches!(input, Input::Link(link) if fits(link)),
        ) {
            Input::Link(link) => link,
            other => unreachable!("{other:?}"),
        }
    }

    /// Every address reported present or absent, and the kernel agrees.
    pub(crate) fn expect_placed(&mut self, all: &[PlacedAddress], present: bool) {
        let mut missing: BTreeSet<(u32, IpAddr)> = all
            .iter()
            .map(|placed| (placed.ifindex, placed.address.address))
            .collect();
        while !missing.is_empty() {
            let limit = Duration::from_secs(5);
            let input = self
                .next(limit)
                .unwrap_or_else(|| panic!("not told of {missing:?}"));
            if let Input::AddressPlaced {
                ifindex,
                address,
                present: found,
            } = input
            {
                assert_eq!(found, present, "{address}");
                assert!(missing.remove(&(ifindex, address)), "{address}: told twice");
            }
        }
    }

    /// Waits until the last word on each address is that it is present, after at
    /// least one that it was not.
    pub(crate) fn drain_until_all(&mut self, all: &[PlacedAddress]) {
        let (mut absent, mut gone) = (0_usize, 0_usize);
        while gone < all.len() || absent > 0 {
            match self
                .next(Duration::from_secs(10))
                .expect("addresses come back")
            {
                Input::AddressPlaced { present: false, .. } => {
                    gone += 1;
                    absent += 1;
                }
                Input::AddressPlaced { present: true, .. } => absent -= 1,
                _ => {}
            }
        }
    }

    pub(crate) fn expect_quiet(&mut self) {
        while let Some(input) = self.next(Duration::from_millis(300)) {
            assert!(
                !matches!(
                    input,
                    Input::AddressPlaced { .. } | Input::ActionFailed { .. }
                ),
                "{input:?}"
            );
        }
    }
}

pub(crate) fn vip(ifindex: u32, text: &str) -> PlacedAddress {
    let (address, prefix_len) = text.split_once('/').expect("a prefix");
    PlacedAddress {
        ifindex,
        address: VirtualAddress {
            address: address.parse().expect("an address"),
            prefix_len: prefix_len.parse().expect("a prefix length"),
            broadcast: None,
            dev: None,
            scope: None,
            label: None,
            peer: None,
            home: false,
            detect_duplicates: false,
            manage_temporary: false,
            no_prefix_route: false,
            auto_join: false,
            preferred_lifetime_s: None,
            no_track: false,
            use_vmac: false,
            origin: vrrp_user::config::model::routing::Origin::default(),
        },
    }
}

/// `xvn0`, up and with carrier.
pub(crate) fn add_interface() {
    ip("link add xvn0 type veth peer xvnpeer");
    ip("link set xvnpeer up");
    ip("link set xvn0 up");
}

/// Runs iproute2, which is how an operator would meddle.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("iproute2's ip is installed");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ip {arguments}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs many iproute2 commands in one process.
pub(crate) fn ip_batch(commands: &str) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("iproute2's ip is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(commands.as_bytes())
        .expect("ip reads its commands");
    drop(stdin);
    assert!(child.wait().expect("ip ends").success());
}
