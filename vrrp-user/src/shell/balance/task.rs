//! The thread: what happens goes to the director, what it asks for into the maps.

use super::{
    Asked, News, Order,
    picture::Picture,
    rates::{Amounts, Rates, TICK},
    resolver::{Reach, Resolver},
    sweep::Pass,
};
use crate::{
    balance::{Action, Director, Edit, Input},
    config::model::balance::Balance,
    shell::{
        bpf::{
            Instance, Pins, Variant,
            balance::{self, Balancing, Records, Root},
        },
        clock,
    },
    time::Instant,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};
use vrrp_common::balance::{Cause, SERVER_LIVE, SERVICE_LIVE};

/// Between two passes over the connections, if a pass is quick.
const PASS_EVERY: Duration = Duration::from_secs(1);
/// A pass takes no more than one part in so many of the thread's time.
const PASS_SHARE: u32 = 20;
/// Between two slices of a pass.
const SLICE_EVERY: Duration = Duration::from_millis(5);
/// What failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a start waits for neighbours to answer before servers without an answer
/// count as unreachable.
const FIRST_ANSWERS: Duration = Duration::from_millis(200);

pub(super) fn work(
    instance: &Instance,
    variant: Variant,
    orders: mpsc::UnboundedReceiver<Order>,
    news: &mpsc::UnboundedSender<News>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(run(instance, variant, orders, news)));
    if let Err(error) = done {
        let why = format!("virtual_server: the thread has ended: {error:#}");
        tracing::error!("{why}");
        let _ = news.send(News::Status(json!({ "trouble": [why] })));
    }
}

async fn run(
    instance: &Instance,
    variant: Variant,
    mut orders: mpsc::UnboundedReceiver<Order>,
    news: &mpsc::UnboundedSender<News>,
) -> Result<()> {
    let root = Root {
        pins: Pins::open(instance),
        variant,
    };
    let mut waiting = Vec::new();
    let mut said = None;
    let (task, first) = loop {
        let mut notes = Vec::new();
        match load(&root, &mut notes) {
            Ok(task) => break (task, waiting),
            Err(error) => {
                let why = format!("{error:#}");
                if said.as_ref() != Some(&why) {
                    tracing::error!("virtual_server is not served: {why}");
                    let _ = news.send(News::Status(json!({ "trouble": [&why] })));
                    said = Some(why);
                }
            }
        }
        // What is ordered meanwhile waits; what is asked is told why.
        let deadline = tokio::time::sleep(RETRY);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                () = &mut deadline => break,
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(Order::End(done)) => {
                        let _ = done.send(());
                        return Ok(());
                    }
                    Some(Order::Ask(_, reply)) => {
                        let why = said.clone().unwrap_or_default();
                        reply.send(Err(format!("virtual_server is not served: {why}")));
                    }
                    Some(order) => waiting.push(order),
                },
            }
        }
    };
    task.serve(first, orders, news).await
}

fn load(root: &Root, notes: &mut Vec<String>) -> Result<Task> {
    let Balancing {
        records, inherited, ..
    } = balance::obtain(root, notes)?;
    for note in notes.drain(..) {
        tracing::warn!("{note}");
    }
    let seed = seed(&records);
    let mut director = Director::new(seed, records.next_generation());
    if inherited {
        director.inherit(&records.standing()?);
    }
    let now = clock::now();
    Ok(Task {
        director,
        records,
        resolver: Resolver::open().context("watch routes and neighbours")?,
        rates: Rates::default(),
        pass: None,
        pass_at: now,
        rates_at: now,
        idle: None,
        last_pass: LastPass::default(),
        services: BTreeSet::new(),
        gated: BTreeSet::new(),
        unserved: BTreeMap::new(),
        told: (None, BTreeSet::new()),
    })
}

