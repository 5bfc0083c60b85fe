//! `include` and its stricter forms.

use super::{Frame, MAX_DEPTH, MAX_FILES, Reader, glob, include_check::Checks};
use crate::config::{
    diagnostic::{Code, Diagnostic, Severity},
    source::Span,
    text::Text,
};
use std::path::{Component, Path, PathBuf};

/// The words of an `include`, with what its letter insists on.
pub(super) fn parse(line: &Text) -> Option<(Checks, Text)> {
    let rest = line.as_str().strip_prefix("include")?;
    let (letter, rest) = match rest.split_at_checked(1)? {
        (space, _) if space.trim().is_empty() => ("", rest),
        (letter, rest) if rest.starts_with([' ', '\t']) => (letter, rest),
        _ => return None,
    };
    let checks = Checks::of_letter(letter)?;
    Some((
        checks,
        line.slice(line.len() - rest.len()..line.len()).trim(),
    ))
}

impl Reader<'_> {
    pub(super) fn open_root(&mut self, root: &str) {
        let path = absolute(&self.context.working_directory, Path::new(root));
        match self.source.read(&path) {
            Ok(bytes) => self.push_file(&path, &bytes),
            Err(why) => self.diagnostics.push(Diagnostic::new(
                Severity::Error,
                Code::File,
                None,
                format!("cannot read {}: {why}", path.display()),
            )),
        }
    }

    pub(super) fn include(&mut self, written: Checks, pattern: &Text, at: Span) {
        let open = self
            .frames
            .iter()
            .filter(|f| matches!(f, Frame::File { .. }))
            .count();
        if open >= MAX_DEPTH || self.files.iter().count() >= MAX_FILES {
            self.error(
                at,
                "files include one another more than 64 deep, or more than 4096 in all",
                None,
            );
            return;
        }
        let kind = written.and(self.checks);
        let directory = self.directory();
        let pattern_span = pattern.whole();
        let wanted = pattern.as_str().trim_matches('"');
        let mut paths = Vec::new();
        for alternative in glob::expand_braces(wanted) {
            let found = self.find(&absolute(&directory, Path::new(&alternative)));
            if found.is_empty() && kind.braces && alternative != wanted {
                self.missing(
                    pattern_span,
                    Severity::Error,
                    &format!("no file matches `{alternative}`"),
                );
            }
            paths.extend(found);
        }
        if paths.is_empty() {
            let wildcard = glob::has_wildcard(wanted);
            let insists = if wildcard {
                kind.wildcard
            } else {
                kind.matched
            };
            let severity = match (insists, wildcard) {
                (true, _) => Severity::Error,
                (false, true) => return,
                // keepalived only logs it; the file was meant to be there.
                (false, false) => Severity::Warning,
            };
            self.missing(
                pattern_span,
                severity,
                &format!("no file matches `{wanted}`"),
            );
            return;
        }
        // The first file is read first: it must lie on top.
        let mut frames = Vec::new();
        for path in paths {
            if self.is_open(&path) {
                self.error(
                    pattern_span,
                    &format!("{} includes itself", path.display()),
                    None,
                );
                continue;
            }
            match self.source.read(&path) {
                Ok(bytes) => frames.push((path, bytes)),
                Err(why) => {
                    let severity = if kind.readable {
                        Severity::Error
                    } else {
                        Severity::Warning
                    };
                    self.missing(
                        pattern_span,
                        severity,
                        &format!("cannot read {}: {why}", path.display()),
                    );
                }
            }
        }
        let indices: Vec<(PathBuf, u32)> = frames
            .into_iter()
            .map(|(path, bytes)| (path.clone(), self.files.add(path, &bytes)))
            .collect();
        for (path, file) in indices.into_iter().rev() {
            self.push_index(&path, file);
        }
    }

    /// Files that match, in name order; a path without wildcard need not be looked for.
    fn find(&mut self, pattern: &Path) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::new()];
        for component in pattern.components() {
            let name = component.as_os_str().to_string_lossy();
            if !matches!(component, Component::Normal(_)) || !glob::has_wildcard(&name) {
                for path in &mut found {
                    path.push(component);
                }
                continue;
            }
            let mut next = Vec::new();
            for directory in found {
                let mut names = self.source.list(&directory).unwrap_or_default();
                names.sort();
                next.extend(
                    names
                        .iter()
                        .filter(|n| glob::matches(&name, n))
                        .map(|n| directory.join(n)),
                );
            }
            found = next;
        }
        if glob::has_wildcard(&pattern.to_string_lossy()) {
            return found;
        }
        found.retain(|path| {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return false;
            };
            self.source
                .list(parent)
                .is_ok_and(|names| names.iter().any(|n| n.as_str() == name))
        });
        found
    }

    fn push_file(&mut self, path: &Path, bytes: &[u8]) {
        let file = self.files.add(path.to_path_buf(), bytes);
        self.push_index(path, file);
    }

    fn push_index(&mut self, path: &Path, file: u32) {
        let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
        self.frames.push(Frame::File {
            file,
            at: 0,
            directory,
            checks: self.checks,
        });
    }

    fn is_open(&self, path: &Path) -> bool {
        self.frames.iter().any(|frame| match frame {
            Frame::File { file, .. } => self.files.file(*file).is_some_and(|f| f.path == path),
            _ => false,
        })
    }

    fn missing(&mut self, span: Span, severity: Severity, message: &str) {
        self.diagnostics
            .push(Diagnostic::new(severity, Code::File, Some(span), message));
    }
}

fn absolute(directory: &Path, path: &Path) -> PathBuf {
    directory.join(path)
}
