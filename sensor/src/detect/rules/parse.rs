//! Parser of conditions. `and`, `or`, `not` and brackets are kept on a stack of its own, so that no depth can
//! exhaust the thread's.

use winnow::Parser as _;
use winnow::combinator::{alt, cut_err, opt, preceded, separated, terminated};
use winnow::error::{ContextError, ErrMode, StrContext};
use winnow::stream::{Location as _, Stream as _};

use super::lex::{
    Input, Parsed, blanks, expected, field_argument, field_name, identifier, is_blank, keyword,
};
use super::lex::{number, quoted, value};
use super::tree::{Argument, Check, Literal, Node, NodeId, Operand, Operator, Right, Transformer, Tree};

/// How deep transformers stand in each other.
const TRANSFORMERS_MAX: usize = 16;

/// Why a condition is none, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Byte of the condition.
    pub(super) at: usize,
    pub(super) reason: String,
}

/// An open bracket, and what stands in it so far.
#[derive(Default)]
struct Frame {
    at: usize,
    /// `not`s before the bracket: they are for what it makes.
    negate: bool,
    or: Vec<NodeId>,
    and: Vec<NodeId>,
}

/// Reads a condition.
///
/// # Errors
/// The first place that does not fit, and what was expected there.
pub(super) fn parse(text: &str, depth_max: usize) -> Result<Tree, Wrong> {
    let mut reader = Reader { tree: Tree::default(), frames: vec![Frame::default()], depth_max };
    let mut input = Input::new(text);
    reader.condition(&mut input)?;
    Ok(reader.tree)
}

struct Reader {
    tree: Tree,
    frames: Vec<Frame>,
    depth_max: usize,
}

impl Reader {
    fn condition(&mut self, input: &mut Input<'_>) -> Result<(), Wrong> {
        loop {
            let (node, negate) = self.operand(input)?;
            let mut node = self.negated(node, negate);
            loop {
                self.frame().and.push(node);
                skip(input);
                let at = input.current_token_start();
                if keyword(input, "and") {
                    break;
                }
                if keyword(input, "or") {
                    self.close_and();
                    break;
                }
                let rest: &str = input;
                if rest.is_empty() && self.frames.len() == 1 {
                    self.tree.root = self.close();
                    return Ok(());
                }
                if self.frames.len() > 1 && rest.starts_with(')') {
                    take(input);
                    let negate = self.frame().negate;
                    node = self.close();
                    self.frames.pop();
                    node = self.negated(node, negate);
                    continue;
                }
                return Err(self.unfinished(at, rest));
            }
        }
    }

    fn unfinished(&self, at: usize, rest: &str) -> Wrong {
        let what = if self.frames.len() > 1 {
            "expected `and`, `or` or `)`"
        } else {
            "expected `and`, `or` or the end of the condition"
        };
        let open = self.frames.last().filter(|_| rest.is_empty()).map_or(at, |frame| frame.at);
        if rest.is_empty() {
            return Wrong { at: open, reason: "this `(` is never closed".to_owned() };
        }
        Wrong { at, reason: format!("{what}, found {}", found(rest)) }
    }

    /// Up to a check or a macro; opens a frame for each bracket. Whether it is negated.
    fn operand(&mut self, input: &mut Input<'_>) -> Result<(NodeId, bool), Wrong> {
        loop {
            let mut negate = false;
            skip(input);
            while keyword(input, "not") {
                negate = !negate;
                skip(input);
            }
            let at = input.current_token_start();
            let rest: &str = input;
            if !rest.starts_with('(') {
                let node = leaf(input).map_err(|error| wrong(&error, input))?;
                return Ok((self.add(node), negate));
            }
            take(input);
            if self.frames.len() > self.depth_max {
                let most = self.depth_max;
                return Err(Wrong { at, reason: format!("brackets are nested more than {most} deep") });
            }
            self.frames.push(Frame { at, negate, ..Frame::default() });
        }
    }

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.tree.nodes.push(node);
        self.tree.nodes.len() - 1
    }

    fn negated(&mut self, node: NodeId, negate: bool) -> NodeId {
        if negate { self.add(Node::Not(node)) } else { node }
    }

    fn close_and(&mut self) {
        let mut and = std::mem::take(&mut self.frame().and);
        let node = if and.len() == 1 { and.remove(0) } else { self.add(Node::And(and)) };
        self.frame().or.push(node);
    }

    fn close(&mut self) -> NodeId {
        self.close_and();
        let mut or = std::mem::take(&mut self.frame().or);
        if or.len() == 1 { or.remove(0) } else { self.add(Node::Or(or)) }
    }
}

