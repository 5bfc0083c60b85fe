//! Composes the others: inputs in, actions out.

use super::{
    Action, Edit, Input, Path, ServiceName,
    pool::Pool,
    settle::{Inheritance, Settling, Standing},
};
use crate::{config::model::balance::Balance, time::Instant};
use core::net::IpAddr;
use std::collections::{BTreeMap, VecDeque};
use vrrp_common::balance::Load;

/// Says what the balancer's maps must hold.
///
/// The contract, which is the engine's: after each [`Director::handle`] and
/// [`Director::handle_timeout`] its owner drains [`Director::poll_action`], carries the
/// actions out in order, and sleeps no longer than [`Director::poll_timeout`] says. Of an
/// address that [`Action::Resolve`] names for the first time it tells the
/// [`Input::Route`], and again whenever it changes.
#[derive(Debug)]
pub struct Director {
    pub(super) pools: Vec<Pool>,
    pub(super) standing: Standing,
    pub(super) routes: BTreeMap<IpAddr, Path>,
    pub(super) loads: BTreeMap<u32, Load>,
    balance: Balance,
    gates: BTreeMap<IpAddr, u32>,
    actions: VecDeque<Action>,
    seed: u32,
}

impl Director {
    /// Nothing is balanced yet. `seed` is mixed into hashes that no other director has to
    /// make alike. Where maps outlive a daemon `first_generation` must be none that
    /// another daemon gave before: their connections name servers by id and generation.
    #[must_use]
    pub fn new(seed: u32, first_generation: u32) -> Self {
        Self {
            pools: Vec::new(),
            standing: Standing::new(first_generation),
            routes: BTreeMap::new(),
            loads: BTreeMap::new(),
            balance: Balance::default(),
            gates: BTreeMap::new(),
            actions: VecDeque::new(),
            seed,
        }
    }

    /// Goes on with what a predecessor left in the maps, before the first configuration.
    pub fn inherit(&mut self, left: &Inheritance) {
        self.standing.inherit(left);
    }

    /// Takes in what happened. An edit that cannot be carried out becomes a line in the
    /// log; who wants to tell its author asks [`Director::edit`].
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Config { balance, gates } => {
                self.pools = balance.services.iter().cloned().map(Pool::new).collect();
                self.balance = *balance;
                self.gates = gates;
                self.settle(now);
            }
            Input::Gates(gates) => {
                self.gates = gates;
                self.settle(now);
            }
            Input::Route { address, path } => {
                match path {
                    Some(path) => self.routes.insert(address, path),
                    None => self.routes.remove(&address),
                };
                let path = self.routes.get(&address);
                let rerouted = self.standing.reroute(address, path, now);
                self.actions.extend(rerouted);
            }
            Input::Edit(edit) => {
                if let Err(why) = self.edit(&edit, now) {
                    self.actions.push_back(Action::Log(why));
                }
            }
            Input::Counted(loads) => self.loads = loads,
        }
    }

    /// Carries out an operator's wish. An error says why it cannot be, and nothing has
    /// changed.
    pub fn edit(&mut self, edit: &Edit, now: Instant) -> Result<(), String> {
        let ServiceName(name) = edit.service();
        let Some(pool) = self
            .pools
            .iter_mut()
            .find(|pool| pool.service.name.eq_ignore_ascii_case(name))
        else {
            let names: Vec<&str> = self
                .pools
                .iter()
                .map(|pool| pool.service.name.as_str())
                .collect();
            return Err(format!(
                "no virtual server is named {name}; there is {}",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ));
        };
        pool.edit(edit)?;
        self.settle(now);
        Ok(())
    }

    /// The deadline has come, or another has: what had no room may have some now.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.settle(now);
        }
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Director::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.standing.retry
    }

    fn settle(&mut self, now: Instant) {
        let settling = Settling {
            balance: &self.balance,
            seed: self.seed,
            pools: &self.pools,
            gates: &self.gates,
            now,
        };
        let actions = self.standing.settle(&settling, &mut self.routes);
        self.actions.extend(actions);
        let servers = &self.standing.servers;
        self.loads.retain(|id, _| servers.contains_key(id));
    }
}

impl Edit {
    /// The service it is about.
    #[must_use]
    pub const fn service(&self) -> &ServiceName {
        match self {
            Self::Drain { service, .. }
            | Self::Weight { service, .. }
            | Self::Add { service, .. }
            | Self::Remove { service, .. }
            | Self::Restore { service } => service,
        }
    }
}
