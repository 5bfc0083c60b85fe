//! What a program logs, in the daemon's log.

use crate::{
    maps::{GATE, record},
    world::{FAR_ADDRESS, Sender, attach, in_own_netns, veth},
};
use std::{env, fs, process, time::Duration};
use vrrp_user::{
    ownership::command::{Epoch, VrId},
    shell::{
        bpf::{Diagnostics, Variant},
        clock, log,
    },
};

#[test]
fn a_gate_shut_by_the_kernel_is_read_about_in_the_log() {
    let file = env::temp_dir().join(format!("xvl-{}.log", process::id()));
    let options = log::Options {
        console: false,
        syslog: None,
        file: Some(file.clone()),
        detail: false,
    };
    let guard = log::start(&options).expect("a log");
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load_diagnosed(Variant::Newest, Diagnostics::On);
        attach(&mut loaded.dataplane, near);
        loaded
            .tables
            .set_router(VrId(0), Some(&record(near, 7)))
            .expect("written");
        let lease_end = clock::now() + Duration::from_mins(1);
        loaded.sender_gates.begin_epoch(GATE, Epoch(5));
        assert!(
            loaded
                .sender_gates
                .write_lease(GATE, Epoch(5), lease_end, clock::now())
        );
        world.block_on(async {
            Sender::new().advert(7);
            tokio::time::timeout(Duration::from_secs(5), loaded.events.next())
                .await
                .expect("in time")
                .expect("an event");
            // Made before the event, but read by a task of its own.
            tokio::time::sleep(Duration::from_millis(200)).await;
        });
        assert_eq!(loaded.loop_gates.read(GATE).revoked_epoch, 5);
        loaded.dataplane.teardown().expect("tears down");
    });
    drop(guard);
    let text = fs::read_to_string(&file).expect("the log");
    fs::remove_file(&file).ok();
    let line = text
        .lines()
        .find(|line| line.contains("BPF: gate shut: "))
        .unwrap_or_else(|| panic!("not in the log:\n{text}"));
    let beaten = format!("VRID 7: claim 5 is beaten by {FAR_ADDRESS} with priority 200");
    assert!(
        line.contains(&beaten) && line.contains("ours is 100"),
        "{line}"
    );
}
