//! `virtual_server`, outside the pure room: a thread of its own between the
//! [`Director`](crate::balance::Director) and the kernel.
//!
//! Never real-time, and the event loop never waits for it: what the one tells the other
//! goes through channels. It is started with the first `virtual_server`, by a reload as
//! well, and ends with the daemon.
//!
//! | file | what is in it |
//! |---|---|
//! | `task` | the thread: inputs to the director, its actions to the maps |
//! | `resolver` | asks the kernel for routes and neighbours, and keeps them |
//! | `route` | how a server is reached, from what the kernel says |
//! | `sweep` | forgets connections whose time is over, and counts the others |
//! | `rates` | totals and rates, as IPVS has them |
//! | `picture` | what `xvrrpd lvs` shows |

pub mod picture;
pub mod rates;
mod resolver;
mod route;
mod sweep;
mod task;

use super::{
    bpf::{self, Instance, Variant},
    control::Reply,
};
use crate::{
    balance::Edit,
    config::model::{Config, balance::Balance},
    engine::action::VipRecord,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    thread,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Gate of a virtual address that has none yet: there is no such gate, so it is shut.
const GATE_UNKNOWN: u32 = u32::MAX - 1;

/// What `xvrrpd lvs` asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// [`picture::Picture`], as JSON.
    Show,
    /// To be changed until the next reload.
    Edit(Edit),
}

/// To the thread.
enum Order {
    Config {
        balance: Box<Balance>,
        gates: BTreeMap<IpAddr, u32>,
    },
    Gates(BTreeMap<IpAddr, u32>),
    Ask(Asked, Reply<Result<Value, String>>),
    End(oneshot::Sender<()>),
}

/// From the thread.
#[derive(Debug)]
pub enum News {
    /// Interfaces that its packets come in by, by index: the whole set.
    Interfaces(BTreeSet<u32>),
    /// For `status`.
    Status(Value),
}

/// The event loop's end.
pub struct Balancer {
    instance: Instance,
    variant: Variant,
    orders: Option<mpsc::UnboundedSender<Order>>,
    news: mpsc::UnboundedSender<News>,
    status: Value,
    /// Every virtual address of the configuration.
    virtuals: BTreeSet<IpAddr>,
    /// Their gates, as far as they have some.
    gates: BTreeMap<IpAddr, u32>,
    told: BTreeMap<IpAddr, u32>,
    /// Not told yet.
    pending: Option<Balance>,
    dirty: bool,
    /// A first configuration was told, or there was nothing in it.
    begun: bool,
}

impl Balancer {
    /// Nothing is done before the first `virtual_server`. The thread's news come out here.
    #[must_use]
    pub fn new(instance: Instance, variant: Variant) -> (Self, mpsc::UnboundedReceiver<News>) {
        let (news, news_out) = mpsc::unbounded_channel();
        let balancer = Self {
            instance,
            variant,
            orders: None,
            news,
            status: Value::Null,
            virtuals: BTreeSet::new(),
            gates: BTreeMap::new(),
            told: BTreeMap::new(),
            pending: None,
            dirty: false,
            begun: false,
        };
        (balancer, news_out)
    }

    /// Another configuration; it is told with [`Balancer::tell`], once gates are known.
    pub fn configure(&mut self, config: &Config) {
        let addresses = config.instances.iter().flat_map(|it| {
            let all = it.addresses.iter().chain(&it.excluded_addresses);
            all.map(|it| it.address)
        });
        self.virtuals = addresses.collect();
        let mut balance = config.balance.clone();
        balance.services.retain(|it| it.unserved().is_none());
        self.pending = Some(balance);
        self.dirty = true;
    }

    /// Virtual addresses have these gates now.
    pub fn set_vips(&mut self, vips: &[VipRecord]) {
        self.gates = vips.iter().map(|it| (it.address, it.gate.0)).collect();
        self.dirty = true;
    }

    /// Tells the thread what is new, and starts it if there is something to balance.
    pub fn tell(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let mut gates: BTreeMap<IpAddr, u32> = self
            .virtuals
            .iter()
            .map(|address| (*address, GATE_UNKNOWN))
            .collect();
        gates.extend(&self.gates);
        if let Some(balance) = self.pending.take() {
            // A predecessor's may go on forwarding: they are to be taken out.
            let left =
                !std::mem::replace(&mut self.begun, true) && bpf::balance::has_pins(&self.instance);
            if self.orders.is_none() && balance.services.is_empty() && !left {
                return;
            }
            self.told.clone_from(&gates);
            self.order(Order::Config {
                balance: Box::new(balance),
                gates,
            });
        } else if self.orders.is_some() && gates != self.told {
            self.told.clone_from(&gates);
            self.order(Order::Gates(gates));
        }
    }

    fn order(&mut self, order: Order) {
        if self.orders.is_none() {
            let (orders, orders_out) = mpsc::unbounded_channel();
            let (instance, variant) = (self.instance.clone(), self.variant);
            let news = self.news.clone();
            let thread = thread::Builder::new().name("balance".into());
            match thread.spawn(move || task::work(&instance, variant, orders_out, &news)) {
                Ok(_) => self.orders = Some(orders),
                Err(error) => {
                    let why = format!("no thread for virtual_server: {error}");
                    tracing::error!("{why}");
                    self.status = serde_json::json!({ "trouble": [why] });
                }
            }
        }
        if let Some(orders) = &self.orders {
            // Its end is told where it ends.
            let _ = orders.send(order);
        }
    }

    /// Passes a question on.
    pub fn ask(&mut self, asked: Asked, reply: Reply<Result<Value, String>>) {
        let Some(orders) = &self.orders else {
            let why =
                "no virtual_server is configured here: add one to the file, and `xvrrpd reload`";
            return reply.send(Err(why.into()));
        };
        if let Err(mpsc::error::SendError(Order::Ask(_, reply))) =
            orders.send(Order::Ask(asked, reply))
        {
            reply.send(Err(
                "the thread of virtual_server has ended; see the log".into()
            ));
        }
    }

    /// For `status`.
    pub fn set_status(&mut self, status: Value) {
        self.status = status;
    }

    /// For `status`; null without a `virtual_server`.
    #[must_use]
    pub const fn describe(&self) -> &Value {
        &self.status
    }

    /// Ends the thread and waits for it, but no longer than `limit`; `false`: it goes on.
    pub async fn end(&mut self, limit: Duration) -> bool {
        let Some(orders) = self.orders.take() else {
            return true;
        };
        let (done, is_done) = oneshot::channel();
        if orders.send(Order::End(done)).is_err() {
            return true;
        }
        // Dropped or sent: it is over.
        tokio::time::timeout(limit, is_done).await.is_ok()
    }
}
