//! Texts: which parts of a path, an argument or a name stay, and what stands for the others.

use super::{Anonymiser, words};
use crate::event::text::{Strings, lossy};

/// Digits that stand for a name.
const DIGITS: usize = 10;
/// Hexadecimal digits in a row from which on they are an id.
const ID_DIGITS_MIN: usize = 32;
/// Where hyphens are in a uid: 8-4-4-4-12 digits.
const UID_PARTS: [usize; 5] = [8, 4, 4, 4, 12];
/// Bytes of a uid in this form.
const UID_BYTES: usize = 36;

impl Anonymiser {
    /// What stands for a text; the same in all places.
    pub(super) fn token(&self, text: &str) -> String {
        let digits = self.digits(text.as_bytes());
        format!("x{}", digits.get(..DIGITS).unwrap_or(&digits))
    }

    /// A name that somebody gave.
    pub(super) fn name(&self, name: &str) -> String {
        if name.is_empty() || words::is_common_name(name) { name.to_owned() } else { self.token(name) }
    }

    /// A word that stays if it is well known: a program, a file that every system has.
    pub(super) fn word(&self, word: &str) -> String {
        if word.is_empty() || words::is_known(word) { word.to_owned() } else { self.token(word) }
    }

    /// A path as text.
    pub(super) fn path(&self, path: &str) -> String {
        let inside = path.strip_prefix('/');
        let mut place = Place::new(inside.is_some());
        let components = inside.unwrap_or(path).split('/');
        let changed: Vec<_> = components.map(|component| self.component(component, &mut place)).collect();
        let root = if inside.is_some() { "/" } else { "" };
        format!("{root}{}", changed.join("/"))
    }

    /// A pattern of paths: what has a wildcard stays.
    pub(super) fn pattern(&self, pattern: &str) -> String {
        let inside = pattern.strip_prefix('/');
        let mut place = Place::new(inside.is_some());
        let components = inside.unwrap_or(pattern).split('/').map(|component| {
            let changed = self.component(component, &mut place);
            if component.contains(['*', '?', '[', '{', '\\']) { component.to_owned() } else { changed }
        });
        let changed: Vec<_> = components.collect();
        let root = if inside.is_some() { "/" } else { "" };
        format!("{root}{}", changed.join("/"))
    }

    /// A path as the kernel programs walk it: from the leaf to the root.
    pub(super) fn components(&self, value: &[u8], is_cut: bool) -> Vec<u8> {
        let components: Vec<_> = Strings(value).iter().map(lossy).collect();
        let mut place = Place::new(!is_cut);
        let mut changed: Vec<_> =
            components.iter().rev().map(|component| self.component(component, &mut place)).collect();
        changed.reverse();
        changed.into_iter().flat_map(super::ended).collect()
    }

    /// One component, in the order from the root.
    fn component(&self, component: &str, place: &mut Place) -> String {
        let stays = place.enter(component);
        let by_ids = self.ids(component);
        if by_ids != component {
            return by_ids;
        }
        if stays || words::is_known(component) || matches!(component, "" | "." | ".." | "…") {
            return component.to_owned();
        }
        if let Some(name) = component.strip_prefix("memfd:") {
            return format!("memfd:{}", self.word(name));
        }
        // That it is hidden, and what kind of file it is, stays.
        let (dot, name) = component.strip_prefix('.').map_or(("", component), |name| (".", name));
        match name.rsplit_once('.').filter(|(_, ending)| words::is_ending(ending)) {
            Some((stem, ending)) => format!("{dot}{}.{ending}", self.word(stem)),
            None => format!("{dot}{}", self.word(name)),
        }
    }

    /// Path of a control group.
    pub(super) fn cgroup_path(&self, path: &str) -> String {
        let changed: Vec<_> = path.split('/').map(|component| self.cgroup_component(component)).collect();
        changed.join("/")
    }

    /// A component of a control group's path, a unit, or the id of a container, which may be all of one.
    pub(super) fn cgroup_component(&self, component: &str) -> String {
        let by_ids = self.ids(component);
        if by_ids != component || component.is_empty() || words::is_of_cgroups(component) {
            return by_ids;
        }
        match component.rsplit_once('.').filter(|(_, ending)| words::is_unit_ending(ending)) {
            Some((stem, ending)) if words::is_of_cgroups(stem) => format!("{stem}.{ending}"),
            Some((stem, ending)) => format!("{}.{ending}", self.word(stem)),
            None => self.word(component),
        }
    }

