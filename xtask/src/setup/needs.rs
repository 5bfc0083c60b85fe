//! Everything that is needed, by name: for what, how it is found, how it is got.

use std::fs;
use std::path::Path;

use super::bpf;
use crate::program;

/// What needs it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Compile xvrrpd with its XDP object.
    Build,
    /// Judge the source.
    Lint,
    /// Two routers and a client in namespaces.
    Lab,
    /// The tests, real peers and an older kernel included.
    Test,
    /// The figures, beside keepalived's.
    Bench,
}

impl Group {
    pub(crate) const ALL: [Self; 5] = [Self::Build, Self::Lint, Self::Lab, Self::Test, Self::Bench];
}

use Group::{Bench, Build, Lab, Lint, Test};

pub(crate) struct Need {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    groups: &'static [Group],
    find: Find,
    pub(crate) fix: Fix,
}

enum Find {
    /// A program on the search path.
    Program,
    /// A file here.
    File(&'static str),
    /// Something that looks for itself: where it is, or what is wrong.
    By(fn() -> Result<String, String>),
}

#[derive(Clone, Copy)]
pub(crate) enum Fix {
    /// Packages of the distribution.
    Package {
        apt: &'static [&'static str],
        dnf: &'static [&'static str],
        pacman: &'static [&'static str],
    },
    /// A rustc with the source of `core`.
    CoreSource,
    /// bpf-linker, and the LLVM it is built against.
    BpfLinker,
    /// `cargo install`.
    Crate {
        name: &'static str,
        version: &'static str,
        more: &'static [&'static str],
    },
    /// `rustup component add`.
    Component { name: &'static str },
    /// Mount the BPF file system.
    Bpffs,
}

impl Need {
    /// Where it is, or why it does not count as found.
    pub(crate) fn find(&self) -> Result<String, String> {
        match self.find {
            Find::Program => program::find(self.name)
                .map(|path| path.display().to_string())
                .ok_or_else(|| "no such program".to_owned()),
            Find::File(path) if Path::new(path).exists() => Ok(path.to_owned()),
            Find::File(path) => Err(format!("no {path}")),
            Find::By(find) => find(),
        }
    }
}

/// Those any of these groups needs, in the order in which they are installed.
pub(crate) fn of(groups: &[Group]) -> Vec<Need> {
    all()
        .into_iter()
        .chain(servers())
        .filter(|need| groups.iter().any(|group| need.groups.contains(group)))
        .collect()
}

/// A program that a package brings.
#[rustfmt::skip]
const fn package(
    name: &'static str, purpose: &'static str, groups: &'static [Group],
    apt: &'static [&'static str], dnf: &'static [&'static str], pacman: &'static [&'static str],
) -> Need {
    Need { name, purpose, groups, find: Find::Program, fix: Fix::Package { apt, dnf, pacman } }
}

