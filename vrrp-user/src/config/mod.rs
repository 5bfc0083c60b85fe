//! keepalived.conf: text -> tree -> typed model, and what is wrong with it.

mod check;
mod command;
pub mod diagnostic;
mod keyword;
pub mod model;
mod read;
pub mod source;
mod text;
mod tree;
mod value;
mod words;

use std::{collections::BTreeMap, path::PathBuf};

/// What the host says, where the text asks for it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// What `@id` is compared with: `-i`, or the host name up to its first dot.
    pub config_id: String,
    /// What a relative path of the root file starts from; absolute.
    pub working_directory: PathBuf,
    /// `${_ENV NAME}`.
    pub environment: BTreeMap<String, String>,
    /// `${_RANDOM}`.
    pub random_seed: u64,
}
