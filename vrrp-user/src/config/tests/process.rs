//! What is said of the process: where it runs, and how its transmit thread does.

use super::*;
use crate::config::model::Transmit;

#[test]
fn the_transmit_thread_runs_as_keepaliveds_vrrp_process_was_told_to() {
    let loaded = read(
        "global_defs {\nvrrp_rt_priority 50\nvrrp_cpu_affinity 3 1 3\nvrrp_rlimit_rtime 20000\n}",
    );
    let want = Transmit {
        realtime_priority: Some(50),
        cpus: vec![1, 3],
        realtime_limit: Some(Duration::from_millis(20)),
    };
    assert_eq!(loaded.config.expect("valid").global.transmit, want);
    for wrong in [
        "vrrp_rt_priority 100",
        "vrrp_rt_priority 0",
        "vrrp_cpu_affinity 1 x",
        "vrrp_rlimit_rttime 0",
    ] {
        let loaded = read(&format!("global_defs {{\n{wrong}\n}}"));
        assert!(loaded.config.is_none(), "{wrong}");
    }
}

#[test]
fn a_namespace_and_a_delay_after_boot() {
    let loaded = read("net_namespace blue\nglobal_defs {\nvrrp_delay_after_boot 15.25\n}");
    let global = loaded.config.expect("valid").global;
    assert_eq!(global.net_namespace.as_deref(), Some("blue"));
    assert_eq!(global.delay_after_boot, Duration::from_millis(15_250));
    assert!(read("net_namespace ../blue").config.is_none());
    let twice = read("net_namespace blue\nnet_namespace red");
    let global = twice.config.expect("valid").global;
    assert_eq!(global.net_namespace.as_deref(), Some("blue"));
    assert_eq!(twice.diagnostics.len(), 1);
}
