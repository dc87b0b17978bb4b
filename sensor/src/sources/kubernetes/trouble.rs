//! What the API server refuses, as people read it in the status: what is wrong, and what to do.

use std::error::Error;

use super::health::Part;
use super::objects::Fault;

/// Longest text in characters.
const TEXT_MAX: usize = 240;

/// `StatusReason` Gone, and Expired.
const GONE: u16 = 410;

/// Why a request gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The version is too old: everything must be listed again.
    Expired,
    /// The connection broke, or nothing came over it.
    Broken(String),
    /// Anything else.
    Text(String),
}

/// Of a request that failed.
pub(super) fn of_request(part: Part, error: &kube::Error) -> Trouble {
    match error {
        kube::Error::Api(status) => {
            of_fault(part, &Fault { code: status.code, message: status.message.clone() })
        }
        error => Trouble::Broken(unreachable(error)),
    }
}

/// Of an answer that says what is wrong.
pub(super) fn of_fault(part: Part, fault: &Fault) -> Trouble {
    let Fault { code, message } = fault;
    let text = match *code {
        GONE => return Trouble::Expired,
        401 => format!("the API server does not accept the agent's credentials (401 {message})"),
        403 => format!(
            "the agent's account lacks the right {}: see docs/security-model.md (403 {message})",
            part.right()
        ),
        code => format!("the API server refuses to tell of {} ({code} {message})", part.name()),
    };
    Trouble::Text(short(text))
}

/// Of a server that does not answer.
pub(super) fn unreachable(error: &dyn Error) -> String {
    short(format!("cannot ask the API server: {}", reasons(error)))
}

/// All reasons of an error behind one another.
pub(super) fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    short(text)
}

/// Of a list that has no end.
pub(super) fn cut_off(part: Part) -> String {
    format!("the API server's list of {} broke off", part.name())
}

/// The beginning of a text that would fill the screen.
fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(trouble: &Trouble) -> &str {
        match trouble {
            Trouble::Text(text) | Trouble::Broken(text) => text,
            Trouble::Expired => "expired",
        }
    }

    #[test]
    fn it_says_which_right_is_missing() {
        let fault = |code| Fault { code, message: "pods is forbidden".into() };
        let missing = of_fault(Part::Pods, &fault(403));
        assert!(text(&missing).contains("list and watch of pods"), "{missing:?}");
        assert!(text(&missing).contains("pods is forbidden"), "{missing:?}");
        assert!(text(&of_fault(Part::Jobs, &fault(403))).contains("get of jobs.batch"));
        assert!(text(&of_fault(Part::Pods, &fault(401))).contains("credentials"));
        assert!(text(&of_fault(Part::Nodes, &fault(500))).contains("nodes (500"));
        assert_eq!(of_fault(Part::Pods, &fault(410)), Trouble::Expired);
    }

    #[test]
    fn long_texts_are_cut() {
        let fault = Fault { code: 500, message: "é".repeat(10_000) };
        assert_eq!(text(&of_fault(Part::Pods, &fault)).chars().count(), TEXT_MAX + 1);
    }

    #[test]
    fn every_reason_is_named_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("certificate has expired"));
        assert_eq!(unreachable(&error), "cannot ask the API server: outer: certificate has expired");
    }
}
