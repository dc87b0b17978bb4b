//! Command name and arguments of a program, in one piece of text.
//!
//! Rules compare the whole line, which is the command name followed by the arguments after the first, hundreds of times
//! for each event. So it is kept as they know it, the first argument before it:
//! `/usr/bin/python3` `python3` ` ` `-m http.server`.

use serde::{Deserialize, Serialize};

use crate::event::text::{Strings, lossy};

/// Command name and arguments. Empty where they are not known.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct CommandLine {
    text: Box<str>,
    /// Bytes of the first argument.
    first: u32,
    /// Bytes of the command name, behind it.
    command: u32,
    /// Where each further argument ends.
    ends: Box<[u32]>,
    /// There is a first argument.
    has_first: bool,
}

impl CommandLine {
    /// The line of a program; the first argument is the name that the caller gave it.
    #[must_use]
    pub fn new<T: AsRef<str>>(command: &str, arguments: impl Iterator<Item = T>) -> Self {
        Self::with_room(command, arguments, 0, 0)
    }

    /// The same from a record.
    #[must_use]
    pub fn of_record(command: &[u8], arguments: Strings<'_>) -> Self {
        // Between the arguments as many bytes as in the record, but for the last NUL.
        let bytes = command.len() + arguments.0.len().saturating_sub(1);
        let further = arguments.iter().count().saturating_sub(1);
        Self::with_room(&lossy(command), arguments.iter().map(lossy), bytes, further)
    }

    /// The same, with room for so many bytes and further arguments.
    fn with_room<T: AsRef<str>>(
        command: &str,
        arguments: impl Iterator<Item = T>,
        bytes: usize,
        further: usize,
    ) -> Self {
        let mut arguments = arguments;
        let first = arguments.next();
        let mut text = String::with_capacity(bytes);
        text.push_str(first.as_ref().map_or("", AsRef::as_ref));
        let first_bytes = text.len();
        text.push_str(command);
        let mut ends = Vec::with_capacity(further);
        for argument in arguments {
            text.push(' ');
            text.push_str(argument.as_ref());
            ends.push(place(text.len()));
        }
        Self {
            text: text.into_boxed_str(),
            first: place(first_bytes),
            command: place(command.len()),
            ends: ends.into_boxed_slice(),
            has_first: first.is_some(),
        }
    }

    /// The command name (`task_struct.comm`).
    #[must_use]
    pub fn command(&self) -> &str {
        self.part(self.first, self.first.saturating_add(self.command))
    }

    /// The first argument, empty if there is none.
    #[must_use]
    pub fn first(&self) -> &str {
        self.part(0, self.first)
    }

    /// Command name and the arguments after the first, joined by spaces.
    #[must_use]
    pub fn whole(&self) -> &str {
        self.text.get(self.first as usize..).unwrap_or_default()
    }

    /// The arguments after the first, joined by spaces.
    #[must_use]
    pub fn rest(&self) -> &str {
        let start = self.first as usize + self.command as usize + 1;
        self.text.get(start..).unwrap_or_default()
    }

    /// The arguments, the first one included.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let mut start = self.first.saturating_add(self.command).saturating_add(1);
        let further = self.ends.iter().map(move |end| {
            let argument = self.part(start, *end);
            start = end.saturating_add(1);
            argument
        });
        self.has_first.then(|| self.first()).into_iter().chain(further)
    }

    /// How many arguments follow the first.
    #[must_use]
    pub const fn further(&self) -> usize {
        self.ends.len()
    }

    fn part(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// A place in a line. The kernel's records are far shorter than what does not fit.
fn place(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn parts_are_those_that_rules_compare() {
        let line = CommandLine::new("python3", ["/usr/bin/python3", "-m", "http server"].iter());
        assert_eq!((line.command(), line.first()), ("python3", "/usr/bin/python3"));
        assert_eq!((line.whole(), line.rest()), ("python3 -m http server", "-m http server"));
        assert_eq!(line.arguments().collect::<Vec<_>>(), ["/usr/bin/python3", "-m", "http server"]);
        assert_eq!(line.further(), 2);
    }

    #[test]
    fn few_arguments_and_empty_ones() {
        let none = CommandLine::new("kthread", std::iter::empty::<&str>());
        assert_eq!(
            (none.whole(), none.rest(), none.first(), none.arguments().count()),
            ("kthread", "", "", 0)
        );
        let alone = CommandLine::new("id", ["id"].iter());
        assert_eq!((alone.whole(), alone.rest(), alone.arguments().count()), ("id", "", 1));
        let empty = CommandLine::new("x", ["", ""].iter());
        assert_eq!((empty.whole(), empty.rest(), empty.arguments().count()), ("x ", "", 2));
    }

    proptest! {
        #[test]
        fn a_record_says_the_same(command in ".{0,8}", arguments in vec("[^\0]{0,8}", 0..6)) {
            let bytes: Vec<u8> = arguments.iter().flat_map(|argument| [argument.as_bytes(), b"\0"].concat()).collect();
            let line = CommandLine::of_record(command.as_bytes(), Strings(&bytes));
            prop_assert_eq!(line, CommandLine::new(&command, arguments.iter()));
        }

        #[test]
        fn arguments_come_back(command in ".{0,8}", arguments in vec(".{0,8}", 0..6)) {
            let line = CommandLine::new(&command, arguments.iter());
            prop_assert_eq!(line.arguments().collect::<Vec<_>>(), arguments.iter().collect::<Vec<_>>());
            prop_assert_eq!(line.command(), command);
            prop_assert_eq!(line.rest(), arguments.get(1..).unwrap_or_default().join(" "));
        }
    }
}
