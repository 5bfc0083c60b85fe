//! Somebody else's XDP program stays, and is named.

use crate::world::{NEAR, attach, in_own_netns, run, veth, xdp_of};
use std::{
    ffi::CString,
    fs, io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
};
use vrrp_user::shell::bpf::{Instance, Variant, foreign::is_foreign};

#[test]
fn a_foreign_program_is_named_and_not_displaced() {
    in_own_netns(|world| {
        let near = veth();
        for mode in ["xdpdrv", "xdpgeneric"] {
            let pin = format!("/sys/fs/bpf/xvl-foreign-{}", world.instance);
            let _program = foreign_program(&pin);
            run(&format!("ip link set dev {NEAR} {mode} pinned {pin}"));
            fs::remove_file(&pin).expect("unpinned");
            let before = xdp_of(NEAR);
            let mut loaded = world.load(Variant::Newest);
            let failures = loaded.dataplane.reconcile(&[near]);
            let [failure] = failures.as_slice() else {
                panic!("{failures:?}")
            };
            assert!(is_foreign(&failure.error));
            let text = format!("{:#}", failure.error);
            // This process holds the program's descriptor.
            for part in [
                "xvl_others",
                NEAR,
                &format!("({})", std::process::id()),
                "Stop that program",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert_eq!(xdp_of(NEAR), before);
            assert_eq!(loaded.dataplane.attachments().count(), 0);
            // Once it is gone, the next round serves the interface.
            run(&format!("ip link set dev {NEAR} {mode} off"));
            attach(&mut loaded.dataplane, near);
            loaded.dataplane.teardown().expect("tears down");
        }
    });
}

#[test]
fn another_instance_is_recognised() {
    in_own_netns(|world| {
        let near = veth();
        let other = Instance::here(Some("xvlother")).expect("a cookie");
        let mut loaded = world.load(Variant::Newest);
        attach(&mut loaded.dataplane, near);
        let mut second = world.load_instance(&other);
        let failures = second.dataplane.reconcile(&[near]);
        assert!(
            failures[0]
                .error
                .to_string()
                .contains("another instance of xvrrpd"),
            "{failures:?}"
        );
        second.dataplane.teardown().expect("tears down");
        assert_ne!(xdp_of(NEAR), "", "the first one keeps its interface");
        loaded.dataplane.teardown().expect("tears down");
    });
}

/// Loads `return XDP_PASS` under the name `xvl_others` and pins it.
fn foreign_program(pin: &str) -> OwnedFd {
    #[repr(C)]
    struct Load {
        kind: u32,
        count: u32,
        instructions: u64,
        license: u64,
        log: [u32; 2],
        log_buffer: u64,
        kernel: u32,
        flags: u32,
        name: [u8; 16],
        ifindex: u32,
        attach_type: u32,
    }
    #[repr(C)]
    struct Pin {
        path: u64,
        fd: RawFd,
        flags: u32,
    }
    // r0 = 2 (XDP_PASS); exit
    let instructions: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let mut load = Load {
        kind: 6,
        count: 2,
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log: [0; 2],
        log_buffer: 0,
        kernel: 0,
        flags: 0,
        name: *b"xvl_others\0\0\0\0\0\0",
        ifindex: 0,
        attach_type: 37,
    };
    // SAFETY: BPF_PROG_LOAD with the attributes laid out as the kernel has them.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 5, &raw mut load, size_of::<Load>()) };
    let fd = RawFd::try_from(fd).expect("a descriptor");
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    let path = CString::new(pin).expect("a path");
    let mut attr = Pin {
        path: path.as_ptr() as u64,
        fd,
        flags: 0,
    };
    // SAFETY: BPF_OBJ_PIN, likewise.
    let pinned = unsafe { libc::syscall(libc::SYS_bpf, 6, &raw mut attr, size_of::<Pin>()) };
    assert_eq!(pinned, 0, "{}", io::Error::last_os_error());
    // SAFETY: made above and owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
