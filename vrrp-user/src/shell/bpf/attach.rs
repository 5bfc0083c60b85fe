//! The programs on one interface.
//!
//! XDP native first, generic where the driver cannot or cannot readdress, never in place
//! of somebody else's program. Egress by a TCX link where the kernel has them, else by a
//! clsact filter. What an earlier daemon left is adopted: the link stays and its
//! program is replaced, so that at no moment the interface is without one.

use super::{
    egress::{self, Egress},
    foreign::ForeignProgram,
    kernel::Variant,
    pins::Pins,
    rtnl::{self, Link},
    syscall::{self, Hook},
    vlan_offload,
};
use crate::shell::station_filter;
use anyhow::{Context, Result, anyhow, bail};
use aya::programs::{ProgramFd, SchedClassifier};
use core::fmt;
use netlink_packet_route::link::XdpAttached;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

/// Pinned XDP links are called this and the interface's index.
pub(super) const XDP_PIN: &str = "xdp-";
/// Pinned egress links are called this and the interface's index.
pub(super) const EGRESS_PIN: &str = "tcx-egress-";

/// A veth is handed frames that were judged by their destination already, and after XDP
/// in the driver it does not judge them again; the generic hook does.
const KEEPS_TYPE: &str = "a veth in native mode drops what is readdressed from a virtual MAC";

/// How the XDP program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver.
    Native,
    /// In the stack, after an skb was made.
    Generic {
        /// Why not in the driver.
        why: String,
    },
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Generic { why } => write!(f, "generic ({why})"),
        }
    }
}

/// Both programs on an interface, for log and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Interface.
    pub ifindex: u32,
    /// Its name when it was attached.
    pub interface: String,
    /// How XDP runs.
    pub mode: Mode,
    /// How egress is attached.
    pub egress: Egress,
    /// ID of the XDP link, as `bpftool link` shows it.
    pub xdp_link_id: u32,
    /// The XDP link was an earlier daemon's.
    pub adopted: bool,
    /// Receive VLAN offload was on and is off while we are attached.
    pub vlan_offload_off: bool,
    /// What could not be kept and was made anew, for the log.
    pub notes: Vec<String>,
}

/// An attachment and what holds it.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) shown: Attachment,
    xdp: OwnedFd,
    /// `None` with clsact.
    tcx: Option<OwnedFd>,
}

/// What is attached, and where it is pinned.
pub(super) struct Programs<'a> {
    pub(super) xdp: ProgramFd,
    pub(super) egress: &'a mut SchedClassifier,
    pub(super) variant: Variant,
    pub(super) pins: &'a Pins,
    /// It readdresses frames to a virtual MAC.
    pub(super) readdresses: bool,
}

/// A link of an earlier daemon.
pub(super) struct Found {
    link: OwnedFd,
    path: PathBuf,
    program_id: u32,
}

/// An XDP link, and how it came about.
struct XdpLink {
    link: OwnedFd,
    mode: Mode,
    adopted: bool,
}

