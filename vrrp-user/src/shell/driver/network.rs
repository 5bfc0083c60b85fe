//! Routes, rules and static addresses: handed on, and written down before.

use super::Driver;
use crate::engine::action::Network;

impl Driver {
    pub(super) fn set_network(&mut self, wanted: Network, managed: Network) {
        let (managed, written) = self.installed.declare(managed);
        if let Err(error) = written {
            let path = self.installed.path().display();
            let what = format!("remember routes and rules in {path}");
            self.failed(&what, &error.to_string(), None);
        }
        self.netlink.set_network(wanted, managed);
    }

    /// Nothing is configured: what a predecessor left goes.
    pub(super) fn nothing_to_install(&mut self) {
        if self.installed.is_pending() {
            self.set_network(Network::default(), Network::default());
        }
    }
}
