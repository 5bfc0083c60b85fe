//! keepalived.conf: text -> tree -> typed model, and what is wrong with it.
//!
//! [`load`] does all of it. Nothing here touches a file or the host: text comes
//! through a [`Source`], facts of the host through a [`Context`].
//!
//! `read` (files to logical lines) -> `words` -> `tree` -> `check` (against the
//! tables of `keyword`) -> `lower` (to [`model`]) -> `lint`; [`diff`] compares
//! two models. No step fails: each leaves diagnostics and something to go on with.

mod check;
mod command;
pub mod diagnostic;
pub mod diff;
mod keyword;
mod lint;
mod lower;
pub mod model;
mod places;
mod read;
pub mod source;
mod text;
mod tree;
mod value;
mod words;

pub use diagnostic::{Code, Diagnostic, Severity, exit_code};
pub(crate) use keyword::suggest::nearest_name;
pub use keyword::{Entry as Keyword, Status, keywords};
pub use places::Places;
pub use source::{Files, Source, Span};

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
    /// `-e`: every file that an `include` names has to be there.
    pub strict_includes: bool,
}

/// What came of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration; absent exactly when a diagnostic is an error.
    pub config: Option<model::Config>,
    /// What was found, in the order of the files and their lines.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into; the root file is the first.
    pub files: Files,
    /// Where things stand in it.
    pub places: Places,
}

/// Reads a configuration and everything it includes.
pub fn load(root: &str, source: &mut dyn Source, context: &Context) -> Loaded {
    let mut files = Files::default();
    let mut diagnostics = Vec::new();
    let mut reader = read::Reader::new(source, context, &mut files, &mut diagnostics);
    let lines = reader.lines(root);
    let skipped_ids = reader.skipped_ids;
    let mut statements = tree::parse(lines, &mut diagnostics);
    check::check(&mut statements, &mut diagnostics);
    let places = Places::of(&statements);
    let directory = &context.working_directory;
    lower::read_key_files(&mut statements, source, directory, &mut diagnostics);
    let places_of_names = lower::iproute::directories(&statements, &mut diagnostics);
    let names = lower::routing::names::Names::read(source, &places_of_names);
    let config = lower::lower(&statements, &skipped_ids, &files, &names, &mut diagnostics);
    diagnostics.sort_by_key(|d| d.span);
    // A line that a sequence repeats is wrong once.
    diagnostics.dedup();
    let refused = diagnostics.iter().any(|d| d.severity == Severity::Error);
    Loaded {
        config: (!refused).then_some(config),
        diagnostics,
        files,
        places,
    }
}

#[cfg(test)]
mod tests;
