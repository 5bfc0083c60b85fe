//! The balancer's own object: loaded when the first `virtual_server` is configured, and
//! its maps.
//!
//! | file | what is in it |
//! |---|---|
//! | `load` | programs and maps: found as a predecessor left them, or loaded |
//! | `shapes` | what the maps must look like |
//! | `records` | the maps, written and read |
//! | `mapped` | an mmapable array as shared memory |

mod load;
mod mapped;
mod records;
mod shapes;

pub use load::{Balancing, Root, has_pins, obtain, open_existing};
pub use records::{Cursor, LoadWord, Records};
