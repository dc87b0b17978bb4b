//! The paths that an event is about.

use sensor_common::{
    class::Class,
    header::Incomplete,
    record::process::{FileFlags, FileIdentity},
};

use super::{Context, text::Place};
use crate::event::{Facts, call::PrivilegedCall, operation::FileOperation, path::End};

impl<'a> Context<'a> {
    /// The first path of the event.
    pub(super) fn place(&self) -> Option<Place<'a>> {
        let place = match &self.given.event.facts {
            Facts::File(file) => self.of_file(file),
            Facts::Call(call) => match self.given.event.class {
                Class::Chroot | Class::PivotRoot => self.second_of_call(call),
                _ => Place {
                    resolved: call.path,
                    end: self.end(Incomplete::PATH, Some(&call.record.file)),
                    text: call.path_text,
                    base: None,
                    directory: "",
                    as_resolved: self.as_resolved,
                },
            },
            _ => return None,
        };
        Some(place).filter(|place| place.resolved.is_some() || !place.text.is_empty())
    }

    /// The second one.
    pub(super) fn second_place(&self) -> Option<Place<'a>> {
        let place = match &self.given.event.facts {
            Facts::File(file) if self.given.event.class != Class::FileSymlink => Place {
                resolved: file.new_path,
                end: self.end(Incomplete::NEW_PATH, None),
                text: file.new_path_text,
                base: file.new_base,
                directory: self.directory(),
                as_resolved: self.as_resolved,
            },
            Facts::Call(call) => self.second_of_call(call),
            _ => return None,
        };
        Some(place).filter(|place| place.resolved.is_some() || !place.text.is_empty())
    }

    fn of_file(&self, file: &'a FileOperation<'a>) -> Place<'a> {
        Place {
            resolved: file.path,
            end: self.end(Incomplete::PATH, Some(&file.record.file)),
            text: file.path_text,
            base: file.base,
            directory: self.directory(),
            as_resolved: self.as_resolved,
        }
    }

    fn second_of_call(&self, call: &'a PrivilegedCall<'a>) -> Place<'a> {
        Place {
            resolved: call.new_path,
            end: self.end(Incomplete::NEW_PATH, None),
            text: call.new_path_text,
            base: call.base,
            directory: self.directory(),
            as_resolved: self.as_resolved,
        }
    }

    fn directory(&self) -> &'a str {
        self.process.map_or("", |process| process.program.directory.as_str())
    }

    /// Where the walk of a path ended.
    fn end(&self, cut: u32, file: Option<&FileIdentity>) -> End {
        if self.given.event.incomplete & cut != 0 {
            End::Cut
        } else if file.is_some_and(|file| file.flags & FileFlags::DETACHED != 0) {
            End::Detached
        } else {
            End::Root
        }
    }
}
