//! Reading an operation's words: numbers, names out of a table, paths, the rest.

use std::ffi::CString;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// The words of one operation that have not been read yet.
#[derive(Debug)]
pub(super) struct Words<'line> {
    rest: &'line [&'line str],
}

/// Names and what they stand for.
pub(super) type Names = [(&'static str, u64)];

impl<'line> Words<'line> {
    pub(super) const fn new(words: &'line [&'line str]) -> Self {
        Self { rest: words }
    }

    /// The next word, if there is one.
    pub(super) fn maybe(&mut self) -> Option<&'line str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// The next word; `what` it should be is for the error.
    pub(super) fn word(&mut self, what: &str) -> Result<&'line str> {
        self.maybe().with_context(|| format!("{what} is missing"))
    }

    /// The next word as a number.
    pub(super) fn number<N: FromStr>(&mut self, what: &str) -> Result<N> {
        let word = self.word(what)?;
        word.parse().ok().with_context(|| format!("{what} should be a number, not {word:?}"))
    }

    /// The next word as a number, or this one.
    pub(super) fn number_or<N: FromStr>(&mut self, what: &str, otherwise: N) -> Result<N> {
        if self.rest.is_empty() { Ok(otherwise) } else { self.number(what) }
    }

    /// The next word as an octal mode, or this one.
    pub(super) fn mode_or(&mut self, otherwise: u64) -> Result<u64> {
        let Some(word) = self.maybe() else { return Ok(otherwise) };
        u64::from_str_radix(word, 8).with_context(|| format!("the mode should be octal, not {word:?}"))
    }

    /// The next word as text for the kernel.
    pub(super) fn text(&mut self, what: &str) -> Result<CString> {
        text(self.word(what)?)
    }

    /// The next word as names joined by `+`, or `-` for none.
    pub(super) fn flags(&mut self, what: &str, names: &Names) -> Result<u64> {
        flags(self.word(what)?, names).with_context(|| what.to_owned())
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'line [&'line str] {
        std::mem::take(&mut self.rest)
    }

    /// An error if a word is left.
    pub(super) fn end(&self) -> Result<()> {
        match self.rest {
            [] => Ok(()),
            rest => bail!("too many words: {}", rest.join(" ")),
        }
    }
}

/// Text for the kernel.
pub(super) fn text(word: &str) -> Result<CString> {
    CString::new(word).context("a NUL byte in an argument")
}

/// Names joined by `+`, or `-` for none.
pub(super) fn flags(word: &str, names: &Names) -> Result<u64> {
    let chosen = word.split('+').filter(|name| *name != "-");
    chosen.map(|name| one(name, names)).try_fold(0, |set, flag| Ok(set | flag?))
}

fn one(word: &str, names: &Names) -> Result<u64> {
    let found = names.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    found.with_context(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        format!("{word:?} is none of {}", known.join(" "))
    })
}
