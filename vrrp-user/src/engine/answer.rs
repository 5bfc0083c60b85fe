//! What whoever asked for something is answered, once it is done or cannot be.

use core::net::IpAddr;
use serde::{Deserialize, Serialize};

/// What was done; or why not, in words for the operator.
pub type Answer = Result<Done, String>;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What changed hands.
    pub handed_over: Vec<HandedOver>,
}

/// An instance, or a whole sync group, that changed hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Name of the group, or of the instance that is in none.
    pub name: String,
    /// Who took over; nobody known: given up by force.
    pub to: Option<IpAddr>,
    /// From the request to that, in milliseconds.
    pub after_ms: u64,
}
