//! Lines to a tree of statements and blocks. Parsing never fails: it recovers
//! and says what it found.

use super::{
    diagnostic::{Code, Diagnostic},
    keyword::{
        self, Kind,
        suggest::{Suggestion, suggest},
    },
    read::Line,
    source::Span,
    text::Text,
    words::{Piece, Word, pieces},
};
use std::collections::VecDeque;

/// A keyword with what follows it, or a row of a block without keywords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Never empty.
    pub(crate) words: Vec<Word>,
    /// The line it stands on, for keywords that take a command.
    pub(crate) raw: Text,
    /// A comment that begins right behind its last word.
    pub(crate) glued_comment: Option<Span>,
    pub(crate) block: Option<Block>,
}

/// What stands between braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) statements: Vec<Statement>,
}

impl Statement {
    /// The keyword, or a row's first word.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// Where the keyword stands.
    pub(crate) fn name_span(&self) -> Span {
        self.words
            .first()
            .map_or_else(|| self.raw.whole(), |word| word.span)
    }

    /// All its words.
    pub(crate) fn span(&self) -> Span {
        let last = self
            .words
            .last()
            .map_or_else(|| self.raw.whole(), |word| word.span);
        self.name_span().to(last)
    }

    /// What follows the keyword.
    pub(crate) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// A block that is still open.
struct Open {
    head: Option<Statement>,
    brace: Span,
    kind: Kind,
    statements: Vec<Statement>,
}

struct Parser<'a> {
    root: Vec<Statement>,
    open: Vec<Open>,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// `{` without `}` in the whole file; negative for the opposite.
    missing_closes: isize,
    /// The last statement has no block yet and nothing came after it.
    may_open: bool,
}

