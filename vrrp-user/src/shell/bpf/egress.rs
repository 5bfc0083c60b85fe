//! The egress program on one interface: a TCX link where the kernel has them
//! (6.6), else a clsact filter.

use super::{
    attach::{EGRESS_PIN, Programs, pin_name},
    kernel::Variant,
    object,
    pins::Pins,
    rtnl::Link,
    syscall::{self, Hook},
};
use anyhow::{Context, Result, anyhow};
use aya::programs::{
    ProgramError, TcAttachType,
    tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle},
};
use core::fmt;
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

/// How the egress program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Egress {
    /// A TCX link, pinned like the XDP link.
    Tcx,
    /// A clsact filter, which stays by itself.
    Clsact,
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        })
    }
}

/// Our clsact filter: "vrrp" as a handle, so that nobody else's is taken for it.
const FILTER_HANDLE: TcHandle = TcHandle::new(0x7672, 0x7270);
/// Ahead of filters that end the walk; the second if another kind holds the first.
const FILTER_PRIORITIES: [u16; 2] = [1, 0x7672];

impl Programs<'_> {
    pub(super) fn attach_egress(
        &mut self,
        link: &Link,
        notes: &mut Vec<String>,
    ) -> Result<(Egress, Option<OwnedFd>)> {
        if self.variant == Variant::Newest
            && let Some(tcx) = self.attach_tcx(link, notes)?
        {
            // Of an earlier run in the other variant.
            remove_filter(&link.name).ok();
            return Ok((Egress::Tcx, Some(tcx)));
        }
        self.attach_clsact(link)?;
        for (ifindex, path) in self.pins.links(EGRESS_PIN) {
            if ifindex == link.ifindex {
                Pins::drop_link(&path)?;
            }
        }
        Ok((Egress::Clsact, None))
    }

    /// `None` where the kernel has no TCX.
    fn attach_tcx(&self, link: &Link, notes: &mut Vec<String>) -> Result<Option<OwnedFd>> {
        let program = self.egress.fd()?;
        let name = pin_name(EGRESS_PIN, link.ifindex);
        if let Some(found) = self.find(EGRESS_PIN, link.ifindex)? {
            match self.adopt(found, program.as_fd(), &name) {
                Ok(tcx) => return Ok(Some(tcx)),
                Err(e) => notes.push(format!(
                    "{}: the egress link of an earlier run could not be kept: {e:#}",
                    link.name
                )),
            }
        }
        match syscall::link_create(program.as_fd(), link.ifindex, Hook::TcxEgress) {
            Ok(tcx) => {
                self.pins.pin(tcx.as_fd(), &name)?;
                Ok(Some(tcx))
            }
            // The attach type is unknown below 6.6.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(None),
            Err(e) => Err(e)
                .with_context(|| format!("{}: cannot attach the egress program (TCX)", link.name)),
        }
    }

    fn attach_clsact(&mut self, link: &Link) -> Result<()> {
        let queued = tc::qdisc_add_clsact(&link.name);
        let mut last = None;
        for priority in FILTER_PRIORITIES {
            let options = NlOptions {
                priority,
                handle: FILTER_HANDLE,
                classid: None,
            };
            let options = TcAttachOptions::Netlink(options);
            let made =
                match self
                    .egress
                    .attach_with_options(&link.name, TcAttachType::Egress, options)
                {
                    // An earlier run's; replaced in place.
                    Err(e) if errno(&e) == Some(libc::EEXIST) => {
                        let earlier = SchedClassifierLink::attached(
                            &link.name,
                            TcAttachType::Egress,
                            priority,
                            FILTER_HANDLE,
                            None,
                        )?;
                        self.egress.attach_to_link(earlier)
                    }
                    made => made,
                };
            match made {
                Ok(id) => {
                    // Dropping it would remove the filter, also while a panic unwinds.
                    std::mem::forget(self.egress.take_link(id)?);
                    return Ok(());
                }
                Err(e) => last = Some(e),
            }
        }
        let error = last.map_or_else(|| anyhow!("no priority to try"), anyhow::Error::from);
        Err(match queued {
            // EEXIST: somebody else's clsact serves as well.
            Err(TcError::NetlinkError(e)) if e.raw_os_error() != Some(libc::EEXIST) => {
                error.context(format!("the clsact qdisc could not be added: {e}"))
            }
            _ => error,
        })
        .with_context(|| {
            format!(
                "{}: cannot attach the egress program (clsact filter)",
                link.name
            )
        })
    }
}

/// Removes our clsact filter, if there is one. The qdisc stays: others may use it,
/// and without filters it does nothing.
pub(super) fn remove_filter(interface: &str) -> Result<()> {
    match tc::qdisc_detach_program(interface, TcAttachType::Egress, object::EGRESS) {
        Ok(()) => Ok(()),
        Err(TcError::IoError(e)) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        // No clsact qdisc.
        Err(TcError::NetlinkError(e))
            if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) =>
        {
            Ok(())
        }
        Err(e) => Err(e).with_context(|| {
            format!(
                "{interface}: cannot remove the clsact filter {}",
                object::EGRESS
            )
        }),
    }
}

fn errno(error: &ProgramError) -> Option<i32> {
    match error {
        ProgramError::TcError(TcError::NetlinkError(e)) | ProgramError::NetlinkError(e) => {
            e.raw_os_error()
        }
        ProgramError::SyscallError(e) => e.io_error.raw_os_error(),
        _ => None,
    }
}
