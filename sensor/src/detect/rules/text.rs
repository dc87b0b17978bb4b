//! The text of a condition, where each part of it was written, and the lists that are put into it.

use std::collections::HashMap;
use std::rc::Rc;

use super::document::{Scalar, locate};
use super::problem::Mark;

/// Signs beside which the name of a list counts as such.
const DELIMITERS: &[u8] = b" \t\n\r(),=";

/// A part of a text and where it comes from.
#[derive(Clone, Debug)]
struct Piece {
    /// Where it begins in the text.
    start: usize,
    scalar: Rc<Scalar>,
    /// Where it begins in the scalar.
    offset: usize,
    /// All of it stands at `offset`: it was put there by the loader.
    fixed: bool,
}

/// A text with its origins.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

impl Text {
    pub(super) fn of(scalar: &Scalar) -> Self {
        let mut text = Self::default();
        text.push(&scalar.text, &Rc::new(scalar.clone()), 0, false);
        text
    }

    fn push(&mut self, part: &str, scalar: &Rc<Scalar>, offset: usize, fixed: bool) {
        if !part.is_empty() {
            self.pieces.push(Piece { start: self.text.len(), scalar: Rc::clone(scalar), offset, fixed });
            self.text.push_str(part);
        }
    }

    /// Adds what the loader writes, such as what follows from an exception; it stands where `scalar` stands.
    pub(super) fn push_made(&mut self, part: &str, scalar: &Scalar) {
        self.push(part, &Rc::new(scalar.clone()), 0, true);
    }

    /// Puts signs of the loader around the text; they stand where their neighbours do.
    pub(super) fn wrap(&mut self, before: &str, after: &str) {
        let Some(first) = self.pieces.first().cloned() else { return };
        self.text.insert_str(0, before);
        for piece in &mut self.pieces {
            piece.start += before.len();
        }
        self.pieces.insert(0, Piece { start: 0, fixed: true, ..first });
        self.text.push_str(after);
    }

    /// Adds another text after a blank.
    pub(super) fn append(&mut self, other: &Self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let base = self.text.len();
        self.text.push_str(&other.text);
        self.pieces
            .extend(other.pieces.iter().map(|piece| Piece { start: piece.start + base, ..piece.clone() }));
    }

    fn piece(&self, at: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.start <= at);
        self.pieces.get(after.saturating_sub(1))
    }

    /// Where the byte at `at` was written.
    pub(super) fn place(&self, at: usize, sources: &[&str]) -> Mark {
        let Some(piece) = self.piece(at) else { return Mark::default() };
        let source = sources.get(piece.scalar.at.source).copied().unwrap_or_default();
        let within = if piece.fixed { 0 } else { at.saturating_sub(piece.start) };
        locate(source, &piece.scalar, (piece.offset + within).min(piece.scalar.text.len()))
    }

    /// Puts the items of lists where their names stand, as text.
    ///
    /// # Errors
    /// Where the text would grow beyond `most` bytes.
    pub(super) fn expand(&self, lists: &Lists, most: usize) -> Result<Self, usize> {
        let Some(origin) = self.pieces.first() else { return Ok(self.clone()) };
        let mut made = Self::default();
        let keep = |made: &mut Self, from: usize, to: usize| {
            // Pieces that begin between are kept apart, so that places stay true.
            let mut from = from;
            while from < to {
                let piece = self.piece(from).unwrap_or(origin);
                let next = self.pieces.partition_point(|piece| piece.start <= from);
                let end = self.pieces.get(next).map_or(to, |piece| piece.start.min(to));
                let within = if piece.fixed { 0 } else { from.saturating_sub(piece.start) };
                let part = self.text.get(from..end).unwrap_or_default();
                made.push(part, &piece.scalar, piece.offset + within, piece.fixed);
                from = end;
            }
        };
        let mut kept = 0;
        for found in lists.found(&self.text, None) {
            let Found { start, end, list } = found;
            let (start, end) = blanks(&self.text, start, end);
            keep(&mut made, kept, start.max(kept));
            kept = end.max(kept);
            let piece = self.piece(found.start).unwrap_or(origin);
            let within = if piece.fixed { 0 } else { found.start.saturating_sub(piece.start) };
            let items = lists.expanded.get(list).map(AsRef::as_ref).unwrap_or_default();
            if items.is_empty() {
                kept = made.without_comma(&self.text, kept);
            }
            if made.text.len() + items.len() > most {
                return Err(found.start);
            }
            made.push(&format!(" {items} "), &piece.scalar, piece.offset + within, true);
        }
        keep(&mut made, kept, self.text.len());
        if made.text.len() > most { Err(0) } else { Ok(made) }
    }

    /// An empty list takes a comma before or after it along. Where to go on.
    fn without_comma(&mut self, source: &str, after: usize) -> usize {
        if self.text.ends_with(',') {
            self.text.pop();
            // A piece of the comma alone would begin behind the text.
            let end = self.text.len();
            self.pieces.retain(|piece| piece.start < end || piece.start == 0);
            after
        } else if source.as_bytes().get(after) == Some(&b',') {
            after + 1
        } else {
            after
        }
    }
}