/// Statements of the top level.
pub(crate) fn parse(lines: Vec<Line>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Statement> {
    let mut stream: VecDeque<(Piece, Option<Span>)> = VecDeque::new();
    for line in lines {
        for piece in pieces(&line.text) {
            stream.push_back((piece, None));
        }
        if let Some(last) = stream.back_mut() {
            last.1 = line.glued_comment;
        }
    }
    let missing_closes = stream.iter().fold(0, |sum: isize, (piece, _)| match piece {
        Piece::Open(_) => sum + 1,
        Piece::Close(_) => sum - 1,
        Piece::Words(..) => sum,
    });
    let mut parser = Parser {
        root: Vec::new(),
        open: Vec::new(),
        diagnostics,
        missing_closes,
        may_open: false,
    };
    while let Some((piece, glued_comment)) = stream.pop_front() {
        match piece {
            Piece::Words(words, raw) => {
                let opens = matches!(stream.front(), Some((Piece::Open(_), _)));
                parser.statement(
                    Statement {
                        words,
                        raw,
                        glued_comment,
                        block: None,
                    },
                    opens,
                );
            }
            Piece::Open(span) => parser.open(span),
            Piece::Close(span) => parser.close(span),
        }
    }
    parser.finish()
}

impl Parser<'_> {
    fn kind(&self) -> Kind {
        self.open.last().map_or(Kind::Root, |open| open.kind)
    }

    fn statements(&mut self) -> &mut Vec<Statement> {
        match self.open.last_mut() {
            Some(open) => &mut open.statements,
            None => &mut self.root,
        }
    }

    fn statement(&mut self, mut statement: Statement, opens: bool) {
        // U+FF5B, a `{` typed with an input method for wide characters.
        let wide = statement.words.pop_if(|w| w.text == "\u{ff5b}");
        if let Some(word) = wide {
            let found =
                Diagnostic::error(Code::Syntax, word.span, "`\u{ff5b}` (U+FF5B) is not `{`");
            self.diagnostics
                .push(found.help("type the ASCII character"));
            if !statement.words.is_empty() {
                self.missing_closes += 1;
                self.statements().push(statement);
                self.may_open = true;
            }
            self.open(word.span);
            return;
        }
        if self.missing_closes > 0 {
            self.close_before(&statement, opens);
        }
        let needs_block =
            keyword::lookup(self.kind(), statement.name()).is_some_and(|k| k.block.is_some());
        let span = statement.span();
        let example = keyword::lookup(self.kind(), statement.name()).map(|k| k.name);
        self.statements().push(statement);
        self.may_open = true;
        if needs_block && !opens {
            let name = example.unwrap_or_default();
            let found = Diagnostic::error(
                Code::Syntax,
                span,
                format!("`{{` is missing after `{name}`"),
            )
            .help(format!("`{name}` opens a block: put ` {{` behind it"));
            self.diagnostics.push(found);
            // With a `}` too many somewhere, this is where its `{` belongs.
            if self.missing_closes < 0 {
                self.missing_closes += 1;
                self.open(span);
            }
        }
    }

    /// A keyword that belongs to an enclosing block, in a file with too few
    /// `}`: the `}` before it was forgotten.
    fn close_before(&mut self, statement: &Statement, opens: bool) {
        let name = statement.name();
        if keyword::lookup(self.kind(), name).is_some() || self.kind() == Kind::Unknown {
            return;
        }
        let rows_of_names = matches!(self.kind(), Kind::Names | Kind::Free);
        if rows_of_names && !opens && statement.words.len() < 2 {
            return;
        }
        let kinds = self.open.iter().map(|open| open.kind);
        let enclosing: Vec<Kind> = core::iter::once(Kind::Root).chain(kinds).collect();
        let last = enclosing.len() - 1;
        let Some(owner) = enclosing[..last]
            .iter()
            .rposition(|&kind| keyword::lookup(kind, name).is_some())
        else {
            return;
        };
        let forgotten = last - owner;
        if isize::try_from(forgotten).unwrap_or(isize::MAX) > self.missing_closes {
            return;
        }
        let inner = self
            .open
            .last()
            .and_then(|open| open.head.as_ref())
            .map_or("", Statement::name)
            .to_owned();
        let found = Diagnostic::error(
            Code::Syntax,
            statement.name_span(),
            format!("`}}` is missing before this: `{inner}` is still open"),
        )
        .help(format!(
            "put `{}` on a line before `{name}`",
            "}".repeat(forgotten)
        ));
        self.diagnostics.push(found);
        for _ in 0..forgotten {
            self.end_block();
            self.missing_closes -= 1;
        }
    }

    fn open(&mut self, brace: Span) {
        let head = if core::mem::take(&mut self.may_open) {
            self.statements().pop()
        } else {
            None
        };
        let kind = if let Some(head) = &head {
            block_kind(self.kind(), head)
        } else {
            let found = Diagnostic::error(Code::Syntax, brace, "a `{` that nothing stands before")
                .help("a block begins with its keyword, as in `vrrp_instance VI_1 {`");
            self.diagnostics.push(found);
            self.kind()
        };
        self.open.push(Open {
            head,
            brace,
            kind,
            statements: Vec::new(),
        });
    }

    fn close(&mut self, brace: Span) {
        self.may_open = false;
        if self.open.is_empty() {
            let last = self
                .root
                .last()
                .map(|s| format!("; `{}` above it is already closed", s.name()));
            let found = Diagnostic::error(
                Code::Syntax,
                brace,
                format!("a `}}` too many{}", last.unwrap_or_default()),
            )
            .help("remove it, or write the `{` it belongs to");
            self.diagnostics.push(found);
            return;
        }
        self.end_block();
    }

    fn end_block(&mut self) {
        self.may_open = false;
        let Some(open) = self.open.pop() else { return };
        match open.head {
            Some(mut head) => {
                head.block = Some(Block {
                    kind: open.kind,
                    statements: open.statements,
                });
                self.statements().push(head);
            }
            // What stood in nameless braces stands where they stood.
            None => self.statements().extend(open.statements),
        }
    }

    fn finish(mut self) -> Vec<Statement> {
        while let Some(open) = self.open.last() {
            let (name, span) = match &open.head {
                Some(head) => (head.name().to_owned(), head.span()),
                None => ("{".to_owned(), open.brace),
            };
            let found = Diagnostic::error(Code::Syntax, span, format!("`{name}` is never closed"))
                .help("a `}` is missing between here and the end of the file");
            self.diagnostics.push(found);
            self.end_block();
        }
        self.root
    }
}

/// What may stand in the block that this statement opens.
fn block_kind(outer: Kind, head: &Statement) -> Kind {
    let followed = head.words.len() > 1;
    let keyword = keyword::lookup(outer, head.name()).or_else(|| {
        match suggest(outer, head.name(), followed)? {
            Suggestion::Glued(keyword, _)
            | Suggestion::Near(keyword)
            | Suggestion::Elsewhere(_, keyword) => Some(keyword),
        }
    });
    keyword.and_then(|k| k.block).unwrap_or(Kind::Unknown)
}

#[cfg(test)]
mod tests;