impl Programs<'_> {
    /// Attaches both programs, or adopts what is there.
    pub(super) fn attach(&mut self, ifindex: u32) -> Result<Attached> {
        let links = rtnl::links().context("cannot list the interfaces")?;
        let link = links
            .iter()
            .find(|link| link.ifindex == ifindex)
            .ok_or_else(|| anyhow!("interface {ifindex} is gone"))?;
        let vlan_offload_off = vlan_offload::make_tags_visible(link, &links)?;
        let attached = self.attach_both(link);
        if attached.is_err() && vlan_offload_off {
            vlan_offload::restore(&link.name).ok();
        }
        attached.map(|attached| Attached {
            shown: Attachment {
                vlan_offload_off,
                ..attached.shown
            },
            ..attached
        })
    }

    fn attach_both(&mut self, link: &Link) -> Result<Attached> {
        let mut notes = Vec::new();
        let xdp = self.attach_xdp(link, &mut notes)?;
        let (egress, tcx) = match self.attach_egress(link, &mut notes) {
            Ok(egress) => egress,
            Err(e) => {
                // Half a fence is none: the way out would be open. One that an
                // earlier daemon left stays, as addresses may still lie behind it.
                if !xdp.adopted {
                    syscall::link_detach(xdp.link.as_fd()).ok();
                    unpin(self.pins, XDP_PIN, link.ifindex).ok();
                }
                return Err(e);
            }
        };
        Ok(Attached {
            shown: Attachment {
                ifindex: link.ifindex,
                interface: link.name.clone(),
                mode: xdp.mode,
                egress,
                xdp_link_id: syscall::link_info(xdp.link.as_fd())?.id,
                adopted: xdp.adopted,
                vlan_offload_off: false,
                notes,
            },
            xdp: xdp.link,
            tcx,
        })
    }

    fn attach_xdp(&self, link: &Link, notes: &mut Vec<String>) -> Result<XdpLink> {
        let name = pin_name(XDP_PIN, link.ifindex);
        if let Some(found) = self.find(XDP_PIN, link.ifindex)? {
            if let Some(foreign) = ForeignProgram::find(link, Some(found.program_id)) {
                return Err(foreign.into());
            }
            let adopted = if self.must_be_generic(link) && adopted_mode(link) == Mode::Native {
                Pins::drop_link(&found.path)?;
                Err(anyhow!(KEEPS_TYPE))
            } else {
                self.adopt(found, self.xdp.as_fd(), &name)
            };
            match adopted {
                Ok(xdp) => {
                    return Ok(XdpLink {
                        link: xdp,
                        mode: adopted_mode(link),
                        adopted: true,
                    });
                }
                Err(e) => notes.push(format!(
                    "{}: the XDP link of an earlier run could not be kept: {e:#}",
                    link.name
                )),
            }
        }
        // Asked again: what could not be adopted is detached by now.
        let link = &rtnl::link(link.ifindex)?.with_context(|| format!("{} is gone", link.name))?;
        if let Some(foreign) = ForeignProgram::find(link, None) {
            return Err(foreign.into());
        }
        let native = if self.must_be_generic(link) {
            Err(io::Error::other(KEEPS_TYPE))
        } else {
            self.create(link, Hook::XdpNative)?
        };
        let (xdp, mode) = match native {
            Ok(xdp) => (xdp, Mode::Native),
            Err(native) => match self.create(link, Hook::XdpGeneric)? {
                Ok(xdp) => (
                    xdp,
                    Mode::Generic {
                        why: why_not_native(&native),
                    },
                ),
                Err(generic) => bail!(
                    "{}: no XDP, neither native ({}) nor generic ({generic})",
                    link.name,
                    why_not_native(&native)
                ),
            },
        };
        self.pins.pin(xdp.as_fd(), &name)?;
        Ok(XdpLink {
            link: xdp,
            mode,
            adopted: false,
        })
    }

    const fn must_be_generic(&self, link: &Link) -> bool {
        self.readdresses && link.is_veth
    }

    /// The inner error is one that another mode may not meet.
    fn create(&self, link: &Link, hook: Hook) -> Result<io::Result<OwnedFd>> {
        let error = match syscall::link_create(self.xdp.as_fd(), link.ifindex, hook) {
            Ok(fd) => return Ok(Ok(fd)),
            Err(e) => e,
        };
        match error.raw_os_error() {
            // Somebody was faster. EEXIST: in the other mode.
            Some(libc::EBUSY | libc::EEXIST) => {
                let now =
                    rtnl::link(link.ifindex)?.with_context(|| format!("{} is gone", link.name))?;
                if let Some(foreign) = ForeignProgram::find(&now, None) {
                    return Err(foreign.into());
                }
                let all = rtnl::links().context("cannot list the interfaces")?;
                Err(error).with_context(|| match occupied_on_top(link, &all) {
                    // The kernel attaches to an interface only before those on top of it.
                    Some(upper) => format!(
                        "{lower}: the interface on top of it, {upper}, already has an XDP program, and the kernel then takes none below: take that one off (`ip link set dev {upper} xdp off`, or stop its owner) until {lower} is served",
                        lower = link.name,
                        upper = upper.name
                    ),
                    None => format!("{}: an XDP program comes and goes", link.name),
                })
            }
            Some(libc::EPERM | libc::EACCES) => Err(error).with_context(|| {
                format!(
                    "{}: attaching XDP needs CAP_NET_ADMIN and CAP_BPF (or root)",
                    link.name
                )
            }),
            Some(libc::ENODEV) => Err(error).with_context(|| format!("{} is gone", link.name)),
            _ => Ok(Err(error)),
        }
    }

    /// A live link pinned for this interface. Pins of links that died with an
    /// interface of the same index are removed.
    pub(super) fn find(&self, prefix: &str, ifindex: u32) -> Result<Option<Found>> {
        for (_, path) in self
            .pins
            .links(prefix)
            .into_iter()
            .filter(|(index, _)| *index == ifindex)
        {
            let link = syscall::open_pin(&path)
                .with_context(|| format!("cannot open the pin {prefix}{ifindex}"))?;
            let info = syscall::link_info(link.as_fd())?;
            if info.ifindex == ifindex {
                return Ok(Some(Found {
                    link,
                    path,
                    program_id: info.program_id,
                }));
            }
            Pins::unpin(&path)?;
        }
        Ok(None)
    }

    /// Puts `program` in place of the one on an earlier link, atomically. Failing
    /// that, the link goes.
    pub(super) fn adopt(
        &self,
        found: Found,
        program: BorrowedFd<'_>,
        name: &str,
    ) -> Result<OwnedFd> {
        if let Err(e) = syscall::link_update(found.link.as_fd(), program) {
            Pins::drop_link(&found.path)?;
            return Err(e).context("its program cannot be replaced");
        }
        // Under another layout's directory: moved to ours.
        if self.pins.path(name).as_deref() != Some(found.path.as_path()) {
            self.pins.pin(found.link.as_fd(), name)?;
            Pins::unpin(&found.path)?;
        }
        Ok(found.link)
    }
}

