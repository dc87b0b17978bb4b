//! Words of conditions: names, values, quotes, blanks.

use winnow::Parser as _;
use winnow::combinator::{alt, cut_err, delimited, empty, fail, opt, preceded};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::stream::{LocatingSlice, Stream as _};
use winnow::token::{any, one_of, take_while};

use super::tree::Literal;

/// What is still to be read, with its place in the condition.
pub(super) type Input<'a> = LocatingSlice<&'a str>;
/// What a parser gives.
pub(super) type Parsed<T> = Result<T, ErrMode<ContextError>>;

/// What was expected, for messages.
pub(super) fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// True for what counts as a blank.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{8}' | '\r' | '\n')
}

/// Any number of blanks.
pub(super) fn blanks(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., is_blank).void().parse_next(input)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// A name without dots, such as a macro's.
pub(super) fn identifier<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    (one_of(|character: char| character.is_ascii_alphabetic()), take_while(0.., is_word))
        .take()
        .parse_next(input)
}

/// A name with dots, such as a field's, without its argument.
pub(super) fn field_name<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    let part = |input: &mut Input<'a>| preceded('.', identifier).void().parse_next(input);
    (identifier, part, winnow::combinator::repeat::<_, _, (), _, _>(0.., part)).take().parse_next(input)
}

/// What stands in the brackets of a field, if there are any.
pub(super) fn field_argument(input: &mut Input<'_>) -> Parsed<Option<String>> {
    let bare = take_while(1.., |character: char| {
        !matches!(character, ' ' | '\t' | '\n' | '\r' | '[' | ']' | '"' | '\'')
    })
    .map(|text: &str| text.to_owned());
    let text = quoted.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let inner = cut_err(alt((text, bare))).context(expected("an argument in [ ]"));
    opt(delimited('[', inner, cut_err(']').context(expected("]")))).parse_next(input)
}

/// A keyword with a blank, an opening bracket or nothing behind it, which is left.
pub(super) fn keyword(input: &mut Input<'_>, word: &'static str) -> bool {
    let start = input.checkpoint();
    let mut word = word;
    let found: Parsed<_> = word.parse_next(input);
    let rest: &str = input;
    if found.is_ok() && (rest.is_empty() || rest.starts_with(is_blank) || rest.starts_with('(')) {
        return true;
    }
    input.reset(&start);
    false
}

/// A number as it was written.
pub(super) fn number<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    let digits = |input: &mut Input<'a>| {
        take_while(1.., |character: char| character.is_ascii_digit()).void().parse_next(input)
    };
    let hexadecimal =
        ('0', one_of(['x', 'X']), take_while(1.., |character: char| character.is_ascii_hexdigit())).void();
    let sign = one_of(['+', '-']);
    let exponent = (one_of(['e', 'E']), one_of(['+', '-']), digits);
    let decimal = (opt(sign), digits, opt('.'), opt(digits), opt(exponent)).void();
    alt((hexadecimal, decimal)).take().parse_next(input)
}

/// A value in quotes or bare.
pub(super) fn value(input: &mut Input<'_>) -> Parsed<Literal> {
    let at = winnow::stream::Location::current_token_start(input);
    let bytes = alt((quoted, bare)).parse_next(input)?;
    Ok(Literal { bytes, at })
}

fn bare(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    take_while(1.., |character: char| {
        !matches!(character, '(' | ')' | '"' | '\'' | ' ' | '\t' | '\n' | '\r' | '=' | ',')
    })
    .map(|text: &str| text.as_bytes().to_vec())
    .parse_next(input)
}

/// A value in quotes, without them and with its escapes resolved.
pub(super) fn quoted(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    let quote = one_of(['"', '\'']).parse_next(input)?;
    let mut bytes = Vec::new();
    loop {
        let character =
            cut_err(any.context(expected(if quote == '"' { "a closing \"" } else { "a closing '" })))
                .parse_next(input)?;
        match character {
            character if character == quote => return Ok(bytes),
            '\\' => bytes.push(cut_err(|input: &mut Input<'_>| escape(input, quote)).parse_next(input)?),
            other => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes());
            }
        }
    }
}

fn escape(input: &mut Input<'_>, quote: char) -> Parsed<u8> {
    let wrong = expected("one of the escapes \\b \\f \\n \\r \\t \\\\ \\/ \\xHH, or the quote");
    let start = input.checkpoint();
    let byte = match any.parse_next(input)? {
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        // A blank behind it goes: rules are written that rely on it.
        '\\' | ' ' => b'\\',
        '/' => b'/',
        '"' if quote == '"' => b'"',
        '\'' if quote == '\'' => b'\'',
        'x' => {
            let digits = take_while(2..=2, |character: char| character.is_ascii_hexdigit());
            let byte = digits.verify_map(|digits: &str| u8::from_str_radix(digits, 16).ok());
            return byte.context(wrong).parse_next(input);
        }
        _ => {
            input.reset(&start);
            return fail.context(wrong).parse_next(input);
        }
    };
    empty.value(byte).parse_next(input)
}
