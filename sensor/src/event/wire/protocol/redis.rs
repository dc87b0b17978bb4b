//! Redis: commands as arrays of strings (RESP), and the few typed by hand that matter.

use super::{Protocol, Reading, Side, SoFar};
use crate::event::wire::cursor::{Cursor, Read, Stop, require};
use crate::event::wire::text::bounded;

/// Commands that are shown, and the characters of each word.
const COMMANDS_MAX: usize = 8;
const WORD_MAX: usize = 24;
/// Longest string and most strings of one command that are believed.
const LENGTH_MAX: u32 = 512 << 20;
const COUNT_MAX: u32 = 1 << 20;
/// Commands whose second word says what they do.
const GROUPS: [&str; 9] =
    ["ACL", "CLIENT", "CLUSTER", "CONFIG", "DEBUG", "FUNCTION", "MODULE", "SCRIPT", "SENTINEL"];
/// Commands that are recognised when they come as a plain line, with the second words that they may have
/// (none: any, and exactly one more). Short, as other protocols and texts are lines too.
const INLINE: [(&str, &[&str]); 7] = [
    ("CONFIG", &["GET", "SET", "REWRITE", "RESETSTAT"]),
    ("MODULE", &["LOAD", "LOADEX", "UNLOAD", "LIST"]),
    ("FLUSHALL", &["", "ASYNC", "SYNC"]),
    ("FLUSHDB", &["", "ASYNC", "SYNC"]),
    ("BGSAVE", &["", "SCHEDULE"]),
    ("SLAVEOF", &[]),
    ("REPLICAOF", &[]),
];

pub(super) fn read(so_far: SoFar<'_>) -> Read<Reading> {
    match so_far.bytes.first() {
        None => Err(Stop::More),
        Some(b'*') => commands(so_far.bytes),
        Some(_) => inline(so_far.bytes),
    }
}

/// The commands from the front, without their arguments.
fn commands(bytes: &[u8]) -> Read<Reading> {
    let mut cursor = Cursor::new(bytes);
    let mut names: Vec<String> = Vec::new();
    let stop = loop {
        match command(&mut cursor, &mut names) {
            Ok(()) if names.len() < COMMANDS_MAX => {}
            Ok(()) => break Stop::No,
            Err(stop) => break stop,
        }
    };
    if names.is_empty() {
        return Err(stop);
    }
    Ok(Reading {
        detail: Some(names.join(", ")),
        done: stop == Stop::No,
        ..Reading::new(Protocol::Redis, Side::Client)
    })
}

/// Reads one command. Its name is added as soon as it is known, before its arguments have come.
fn command(cursor: &mut Cursor<'_>, names: &mut Vec<String>) -> Read<()> {
    let mut words = number(cursor, b'*', COUNT_MAX)?;
    require(words > 0)?;
    let mut name = word(cursor)?;
    words -= 1;
    if words > 0 && GROUPS.contains(&name.as_str()) {
        name = format!("{name} {}", word(cursor)?);
        words -= 1;
    }
    if !names.contains(&name) {
        names.push(name);
    }
    for _ in 0..words {
        let length = number(cursor, b'$', LENGTH_MAX)?;
        cursor.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        cursor.literal(b"\r\n")?;
    }
    Ok(())
}

/// A string that is a word: letters, digits and a few signs.
fn word(cursor: &mut Cursor<'_>) -> Read<String> {
    let length = number(cursor, b'$', LENGTH_MAX)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    require((1..=WORD_MAX).contains(&length))?;
    let there = cursor.rest().get(..length).unwrap_or(cursor.rest());
    require(there.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')))?;
    let word = cursor.take(length)?;
    cursor.literal(b"\r\n")?;
    Ok(bounded(&word.to_ascii_uppercase(), WORD_MAX))
}

/// A sign, a number of at most nine digits, and the end of the line.
fn number(cursor: &mut Cursor<'_>, sign: u8, most: u32) -> Read<u32> {
    require(cursor.u8()? == sign)?;
    let mut number: u32 = 0;
    for _ in 0..10 {
        match cursor.u8()? {
            b'\r' => {
                cursor.literal(b"\n")?;
                return Ok(number);
            }
            digit @ b'0'..=b'9' => {
                number = number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
                require(number <= most)?;
            }
            _ => return Err(Stop::No),
        }
    }
    Err(Stop::No)
}

/// A command as a line of words.
fn inline(bytes: &[u8]) -> Read<Reading> {
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = bytes.get(..letters).unwrap_or_default().to_ascii_uppercase();
    if letters == bytes.len() {
        let may_become = INLINE.iter().any(|(name, _)| name.as_bytes().starts_with(&word));
        return Err(if may_become { Stop::More } else { Stop::No });
    }
    let (name, seconds) = INLINE.iter().find(|(name, _)| name.as_bytes() == word).ok_or(Stop::No)?;
    let line = Cursor::new(bytes).until(b'\n', usize::MAX)?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(1);
    let second = bounded(&words.next().unwrap_or_default().to_ascii_uppercase(), WORD_MAX);
    if seconds.is_empty() {
        require(words.next().is_some() && words.next().is_none())?;
    } else {
        require(seconds.contains(&second.as_str()))?;
    }
    let group = GROUPS.contains(name).then(|| format!("{name} {second}"));
    Ok(Reading {
        detail: Some(group.unwrap_or_else(|| (*name).to_owned())),
        done: true,
        ..Reading::new(Protocol::Redis, Side::Client)
    })
}
