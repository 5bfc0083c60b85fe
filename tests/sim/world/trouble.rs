//! Carries out what a schedule says goes wrong.

use super::{Event, World};
use crate::{
    fault::{Death, Fault, Trouble, Who},
    node::Stage,
};
use vrrp_user::{config::model::Instance, engine::input::Input};

/// The next time this node's thread stands there, it stalls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trap {
    node: usize,
    stage: Stage,
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
                for (from, to) in pairs {
                    self.cut(from, to, true);
                    self.push(now + ns, Event::Heal { from, to });
                }
            }
            Fault::PeerRestart { peer } => {
                self.peers[peer].restart(now);
                self.arm_peer(peer);
            }
        }
    }

    fn meets(&mut self, node: usize, trouble: &Trouble, ns: u64) {
        let until = self.now + ns;
        match *trouble {
            Trouble::StallLoop => self.stall(node, true, until),
            Trouble::StallSender => self.stall(node, false, until),
            Trouble::Trap(stage, death) => self.traps.push(Trap {
                node,
                stage,
                ns,
                death,
            }),
            Trouble::SendsFail => {
                self.nodes[node].sends_fail = true;
                self.push(until, Event::SendsWork { node });
            }
            Trouble::Kill => {
                self.kill(node);
                self.push(until, Event::Restart { node });
            }
            Trouble::Terminate => {
                self.terminated.insert(node);
                self.nodes[node].tell(Input::Shutdown);
                self.wake(node, true, 1_000);
                self.push(until, Event::Restart { node });
            }
            Trouble::LinkDown => {
                self.set_link(node, false);
                self.push(until, Event::LinkUp { node });
            }
            Trouble::Script => {
                self.nodes[node].script_ok = false;
                self.push(until, Event::ScriptHeals { node });
            }
            Trouble::Reload(priority) => self.reload(node, |it| it.priority = priority),
            Trouble::Retime(interval) => self.reload(node, |it| it.advert_interval = interval),
        }
    }

    fn reload(&mut self, node: usize, change: impl FnMut(&mut Instance)) {
        let config = &mut self.nodes[node].config;
        config.instances.iter_mut().for_each(change);
        let config = Box::new(config.clone());
        self.nodes[node].tell(Input::Config(config));
        self.wake(node, true, 1_000);
    }

    fn stall(&mut self, node: usize, is_loop: bool, until: u64) {
        let thread = self.thread_mut(node, is_loop);
        thread.stalled_until = thread.stalled_until.max(until);
    }

    /// Is there a trap for this thread, where it stands? Then it has sprung.
    pub(super) fn spring(&mut self, node: usize, is_loop: bool) {
        let stage = self.nodes[node].stages()[usize::from(!is_loop)];
        let sprung = self
            .traps
            .iter()
            .position(|trap| trap.node == node && Some(trap.stage) == stage);
        let Some(index) = sprung else {
            return;
        };
        let Trap { ns, death, .. } = self.traps.swap_remove(index);
        let until = self.now + ns;
        let calm = self.schedule.calm_from_ns;
        if until > calm {
            return;
        }
        self.note(|| format!("{} stalls at {stage:?} for {ns}", node + 1));
        self.stall(node, is_loop, until);
        if let Some(Death { after_ns, gone_ns }) = death
            && until + after_ns + gone_ns <= calm
        {
            let incarnation = self.incarnations[node];
            self.push(until + after_ns, Event::Dies { node, incarnation });
            self.push(until + after_ns + gone_ns, Event::Restart { node });
        }
    }
}
