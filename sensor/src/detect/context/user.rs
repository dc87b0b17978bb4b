//! Values of users and groups.

use std::io::Write as _;

use sensor_common::record::{privilege, process::Ids};

use super::{Context, text};
use crate::detect::field::user::Name;
use crate::detect::value::Value;
use crate::event::Facts;

/// What is shown instead of a name that is not known. Falco's rules compare with it.
const UNKNOWN: &str = "<NA>";
const ROOT: &str = "root";

impl Context<'_> {
    /// Value of a field of the user.
    pub(super) fn of_user(&self, name: Name) -> Option<Value<'_>> {
        let ids = self.ids();
        Some(match name {
            Name::Uid => Value::Number(ids?.euid.into()),
            Name::GroupGid => Value::Number(ids?.egid.into()),
            Name::Name => shown(ids.and_then(|ids| self.user_name(ids.euid))),
            Name::GroupName => shown(ids.and_then(|ids| self.group_name(ids.egid))),
            Name::LoginUid => Value::Number(self.login_uid().map_or(-1, i64::from)),
            Name::LoginName => shown(self.login_uid().and_then(|uid| self.host_user_name(uid))),
            Name::HomeDirectory => shown(ids.and_then(|ids| Some(self.user(ids.euid)?.home.as_ref()))),
            Name::Shell => shown(ids.and_then(|ids| Some(self.user(ids.euid)?.shell.as_ref()))),
        })
    }

    /// Ids with which the event came about: of a change those before it.
    fn ids(&self) -> Option<Ids> {
        if let Facts::Call(call) = &self.given.event.facts
            && self.given.event.class == sensor_common::class::Class::Credentials
            && call.record.facts & privilege::Facts::BEFORE != 0
        {
            return Some(call.record.ids_before);
        }
        self.given.ids_before.or_else(|| Some(self.process?.ids))
    }

    pub(super) fn login_uid(&self) -> Option<u32> {
        Some(self.process?.standing.login_uid).filter(|uid| *uid != u32::MAX)
    }

    fn user(&self, uid: u32) -> Option<&crate::identity::users::User> {
        match self.known() {
            Some(known) => known.container.details.user(uid),
            None => self.given.host_users?.user(uid),
        }
    }

    /// Name of a user of the container, or of the host outside of containers.
    pub(super) fn user_name(&self, uid: u32) -> Option<&str> {
        match self.known() {
            Some(known) => known.container.details.user_name(uid),
            None => self.host_user_name(uid),
        }
    }

    fn host_user_name(&self, uid: u32) -> Option<&str> {
        let named = self.given.host_users.and_then(|users| users.user(uid)).map(|user| user.name.as_ref());
        named.or((uid == 0).then_some(ROOT))
    }

    fn group_name(&self, gid: u32) -> Option<&str> {
        match self.known() {
            Some(known) => known.container.details.group_name(gid),
            None => {
                let named = self.given.host_users.and_then(|users| users.group(gid));
                named.or((gid == 0).then_some(ROOT))
            }
        }
    }

    /// A user by its name, or by its number where it has none.
    pub(super) fn user_text<'b>(&'b self, uid: u32, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        if let Some(name) = self.user_name(uid) {
            return Some(Value::Text(name.as_bytes()));
        }
        text::put(buffer, |to| write!(to, "{}", uid.cast_signed()).ok())
    }

    /// A group by its name, or by its number where it has none.
    pub(super) fn group_text<'b>(&'b self, gid: u32, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        if let Some(name) = self.group_name(gid) {
            return Some(Value::Text(name.as_bytes()));
        }
        text::put(buffer, |to| write!(to, "{}", gid.cast_signed()).ok())
    }
}

fn shown(name: Option<&str>) -> Value<'_> {
    Value::Text(name.filter(|name| !name.is_empty()).unwrap_or(UNKNOWN).as_bytes())
}
