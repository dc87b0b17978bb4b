//! Events and status for people: one line an event, safe to show on a terminal.

pub mod event;
pub mod finding;
pub mod incident;
pub mod status;
pub mod text;

use std::fmt;
use std::io::IsTerminal as _;

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

/// Colours, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Of less interest.
    Dim,
    /// In order.
    Good,
    /// Deserves a look.
    Notable,
    /// Not in order.
    Bad,
    /// Names a place.
    Place,
}

impl Paint {
    /// No colour.
    pub const OFF: Self = Self { on: false };

    /// Colour.
    pub const ON: Self = Self { on: true };

    /// Colour if standard output is a terminal and the user does not object
    /// (<https://no-color.org>).
    #[must_use]
    pub fn for_stdout() -> Self {
        let objects = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: !objects && std::io::stdout().is_terminal() }
    }

    /// The text in this colour. `text` must be safe for a terminal.
    pub fn paint(self, colour: Colour, text: impl fmt::Display) -> String {
        if !self.on {
            return text.to_string();
        }
        // Select graphic rendition (ECMA-48, 8.3.117).
        let code = match colour {
            Colour::Dim => "2",
            Colour::Good => "32",
            Colour::Notable => "33",
            Colour::Bad => "1;31",
            Colour::Place => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
