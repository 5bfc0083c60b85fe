//! The netlink thread: events in, requests out, news to the event loop.

use super::{
    Command, addresses,
    kernel::{KernelAddress, Standing, Table},
    monitor::{Fact, Monitor, Requests},
    network::{self, Item, Kernel, Plan},
    promoted::Promoted,
    reconcile::{Change, key_of},
    reconciler::{Notice, Reconciler},
};
use crate::{
    config::model::VirtualAddress,
    engine::{
        action::PlacedAddress,
        input::{Input, Link},
    },
    shell::clock::now,
    time::Instant,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Requests in one datagram; between two of them newer wishes are heard.
const BATCH: usize = 64;
/// Events taken at once before the addresses are compared again.
const EVENTS_AT_ONCE: usize = 256;
/// Everything is read again at least this often, should an event have escaped us.
const RESYNC_INTERVAL: Duration = Duration::from_mins(1);
/// After losing events, wait for the storm to pass before reading everything again.
const RESYNC_DELAY: Duration = Duration::from_millis(20);
/// Routes and rules are not read more often than this.
const READ_INTERVAL: Duration = Duration::from_millis(20);
/// After a failure of their sockets.
const NETWORK_RETRY: Duration = Duration::from_secs(1);
/// Addresses named in one log line.
const NAMED_AT_MOST: usize = 4;

pub(super) struct Task {
    monitor: Monitor,
    requests: Requests,
    commands: mpsc::UnboundedReceiver<Command>,
    inputs: mpsc::Sender<Input>,
    table: Table,
    reconciler: Reconciler,
    /// As declared: wanted and managed.
    virtuals: (Vec<PlacedAddress>, Vec<PlacedAddress>),
    statics: (Vec<VirtualAddress>, Vec<VirtualAddress>),
    promoted: Promoted,
    plan: Plan,
    /// Opened with the first route or rule.
    kernel: Option<Kernel>,
    read_at: Instant,
    /// Why routes and rules are out of sight, as told.
    network_broken: Option<String>,
    told_links: BTreeMap<u32, Link>,
    dirty: BTreeSet<u32>,
    resync_at: Instant,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Why the task ended.
pub(super) enum End {
    /// Nobody listens any more.
    Unwanted,
    /// A socket broke.
    Broken(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Task {
    /// Subscribes and reads everything once.
    pub(super) async fn start(
        commands: mpsc::UnboundedReceiver<Command>,
        inputs: mpsc::Sender<Input>,
    ) -> io::Result<Self> {
        let mut task = Self {
            monitor: Monitor::open()?,
            requests: Requests::open()?,
            commands,
            inputs,
            table: Table::default(),
            reconciler: Reconciler::default(),
            virtuals: (Vec::new(), Vec::new()),
            statics: (Vec::new(), Vec::new()),
            promoted: Promoted::default(),
            plan: Plan::default(),
            kernel: None,
            read_at: Instant::default(),
            network_broken: None,
            told_links: BTreeMap::new(),
            dirty: BTreeSet::new(),
            resync_at: now(),
            waiting: Vec::new(),
        };
        match task.resync().await {
            Ok(()) => {
                task.tell().await;
                Ok(task)
            }
            Err(End::Broken(error)) => Err(error),
            Err(End::Unwanted) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    pub(super) async fn run(mut self) -> End {
        loop {
            let step = match self.settle().await {
                Ok(()) => self.wait().await,
                failed => failed,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Tells what is new and asks for what is due, until there is nothing of either.
    async fn settle(&mut self) -> Result<(), End> {
        self.look_at_network().await;
        self.take_from_network().await;
        loop {
            self.tell().await;
            let changes = self.reconciler.due(&self.table, now(), BATCH);
            if changes.is_empty() {
                break;
            }
            self.apply(&changes).await?;
            self.hear_commands();
        }
        self.add_to_network().await;
        if !self.waiting.is_empty()
            && self.reconciler.is_settled(&self.table)
            && self.plan.is_settled(&self.table)
        {
            for waiter in self.waiting.drain(..) {
                let _ = waiter.send(());
            }
        }
        Ok(())
    }

    async fn apply(&mut self, changes: &[Change]) -> Result<(), End> {
        let results = addresses::apply(&self.requests, changes).await?;
        for (change, result) in changes.iter().zip(results) {
            match result {
                Ok(()) => self.reconciler.accepted(change),
                Err(error) => {
                    let ifindex = change.key().ifindex;
                    let name = self.name(ifindex);
                    let why = explain(&error);
                    if let Some(notice) = self.reconciler.refused(change, why, &name, now()) {
                        self.say(notice).await;
                    }
                }
            }
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), End> {
        let now = now();
        let read_again = self.plan.is_stale() && !self.plan.is_idle();
        let read_again = read_again.then(|| self.read_at + READ_INTERVAL);
        let deadlines = [
            self.reconciler.next_deadline(),
            self.plan.next_deadline(),
            read_again,
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let wait = deadline
            .map_or(self.resync_at, |at| at.min(self.resync_at))
            .since(now);
        tokio::select! {
            biased;
            command = self.commands.recv() => {
                self.obey(command.ok_or(End::Unwanted)?);
                self.hear_commands();
            }
            facts = self.monitor.next(EVENTS_AT_ONCE) => {
                let facts = facts.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
                self.learn(facts).await?;
            }
            changed = routes_changed(self.kernel.as_mut()) => {
                match changed {
                    Ok(true) => self.plan.touch(),
                    Ok(false) => {}
                    Err(error) => self.network_failed(&error).await,
                }
            }
            () = tokio::time::sleep(wait) => self.look_again().await?,
        }
        Ok(())
    }

    async fn look_again(&mut self) -> Result<(), End> {
        let now = now();
        if now >= self.resync_at || self.reconciler.missed_an_effect(now) {
            self.resync().await?;
        }
        Ok(())
    }

    fn hear_commands(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Set { wanted, managed } => {
                self.virtuals = (wanted, managed);
                self.set_addresses();
            }
            Command::Network { wanted, managed } => {
                let promoted = wanted.promoted.into_iter().collect();
                complain_of_sysctl(self.promoted.set(promoted));
                if self.statics != (Vec::new(), Vec::new())
                    || !wanted.addresses.is_empty()
                    || !managed.addresses.is_empty()
                {
                    self.statics = (wanted.addresses, managed.addresses);
                    self.set_addresses();
                }
                let items = |routes: Vec<_>, rules: Vec<_>| -> Vec<Item> {
                    let rules = rules.into_iter().map(Item::Rule);
                    routes.into_iter().map(Item::Route).chain(rules).collect()
                };
                let wanted = items(wanted.routes, wanted.rules);
                let managed = items(managed.routes, managed.rules);
                self.plan.set(wanted, managed);
            }
            Command::Settle(waiter) => self.waiting.push(waiter),
        }
    }

    /// Virtual addresses and, where their interfaces are, static ones.
    fn set_addresses(&mut self) {
        let place = |list: &[VirtualAddress]| -> Vec<PlacedAddress> {
            let placed = list.iter().filter_map(|address| {
                let link = self.table.link_named(address.dev.as_deref()?)?;
                Some(PlacedAddress {
                    ifindex: link.ifindex,
                    address: address.clone(),
                })
            });
            placed.collect()
        };
        let mut wanted = place(&self.statics.0);
        let mut managed = place(&self.statics.1);
        self.reconciler
            .set_statics(wanted.iter().map(key_of).collect());
        wanted.extend_from_slice(&self.virtuals.0);
        managed.extend_from_slice(&self.virtuals.1);
        self.reconciler.set(wanted, &managed);
        // Which address is primary depends on which are virtual.
        self.dirty.extend(self.table.ifindexes());
    }

    /// Reads routes and rules, if anything may have changed.
    async fn look_at_network(&mut self) {
        let now = now();
        if self.plan.is_idle() || !self.plan.is_stale() || now.since(self.read_at) < READ_INTERVAL {
            return;
        }
        let mut kernel = match self.kernel.take().map_or_else(Kernel::open, Ok) {
            Ok(kernel) => kernel,
            Err(error) => return self.network_failed(&error).await,
        };
        self.read_at = now;
        match kernel.read(&mut self.plan, &self.table, now).await {
            Ok(notices) => {
                self.kernel = Some(kernel);
                self.network_broken = None;
                self.say_of_network(notices).await;
            }
            Err(error) => self.network_failed(&error).await,
        }
    }

    /// Addresses and links go on without; it is tried again with other sockets.
    async fn network_failed(&mut self, error: &io::Error) {
        self.kernel = None;
        self.plan.touch();
        self.read_at = now() + NETWORK_RETRY;
        let why = error.to_string();
        if self.network_broken.as_ref() == Some(&why) {
            return;
        }
        self.network_broken = Some(why.clone());
        let what = "watch routes and rules".to_owned();
        self.say(Notice::Failed { what, why }).await;
    }

    async fn take_from_network(&mut self) {
        let now = now();
        let due = !self.plan.is_idle() && self.plan.is_due(now);
        let Some(kernel) = self.kernel.as_ref().filter(|_| due) else {
            return;
        };
        match kernel.remove(&mut self.plan, &self.table, now).await {
            Ok(notices) => self.say_of_network(notices).await,
            Err(error) => self.network_failed(&error).await,
        }
    }

    /// What is out of date may lack what is there already.
    async fn add_to_network(&mut self) {
        self.look_at_network().await;
        let now = now();
        let ready = !self.plan.is_idle() && !self.plan.is_stale() && self.plan.is_due(now);
        let Some(kernel) = self.kernel.as_ref().filter(|_| ready) else {
            return;
        };
        match kernel.add(&mut self.plan, &self.table, now).await {
            Ok(notices) => self.say_of_network(notices).await,
            Err(error) => self.network_failed(&error).await,
        }
    }

    async fn say_of_network(&self, notices: Vec<network::Notice>) {
        for notice in notices {
            match notice {
                network::Notice::Failed { what, why } => {
                    self.say(Notice::Failed { what, why }).await;
                }
                network::Notice::Disturbed { what, wait } => {
                    tracing::warn!("something else deleted {what}; {}", when(wait));
                }
                network::Notice::Abandoned { what } => {
                    tracing::warn!(
                        "{what} was deleted by something else and stays away (no_track)"
                    );
                }
                network::Notice::Waiting { what, device } => {
                    tracing::warn!("{what} waits for interface {device}, which does not exist");
                }
            }
        }
    }

    async fn learn(&mut self, facts: Vec<Fact>) -> Result<(), End> {
        let now = now();
        let mut disturbed: BTreeMap<(u32, Duration), Vec<String>> = BTreeMap::new();
        for fact in facts {
            match fact {
                Fact::Link(link) => {
                    let ifindex = link.ifindex;
                    if self.table.set_link(&link) {
                        self.reconciler.link_changed(ifindex);
                        self.dirty.insert(ifindex);
                        self.plan.world_changed(true);
                        self.links_changed();
                    }
                }
                Fact::LinkGone(ifindex) => self.link_gone(ifindex).await?,
                Fact::Address(address) => {
                    self.plan.world_changed(false);
                    self.reconciler.appeared(&address.key);
                    self.address_changed(&address);
                    if address.duplicate() && self.is_news(&address) {
                        self.say(Notice::Failed {
                            what: format!("use {}", address.key.local),
                            why: "another host answers for it (duplicate address detection)".into(),
                        })
                        .await;
                    }
                    self.table.set_address(address);
                }
                Fact::AddressGone { key, origin } => {
                    self.plan.world_changed(false);
                    let by_us = origin == self.requests.port;
                    let old = self.table.remove_address(&key);
                    let was_there = old.is_some();
                    if let Some(old) = old {
                        self.address_changed(&old);
                    }
                    match self.reconciler.vanished(&key, by_us, now) {
                        Some(Notice::Disturbed { key, wait }) if was_there => {
                            let names = disturbed.entry((key.ifindex, wait)).or_default();
                            names.push(key.local.to_string());
                        }
                        Some(Notice::Abandoned { key }) => tracing::warn!(
                            "{} on {} was deleted by something else and stays away (no_track)",
                            key.local,
                            self.name(key.ifindex)
                        ),
                        _ => {}
                    }
                }
                Fact::Lost => {
                    tracing::warn!("netlink events were lost; reading everything again");
                    self.resync_at = self.resync_at.min(now + RESYNC_DELAY);
                    self.plan.touch();
                }
            }
        }
        for ((ifindex, wait), names) in disturbed {
            self.log_disturbance(ifindex, wait, &names);
        }
        Ok(())
    }

    /// Virtual addresses say nothing about a link; there may be a thousand of them.
    fn address_changed(&mut self, address: &KernelAddress) {
        if self.reconciler.standing(address) != Standing::Virtual {
            self.dirty.insert(address.key.ifindex);
        }
    }

    fn is_news(&self, address: &KernelAddress) -> bool {
        address.is_marked()
            && self
                .table
                .address(&address.key)
                .is_none_or(|old| !old.duplicate())
    }

    fn log_disturbance(&self, ifindex: u32, wait: Duration, names: &[String]) {
        let more = names.len().saturating_sub(NAMED_AT_MOST);
        let shown = names
            .iter()
            .take(NAMED_AT_MOST)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        let shown = if more > 0 {
            format!("{shown} and {more} more")
        } else {
            shown
        };
        tracing::warn!(
            "something else deleted {shown} from {}; {}",
            self.name(ifindex),
            when(wait)
        );
    }

    async fn link_gone(&mut self, ifindex: u32) -> Result<(), End> {
        self.reconciler.link_gone(ifindex);
        self.dirty.remove(&ifindex);
        let name = self.name(ifindex);
        if self.table.remove_link(ifindex) {
            self.promoted.forget(&name);
            self.plan.world_changed(true);
            self.links_changed();
            self.told_links.remove(&ifindex);
            self.send(Input::LinkGone { ifindex }).await;
        }
        Ok(())
    }

    /// Static addresses follow interfaces by name.
    fn links_changed(&mut self) {
        complain_of_sysctl(self.promoted.apply());
        if self.statics != (Vec::new(), Vec::new()) {
            self.set_addresses();
        }
    }

    /// Reads everything again and treats every difference as an event.
    async fn resync(&mut self) -> Result<(), End> {
        let snapshot = self.requests.dump().await?;
        self.resync_at = now() + RESYNC_INTERVAL;
        let links: BTreeSet<u32> = snapshot.links.iter().map(|link| link.ifindex).collect();
        let keys: BTreeSet<_> = snapshot
            .addresses
            .iter()
            .map(|address| address.key)
            .collect();
        let mut facts: Vec<Fact> = Vec::new();
        facts.extend(
            self.table
                .ifindexes()
                .filter(|i| !links.contains(i))
                .map(Fact::LinkGone),
        );
        let gone = self
            .table
            .addresses()
            .filter(|address| !keys.contains(&address.key));
        facts.extend(gone.map(|address| Fact::AddressGone {
            key: address.key,
            origin: 0,
        }));
        facts.extend(snapshot.links.into_iter().map(Fact::Link));
        facts.extend(snapshot.addresses.into_iter().map(Fact::Address));
        self.learn(facts).await?;
        self.reconciler.resynced();
        self.plan.touch();
        Ok(())
    }

    async fn tell(&mut self) {
        for ifindex in std::mem::take(&mut self.dirty) {
            let standing = |address: &_| self.reconciler.standing(address);
            let Some(link) = self.table.engine_link(ifindex, standing) else {
                continue;
            };
            if self.told_links.get(&ifindex) != Some(&link) {
                self.told_links.insert(ifindex, link.clone());
                self.send(Input::Link(link)).await;
            }
        }
        for notice in self.reconciler.news(&self.table) {
            self.say(notice).await;
        }
    }

    async fn say(&self, notice: Notice) {
        match notice {
            Notice::Placed {
                ifindex,
                address,
                present,
            } => {
                self.send(Input::AddressPlaced {
                    ifindex,
                    address,
                    present,
                })
                .await;
            }
            Notice::Failed { what, why } => {
                self.send(Input::ActionFailed {
                    what,
                    why,
                    vr: None,
                })
                .await;
            }
            Notice::Disturbed { .. } | Notice::Abandoned { .. } => {}
        }
    }

    /// A daemon that is leaving listens no more; what it declared is done all the same.
    async fn send(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }

    fn name(&self, ifindex: u32) -> String {
        self.table
            .link(ifindex)
            .map_or_else(|| format!("interface {ifindex}"), |link| link.name.clone())
    }
}

/// Never ready while there is nothing to be told of.
async fn routes_changed(kernel: Option<&mut Kernel>) -> io::Result<bool> {
    match kernel {
        Some(kernel) => kernel.changed(EVENTS_AT_ONCE).await,
        None => std::future::pending().await,
    }
}

fn complain_of_sysctl(failures: Vec<(String, io::Error)>) {
    for (name, error) in failures {
        tracing::error!(
            "promote_secondaries on {name}: {error}; addresses that go with another one are put back"
        );
    }
}

fn when(wait: Duration) -> String {
    if wait.is_zero() {
        "putting back at once".to_owned()
    } else {
        format!(
            "it was not the first time: putting back in {} ms",
            wait.as_millis()
        )
    }
}

/// What the usual refusals mean.
fn explain(error: &io::Error) -> String {
    let hint = match error.raw_os_error() {
        Some(libc::EACCES) => "IPv6 is disabled on the interface (net.ipv6.conf.*.disable_ipv6)",
        Some(libc::EPERM) => "this needs CAP_NET_ADMIN",
        Some(libc::ENODEV) => "the interface is gone",
        Some(libc::EINVAL) => "the kernel takes no such combination of options",
        Some(libc::ERANGE) => "the label is longer than 15 characters",
        _ => return error.to_string(),
    };
    format!("{error}: {hint}")
}
