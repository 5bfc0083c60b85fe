//! Carries out what a schedule says goes wrong.

use super::{Event, World};
use crate::{
    fault::{Death, Fault, Held, StockTrouble, Trouble, Who},
    fixture,
    node::Stage,
    wire::Wire,
};
use vrrp_user::{config::model::Instance, engine::input::Input};

/// The next time this node's thread stands there, it stalls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trap {
    node: usize,
    stage: Stage,
    held: Held,
    ns: u64,
    death: Option<Death>,
}

impl World {
    pub(super) fn fault(&mut self, index: usize) {
        let (_, fault) = self.schedule.faults[index].clone();
        self.note(|| format!("{fault:?}"));
        let now = self.now;
        match fault {
            Fault::Node { who, trouble, ns } => {
                let node = match who {
                    Who::Node(node) => Some(node),
                    Who::Active => {
                        (0..self.nodes.len()).find(|&node| !self.open_vips(node).is_empty())
                    }
                };
                if let Some(node) = node {
                    self.meets(node, &trouble, ns);
                }
            }
            Fault::Cut { pairs, ns } => {
                self.count("a cut");
                for (from, to) in pairs {
                    self.cut(from, to, true);
                    self.push(now + ns, Event::Heal { from, to });
                }
            }
            Fault::Peer { peer, trouble, ns } => match trouble {
                StockTrouble::Restart => {
                    self.count("a stock peer that restarts");
                    self.peers[peer].restart(now);
                    self.arm_peer(peer);
                }
                StockTrouble::Stop => {
                    self.count("a stock peer that stops");
                    if let Some(wire) = self.peers[peer].stop() {
                        self.send(self.nodes.len() + peer, wire);
                    }
                    self.push(now + ns, Event::PeerStart { peer });
                }
            },
            Fault::Stray { vrid } => {
                self.count("a stranger that resigns");
                let instance = &self.schedule.configs[0].instances[0];
                let stray = Wire {
                    vrid,
                    priority: 0,
                    interval_cs: vrrp_user::election::timers::wire_interval_cs(
                        instance.version,
                        instance.advert_interval,
                    ),
                    version: instance.version as u8 + 2,
                    source: fixture::host(77),
                    to: None,
                };
                self.send(usize::MAX, stray);
            }
        }
    }

    fn meets(&mut self, node: usize, trouble: &Trouble, ns: u64) {
        let until = self.now + ns;
        match *trouble {
            Trouble::StallLoop => {
                self.count("a stall of an event loop");
                self.stall(node, true, until);
            }
            Trouble::StallSender => {
                self.count("a stall of a transmit thread");
                self.stall(node, false, until);
            }
            Trouble::StallNode => {
                self.count("a stall of a whole daemon");
                self.stall(node, true, until);
                self.stall(node, false, until);
            }
            Trouble::Trap(stage, held, death) => self.traps.push(Trap {
                node,
                stage,
                held,
                ns,
                death,
            }),
            Trouble::SendsFail(refused) => {
                self.nodes[node].refused = Some(refused);
                self.push(until, Event::SendsWork { node });
            }
            Trouble::Kill => {
                self.count("a kill");
                self.kill(node);
                self.push(until, Event::Restart { node });
            }
            Trouble::Reboot => {
                self.count("a reboot");
                self.kill(node);
                self.nodes[node].forget();
                self.look(node);
                self.push(until, Event::Restart { node });
            }
            Trouble::Terminate => {
                self.count("a termination");
                self.terminated.insert(node);
                self.nodes[node].tell(Input::Shutdown);
                self.wake(node, true, 1_000);
                self.push(until, Event::Restart { node });
            }
            Trouble::Quit => {
                self.count("a restart that leaves all in place");
                self.terminated.insert(node);
                self.nodes[node].tell(Input::Leave);
                self.wake(node, true, 1_000);
                self.push(until, Event::Restart { node });
            }
            Trouble::LinkDown => {
                self.count("a link that goes down");
                self.set_link(node, false);
                self.push(until, Event::LinkUp { node });
            }
            Trouble::Script => {
                self.count("a script that fails");
                self.nodes[node].script_ok = false;
                self.push(until, Event::ScriptHeals { node });
            }
            Trouble::Reload(priority) => {
                self.count("a reload of the priority");
                self.reload(node, |it| it.priority = priority);
            }
            Trouble::Retime(interval) => {
                let before = self.nodes[node].config.instances[0].advert_interval;
                if interval < before {
                    self.count("a reload to a shorter interval");
                }
                if interval > before {
                    self.count("a reload to a longer interval");
                }
                self.reload(node, |it| it.advert_interval = interval);
            }
            Trouble::Regroup => {
                self.regroups = true;
                let config = &mut self.nodes[node].config;
                let parted = config.groups.pop().is_some();
                let what = if parted {
                    "a reload that dissolves a sync group"
                } else {
                    config.groups.push(fixture::group(&config.instances));
                    "a reload that makes a sync group"
                };
                self.count(what);
                self.reload(node, |_| ());
            }
        }
    }

    fn reload(&mut self, node: usize, change: impl FnMut(&mut Instance)) {
        let config = &mut self.nodes[node].config;
        config.instances.iter_mut().for_each(change);
        self.nodes[node].reload();
        self.wake(node, true, 1_000);
    }

    fn stall(&mut self, node: usize, is_loop: bool, until: u64) {
        let thread = self.thread_mut(node, is_loop);
        thread.stalled_until = thread.stalled_until.max(until);
    }

    /// Is there a trap for this thread, where it stands? Then it has sprung.
    pub(super) fn spring(&mut self, node: usize, is_loop: bool) {
        if self.traps.is_empty() {
            return;
        }
        let Some(stage) = self.nodes[node].stage(is_loop) else {
            return;
        };
        let sprung = self
            .traps
            .iter()
            .position(|trap| trap.node == node && trap.stage == stage);
        let Some(index) = sprung else {
            return;
        };
        let Trap {
            held, ns, death, ..
        } = self.traps.swap_remove(index);
        let until = self.now + ns;
        let calm = self.schedule.calm_from_ns;
        if until > calm {
            return;
        }
        self.note(|| format!("{} stalls before {stage:?} for {ns} ({held:?})", node + 1));
        self.stalled_at.insert(stage);
        self.stall(node, is_loop, until);
        if held == Held::Node {
            self.count("a whole daemon that stalls between two effects");
            self.stall(node, !is_loop, until);
        }
        if let Some(Death { after_ns, gone_ns }) = death
            && until + after_ns + gone_ns <= calm
        {
            let incarnation = self.incarnations[node];
            self.push(until + after_ns, Event::Dies { node, incarnation });
            self.push(until + after_ns + gone_ns, Event::Restart { node });
        }
    }
}
