//! The netlink thread: events in, requests out, news to the event loop.

use super::{
    Command, addresses,
    kernel::{KernelAddress, Standing, Table},
    monitor::{Fact, Monitor, Requests},
    reconcile::Change,
    reconciler::{Notice, Reconciler},
};
use crate::{
    engine::input::{Input, Link},
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
/// Addresses named in one log line.
const NAMED_AT_MOST: usize = 4;

pub(super) struct Task {
    monitor: Monitor,
    requests: Requests,
    commands: mpsc::UnboundedReceiver<Command>,
    inputs: mpsc::Sender<Input>,
    table: Table,
    reconciler: Reconciler,
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
            told_links: BTreeMap::new(),
            dirty: BTreeSet::new(),
            resync_at: now(),
            waiting: Vec::new(),
        };
        let told = match task.resync().await {
            Ok(()) => task.tell().await,
            failed => failed,
        };
        match told {
            Ok(()) => Ok(task),
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
        loop {
            self.tell().await?;
            let changes = self.reconciler.due(&self.table, now(), BATCH);
            if changes.is_empty() {
                break;
            }
            self.apply(&changes).await?;
            self.hear_commands();
        }
        if !self.waiting.is_empty() && self.reconciler.is_settled(&self.table) {
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
                        self.say(notice).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), End> {
        let now = now();
        let deadline = self.reconciler.next_deadline().unwrap_or(self.resync_at);
        let wait = deadline.min(self.resync_at).since(now);
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
                self.reconciler.set(wanted, &managed);
                // Which address is primary depends on which are virtual.
                self.dirty.extend(self.table.ifindexes());
            }
            Command::Settle(waiter) => self.waiting.push(waiter),
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
                    }
                }
                Fact::LinkGone(ifindex) => self.link_gone(ifindex).await?,
                Fact::Address(address) => {
                    self.reconciler.appeared(&address.key);
                    self.address_changed(&address);
                    if address.duplicate() && self.is_news(&address) {
                        self.say(Notice::Failed {
                            what: format!("use {}", address.key.local),
                            why: "another host answers for it (duplicate address detection)".into(),
                        })
                        .await?;
                    }
                    self.table.set_address(address);
                }
                Fact::AddressGone { key, origin } => {
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
        let when = if wait.is_zero() {
            "putting back at once".to_owned()
        } else {
            format!(
                "it was not the first time: putting back in {} ms",
                wait.as_millis()
            )
        };
        tracing::warn!(
            "something else deleted {shown} from {}; {when}",
            self.name(ifindex)
        );
    }

    async fn link_gone(&mut self, ifindex: u32) -> Result<(), End> {
        self.reconciler.link_gone(ifindex);
        self.dirty.remove(&ifindex);
        if self.table.remove_link(ifindex) {
            self.told_links.remove(&ifindex);
            self.send(Input::LinkGone { ifindex }).await?;
        }
        Ok(())
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
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), End> {
        for ifindex in std::mem::take(&mut self.dirty) {
            let standing = |address: &_| self.reconciler.standing(address);
            let Some(link) = self.table.engine_link(ifindex, standing) else {
                continue;
            };
            if self.told_links.get(&ifindex) != Some(&link) {
                self.told_links.insert(ifindex, link.clone());
                self.send(Input::Link(link)).await?;
            }
        }
        for notice in self.reconciler.news(&self.table) {
            self.say(notice).await?;
        }
        Ok(())
    }

    async fn say(&self, notice: Notice) -> Result<(), End> {
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
                .await
            }
            Notice::Failed { what, why } => {
                self.send(Input::ActionFailed {
                    what,
                    why,
                    vr: None,
                })
                .await
            }
            Notice::Disturbed { .. } | Notice::Abandoned { .. } => Ok(()),
        }
    }

    async fn send(&self, input: Input) -> Result<(), End> {
        self.inputs.send(input).await.map_err(|_| End::Unwanted)
    }

    fn name(&self, ifindex: u32) -> String {
        self.table
            .link(ifindex)
            .map_or_else(|| format!("interface {ifindex}"), |link| link.name.clone())
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
