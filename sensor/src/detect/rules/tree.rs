//! A condition as it was written: the tree that the parser makes.

/// Number of a node of a [`Tree`].
pub(super) type NodeId = usize;

/// A condition. Nodes are in one list, so that no depth can exhaust the stack.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// A node; what it consists of stands before it in the list.
#[derive(Debug)]
pub(super) enum Node {
    And(Vec<NodeId>),
    Or(Vec<NodeId>),
    Not(NodeId),
    Macro { name: String, at: usize },
    Check(Box<Check>),
}

/// A comparison.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) left: Operand,
    pub(super) operator: Operator,
    pub(super) operator_at: usize,
    pub(super) right: Right,
}

/// What has a value.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Field { name: String, argument: Option<String>, at: usize },
    Transform { transformer: Transformer, arguments: Vec<Argument>, argument: Option<String>, at: usize },
}

impl Operand {
    pub(super) fn at(&self) -> usize {
        match self {
            Self::Field { at, .. } | Self::Transform { at, .. } => *at,
        }
    }
}

/// What a transformer is given.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Operand(Operand),
    Text(Vec<u8>),
    List(Vec<Argument>),
}

/// A function of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transformer {
    Lower,
    Upper,
    Base64,
    Basename,
    Length,
    Join,
    Concat,
    Options,
}

impl Transformer {
    pub(super) const ALL: [(&'static str, Self); 8] = [
        ("tolower", Self::Lower),
        ("toupper", Self::Upper),
        ("b64", Self::Base64),
        ("basename", Self::Basename),
        ("len", Self::Length),
        ("join", Self::Join),
        ("concat", Self::Concat),
        ("getopt", Self::Options),
    ];
}

/// How is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    /// There is a value.
    Exists,
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// A text stands in it.
    Contains,
    /// The same, letters of either case.
    ContainsFolded,
    /// Bytes stand in it.
    ContainsBytes,
    /// It begins with a text.
    StartsWith,
    /// It begins with bytes.
    StartsWithBytes,
    /// It ends with a text.
    EndsWith,
    /// A pattern with `*`, `?`, `[…]`.
    Glob,
    /// The same, letters of either case.
    GlobFolded,
    /// A regular expression, for the whole.
    Regex,
    /// It is one of a list.
    In,
    /// One of it is one of a list.
    Intersects,
    /// One of a list of paths is it or a folder above it.
    Within,
}

impl Operator {
    /// Those that need a blank or a bracket behind them, and those that do not; longer ones first.
    pub(super) const WORDS: [(&'static str, Self); 12] = [
        ("contains", Self::Contains),
        ("icontains", Self::ContainsFolded),
        ("bcontains", Self::ContainsBytes),
        ("startswith", Self::StartsWith),
        ("bstartswith", Self::StartsWithBytes),
        ("endswith", Self::EndsWith),
        ("glob", Self::Glob),
        ("iglob", Self::GlobFolded),
        ("regex", Self::Regex),
        ("intersects", Self::Intersects),
        ("pmatch", Self::Within),
        ("in", Self::In),
    ];
    pub(super) const SIGNS: [(&'static str, Self); 7] = [
        ("==", Self::Equal),
        ("=", Self::Equal),
        ("!=", Self::Unequal),
        ("<=", Self::LessOrEqual),
        ("<", Self::Less),
        (">=", Self::GreaterOrEqual),
        (">", Self::Greater),
    ];

    /// It is given a list.
    pub(super) fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::Within)
    }

    /// As a condition spells it.
    pub(super) fn name(self) -> &'static str {
        let all = Self::WORDS.iter().chain(&Self::SIGNS[1..]);
        all.into_iter().find(|(_, operator)| *operator == self).map_or("exists", |(name, _)| name)
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Literal {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
}

/// What stands behind an operator.
#[derive(Debug)]
pub(super) enum Right {
    Nothing,
    Value(Literal),
    List(Vec<Literal>),
    /// `oneof`, `anyof` (false) or `allof` (true) before a list.
    Each {
        all: bool,
        values: Vec<Literal>,
    },
    Operand(Operand),
}