    /// An argument of a program: names of options and well-known words stay.
    pub(super) fn argument(&self, argument: &str) -> String {
        if let Some(option) = argument.strip_prefix("--") {
            let (name, value) =
                option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if !name.bytes().all(is_name) {
                return format!("--{}", self.token(option));
            }
            return match value {
                Some(value) => format!("--{name}={}", self.argument(value)),
                None => format!("--{name}"),
            };
        }
        // Behind a letter there may be a value, as in `-pPASSWORD`.
        let mut characters = argument.chars();
        if argument == "-" {
            return argument.to_owned();
        }
        if let (Some('-'), Some(letter)) = (characters.next(), characters.next()) {
            let value = characters.as_str();
            return if value.is_empty() {
                argument.to_owned()
            } else {
                format!("-{letter}{}", self.token(value))
            };
        }
        if argument.contains('/') {
            self.path(argument)
        } else {
            self.component(argument, &mut Place::new(false))
        }
    }

    /// Name of an extended attribute, a parameter, a module, a type: people name those of one kind only.
    pub(super) fn attribute(&self, name: &str) -> String {
        match name.strip_prefix("user.") {
            Some(own) => format!("user.{}", self.token(own)),
            None => name.to_owned(),
        }
    }

    /// Reference of an image: each part by itself.
    pub(super) fn image(&self, image: &str) -> String {
        let ids = self.ids(image);
        let mut changed = String::new();
        let mut part = String::new();
        for character in ids.chars().map(Some).chain([None]) {
            match character {
                Some('/' | ':' | '@') | None => {
                    // Digests were replaced already.
                    let is_digest = part == "sha256" || image != ids && part.len() >= ID_DIGITS_MIN;
                    changed.push_str(&if is_digest { part.clone() } else { self.name(&part) });
                    changed.extend(character);
                    part.clear();
                }
                Some(other) => part.push(other),
            }
        }
        changed
    }

    /// Replaces ids within a text, those of containers and the uids of pods, by others of the same form.
    pub(super) fn ids(&self, text: &str) -> String {
        /// What stands before the uid of a pod; its last letter could be a digit of an id.
        const POD: &str = "pod";
        let (mut changed, mut rest) = (String::new(), text);
        // Within a row of digits no id begins, but a uid does.
        let mut within = false;
        while let Some(character) = rest.chars().next() {
            let is_pod = !within && rest.starts_with(POD);
            let id = uid(rest).or_else(|| digits(rest).filter(|_| !within && !is_pod));
            let length = id.unwrap_or(if is_pod { POD.len() } else { character.len_utf8() });
            let (part, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
            match id {
                Some(_) => changed.push_str(&self.id(part)),
                None => changed.push_str(part),
            }
            within = !is_pod && character.is_ascii_hexdigit();
            rest = behind;
        }
        changed
    }

    /// An id of the same form. A uid is the same one with hyphens, with underscores, and with neither.
    fn id(&self, id: &str) -> String {
        let plain: String =
            id.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect();
        let digits = self.digits(plain.as_bytes());
        let mut digits = digits.chars().cycle();
        id.chars()
            .map(|old| if old.is_ascii_hexdigit() { digits.next().unwrap_or('0') } else { old })
            .collect()
    }
}

/// Length of a uid at the beginning.
fn uid(text: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    for (part, length) in UID_PARTS.into_iter().enumerate() {
        if part > 0 && !matches!(bytes.next()?, b'-' | b'_') {
            return None;
        }
        for _ in 0..length {
            bytes.next().filter(u8::is_ascii_hexdigit)?;
        }
    }
    Some(UID_BYTES)
}

/// Length of the row of hexadecimal digits at the beginning, if they are an id.
fn digits(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    (length >= ID_DIGITS_MIN).then_some(length)
}

/// Where in the file system a component is.
struct Place {
    depth: usize,
    /// Below a folder whose content every system has.
    of_system: bool,
}

impl Place {
    fn new(from_root: bool) -> Self {
        // A relative path can be anywhere.
        Self { depth: usize::from(!from_root), of_system: false }
    }

    /// Enters it; whether it stays.
    fn enter(&mut self, component: &str) -> bool {
        match self.depth {
            0 => self.of_system = words::SYSTEM_FOLDERS.contains(&component),
            // What is below /usr/local somebody put there.
            1 if component == "local" => self.of_system = false,
            _ => {}
        }
        self.depth += 1;
        self.of_system
    }
}
