//! A transmit thread on a router of the lab, and the gates it writes.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use vrrp_common::{
    gate::Gate,
    maps::MAX_GATES,
    wire::{GROUP_V4, GROUP_V6},
};
use vrrp_user::{
    config::model::{Authentication, ChecksumPolicy, Family, Version},
    engine::action::{Advert, Announcement},
    ownership::{
        command::{Command, Epoch, GateId, Report, VrId},
        sender::GateView,
    },
    shell::transmit::{GateWriter, TransmitHandle, frames, start, thread},
    time::Instant,
};
use xvrrp_tests::{
    conf::Conf,
    net::{INTERFACE, Node},
    wait::eventually,
};

/// What a busy machine may take for anything that takes no time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Gates in ordinary memory. The event loop's permission never ends.
#[derive(Clone)]
pub(crate) struct Gates(Arc<Vec<[AtomicU64; 2]>>);

impl Gates {
    fn new() -> Self {
        Self(Arc::new(
            (0..MAX_GATES).map(|_| Default::default()).collect(),
        ))
    }

    fn record(&self, gate: GateId) -> &[AtomicU64; 2] {
        &self.0[usize::try_from(gate.0).expect("an index")]
    }

    /// Until when the adverts sent entitle it, in nanoseconds since boot.
    pub(crate) fn lease_end_ns(&self, gate: GateId) -> u64 {
        self.record(gate)[1].load(SeqCst)
    }
}

impl GateView for Gates {
    fn gate(&self, gate: GateId) -> Gate {
        let [epoch, lease_end_ns] = self.record(gate).each_ref().map(|field| field.load(SeqCst));
        Gate {
            epoch,
            lease_end_ns,
            permit_end_ns: u64::MAX,
            ..Gate::default()
        }
    }
}

impl GateWriter for Gates {
    fn begin_epoch(&self, gate: GateId, epoch: Epoch) {
        self.record(gate)[1].store(0, SeqCst);
        self.record(gate)[0].store(epoch.0, SeqCst);
    }

    fn write_lease(&self, gate: GateId, epoch: Epoch, lease_end: Instant, _last_sent: Instant) {
        if self.record(gate)[0].load(SeqCst) == epoch.0 {
            self.record(gate)[1].store(lease_end.as_ns(), SeqCst);
        }
    }
}

/// The thread, and the event loop's part played by the test.
pub(crate) struct Owner {
    pub(crate) handle: TransmitHandle,
    pub(crate) gates: Gates,
    reports: thread::Reports,
    heard: Vec<Report>,
}

impl Owner {
    /// On this router, with nothing owned.
    #[track_caller]
    pub(crate) fn on(node: &Node) -> Self {
        let gates = Gates::new();
        let (handle, reports) = node
            .ns
            .run(|| start(gates.clone(), thread::Settings::default()))
            .expect("raw sockets; are you root?");
        let shortfalls = handle.shortfalls();
        assert!(shortfalls.is_empty(), "{shortfalls:?}");
        Self {
            handle,
            gates,
            reports,
            heard: Vec::new(),
        }
    }

    /// Asks for a claim of gate `gate` without waiting for it.
    pub(crate) fn claim(&self, gate: u32, adverts: &[Advert], announcements: &[Announcement]) {
        let members = adverts
            .iter()
            .map(|advert| frames::member(advert).expect("sendable"));
        let announcements = announcements.iter().map(|a| frames::announcement(a, false));
        self.handle.send(Command::Claim {
            gate: GateId(gate),
            epoch: Epoch(1),
            hold: Duration::from_millis(1),
            loss_tolerance: 1,
            lease_adverts: 3,
            previous_interval: Duration::ZERO,
            members: members.collect(),
            announcements: announcements.collect(),
        });
    }

    /// Claims, confirms and waits until the gate is open.
    #[track_caller]
    pub(crate) fn own(&mut self, gate: u32, adverts: &[Advert], announcements: &[Announcement]) {
        self.claim(gate, adverts, announcements);
        let gate = GateId(gate);
        self.wait(
            "claimed",
            |report| matches!(report, Report::Claimed { gate: of, .. } if *of == gate),
        );
        self.handle.send(Command::Confirm {
            gate,
            epoch: Epoch(1),
        });
        self.wait(
            "opened",
            |report| matches!(report, Report::Opened { gate: of, .. } if *of == gate),
        );
    }

    /// Waits for a report.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, pick: impl Fn(&Report) -> bool) -> Report {
        eventually(PATIENCE, what, || {
            self.hear();
            let at = self.heard.iter().position(&pick);
            at.map(|at| self.heard.remove(at))
                .ok_or_else(|| format!("{:?}", self.heard))
        })
    }

    /// Every report not yet waited for.
    pub(crate) fn hear(&mut self) -> &[Report] {
        while let Ok(report) = self.reports.try_recv() {
            self.heard.push(report);
        }
        &self.heard
    }
}

/// The advert of a configuration's first instance, from this router.
pub(crate) fn advert(node: &Node, conf: &Conf) -> Advert {
    let instance = &conf.instances[0];
    let addresses = instance.addresses();
    let ipv6 = addresses[0].is_ipv6();
    let authentication = instance.password.as_ref().map(|text| {
        let mut octets = [0; 8];
        octets[..text.len()].copy_from_slice(text.as_bytes());
        Authentication::Pass(octets)
    });
    Advert {
        vr: VrId(instance.vrid.into()),
        ifindex: ifindex(node),
        mac: node.mac,
        own: node.mac,
        family: if ipv6 { Family::V6 } else { Family::V4 },
        version: if conf.version == 2 {
            Version::V2
        } else {
            Version::V3
        },
        vrid: instance.vrid,
        priority: instance.priority,
        interval: instance.interval,
        source: if ipv6 {
            node.link_local.into()
        } else {
            node.v4.into()
        },
        unicast: Vec::new(),
        group: if ipv6 {
            GROUP_V6.into()
        } else {
            GROUP_V4.into()
        },
        ttl: 255,
        addresses,
        authentication,
        checksum: ChecksumPolicy::Pseudo,
    }
}

/// An announcement of each address of an advert.
pub(crate) fn announcements(advert: &Advert) -> Vec<Announcement> {
    let &Advert { ifindex, mac, .. } = advert;
    let announce = |&address: &IpAddr| Announcement {
        ifindex,
        mac,
        address,
    };
    advert.addresses.iter().map(announce).collect()
}

/// Index of the router's interface.
pub(crate) fn ifindex(node: &Node) -> u32 {
    node.ns
        .run(|| nix::net::if_::if_nametoindex(INTERFACE))
        .expect("the router's interface")
}
