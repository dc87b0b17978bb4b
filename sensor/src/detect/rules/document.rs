//! YAML documents as trees with places, within bounds; aliases are shared, not copied.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::Options;
use super::problem::{Mark, Problems};

/// How a scalar was written: what is needed to find a place inside it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Block,
}

/// A scalar with its place.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: Rc<str>,
    pub(super) style: Style,
    pub(super) at: Mark,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Shape {
    Scalar(Scalar),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// A node of a document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) shape: Shape,
    /// How many nodes there were if every alias were copied.
    size: usize,
}

impl Node {
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.shape {
            Shape::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Nothing was written, or `null`.
    pub(super) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.style == Style::Plain && matches!(&*scalar.text, "" | "~" | "null" | "Null" | "NULL")
        })
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.shape {
            _ if self.is_null() => "nothing",
            Shape::Scalar(_) => "a text",
            Shape::Sequence(_) => "a sequence",
            Shape::Mapping(_) => "a mapping",
        }
    }
}

/// A node that is not complete yet.
struct Open {
    at: Mark,
    anchor: usize,
    mapping: bool,
    children: Vec<Rc<Node>>,
    size: usize,
}

struct Reader<'a, 'p> {
    source: usize,
    options: &'a Options,
    problems: &'a mut Problems<'p>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    documents: Vec<Rc<Node>>,
    total: usize,
}

/// How often a file is begun anew because of a line in brackets that stands too far left.
const RETRIES_MAX: usize = 64;

/// Reads all documents of a source. What is wrong is told; documents before it are returned.
pub(super) fn read(
    source: usize,
    text: &str,
    options: &Options,
    problems: &mut Problems<'_>,
) -> Vec<Rc<Node>> {
    let mut text = indented(text);
    let mut retries = 0;
    loop {
        let mut reader = Reader {
            source,
            options,
            problems: &mut *problems,
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: Vec::new(),
            total: 0,
        };
        let Err(error) = reader.all(&text) else { return reader.documents };
        let documents = reader.documents;
        match misplaced(&text, &error).filter(|_| retries < RETRIES_MAX) {
            Some(start) => text.insert(start, ' '),
            None => {
                let marker = error.marker();
                let at = Mark { source, line: marker.line(), column: marker.col() + 1 };
                problems.error(at, format!("not YAML: {}", error.info()));
                return documents;
            }
        }
        retries += 1;
    }
}

/// Rule files close brackets in the column of their key, which YAML forbids and the parsers their authors use allow:
/// such lines are moved by one blank.
fn indented(text: &str) -> String {
    let mut made = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        if line.trim_start_matches(' ').starts_with([']', '}']) {
            made.push(' ');
        }
        made.push_str(line);
    }
    made
}

/// Where a line begins that stands too far left inside brackets, if that is the error.
fn misplaced(text: &str, error: &ScanError) -> Option<usize> {
    let line = error.marker().line().checked_sub(1).filter(|_| error.info() == "invalid indentation")?;
    Some(text.split_inclusive('\n').take(line).map(str::len).sum())
}

impl Reader<'_, '_> {
    fn all(&mut self, text: &str) -> Result<(), ScanError> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event?;
            if !self.event(event, span) {
                break;
            }
        }
        Ok(())
    }

    /// False ends reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        let at = Mark { source: self.source, line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                true
            }
            Event::Scalar(text, style, anchor, _) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let scalar = Scalar { text: Rc::from(text.as_ref()), style, at };
                self.done(Node { at, shape: Shape::Scalar(scalar), size: 1 }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(at, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(at, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.put(node),
                None => {
                    self.problems.error(at, "this alias names something that contains it, or is not defined");
                    false
                }
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
        }
    }

    fn begin(&mut self, at: Mark, anchor: usize, mapping: bool) -> bool {
        if self.open.len() >= self.options.yaml_depth_max {
            let most = self.options.yaml_depth_max;
            self.problems.error(at, format!("nested more than {most} deep, which no rule needs"));
            return false;
        }
        self.open.push(Open { at, anchor, mapping, children: Vec::new(), size: 1 });
        true
    }

    fn end(&mut self) -> bool {
        let Some(open) = self.open.pop() else { return true };
        let shape = if open.mapping {
            let mut pairs = Vec::with_capacity(open.children.len() / 2);
            let mut children = open.children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                pairs.push((key, value));
            }
            Shape::Mapping(pairs)
        } else {
            Shape::Sequence(open.children)
        };
        self.done(Node { at: open.at, shape, size: open.size }, open.anchor)
    }

    fn done(&mut self, node: Node, anchor: usize) -> bool {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node)
    }

    fn put(&mut self, node: Rc<Node>) -> bool {
        self.total = self.total.saturating_add(1);
        let at = node.at;
        let size = match self.open.last_mut() {
            Some(open) => {
                open.size = open.size.saturating_add(node.size);
                open.children.push(node);
                open.size
            }
            None => {
                self.documents.push(node);
                0
            }
        };
        if size.max(self.total) > self.options.yaml_nodes_max {
            let most = self.options.yaml_nodes_max;
            self.problems.error(at, format!("more than {most} values in one file, aliases counted"));
            return false;
        }
        true
    }
}

/// Where the byte `offset` of a scalar's text stands in its source: where both go the same way, else where the
/// scalar begins.
pub(super) fn locate(source: &str, scalar: &Scalar, offset: usize) -> Mark {
    walk(source, scalar, offset).unwrap_or(scalar.at)
}

fn walk(source: &str, scalar: &Scalar, offset: usize) -> Option<Mark> {
    let mut cursor = Cursor::new(source, scalar.at)?;
    if scalar.style == Style::Block && cursor.rest.starts_with(['|', '>']) {
        while cursor.step()? != '\n' {}
    }
    if matches!(scalar.style, Style::Single | Style::Double) {
        cursor.step()?;
    }
    let visible = |character: &char| !character.is_whitespace();
    for wanted in scalar.text.get(..offset)?.chars().filter(visible) {
        cursor.reach(wanted, scalar.style)?;
        if cursor.step()? != wanted {
            return None;
        }
        let doubled = (wanted == '\'' && scalar.style == Style::Single)
            || (wanted == '\\' && scalar.style == Style::Double);
        if doubled {
            cursor.step()?;
        }
    }
    if let Some(wanted) = scalar.text.get(offset..)?.chars().find(visible) {
        cursor.reach(wanted, scalar.style)?;
    }
    Some(cursor.at)
}

/// A place that goes through a source.
struct Cursor<'a> {
    at: Mark,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn new(source: &'a str, at: Mark) -> Option<Self> {
        let start = source.split_inclusive('\n').take(at.line.checked_sub(1)?).map(str::len).sum::<usize>();
        let line = source.get(start..)?;
        let skip = line.char_indices().nth(at.column.checked_sub(1)?)?.0;
        Some(Self { at, rest: line.get(skip..)? })
    }

    fn step(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = self.rest.get(character.len_utf8()..)?;
        if character == '\n' {
            (self.at.line, self.at.column) = (self.at.line + 1, 1);
        } else {
            self.at.column += 1;
        }
        Some(character)
    }

    /// Goes over blanks, and over the sign that an escape follows.
    fn reach(&mut self, wanted: char, style: Style) -> Option<()> {
        loop {
            let next = self.rest.chars().next()?;
            let escape = next == '\\' && style == Style::Double && wanted != '\\';
            if !next.is_whitespace() && !escape {
                return Some(());
            }
            self.step()?;
        }
    }
}
