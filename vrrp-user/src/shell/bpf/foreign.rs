//! Whose XDP program is that? For the message that says why xvrrpd stops.

use super::rtnl::Link;
use anyhow::Error;
use aya::programs::loaded_programs;
use core::fmt;
use netlink_packet_route::link::XdpAttached;
use std::{fs, path::Path};

/// An interface carries an XDP program that is not ours. It is never displaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignProgram {
    /// Interface.
    pub interface: String,
    /// ID of the program, as `bpftool prog show id` takes it.
    pub program_id: u32,
    /// Its name; empty when it has none or may not be asked.
    pub program: String,
    /// `native`, `generic` or `offloaded`.
    pub mode: &'static str,
    /// Processes that hold it or its link: `name (pid)`.
    pub holders: Vec<String>,
}

impl ForeignProgram {
    /// The first program on `link` that is not `own`.
    pub(super) fn find(link: &Link, own: Option<u32>) -> Option<Self> {
        let (attached, program_id) = link.xdp.iter().find(|(_, id)| Some(*id) != own)?;
        let program = loaded_programs()
            .flatten()
            .find(|program| program.id() == *program_id)
            .and_then(|program| program.name_as_str().map(str::to_owned))
            .unwrap_or_default();
        Some(Self {
            interface: link.name.clone(),
            program_id: *program_id,
            program,
            mode: match attached {
                XdpAttached::Driver => "native",
                XdpAttached::Hardware => "offloaded",
                _ => "generic",
            },
            holders: holders(*program_id),
        })
    }

    fn is_xvrrp(&self) -> bool {
        // The kernel keeps 15 characters of a name.
        self.program.starts_with(super::object::XDP)
    }
}

impl fmt::Display for ForeignProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            interface,
            program_id,
            program,
            mode,
            holders,
        } = self;
        let name = if program.is_empty() {
            "(no name)"
        } else {
            program
        };
        write!(
            f,
            "{interface} already has an XDP program, {name} (id {program_id}, {mode}"
        )?;
        if !holders.is_empty() {
            write!(f, ", held by {}", holders.join(", "))?;
        }
        write!(f, "). It is left alone and {interface} is not served. ")?;
        if self.is_xvrrp() {
            write!(
                f,
                "It belongs to another instance of xvrrpd: give each its own interfaces, or stop that one."
            )
        } else if holders.is_empty() {
            write!(
                f,
                "Nobody seems to be running it: `ip link set dev {interface} xdp off`, or if it is pinned, remove its link (`bpftool link show`, `bpftool -f prog show id {program_id}`)."
            )
        } else {
            write!(f, "Stop that program, or run VRRP on another interface.")
        }
    }
}

impl std::error::Error for ForeignProgram {}

/// Is a foreign program the reason? Whatever context was added to it.
pub fn is_foreign(error: &Error) -> bool {
    error.is::<ForeignProgram>()
}

/// Processes with a descriptor of the program, or of a link to it. Those that may
/// not be looked into are left out.
fn holders(program_id: u32) -> Vec<String> {
    let mut found: Vec<String> = numbered(Path::new("/proc"))
        .filter(|pid| {
            numbered(Path::new(&format!("/proc/{pid}/fdinfo")))
                .filter_map(|fd| fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok())
                .any(|info| names_program(&info, program_id))
        })
        .map(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            format!("{} ({pid})", name.trim())
        })
        .collect();
    found.sort();
    found
}

fn names_program(fdinfo: &str, program_id: u32) -> bool {
    fdinfo.lines().any(|line| {
        line.strip_prefix("prog_id:")
            .is_some_and(|id| id.trim().parse() == Ok(program_id))
    })
}

fn numbered(dir: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{ForeignProgram, names_program};

    #[test]
    fn finds_the_program_in_fdinfo() {
        let link = "pos:\t0\nflags:\t02000002\nlink_type:\txdp\nlink_id:\t7\nprog_id:\t4711\nifindex:\t2\n";
        assert!(names_program(link, 4711));
        assert!(!names_program(link, 471));
        assert!(!names_program("pos:\t0\n", 0));
    }

    #[test]
    fn says_what_to_do() {
        let mut foreign = ForeignProgram {
            interface: "eth0".into(),
            program_id: 9,
            program: "cil_xdp_entry".into(),
            mode: "native",
            holders: vec!["cilium-agent (12)".into()],
        };
        let held = foreign.to_string();
        assert!(
            held.contains("cil_xdp_entry (id 9, native, held by cilium-agent (12))"),
            "{held}"
        );
        foreign.holders.clear();
        assert!(
            foreign.to_string().contains("ip link set dev eth0 xdp off"),
            "{foreign}"
        );
        foreign.program = "xvrrp_xdp".into();
        assert!(
            foreign.to_string().contains("another instance"),
            "{foreign}"
        );
    }
}