impl Attached {
    /// Does the interface of that index still exist? An interface that is gone
    /// leaves its link behind without a target.
    pub(super) fn is_alive(&self) -> bool {
        syscall::link_info(self.xdp.as_fd()).is_ok_and(|info| info.ifindex == self.shown.ifindex)
    }

    /// XDP runs where it must, if it is to readdress frames or not.
    pub(super) fn suits(&self, readdresses: bool) -> bool {
        let native = self.shown.mode == Mode::Native;
        !readdresses
            || !native
            || !rtnl::link(self.shown.ifindex).is_ok_and(|link| link.is_some_and(|it| it.is_veth))
    }

    /// Takes both programs off the interface.
    pub(super) fn detach(self, pins: &Pins) -> Result<()> {
        let Self { shown, xdp, tcx } = self;
        // Fails where the interface has taken its links along.
        for link in [Some(xdp), tcx].into_iter().flatten() {
            syscall::link_detach(link.as_fd()).ok();
        }
        // Whatever fails, all of it is tried.
        let mut results = vec![
            unpin(pins, XDP_PIN, shown.ifindex),
            unpin(pins, EGRESS_PIN, shown.ifindex),
        ];
        // The interface may have been renamed, or be gone along with its filters.
        if let Some(link) = rtnl::link(shown.ifindex)? {
            if shown.egress == Egress::Clsact {
                results.push(egress::remove_filter(&link.name));
            }
            if shown.vlan_offload_off {
                results.push(vlan_offload::restore(&link.name));
            }
        }
        results.into_iter().collect()
    }
}

/// Takes off what an earlier daemon left on an interface that is no longer served.
pub(super) fn remove_leftovers(pins: &Pins, ifindex: u32) -> Result<()> {
    for prefix in [XDP_PIN, EGRESS_PIN] {
        for (_, path) in pins
            .links(prefix)
            .into_iter()
            .filter(|(index, _)| *index == ifindex)
        {
            Pins::drop_link(&path)?;
        }
    }
    station_filter::release_vrrp(ifindex)?;
    match rtnl::link(ifindex)? {
        Some(link) => egress::remove_filter(&link.name),
        None => Ok(()),
    }
}

fn unpin(pins: &Pins, prefix: &str, ifindex: u32) -> Result<()> {
    pins.path(&pin_name(prefix, ifindex))
        .as_deref()
        .map_or(Ok(()), Pins::unpin)
}

pub(super) fn pin_name(prefix: &str, ifindex: u32) -> String {
    format!("{prefix}{ifindex}")
}

/// An interface that lies on this one and has an XDP program.
fn occupied_on_top<'a>(link: &Link, all: &'a [Link]) -> Option<&'a Link> {
    all.iter()
        .find(|upper| upper.lower == Some(link.ifindex) && !upper.xdp.is_empty())
}

fn adopted_mode(link: &Link) -> Mode {
    match link.xdp.first() {
        Some((XdpAttached::SocketBuffer, _)) => Mode::Generic {
            why: "as an earlier run left it".into(),
        },
        _ => Mode::Native,
    }
}

fn why_not_native(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => "the driver has no native XDP".into(),
        Some(libc::ERANGE) => "the MTU is too large for native XDP".into(),
        Some(libc::ENOSPC) => "too few queues for native XDP".into(),
        Some(libc::EINVAL) => "the driver refuses native XDP as the interface is set up".into(),
        None => error.to_string(),
        _ => format!("native XDP failed: {error}"),
    }
}