#[rustfmt::skip] // One need, one block of lines that reads like a table.
fn all() -> Vec<Need> {
    vec![
        Need {
            name: "core-source", purpose: "a rustc with the source of `core` compiles the XDP object",
            groups: &[Build, Lint, Lab, Test], find: Find::By(bpf::find_compiler), fix: Fix::CoreSource,
        },
        Need {
            name: "bpf-linker", purpose: "links the XDP object",
            groups: &[Build, Lint, Lab, Test], find: Find::By(bpf::find_linker), fix: Fix::BpfLinker,
        },
        Need {
            name: "rustfmt", purpose: "lint: format",
            groups: &[Lint], find: Find::By(|| rust_component("rustfmt")), fix: Fix::Component { name: "rustfmt" },
        },
        Need {
            name: "clippy", purpose: "lint: clippy",
            groups: &[Lint], find: Find::By(|| rust_component("cargo-clippy")), fix: Fix::Component { name: "clippy" },
        },
        Need {
            name: "cargo-deny", purpose: "lint: licences, sources and bans of dependencies",
            groups: &[Lint], find: Find::Program, fix: Fix::Crate { name: "cargo-deny", version: "0.20.2", more: &[] },
        },
        Need {
            name: "cargo-machete", purpose: "lint: dependencies that nothing uses",
            groups: &[Lint], find: Find::Program, fix: Fix::Crate { name: "cargo-machete", version: "0.9.2", more: &[] },
        },
        package("ip", "lab and tests: namespaces and links", &[Lab, Test],
            &["iproute2"], &["iproute", "iproute-tc"], &["iproute2"]),
        Need {
            name: "bpffs", purpose: "lab and tests: pins of maps and links",
            groups: &[Lab, Test], find: Find::By(bpffs), fix: Fix::Bpffs,
        },
        Need {
            name: "cargo-nextest", purpose: "tests: the runner",
            groups: &[Test], find: Find::Program,
            // Without the part that replaces itself from the network: a minute less.
            fix: Fix::Crate {
                name: "cargo-nextest", version: "0.9.143",
                more: &["--no-default-features", "--features=default-no-update"],
            },
        },
        package("bpftool", "tests and bench: what an operator sees of the maps", &[Test, Bench],
            &["bpftool"], &["bpftool"], &["bpf"]),
        package("keepalived", "tests and bench: the other router", &[Test, Bench],
            &["keepalived"], &["keepalived"], &["keepalived"]),
        Need {
            name: "frr", purpose: "tests: the other router, FRR's vrrpd",
            groups: &[Test], find: Find::File("/usr/lib/frr/vrrpd"),
            fix: Fix::Package { apt: &["frr"], dnf: &["frr"], pacman: &["frr"] },
        },
        package("tcpdump", "tests: what passes up to the stack", &[Test],
            &["tcpdump"], &["tcpdump"], &["tcpdump"]),
        package("tshark", "tests: what another dissector makes of our packets", &[Test],
            &["tshark"], &["wireshark-cli"], &["wireshark-cli"]),
        package("arping", "tests: who answers for an address", &[Test],
            &["iputils-arping"], &["iputils"], &["iputils"]),
        package("ping", "tests: a client", &[Test],
            &["iputils-ping"], &["iputils"], &["iputils"]),
        package("nft", "tests: loss and delay", &[Test],
            &["nftables"], &["nftables"], &["nftables"]),
        package("ethtool", "tests: links that XDP sends to", &[Test],
            &["ethtool"], &["ethtool"], &["ethtool"]),
        package("killall", "tests: the track script that everybody writes", &[Test],
            &["psmisc"], &["psmisc"], &["psmisc"]),
        package("pgrep", "tests: processes a script leaves", &[Test],
            &["procps"], &["procps-ng"], &["procps-ng"]),
        package("bash", "tests: scripts that need it", &[Test],
            &["bash"], &["bash"], &["bash"]),
        package("qemu-system-x86_64", "tests: an older kernel", &[Test],
            &["qemu-system-x86"], &["qemu-system-x86-core"], &["qemu-system-x86"]),
        package("busybox", "tests: user space of the older kernel", &[Test],
            &["busybox-static"], &["busybox"], &["busybox"]),
        package("cpio", "tests: its initial file system", &[Test],
            &["cpio"], &["cpio"], &["cpio"]),
        Need {
            name: "kernel", purpose: "tests: the older kernel's image",
            groups: &[Test], find: Find::By(kernel_image),
            fix: Fix::Package { apt: &["linux-image-amd64"], dnf: &["kernel-core"], pacman: &["linux-lts"] },
        },
    ]
}

