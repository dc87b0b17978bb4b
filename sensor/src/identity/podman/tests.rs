//! Lists as podman's storage writes them.

use super::super::json::LARGEST;
use super::*;

const LIST: &str = r#"[
  {"id":"aaaa","names":["web"],"image":"8d59","layer":"l1",
   "metadata":"{\"image-name\":\"docker.io/library/bb:latest\",\"image-id\":\"8d59\",\"name\":\"web\"}"},
  {"id":"bbbb","metadata":"{\"image-name\":\"localhost/x:1\",\"name\":\"from-metadata\"}"},
  {"id":"cccc","names":[],"metadata":"not JSON"}
]"#;

fn names(name: &str, image: &str) -> Names {
    Names { name: name.to_owned(), image: image.to_owned() }
}

#[test]
fn finds_name_and_image() {
    assert_eq!(find(LIST.as_bytes(), "aaaa"), Ok(Some(names("web", "docker.io/library/bb:latest"))));
    assert_eq!(find(LIST.as_bytes(), "bbbb"), Ok(Some(names("from-metadata", "localhost/x:1"))));
    assert_eq!(find(LIST.as_bytes(), "cccc"), Ok(Some(Names::default())));
    assert_eq!(find(LIST.as_bytes(), "dddd"), Ok(None));
    assert_eq!(find(b"[]", "aaaa"), Ok(None));
}

#[test]
fn broken_lists_are_errors() {
    for length in 0..LIST.len() {
        assert!(find(&LIST.as_bytes()[..length], "aaaa").is_err(), "{length} bytes");
    }
    assert!(find(b"[{\"id\":1}]", "aaaa").is_err());
    assert_eq!(find(&vec![b' '; LARGEST + 1], "a"), Err(JsonError::TooLarge { bytes: LARGEST + 1 }));
}
