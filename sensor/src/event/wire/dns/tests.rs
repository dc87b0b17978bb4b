//! Messages whole, cut at every byte, with pointers that lead astray.

use proptest::{collection::vec, prelude::*};

use super::*;

/// The response to "www.example.org A": an alias and two addresses, names by pointers.
const RESPONSE: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x03\x00\x00\x00\x00\
    \x03WWW\x07example\x03org\x00\x00\x01\x00\x01\
    \xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x2c\x00\x06\x03cdn\xc0\x10\
    \xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07\
    \xc0\x2d\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07";

fn whole(bytes: &[u8]) -> Message {
    Message::parse(bytes, bytes.len()).unwrap()
}

#[test]
fn a_response_is_read() {
    let message = whole(RESPONSE);
    assert_eq!((message.id, message.response, message.rcode, message.end), (0x1234, true, 0, End::Whole));
    let question = &message.questions[0];
    assert_eq!(
        (question.name.as_str(), question.kind, question.class),
        ("www.example.org", RecordType::A, 1)
    );
    let said: Vec<_> = message
        .answers
        .iter()
        .map(|answer| format!("{} {} {} {}", answer.name, answer.ttl, answer.kind, answer.data))
        .collect();
    assert_eq!(
        said,
        [
            "www.example.org 300 CNAME cdn.example.org",
            "cdn.example.org 60 A 192.0.2.7",
            "cdn.example.org 60 AAAA 2001:db8::7",
        ]
    );
}

#[test]
fn a_cut_message_tells_what_is_there() {
    let all = whole(RESPONSE);
    for length in 0..RESPONSE.len() {
        let bytes = &RESPONSE[..length];
        let Ok(message) = Message::parse(bytes, RESPONSE.len()) else {
            assert!(length < HEADER);
            continue;
        };
        assert_eq!(message.end, End::Cut, "cut to {length}");
        assert!(all.questions.starts_with(&message.questions) && all.answers.starts_with(&message.answers));
        // The same bytes as a whole datagram are no good message.
        assert_eq!(whole(bytes).end, End::Malformed);
    }
    assert_eq!(Message::parse(b"abc", 3), Err(TooShort { have: 3 }));
}

#[test]
fn a_stream_has_several_messages() {
    let length = u8::try_from(RESPONSE.len()).unwrap();
    let stream = [&[0, length], RESPONSE, &[0, length], &RESPONSE[..40], &[]].concat();
    let messages: Vec<_> = Message::stream(&stream).collect();
    assert_eq!(messages.iter().map(|message| message.end).collect::<Vec<_>>(), [End::Whole, End::Cut]);
    assert_eq!(messages[1].questions, messages[0].questions);
    assert_eq!(Message::stream(&stream[..9]).count(), 0);
    assert_eq!(Message::stream(&[0, 0, 0, 12, 1]).count(), 0);
}

/// A query with this name, then type A and class IN.
fn named(name: &[u8]) -> Message {
    let header = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    whole(&[&header[..], name, &[0, 1, 0, 1]].concat())
}

#[test]
fn pointers_lead_back_or_nowhere() {
    let name = |bytes: &[u8]| named(bytes).questions.first().map(|question| question.name.clone());
    // To itself, forward, into the label that it ends, to an earlier pointer that leads here.
    for bytes in [&b"\xc0\x0c"[..], b"\xc0\x20", b"\x01a\xc0\x0d", b"\x01a\xc0\x0c", b"\xff\xff"] {
        assert_eq!(name(bytes), None);
        assert_eq!(named(bytes).end, End::Malformed);
    }
    // Two bytes of the header that happen to be a label and its end: allowed, as it ends.
    assert_eq!(name(b"\x01a\xc0\x04").as_deref(), Some("a"));
    assert_eq!(name(b"\x41a"), None);
}

#[test]
fn names_are_escaped_and_bounded() {
    let name = |bytes: &[u8]| named(bytes).questions.first().map(|question| question.name.clone());
    assert_eq!(name(b"\0").as_deref(), Some("."));
    assert_eq!(name(b"\x05a.\\ \xff\x02De\0").as_deref(), Some("a\\.\\\\\\032\\255.de"));
    let labels = |count: usize| {
        [b"\x3f".iter().chain(&[b'x'; 63]).copied().collect::<Vec<_>>().repeat(count), vec![0]].concat()
    };
    assert_eq!(name(&labels(3)).map(|name| name.len()), Some(3 * 63 + 2));
    assert_eq!(name(&labels(4)), None);
}

#[test]
fn data_that_does_not_fit_its_type_is_refused() {
    let answer = |kind: u8, data: &[u8]| {
        let header = [0, 1, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let length = u8::try_from(data.len()).unwrap();
        whole(&[&header[..], &[0, 0, kind, 0, 1, 0, 0, 0, 9, 0, length], data].concat())
    };
    assert_eq!(answer(1, b"abc").end, End::Malformed);
    assert_eq!(answer(28, b"abcd").end, End::Malformed);
    assert_eq!(answer(5, b"\x01a\0x").end, End::Malformed);
    assert_eq!(answer(5, b"\x01a\0").answers[0].data, Data::Alias("a".to_owned()));
    assert_eq!(answer(16, b"\x02hi").answers[0].data, Data::Other { length: 3 });
}

#[test]
fn no_more_is_kept_than_the_bounds_say() {
    let question = [&b"\x01a\0\0\x01\0\x01"[..]; 9].concat();
    let message = whole(&[&[0, 1, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0][..], &question].concat());
    assert_eq!((message.questions.len(), message.end), (QUESTIONS_MAX, End::TooMany));
    assert_eq!(message.question_count, 9);
    let answer = [&b"\0\0\x01\0\x01\0\0\0\x09\0\x04abcd"[..]; 99].concat();
    let message = whole(&[&[0, 1, 0x80, 0, 0, 0, 0, 99, 0, 0, 0, 0][..], &answer].concat());
    assert_eq!((message.answers.len(), message.end), (ANSWERS_MAX, End::TooMany));
}

#[test]
fn types_have_names() {
    assert_eq!(RecordType(65).to_string(), "HTTPS");
    assert_eq!(RecordType(65_534).to_string(), "TYPE65534");
    assert_eq!((rcode_name(3), rcode_name(15)), (Some("NXDOMAIN"), None));
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in vec(any::<u8>(), 0..600), length in 0..700_usize) {
        if let Ok(message) = Message::parse(&bytes, length) {
            prop_assert!(message.end != End::Cut || length > bytes.len());
        }
        prop_assert!(Message::stream(&bytes).count() <= bytes.len());
    }

    #[test]
    fn damage_is_taken(changes in vec((0..RESPONSE.len(), any::<u8>()), 1..6), cut in 0..=RESPONSE.len()) {
        let mut bytes = RESPONSE.to_vec();
        for (place, value) in changes {
            bytes[place] = value;
        }
        let all = whole(&bytes);
        if let Ok(message) = Message::parse(&bytes[..cut], bytes.len()) {
            prop_assert!(all.questions.starts_with(&message.questions));
            prop_assert!(all.answers.starts_with(&message.answers));
        }
    }

    #[test]
    fn many_pointers_take_no_time(pairs in 0..8000_usize) {
        // Each pointer leads to the one before it: the walk is as long as the message, but ends.
        let mut bytes = vec![0, 1, 0x80, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
        for pair in 0..pairs {
            let target = u16::try_from(12 + 2 * pair).unwrap();
            bytes.extend((0xc000 | target).to_be_bytes());
        }
        prop_assert!(whole(&bytes).answers.len() <= ANSWERS_MAX);
    }
}