/// What health scripts look at, and D-Bus.
#[rustfmt::skip]
fn servers() -> Vec<Need> {
    vec![
        package("nginx", "tests: a server for scripts/health", &[Test],
            &["nginx"], &["nginx"], &["nginx"]),
        package("haproxy", "tests: a server for scripts/health", &[Test],
            &["haproxy"], &["haproxy"], &["haproxy"]),
        package("redis-server", "tests: a server for scripts/health, and its client", &[Test],
            &["redis-server"], &["redis"], &["redis"]),
        package("mariadbd", "tests: a server for scripts/health", &[Test],
            &["mariadb-server-core"], &["mariadb-server"], &["mariadb"]),
        package("mariadb", "tests: its client", &[Test],
            &["mariadb-client-core"], &["mariadb"], &["mariadb-clients"]),
        // In user space: a kernel without nfsd has an NFS server, too.
        Need {
            name: "nfs-ganesha", purpose: "tests: a server for scripts/health",
            groups: &[Test], find: Find::By(ganesha),
            fix: Fix::Package {
                apt: &["nfs-ganesha", "nfs-ganesha-mem"], dnf: &["nfs-ganesha", "nfs-ganesha-mem"],
                pacman: &["nfs-ganesha"],
            },
        },
        package("rpcbind", "tests: what an NFS server registers with, and rpcinfo", &[Test],
            &["rpcbind"], &["rpcbind"], &["rpcbind"]),
        package("dbus-daemon", "tests: a bus", &[Test],
            &["dbus"], &["dbus-daemon"], &["dbus"]),
        package("dbus-monitor", "tests: what is said on it", &[Test],
            &["dbus"], &["dbus-tools"], &["dbus"]),
        package("busctl", "tests: somebody who calls", &[Test],
            &["systemd"], &["systemd"], &["systemd"]),
        package("setpriv", "tests: a user without rights", &[Test],
            &["util-linux"], &["util-linux"], &["util-linux"]),
    ]
}

/// The program of a component, asked for its version: rustup leaves stand-ins
/// for components that are not there.
fn rust_component(program: &str) -> Result<String, String> {
    program::output(program::command(program).arg("--version"))
        .ok_or_else(|| format!("`{program} --version` fails"))
}

/// The kernel names the file system's type in the second to last field before
/// the source; a line of /proc/mounts is `source target type options 0 0`.
fn bpffs() -> Result<String, String> {
    let mounts = fs::read_to_string("/proc/mounts").map_err(|error| error.to_string())?;
    mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .any(|fields| fields.get(1..3) == Some(&["/sys/fs/bpf", "bpf"]))
        .then(|| "/sys/fs/bpf".to_owned())
        .ok_or_else(|| "not mounted on /sys/fs/bpf".to_owned())
}

/// The server and the file system in memory that the tests export.
fn ganesha() -> Result<String, String> {
    let path = program::find("ganesha.nfsd").ok_or("no ganesha.nfsd")?;
    let libraries = [
        "/usr/lib64",
        "/usr/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    libraries
        .iter()
        .any(|it| Path::new(it).join("ganesha/libfsalmem.so").is_file())
        .then(|| path.display().to_string())
        .ok_or_else(|| "no ganesha/libfsalmem.so".to_owned())
}

/// An image in /boot whose modules are there as well.
fn kernel_image() -> Result<String, String> {
    let boot = fs::read_dir("/boot").map_err(|error| error.to_string())?;
    boot.flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_prefix("vmlinuz-"))
                .is_some_and(|release| Path::new("/lib/modules").join(release).is_dir())
        })
        .max()
        .map(|path| path.display().to_string())
        .ok_or_else(|| "no /boot/vmlinuz-* with modules".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Fix, Group};

    #[test]
    fn every_need_is_named_once_and_can_be_got() {
        let needs = super::of(&Group::ALL);
        for (index, need) in needs.iter().enumerate() {
            assert!(
                needs[..index].iter().all(|other| other.name != need.name),
                "{}",
                need.name
            );
            assert!(
                !need.groups.is_empty() && !need.purpose.is_empty(),
                "{}",
                need.name
            );
            if let Fix::Package { apt, dnf, pacman } = need.fix {
                assert!(
                    !apt.is_empty() && !dnf.is_empty() && !pacman.is_empty(),
                    "{}",
                    need.name
                );
            }
        }
    }

    #[test]
    fn the_lab_and_the_tests_need_all_that_a_build_needs() {
        for group in [Group::Lint, Group::Lab, Group::Test] {
            for need in super::of(&[Group::Build]) {
                assert!(need.groups.contains(&group), "{}", need.name);
            }
        }
    }

    #[test]
    fn building_needs_no_peer_and_no_kernel() {
        let names: Vec<_> = super::of(&[Group::Build])
            .iter()
            .map(|need| need.name)
            .collect();
        assert_eq!(names, ["core-source", "bpf-linker"]);
    }
}
