//! `picket normal`: what the agent has learned of images.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::pretty::text::safe;
use super::{NormalArgs, OutputFormat, exit, json};
use crate::proto::{GetNormalRequest, LearnedImage};
use crate::stream::client::{self, Target};

/// Runs the command; prints errors to standard error.
pub async fn run(args: &NormalArgs) -> ExitCode {
    let (target, images) = match (args.agent.target(), patterns(&args.images)) {
        (Ok(target), Ok(images)) => (target, images),
        (Err(error), _) => return wrong(&error.to_string()),
        (_, Err(error)) => return wrong(&error.to_string()),
    };
    let learned = match ask(&target).await {
        Ok(learned) => learned,
        Err(message) => {
            eprintln!("picket normal: {message}");
            return ExitCode::from(exit::UNREACHABLE);
        }
    };
    let mut text = Vec::new();
    let mut shown = 0;
    for image in learned.iter().filter(|image| args.images.is_empty() || images.is_match(&image.image)) {
        shown += 1;
        match args.output {
            OutputFormat::Pretty => text.extend_from_slice(page(image).as_bytes()),
            OutputFormat::Json => {
                if let Err(error) = json::write(&mut text, image) {
                    eprintln!("picket normal: an image has no JSON form: {error}");
                }
                text.push(b'\n');
            }
        }
    }
    if shown == 0 && args.output == OutputFormat::Pretty {
        text.extend_from_slice(b"nothing was learned yet of such an image (setting tuning.normal)\n");
    }
    let mut out = io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn wrong(error: &str) -> ExitCode {
    eprintln!("picket normal: {error}");
    ExitCode::from(exit::USAGE)
}

fn patterns(images: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for image in images {
        set.add(GlobBuilder::new(image).literal_separator(false).build()?);
    }
    set.build()
}

async fn ask(target: &Target) -> Result<Vec<LearnedImage>, String> {
    let mut client = client::connect(target).await.map_err(|error| error.to_string())?;
    let refused = |status: tonic::Status| {
        format!("the agent at {} does not answer: {}", target.place(), status.message())
    };
    let mut images = client.get_normal(GetNormalRequest {}).await.map_err(refused)?.into_inner();
    let mut learned = Vec::new();
    while let Some(image) = images.message().await.map_err(refused)? {
        learned.push(image);
    }
    Ok(learned)
}

/// An image for people.
fn page(image: &LearnedImage) -> String {
    let mut text = String::new();
    let since = image.since.unwrap_or_default();
    // Writing to a text never fails.
    writeln!(text, "{}, watched since {since}", safe(&image.image)).ok();
    let mut facts: Vec<_> = image.facts.iter().collect();
    facts.sort_by(|a, b| a.text.cmp(&b.text));
    for fact in facts {
        let mark = if fact.normal { "normal" } else { "new" };
        let times = if fact.occasions == 1 { "once" } else { "times" };
        let occasions = if fact.occasions == 1 { String::new() } else { format!("{} ", fact.occasions) };
        let last = fact.last.unwrap_or_default();
        writeln!(text, "  {mark:6}  {}  ({occasions}{times}, last {last})", safe(&fact.text)).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Timestamp, learned_image::Fact};

    #[test]
    fn images_are_told_for_people() {
        let time = |seconds: i64| Some(Timestamp::from_unix_nanos(seconds * 1_000_000_000));
        let fact = |text: &str, normal, occasions| Fact {
            text: text.into(),
            since: time(0),
            last: time(60),
            occasions,
            containers: 1,
            normal,
        };
        let facts = vec![fact("starts /b\u{1b}[2J", false, 1), fact("listens /app on port 80", true, 5)];
        let image = LearnedImage { image: "shop/web".into(), since: time(0), facts };
        let page = page(&image);
        let lines: Vec<_> = page.lines().collect();
        assert!(lines[0].starts_with("shop/web, watched since 1970-01-01"), "{page}");
        assert!(
            lines[1].starts_with("  normal  listens /app on port 80  (5 times, last 1970-01-01"),
            "{page}"
        );
        assert!(lines[2].starts_with("  new     starts /b") && lines[2].contains("(once,"), "{page}");
        assert!(!page.contains('\u{1b}'));
        assert!(patterns(&["shop/*".into()]).unwrap().is_match("shop/a/b"));
    }
}
