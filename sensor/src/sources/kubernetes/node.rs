//! Labels of the node: one small request at the start, and one an hour.

use std::time::Duration;

use kube::Client;

use super::follow::Pace;
use super::health::{Part, Reporter};
use super::jobs::METADATA;
use super::objects::MetadataOnly;
use super::trouble::{self, Trouble};
use crate::identity::selection::Keys;
use crate::sources::adviser::Teacher;

/// Labels of a node seldom change.
const AGAIN: Duration = Duration::from_secs(3600);

/// Reads those that `keys` choose, again and again, until nobody wants to know any more. `node` may stand in a path.
pub(super) async fn advise(
    client: Client,
    node: String,
    keys: &Keys,
    pace: Pace,
    teacher: Teacher,
    reporter: Reporter,
) {
    let mut failures = 0;
    while !teacher.is_alone() {
        let pause = match ask(&client, &node, pace).await {
            Ok(found) => {
                failures = 0;
                let chosen = keys.choose(&found.metadata.labels);
                reporter.cut(chosen.cut);
                reporter.node_labels(chosen.kept);
                reporter.fine(Part::Node);
                AGAIN
            }
            Err(text) => {
                failures += 1;
                reporter.trouble(Part::Node, text);
                pace.after(failures)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn ask(client: &Client, node: &str, pace: Pace) -> Result<MetadataOnly, String> {
    let path = format!("/api/v1/nodes/{node}");
    let request = http::Request::get(path).header(http::header::ACCEPT, METADATA).body(Vec::new());
    let request = request.map_err(|error| trouble::unreachable(&error))?;
    let answer = tokio::time::timeout(pace.silence, client.request::<MetadataOnly>(request))
        .await
        .map_err(|_| "the API server does not answer a question for the node".to_owned())?;
    answer.map_err(|error| match trouble::of_request(Part::Node, &error) {
        Trouble::Expired => "the node's labels are gone".to_owned(),
        Trouble::Broken(text) | Trouble::Text(text) => text,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, PACE, status};
    use super::*;
    use crate::kernel::ring::Waker;
    use crate::sources::adviser;

    #[tokio::test]
    async fn chosen_labels_come_once_they_may_be_read() {
        let fake = Fake::default();
        fake.answer("/api/v1/nodes/n-1", 403, &status(403, "no right"));
        let labels =
            r#"{"metadata":{"name":"n-1","labels":{"topology.kubernetes.io/zone":"a","other":"b"}}}"#;
        fake.answer("/api/v1/nodes/n-1", 200, labels);
        let client = fake.start().await;
        let (_advisers, teacher) = adviser::channels(Waker::new().unwrap());
        let reporter = Reporter::of_test();
        let mut health = reporter.health();
        let keys = Keys::new(&["topology.kubernetes.io/*".to_owned()]).unwrap();
        let asked = reporter.clone();
        let task =
            tokio::spawn(async move { advise(client, "n-1".into(), &keys, PACE, teacher, asked).await });
        let refused = |health: &super::super::health::Health| {
            health.troubles.get(&Part::Node).is_some_and(|text| text.contains("get of nodes"))
        };
        health.wait_for(refused).await.unwrap();
        health.wait_for(|health| !health.troubles.contains_key(&Part::Node)).await.unwrap();
        let labels = reporter.account().node_labels();
        assert_eq!(
            labels.into_iter().collect::<Vec<_>>(),
            [("topology.kubernetes.io/zone".into(), "a".into())]
        );
        task.abort();
    }
}
