//! Takes the objects out of an answer of the API server as it comes in, so that only one of them is in memory.

use thiserror::Error;

/// Largest object in bytes. What the API server stores is at most 1.5 MB, unless it was told otherwise.
const OBJECT_MAX: usize = 8 << 20;

/// Most bytes of a list that are of none of its objects.
const REST_MAX: usize = 64 << 10;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One object whose only array holds the objects that are wanted.
    List,
    /// Objects behind one another.
    Watch,
}

/// This is no such answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Brackets do not match, or something stands where nothing may.
    #[error("the answer is not JSON")]
    NotJson,
    /// An object is too large.
    #[error("an object is larger than {OBJECT_MAX} bytes")]
    TooLarge,
}

/// Finds the ends of objects; what is in them is for others to judge.
#[derive(Debug)]
pub(super) struct Splitter {
    form: Form,
    depth: u32,
    in_items: bool,
    in_text: bool,
    escaped: bool,
    in_object: bool,
    object: Vec<u8>,
    rest: Vec<u8>,
}

impl Splitter {
    pub(super) const fn new(form: Form) -> Self {
        Self {
            form,
            depth: 0,
            in_items: false,
            in_text: false,
            escaped: false,
            in_object: false,
            object: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Takes more bytes, and hands over each object that they complete.
    ///
    /// # Errors
    /// The answer cannot be read any further.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Malformed> {
        for byte in bytes {
            let opens = !self.in_text && *byte == b'{' && !self.in_object && self.is_outside();
            if opens {
                self.in_object = true;
                self.object.clear();
            }
            let between = !self.in_object && self.is_outside() && *byte == b',';
            if !between {
                self.keep(*byte)?;
            }
            self.step(*byte)?;
            if self.in_object && !self.in_text && *byte == b'}' && self.is_outside() {
                self.in_object = false;
                each(&self.object);
            }
        }
        if self.form == Form::Watch {
            self.rest.clear();
        }
        Ok(())
    }

    fn keep(&mut self, byte: u8) -> Result<(), Malformed> {
        let (into, most) =
            if self.in_object { (&mut self.object, OBJECT_MAX) } else { (&mut self.rest, REST_MAX) };
        if into.len() >= most {
            return Err(Malformed::TooLarge);
        }
        into.push(byte);
        Ok(())
    }

    /// A list without its objects; `None` while it is not complete.
    pub(super) fn rest(&self) -> Option<&[u8]> {
        (self.depth == 0 && !self.rest.is_empty()).then_some(&*self.rest)
    }

    /// At the place where the objects stand.
    const fn is_outside(&self) -> bool {
        match self.form {
            Form::List => self.in_items && self.depth == 2,
            Form::Watch => self.depth == 0,
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' => self.depth += 1,
            b'[' => {
                self.in_items |= self.depth == 1;
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.checked_sub(1).ok_or(Malformed::NotJson)?;
                self.in_items &= self.depth > 1;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn split(form: Form, text: &[u8], size: usize) -> Result<(Vec<Value>, Option<Value>), Malformed> {
        let mut splitter = Splitter::new(form);
        let mut found = Vec::new();
        for chunk in text.chunks(size) {
            splitter.push(chunk, |object| found.push(serde_json::from_slice(object).unwrap()))?;
        }
        Ok((found, splitter.rest().map(|rest| serde_json::from_slice(rest).unwrap())))
    }

    #[test]
    fn a_list_gives_its_items_and_what_is_left() {
        let list = json!({
            "kind": "PodList", "metadata": {"resourceVersion": "7", "a": {"b": {}}},
            "items": [{"a": "}]\"\\"}, {"b": [{"c": {}}]}]
        });
        let text = list.to_string();
        for size in [1, 2, 7, 1000] {
            let (found, rest) = split(Form::List, text.as_bytes(), size).unwrap();
            assert_eq!(Value::Array(found), list["items"]);
            assert_eq!(rest.unwrap()["metadata"]["resourceVersion"], "7");
        }
    }

    #[test]
    fn a_watch_gives_every_object() {
        let text = "{\"type\":\"ADDED\",\"object\":{\"a\":[{}]}}\n{\"type\":\"}\"}\n{\"unfinished\":";
        let (found, rest) = split(Form::Watch, text.as_bytes(), 3).unwrap();
        assert_eq!(found, [json!({"type": "ADDED", "object": {"a": [{}]}}), json!({"type": "}"})]);
        assert_eq!(rest, None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(split(Form::List, b"}", 1), Err(Malformed::NotJson));
        let mut splitter = Splitter::new(Form::List);
        let page = vec![b'x'; REST_MAX + 1];
        assert_eq!(splitter.push(&page, |_| {}), Err(Malformed::TooLarge));
        let mut splitter = Splitter::new(Form::Watch);
        splitter.push(b"{\"a\":\"", |_| {}).unwrap();
        let megabyte = vec![b'x'; 1 << 20];
        let results: Vec<_> = (0..9).map(|_| splitter.push(&megabyte, |_| {})).collect();
        assert!(results.contains(&Err(Malformed::TooLarge)));
        assert!(splitter.object.len() <= OBJECT_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(prop::sample::select(b"{}[]\"\\:,a1 ".to_vec()), 0..200)) {
            for form in [Form::List, Form::Watch] {
                let mut splitter = Splitter::new(form);
                splitter.push(&bytes, |object| assert!(object.starts_with(b"{") && object.ends_with(b"}"))).ok();
            }
        }
    }
}
