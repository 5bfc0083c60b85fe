//! What goes on around a reload: a file that says when (`schedule`), one that says that
//! files are being read (`marker`), and copies of what was read (`kept`).

mod kept;
mod marker;
mod moment;
mod schedule;

pub use kept::Kept;
pub use marker::Marker;
pub use schedule::Schedule;