fn skip(input: &mut Input<'_>) {
    // Never fails: it takes none, too.
    drop(blanks(input));
}

fn take(input: &mut Input<'_>) {
    let _ = input.next_token();
}

/// What stands at a place, for messages.
fn found(rest: &str) -> String {
    let word: String = rest.chars().take_while(|character| !is_blank(*character)).take(30).collect();
    if word.is_empty() { "the end".to_owned() } else { format!("`{}`", word.escape_debug()) }
}

fn wrong(error: &ErrMode<ContextError>, input: &Input<'_>) -> Wrong {
    let rest: &str = input;
    // The innermost one says most.
    let expected = match error {
        ErrMode::Backtrack(error) | ErrMode::Cut(error) => {
            error.context().find_map(|context| match context {
                StrContext::Expected(what) => Some(what.to_string()),
                _ => None,
            })
        }
        ErrMode::Incomplete(_) => None,
    };
    let expected = expected.unwrap_or_else(|| "a field, a transformer, a macro, `not` or `(`".to_owned());
    Wrong { at: input.current_token_start(), reason: format!("expected {expected}, found {}", found(rest)) }
}

fn leaf(input: &mut Input<'_>) -> Parsed<Node> {
    let start = input.checkpoint();
    let at = input.current_token_start();
    let left = match operand(input, 0) {
        Ok(left) => left,
        Err(ErrMode::Backtrack(_)) => {
            input.reset(&start);
            let name = identifier.parse_next(input)?.to_owned();
            if matches!(name.as_str(), "and" | "or" | "not") {
                input.reset(&start);
                return Err(ErrMode::Cut(ContextError::new()));
            }
            return Ok(Node::Macro { name, at });
        }
        Err(error) => return Err(error),
    };
    skip(input);
    let operator_at = input.current_token_start();
    let operator = cut_err(operator.context(expected("an operator"))).parse_next(input)?;
    skip(input);
    let right = cut_err(|input: &mut Input<'_>| right(input, operator)).parse_next(input)?;
    Ok(Node::Check(Box::new(Check { left, operator, operator_at, right })))
}

fn operator(input: &mut Input<'_>) -> Parsed<Operator> {
    for (mut sign, operator) in Operator::SIGNS {
        let found: Parsed<_> = sign.parse_next(input);
        if found.is_ok() {
            return Ok(operator);
        }
    }
    let start = input.checkpoint();
    let word = identifier.parse_next(input)?;
    let rest: &str = input;
    if word == "exists" {
        return Ok(Operator::Exists);
    }
    let known = Operator::WORDS.iter().find(|(name, _)| *name == word).map(|(_, operator)| *operator);
    match known {
        Some(operator) if operator.takes_list() || rest.starts_with(is_blank) => Ok(operator),
        _ => {
            input.reset(&start);
            Err(ErrMode::Backtrack(ContextError::new()))
        }
    }
}

fn right(input: &mut Input<'_>, operator: Operator) -> Parsed<Right> {
    if operator == Operator::Exists {
        return Ok(Right::Nothing);
    }
    if let Some(operand) = right_operand(input)? {
        return Ok(Right::Operand(operand));
    }
    let rest: &str = input;
    if operator.takes_list() {
        if rest.starts_with('(') {
            return list(input).map(Right::List);
        }
        // The name of a list that is none: as a condition alone it has no items, so it is one value.
        let literal = value.context(expected("a list in ( )")).parse_next(input)?;
        return Ok(Right::List(vec![literal]));
    }
    for (word, all) in [("oneof", false), ("anyof", false), ("allof", true)] {
        if keyword(input, word) {
            skip(input);
            return list(input).map(|values| Right::Each { all, values });
        }
    }
    value.context(expected("a value")).parse_next(input).map(Right::Value)
}

/// `val(field)` or a transformer.
fn right_operand(input: &mut Input<'_>) -> Parsed<Option<Operand>> {
    let start = input.checkpoint();
    let opening: Parsed<_> = ("val", blanks, '(').void().parse_next(input);
    if opening.is_ok() {
        skip(input);
        let field = cut_err(field.context(expected("a field"))).parse_next(input)?;
        skip(input);
        cut_err(')'.context(expected(")"))).parse_next(input)?;
        return Ok(Some(field));
    }
    input.reset(&start);
    match transformer(input, 0) {
        Ok(operand) => Ok(Some(operand)),
        Err(ErrMode::Backtrack(_)) => {
            input.reset(&start);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn list(input: &mut Input<'_>) -> Parsed<Vec<Literal>> {
    let separator = (',', blanks);
    let item = terminated(value, blanks);
    preceded(
        ('('.context(expected("a list in ( )")), blanks),
        terminated(separated(0.., item, separator), cut_err(')'.context(expected("`,` or `)` in a list")))),
    )
    .parse_next(input)
}

fn operand(input: &mut Input<'_>, depth: usize) -> Parsed<Operand> {
    let start = input.checkpoint();
    match transformer(input, depth) {
        Err(ErrMode::Backtrack(_)) => {
            input.reset(&start);
            field.parse_next(input)
        }
        other => other,
    }
}

fn field(input: &mut Input<'_>) -> Parsed<Operand> {
    let at = input.current_token_start();
    let name = field_name.parse_next(input)?.to_owned();
    let argument = field_argument.parse_next(input)?;
    Ok(Operand::Field { name, argument, at })
}

fn transformer(input: &mut Input<'_>, depth: usize) -> Parsed<Operand> {
    let at = input.current_token_start();
    let name = identifier.parse_next(input)?;
    let known =
        Transformer::ALL.iter().find(|(known, _)| *known == name).map(|(_, transformer)| *transformer);
    let Some(transformer) = known else { return Err(ErrMode::Backtrack(ContextError::new())) };
    '('.parse_next(input)?;
    if depth >= TRANSFORMERS_MAX {
        return cut_err(winnow::combinator::fail.context(expected("fewer transformers in each other")))
            .parse_next(input);
    }
    skip(input);
    let argument = |input: &mut Input<'_>| argument(input, depth);
    let arguments: Vec<Argument> = cut_err(separated(1.., argument, (',', blanks)))
        .context(expected("a field, a transformer, a list or a value in quotes"))
        .parse_next(input)?;
    cut_err(')'.context(expected("`,` or `)`"))).parse_next(input)?;
    let argument = field_argument.parse_next(input)?;
    Ok(Operand::Transform { transformer, arguments, argument, at })
}

fn argument(input: &mut Input<'_>, depth: usize) -> Parsed<Argument> {
    let rest: &str = input;
    let made = if rest.starts_with('(') {
        take(input);
        skip(input);
        let items =
            separated(0.., |input: &mut Input<'_>| item(input, depth), (',', blanks)).parse_next(input)?;
        cut_err(')'.context(expected("`,` or `)` in a list"))).parse_next(input)?;
        skip(input);
        Argument::List(items)
    } else {
        item(input, depth)?
    };
    Ok(made)
}

fn item(input: &mut Input<'_>, depth: usize) -> Parsed<Argument> {
    let text = alt((quoted, number.map(|text: &str| text.as_bytes().to_vec()))).map(Argument::Text);
    let made = match opt(text).parse_next(input)? {
        Some(made) => made,
        None => Argument::Operand(operand(input, depth + 1)?),
    };
    skip(input);
    Ok(made)
}