/// What a predecessor mixed into hashes, or something new.
fn seed(records: &Records) -> u32 {
    match records.rules().seed {
        0 => {
            let [a, b, c, d, ..] = clock::now().as_ns().to_le_bytes();
            u32::from_le_bytes([a, b, c, d]) ^ std::process::id() | 1
        }
        seed => seed,
    }
}

struct Task {
    director: Director,
    records: Records,
    resolver: Resolver,
    rates: Rates,
    pass: Option<(Pass, Duration)>,
    pass_at: Instant,
    rates_at: Instant,
    /// What had been scheduled when a pass found nothing: until more is, there is
    /// nothing to look for.
    idle: Option<u64>,
    last_pass: LastPass,
    /// Addresses of services, and those of them that have a gate.
    services: BTreeSet<IpAddr>,
    gated: BTreeSet<IpAddr>,
    /// What could not be done, by what.
    unserved: BTreeMap<&'static str, String>,
    told: (Option<Value>, BTreeSet<u32>),
}

#[derive(Clone, Copy, Debug, Default)]
struct LastPass {
    connections: u64,
    forgotten: u64,
    took: Duration,
}

impl Task {
    async fn serve(
        mut self,
        first: Vec<Order>,
        mut orders: mpsc::UnboundedReceiver<Order>,
        news: &mpsc::UnboundedSender<News>,
    ) -> Result<()> {
        for order in first {
            self.obey(order).await?;
        }
        loop {
            self.carry_out();
            self.look_around().await?;
            self.carry_out();
            self.upkeep();
            self.carry_out();
            self.tell(news);
            let wake = self.wakes_at();
            tokio::select! {
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(Order::End(done)) => {
                        self.end(done);
                        return Ok(());
                    }
                    Some(order) => self.obey(order).await?,
                },
                heard = self.resolver.changed(clock::now) => heard.context("netlink")?,
                () = tokio::time::sleep(wake.since(clock::now())) => {}
            }
        }
    }

    /// The maps are closed before whoever waits removes their names.
    fn end(self, done: oneshot::Sender<()>) {
        drop(self);
        let _ = done.send(());
    }

    async fn obey(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Config { balance, gates } => {
                self.note_services(&balance);
                self.gated = gates.keys().copied().collect();
                self.meet(&balance).await?;
                let input = Input::Config { balance, gates };
                self.director.handle(input, clock::now());
            }
            Order::Gates(gates) => {
                self.gated = gates.keys().copied().collect();
                self.director.handle(Input::Gates(gates), clock::now());
            }
            Order::Ask(Asked::Show, reply) => {
                let picture = self.picture().and_then(|it| Ok(serde_json::to_value(it)?));
                reply.send(picture.map_err(|error| format!("{error:#}")));
            }
            Order::Ask(
                Asked::Edit(Edit::Add {
                    method: Some(method),
                    ..
                }),
                reply,
            ) if let Some(what) = method.unserved() => {
                reply.send(Err(format!("{what} is not served yet; DR is")));
            }
            Order::Ask(Asked::Edit(edit), reply) => {
                let done = self.director.edit(&edit, clock::now());
                self.carry_out();
                reply.send(done.map(|()| Value::Null));
            }
            Order::End(done) => {
                let _ = done.send(());
            }
        }
        Ok(())
    }

    /// Finds the ways to servers before the director is told of them: what is reached
    /// already is so from the first record on.
    async fn meet(&mut self, balance: &Balance) -> Result<()> {
        let servers = balance.services.iter().flat_map(|it| &it.servers);
        let addresses: BTreeSet<IpAddr> = servers.map(|it| it.address).collect();
        let addresses: Vec<IpAddr> = addresses.into_iter().collect();
        self.resolver.set(&addresses, clock::now());
        let until = clock::now() + FIRST_ANSWERS;
        let mut found = BTreeMap::new();
        loop {
            let news = self.resolver.settle(clock::now).await.context("netlink")?;
            found.extend(news);
            let left = until.since(clock::now());
            if left.is_zero() || self.resolver.complaints().next().is_none() {
                // Told once, and not that nobody had answered yet.
                for (address, reach) in found {
                    self.reached(address, reach);
                }
                return Ok(());
            }
            let heard = tokio::time::timeout(left, self.resolver.changed(clock::now)).await;
            heard.unwrap_or(Ok(())).context("netlink")?;
        }
    }

    fn note_services(&mut self, balance: &Balance) {
        let listens = balance.services.iter().flat_map(|it| &it.listens);
        self.services = listens.flat_map(|it| [it.first, it.last]).collect();
    }

    async fn look_around(&mut self) -> Result<()> {
        let found = self.resolver.settle(clock::now).await.context("netlink")?;
        for (address, reach) in found {
            self.reached(address, reach);
        }
        Ok(())
    }

    fn reached(&mut self, address: IpAddr, reach: Reach) {
        match &reach {
            Ok(path) if path.local => tracing::debug!("real server {address} is this host"),
            Ok(path) => tracing::debug!("real server {address} is reached by {:?}", path.hop),
            Err(why) => tracing::warn!("real server {address} cannot be reached: {why}"),
        }
        let path = reach.ok();
        self.director
            .handle(Input::Route { address, path }, clock::now());
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.director.poll_action() {
            let (what, done) = self.carry_out_one(action);
            self.note(what, done);
        }
    }

    fn carry_out_one(&mut self, action: Action) -> (&'static str, Result<()>) {
        let records = &mut self.records;
        match action {
            Action::WriteRing { page, slots } => ("write a ring", records.write_ring(page, &slots)),
            Action::WriteHop { id, hop } => ("write a next hop", records.write_hop(id, &hop)),
            Action::WriteServer { id, server } => {
                if server.flags & SERVER_LIVE != 0 {
                    let counted = counted(records, id);
                    self.rates
                        .server(id, server.service, server.generation, counted);
                }
                ("write a real server", records.write_server(id, &server))
            }
            Action::WriteService { id, service } => {
                if service.flags & SERVICE_LIVE == 0 {
                    self.rates.service_gone(id);
                }
                (
                    "write a virtual server",
                    records.write_service(id, &service),
                )
            }
            Action::SetKey { key, service } => (
                "write an address of a virtual server",
                records.set_key(&key, service),
            ),
            Action::WriteRules(rules) => ("write the time limits", records.write_rules(&rules)),
            Action::WriteWatched(watched) => {
                ("write what is watched", records.write_watched(&watched))
            }
            Action::ClearCounters { server } => {
                let before = counted(records, server);
                self.rates.cleared(server, before);
                ("clear counters", records.clear_traffic(server))
            }
            Action::Resolve(addresses) => {
                self.resolver.set(&addresses, clock::now());
                ("resolve", Ok(()))
            }
            Action::Log(line) => {
                tracing::info!("{line}");
                ("log", Ok(()))
            }
        }
    }

    /// Says what is new among what is wrong. What the maps refused is not tried again:
    /// the next change of the same kind may end it.
    fn note(&mut self, what: &'static str, done: Result<()>) {
        match done {
            Ok(()) => {
                self.unserved.remove(what);
            }
            Err(error) => {
                let why = format!("cannot {what}: {error:#}");
                if self.unserved.get(what) != Some(&why) {
                    tracing::error!("virtual_server: {why}");
                    self.unserved.insert(what, why);
                }
            }
        }
    }

    /// What nothing asks for: the director's deadline, rates, and a slice of a pass.
    fn upkeep(&mut self) {
        let now = clock::now();
        if self.director.poll_timeout().is_some_and(|at| at <= now) {
            self.director.handle_timeout(now);
        }
        if now >= self.rates_at {
            let records = &self.records;
            self.rates.tick(|id| counted(records, id));
            self.rates_at = now + TICK;
        }
        if now >= self.pass_at {
            let done = self.sweep(now);
            self.note("sweep connections", done);
        }
    }

    fn sweep(&mut self, now: Instant) -> Result<()> {
        let (mut pass, took) = if let Some(pass) = self.pass.take() {
            pass
        } else {
            let scheduled = self.scheduled()?;
            if self.idle == Some(scheduled) {
                self.pass_at = now + PASS_EVERY;
                return Ok(());
            }
            self.idle = Some(scheduled);
            (Pass::new(&self.records, self.rates.ids())?, Duration::ZERO)
        };
        let found = pass.go_on(&mut self.records, now.as_ns());
        let end = clock::now();
        let took = took + end.since(now);
        match found {
            Ok(None) => {
                self.pass = Some((pass, took));
                self.pass_at = end + SLICE_EVERY;
                Ok(())
            }
            Ok(Some(found)) => {
                if found.seen > 0 || !found.counted.is_empty() {
                    self.idle = None;
                }
                self.last_pass = LastPass {
                    connections: found.seen,
                    forgotten: self.last_pass.forgotten + found.forgotten,
                    took,
                };
                self.pass_at = end + PASS_EVERY.max(took * PASS_SHARE);
                self.director.handle(Input::Counted(found.counted), end);
                Ok(())
            }
            Err(error) => {
                self.pass_at = end + RETRY;
                self.idle = None;
                Err(error)
            }
        }
    }

    /// Whether connections may have come since: it grows with each of them.
    fn scheduled(&self) -> Result<u64> {
        let counters = self.records.counters()?;
        let of = |cause| counters.get(cause);
        Ok(of(Cause::Scheduled).wrapping_add(of(Cause::Rescheduled)))
    }

    fn wakes_at(&self) -> Instant {
        let mut wake = self
            .resolver
            .poll_timeout()
            .min(self.pass_at)
            .min(self.rates_at);
        if let Some(at) = self.director.poll_timeout() {
            wake = wake.min(at);
        }
        wake
    }

    fn picture(&self) -> Result<Picture> {
        let (mut picture, ids) = Picture::from_maps(&self.records)?;
        picture.annotate(&ids, &self.director);
        for (service, &id) in picture.services.iter_mut().zip(&ids) {
            let counted = |id| counted(&self.records, id);
            service.total = self.rates.service_total(id, counted);
            service.rate = self.rates.service_rate(id);
            for server in &mut service.servers {
                server.rate = self.rates.server_rate(server.id);
                server.total = self.rates.own(server.id, server.total);
            }
        }
        picture.trouble = self.trouble();
        Ok(picture)
    }

    fn trouble(&self) -> Vec<String> {
        let unreachable = self
            .resolver
            .complaints()
            .map(|why| format!("real server {why}"));
        self.unserved.values().cloned().chain(unreachable).collect()
    }

    /// What is new for the event loop.
    fn tell(&mut self, news: &mpsc::UnboundedSender<News>) {
        let open: BTreeSet<IpAddr> = self.services.difference(&self.gated).copied().collect();
        let interfaces = if self.services.is_empty() {
            BTreeSet::new()
        } else {
            self.resolver.interfaces(&open)
        };
        if interfaces != self.told.1 {
            self.told.1.clone_from(&interfaces);
            let _ = news.send(News::Interfaces(interfaces));
        }
        let services = self.director.services().count();
        let status = json!({
            "services": services,
            "connections": self.last_pass.connections,
            "forgotten": self.last_pass.forgotten,
            "sweep_us": self.last_pass.took.as_micros(),
            "trouble": self.trouble(),
        });
        if self.told.0.as_ref() != Some(&status) {
            self.told.0 = Some(status.clone());
            let _ = news.send(News::Status(status));
        }
    }
}

fn counted(records: &Records, id: u32) -> Amounts {
    // Such an id is read because it was written: what fails is said there.
    records.traffic(id).map(Amounts::from).unwrap_or_default()
}
