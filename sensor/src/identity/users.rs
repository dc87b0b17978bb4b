//! Names of users and groups, from the files `passwd` and `group` (passwd(5), group(5)) of a container or of the host.
//!
//! The files are whatever an image holds: any bytes give some names or none, within bounds.

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Name of user 0 and group 0 where no file says otherwise.
pub const ROOT: &str = "root";

/// Longest name of a user or group, in bytes; useradd(8) allows 256.
const NAME_MAX: usize = 256;
/// Longest home folder and shell, in bytes; longer ones are left empty.
const PATH_MAX: usize = 1024;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Users, and as many groups.
    pub entries: usize,
    /// Bytes of all names, home folders and shells together.
    pub bytes: usize,
}

impl Bounds {
    /// Of a container: images have some 20 to 40 of each.
    pub const CONTAINER: Self = Self { entries: 512, bytes: 32 << 10 };
    /// Of the host.
    pub const HOST: Self = Self { entries: 4096, bytes: 512 << 10 };
}

/// A user.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: Box<str>,
    /// Home folder.
    pub home: Box<str>,
    /// Shell.
    pub shell: Box<str>,
}

/// Users and groups by their numbers, as they are within the container.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub struct Users {
    users: BTreeMap<u32, User>,
    groups: BTreeMap<u32, Box<str>>,
    left_out: u32,
}

impl Users {
    /// Reads the bytes of both files; either may be empty.
    #[must_use]
    pub fn parse(passwd: &[u8], group: &[u8], bounds: Bounds) -> Self {
        let mut found = Self::default();
        let mut bytes = bounds.bytes;
        for fields in lines::<7>(passwd) {
            let [name, _, uid, _, _, home, shell] = fields;
            let Some((name, uid)) = entry(name, uid) else { continue };
            let [home, shell] = [home, shell].map(|text| path(text).into());
            let user = User { name: name.into(), home, shell };
            let size = user.name.len() + user.home.len() + user.shell.len();
            found.left_out += u32::from(!add(&mut found.users, uid, user, size, bounds, &mut bytes));
        }
        for fields in lines::<4>(group) {
            let [name, _, gid, _] = fields;
            let Some((name, gid)) = entry(name, gid) else { continue };
            let added = add(&mut found.groups, gid, name.into(), name.len(), bounds, &mut bytes);
            found.left_out += u32::from(!added);
        }
        found
    }

    /// The user with this number.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.get(&uid)
    }

    /// Name of the group with this number.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.get(&gid).map(AsRef::as_ref)
    }

    /// Users by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &User)> {
        self.users.iter().map(|(uid, user)| (*uid, user))
    }

    /// Entries for which there was no room.
    #[must_use]
    pub const fn left_out(&self) -> u32 {
        self.left_out
    }
}

/// False if there is no room. As in getpwuid(3), the first entry of a number counts.
fn add<T>(
    table: &mut BTreeMap<u32, T>,
    id: u32,
    value: T,
    size: usize,
    bounds: Bounds,
    bytes: &mut usize,
) -> bool {
    if table.contains_key(&id) {
        return true;
    }
    if table.len() >= bounds.entries || size > *bytes {
        return false;
    }
    *bytes -= size;
    table.insert(id, value);
    true
}

/// Lines with at least the fields up to the number; what is missing behind is empty.
fn lines<const FIELDS: usize>(file: &[u8]) -> impl Iterator<Item = [&[u8]; FIELDS]> {
    file.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields: [&[u8]; FIELDS] = [b""; FIELDS];
        let mut parts = line.splitn(FIELDS, |byte| *byte == b':');
        let filled = fields.iter_mut().zip(&mut parts).map(|(field, part)| *field = part).count();
        (filled >= 3).then_some(fields)
    })
}

/// A name that can be shown and a plain number; comments and the entries of NIS (`+`, `-`) are neither.
fn entry<'a>(name: &'a [u8], number: &[u8]) -> Option<(&'a str, u32)> {
    let name = text(name).filter(|name| !name.is_empty() && name.len() <= NAME_MAX)?;
    if name.starts_with(['#', '+', '-']) || number.iter().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    Some((name, std::str::from_utf8(number).ok()?.parse().ok()?))
}

fn path(bytes: &[u8]) -> &str {
    text(bytes).filter(|path| path.len() <= PATH_MAX).unwrap_or_default()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}
