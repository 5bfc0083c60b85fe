//! A network namespace with a veth pair and a loaded dataplane.

use nix::{
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{fs, net::SocketAddr, path::PathBuf, process::Command, thread};
use vrrp_common::maps::LAYOUT_VERSION;
use vrrp_user::shell::bpf::{Attachment, Dataplane, Diagnostics, Instance, Loaded, Variant};

/// Interface under test.
pub(crate) const NEAR: &str = "xvl0";
/// Its peer, in the same namespace.
pub(crate) const FAR: &str = "xvl1";
/// Address of the peer, source of its adverts.
pub(crate) const FAR_ADDRESS: &str = "10.77.0.2";

/// A fresh network namespace, in which the current thread is.
pub(crate) struct World {
    pub(crate) instance: Instance,
    runtime: tokio::runtime::Runtime,
}

/// Runs `test` in a network namespace of its own.
pub(crate) fn in_own_netns(test: impl FnOnce(&World) + Send + 'static) {
    assert!(
        geteuid().is_root(),
        "the loader tests attach programs to interfaces: run them as root"
    );
    let thread = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        run("ip link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let world = World {
            instance: Instance::here(Some("xvl")).expect("a cookie"),
            runtime,
        };
        test(&world);
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

impl World {
    /// Loads the dataplane as a daemon would.
    pub(crate) fn load(&self, variant: Variant) -> Loaded {
        self.load_diagnosed(variant, Diagnostics::Off)
    }

    /// The same, with or without `--bpf-log`.
    pub(crate) fn load_diagnosed(&self, variant: Variant, diagnostics: Diagnostics) -> Loaded {
        let _inside = self.runtime.enter();
        Dataplane::load(&self.instance, variant, diagnostics).expect("loads")
    }

    /// Loads it for another instance of this namespace.
    pub(crate) fn load_instance(&self, instance: &Instance) -> Loaded {
        let _inside = self.runtime.enter();
        Dataplane::load(instance, Variant::Newest, Diagnostics::Off).expect("loads")
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// This instance's pins, as the host names them.
    pub(crate) fn pin_dir(&self) -> PathBuf {
        PathBuf::from(format!(
            "/sys/fs/bpf/xvrrp/v{LAYOUT_VERSION}/{}",
            self.instance
        ))
    }

    pub(crate) fn pinned(&self) -> Vec<String> {
        let entries = fs::read_dir(self.pin_dir()).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().expect("utf-8"))
            .collect();
        names.sort();
        names
    }
}

impl Drop for World {
    /// Also after a panic: nothing stays pinned.
    fn drop(&mut self) {
        for name in self.pinned() {
            fs::remove_file(self.pin_dir().join(name)).ok();
        }
        fs::remove_dir(self.pin_dir()).ok();
        fs::remove_file(self.instance.pid_file()).ok();
    }
}

/// Adds a veth pair, up, the far end with an address.
pub(crate) fn veth() -> u32 {
    run(&format!("ip link add {NEAR} type veth peer name {FAR}"));
    run(&format!("ip addr add {FAR_ADDRESS}/24 dev {FAR}"));
    run(&format!("ip link set {NEAR} up"));
    run(&format!("ip link set {FAR} up"));
    ifindex(NEAR)
}

/// Makes the programs be on one interface, or panics with the reason.
pub(crate) fn attach(dataplane: &mut Dataplane, ifindex: u32) -> Attachment {
    let failures = dataplane.reconcile(&[ifindex]);
    assert!(failures.is_empty(), "{failures:?}");
    dataplane
        .attachments()
        .find(|attachment| attachment.ifindex == ifindex)
        .expect("attached")
        .clone()
}

/// A version 3 advert for `vrid` from [`FAR`], priority 200, one address, once a second.
pub(crate) struct Sender(Socket);

impl Sender {
    pub(crate) fn new() -> Self {
        let socket =
            Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112))).expect("a raw socket");
        socket
            .bind_device(Some(FAR.as_bytes()))
            .expect("bound to the far end");
        socket.set_multicast_ttl_v4(255).expect("ttl");
        socket
            .set_multicast_if_v4(&FAR_ADDRESS.parse().expect("an address"))
            .expect("interface");
        Self(socket)
    }

    pub(crate) fn advert(&self, vrid: u8) {
        let mut message = [0x31, vrid, 200, 1, 0, 100, 0, 0, 10, 77, 0, 100];
        let sum: u32 = message
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("folded");
        message[6..8].copy_from_slice(&checksum.to_be_bytes());
        let group: SocketAddr = "224.0.0.18:0".parse().expect("an address");
        self.0.send_to(&message, &group.into()).expect("sent");
    }
}

pub(crate) fn ifindex(interface: &str) -> u32 {
    let text = output(&format!("ip -o link show dev {interface}"));
    text.split(':')
        .next()
        .and_then(|index| index.trim().parse().ok())
        .expect(&text)
}

/// Runs a command line without quoting, or panics with what it said.
pub(crate) fn run(line: &str) {
    output(line);
}

pub(crate) fn output(line: &str) -> String {
    let mut words = line.split(' ');
    let command = words.next().expect("a command");
    let output = Command::new(command)
        .args(words)
        .output()
        .unwrap_or_else(|e| panic!("{line}: {e}"));
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("utf-8")
}

/// What `ip` says about XDP on an interface.
pub(crate) fn xdp_of(interface: &str) -> String {
    let text = output(&format!("ip -d link show dev {interface}"));
    text.lines().filter(|line| line.contains("xdp")).collect()
}