/// Widens a place by the blanks around it.
fn blanks(text: &str, mut start: usize, mut end: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let blank = |at: usize| bytes.get(at).is_some_and(|byte| b" \t\n\r".contains(byte));
    while start > 0 && blank(start - 1) {
        start -= 1;
    }
    while blank(end) {
        end += 1;
    }
    (start, end)
}

/// A name of a list in a text.
#[derive(Clone, Copy, Debug)]
struct Found {
    start: usize,
    end: usize,
    list: usize,
}

/// Lists by name, each as the text that is put where its name stands.
#[derive(Debug, Default)]
pub(super) struct Lists {
    names: HashMap<Box<str>, usize>,
    expanded: Vec<Box<str>>,
}

impl Lists {
    /// `lists` are names and items in the order of definition. A name in an item is only replaced if its list was
    /// defined later, because lists are put in one after the other.
    ///
    /// # Errors
    /// The list whose text would be longer than `most`, or with which all together would be longer than eight times that.
    pub(super) fn new(lists: &[(&str, &[String])], most: usize) -> Result<Self, usize> {
        let names = lists.iter().enumerate().map(|(index, (name, _))| (Box::from(*name), index)).collect();
        let mut made = Self { names, expanded: vec![Box::from(""); lists.len()] };
        let mut total = 0;
        for (index, (_, items)) in lists.iter().enumerate().rev() {
            let text = made.later(&items.join(", "), index, most).ok_or(index)?;
            total += text.len();
            if total > most.saturating_mul(8) {
                return Err(index);
            }
            if let Some(place) = made.expanded.get_mut(index) {
                *place = text.into_boxed_str();
            }
        }
        Ok(made)
    }

    fn later(&self, text: &str, index: usize, most: usize) -> Option<String> {
        let mut made = String::with_capacity(text.len());
        let mut kept = 0;
        for found in self.found(text, Some(index)) {
            let (start, end) = blanks(text, found.start, found.end);
            made.push_str(text.get(kept..start.max(kept)).unwrap_or_default());
            kept = end.max(kept);
            let items = self.expanded.get(found.list).map(AsRef::as_ref).unwrap_or_default();
            if items.is_empty() {
                if made.ends_with(',') {
                    made.pop();
                } else if text.as_bytes().get(kept) == Some(&b',') {
                    kept += 1;
                }
            }
            made.push(' ');
            made.push_str(items);
            made.push(' ');
            if made.len() > most {
                return None;
            }
        }
        made.push_str(text.get(kept..).unwrap_or_default());
        (made.len() <= most).then_some(made)
    }

    /// Names of lists in a text; with `after` only of those that were defined after that one.
    fn found<'a>(&'a self, text: &'a str, after: Option<usize>) -> impl Iterator<Item = Found> + 'a {
        let bytes = text.as_bytes();
        let mut start = 0;
        std::iter::from_fn(move || {
            while start < bytes.len() {
                let length = bytes[start..].iter().position(|byte| DELIMITERS.contains(byte));
                let end = start + length.unwrap_or(bytes.len() - start);
                let from = std::mem::replace(&mut start, end + 1);
                if from == end {
                    continue;
                }
                let list = text.get(from..end).and_then(|word| self.names.get(word)).copied();
                if let Some(list) = list.filter(|list| after.is_none_or(|after| *list > after)) {
                    return Some(Found { start: from, end, list });
                }
            }
            None
        })
    }
}
