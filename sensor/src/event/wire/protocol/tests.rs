//! Protocols whole, cut at every byte, damaged, and their harmless look-alikes.

use proptest::{collection::vec, prelude::*};

use super::*;
use samples::{SAMPLES, Sample, TLS_1_3, dns_query};

pub(crate) mod samples;

fn ended(bytes: &[u8]) -> SoFar<'_> {
    SoFar { bytes, ended: true }
}

fn open(bytes: &[u8]) -> SoFar<'_> {
    SoFar { bytes, ended: false }
}

/// What is known of a flow of which one direction has been seen.
fn one(bytes: &[u8]) -> Option<Recognised> {
    recognise(open(bytes), open(b"")).recognised
}

fn detail(bytes: &[u8]) -> String {
    one(bytes).and_then(|recognised| recognised.detail).unwrap_or_default()
}

fn protocol(bytes: &[u8]) -> Option<Protocol> {
    one(bytes).map(|recognised| recognised.protocol)
}

#[test]
fn samples_are_recognised_in_either_direction() {
    for Sample { protocol, bytes, server_name, detail } in SAMPLES {
        let expected = Recognised {
            protocol: *protocol,
            server_name: server_name.map(str::to_owned),
            detail: detail.map(str::to_owned),
        };
        let text = String::from_utf8_lossy(bytes);
        for ended in [false, true] {
            let (all, nothing) = (SoFar { bytes, ended }, SoFar { bytes: b"", ended });
            assert_eq!(recognise(all, nothing).recognised.as_ref(), Some(&expected), "sent: {text}");
            assert_eq!(recognise(nothing, all).recognised.as_ref(), Some(&expected), "received: {text}");
        }
    }
}

#[test]
fn a_prefix_says_the_same_or_less() {
    for Sample { bytes, .. } in SAMPLES {
        assert_firm(bytes);
    }
}

#[test]
fn after_the_login_nothing_is_added() {
    let bytes =
        br#"{"method":"mining.subscribe"}{"method":"mining.authorize","params":["a"]}{"method":"mining.x"}"#;
    assert_firm(bytes);
    assert_eq!(detail(bytes), "mining.subscribe, mining.authorize user=a");
}

#[test]
fn a_number_may_be_cut_behind_its_point() {
    assert_firm(br#"{"id":12.5e-1,"x":[-1.5],"method":"mining.subscribe"}"#);
    assert_firm(b"{\"id\":12.\n5}");
}

/// No prefix says anything that a longer one takes back.
fn assert_firm(bytes: &[u8]) {
    let mut before: Option<Recognised> = None;
    let mut settled = false;
    for length in 0..=bytes.len() {
        let outcome = recognise(open(&bytes[..length]), ended(b""));
        let text = String::from_utf8_lossy(&bytes[..length]);
        if let Some(before) = &before {
            let now = outcome.recognised.as_ref().unwrap_or_else(|| panic!("forgotten after {text}"));
            let through = before.protocol != Protocol::Stratum && now.protocol == Protocol::Stratum;
            assert!(before.protocol == now.protocol || through, "{before:?}, then {now:?} after {text}");
            assert!(
                before.server_name.is_none() || before.server_name == now.server_name,
                "{before:?}, then {now:?}"
            );
        }
        if settled {
            assert_eq!(before, outcome.recognised, "settled, but changed after {text}");
            assert!(outcome.settled, "settled no more after {text}");
        }
        (before, settled) = (outcome.recognised, outcome.settled);
    }
}

#[test]
fn look_alikes_are_not_mining() {
    let harmless: &[&[u8]] = &[
        br#"{"jsonrpc":"2.0","method":"login","params":{"username":"root","password":"x"},"id":1}"#,
        br#"{"jsonrpc":"2.0","method":"login","params":{"login":"bob","pass":"x"},"id":1}"#,
        br#"{"jsonrpc":"2.0","method":"login","params":{"login":"bob","password":"x","agent":"mobile"},"id":1}"#,
        br#"{"jsonrpc":"2.0","method":"user.login","params":{"user":"Admin","password":"zabbix"},"id":1}"#,
        br#"{"jsonrpc":"2.0","id":1,"method":"call","params":["00000000","session","login",{"username":"root"}]}"#,
        br#"{"jsonrpc":"2.0","method":"eth_blockNumber","params":[],"id":83}"#,
        br#"{"jsonrpc":"2.0","method":"eth_getWork","params":[],"id":83}"#,
        br#"{"jsonrpc":"2.0","method":"submit","params":{"form":"x","nonce":"1"},"id":83}"#,
        br#"{"method":"log","params":{"text":"mining.subscribe"}}"#,
        br#"{"text":{"method":"mining.subscribe"}}"#,
        br#"{"result":{"job":{"id":7,"target":"x86"}}}"#,
        br#"{"method":"job","params":{"target":"x86"}}"#,
        br#"{"method":"mining."}"#,
        b"Content-Length: 60\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"login\"}",
        b"mining.subscribe",
    ];
    for bytes in harmless {
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(recognise(ended(bytes), ended(b"{}")).recognised, None, "{text}");
        assert_eq!(recognise(ended(b""), ended(bytes)).recognised, None, "{text}");
    }
}

#[test]
fn mining_is_not_hidden_by_its_spelling() {
    let mining: &[&[u8]] = &[
        br#"{"method":"mini\u006eg.subscribe"}"#,
        b"\r\n {\"params\" : [], \"method\"\t:\n \"mining.subscribe\"}",
        br#"{"method":"x","method":"mining.subscribe"}"#,
        b"{\"id\":\"\xff\xfe\",\"method\":\"mining.subscribe\"}",
        b"{\"id\":1}\n{\"id\":2,\"method\":\"mining.extranonce.subscribe\"}",
        br#"{"method":"mining.subscribe",garbage"#,
        br#"{"method":"submit","params":{"id":"a","job_id":"b","nonce":"c","result":"d"}}"#,
        br#"{"id":1,"method":"keepalived","params":{"id":"a"}}"#,
        br#"{"method":"login","params":{"login":"a","pass":"x","rigid":"r1"#,
    ];
    for bytes in mining {
        assert_eq!(protocol(bytes), Some(Protocol::Stratum), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_wallet_is_enough_of_a_login() {
    let wallet = "4".repeat(95);
    let line = format!(r#"{{"method":"login","params":{{"login":"{wallet}.worker","pass""#);
    assert_eq!(detail(line.as_bytes()), format!("login user={wallet}.worker"));
}

#[test]
fn mining_is_seen_through_a_proxy() {
    let login = br#"{"method":"mining.subscribe","params":["miner/1"]}"#;
    let socks5 = [&b"\x05\x01\x00\x05\x01\x00\x03\x10pool.example.org\x0d\x05"[..], login].concat();
    let socks4 = [&b"\x04\x01\x0d\x05\xc6\x33\x64\x07me\0"[..], login].concat();
    let http = [&b"CONNECT pool.example.org:3333 HTTP/1.1\r\n\r\n"[..], login].concat();
    for (bytes, through, name) in [
        (socks5, "socks5", "pool.example.org"),
        (socks4, "socks4", "198.51.100.7"),
        (http, "http", "pool.example.org"),
    ] {
        assert_firm(&bytes);
        let recognised = one(&bytes).unwrap();
        assert_eq!(recognised.protocol, Protocol::Stratum);
        assert_eq!(recognised.server_name.as_deref(), Some(name));
        assert_eq!(recognised.detail, Some(format!("mining.subscribe agent=miner/1 through={through}")));
    }
}

#[test]
fn both_directions_add_up() {
    let cases: &[(&[u8], &[u8], &str)] = &[
        (b"GET /a?token=1 HTTP/1.1\r\nHost: b\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n", "GET /a → 404"),
        (b"SSH-2.0-one\r\n", b"SSH-2.0-other\r\n", "SSH-2.0-one → SSH-2.0-other"),
    ];
    for (client, server, expected) in cases {
        let recognised = recognise(open(client), open(server)).recognised.unwrap();
        assert_eq!(recognised.detail.as_deref(), Some(*expected));
    }
    // The process is the server: the client's part still comes first.
    let recognised = recognise(open(cases[0].1), open(cases[0].0)).recognised.unwrap();
    assert_eq!(
        (recognised.server_name.as_deref(), recognised.detail.as_deref()),
        (Some("b"), Some(cases[0].2))
    );
    // A server that claims to be something else hides no miner.
    let login = br#"{"method":"mining.subscribe"}"#;
    for (sent, received) in [(&login[..], &b"HTTP/1.1 200 OK\r\n\r\n"[..]), (b"GET / HTTP/1.1\r\n", login)] {
        let recognised = recognise(open(sent), open(received)).recognised.unwrap();
        assert_eq!(recognised.protocol, Protocol::Stratum);
    }
}

#[test]
fn nothing_is_said_of_other_bytes() {
    let others: &[&[u8]] = &[
        b"",
        b"hello\n",
        b"HELO mail.example.org\r\n",
        b"220 mail.example.org ESMTP\r\n",
        b"INFO {\"server_id\":\"a\"}\r\n",
        b"PING\r\n",
        b"+OK\r\n",
        b"module example.org/a\n\ngo 1.25\n",
        b"config file follows\n",
        b"GET lost\r\n",
        b"\x16\x03\x01\x00\x05\x02",
        b"\x05\x01\x00",
        b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x00\xff\xff",
        &[0; 512],
        &[0xff; 512],
        &[b'A'; 512],
        &[b'{'; 512],
        &[b' '; 512],
    ];
    for bytes in others {
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(recognise(ended(bytes), ended(b"")).recognised, None, "{text}");
    }
}

#[test]
fn a_server_name_is_found_across_records() {
    let mut split = Vec::new();
    for piece in TLS_1_3[5..].chunks(100) {
        split.extend([22, 3, 1, 0, u8::try_from(piece.len()).unwrap()]);
        split.extend(piece);
    }
    assert_firm(&split);
    assert_eq!(one(&split).unwrap().server_name.as_deref(), Some("pool.example.org"));
}

/// A hello of a client with a server name extension for each of the names.
fn hello_for(names: &[&[u8]]) -> Vec<u8> {
    let long = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let extensions: Vec<u8> = names
        .iter()
        .flat_map(|name| {
            let list = long(&[&[0][..], &long(name)].concat());
            [&[0, 0][..], &long(&list)].concat()
        })
        .collect();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &long(&extensions)].concat();
    [&[22, 3, 1][..], &long(&[&[1, 0][..], &long(&body)].concat())].concat()
}

#[test]
fn the_first_server_name_stays() {
    let name = &b"pool.example.org"[..];
    for names in [&[name, b""][..], &[name, b"other.example"], &[b"", name], &[b"", name, b"other.example"]] {
        let hello = hello_for(names);
        assert_firm(&hello);
        assert_eq!(one(&hello).unwrap().server_name.as_deref(), Some("pool.example.org"), "{names:?}");
    }
    assert_eq!(one(&hello_for(&[b""])).unwrap().server_name, None);

    // Padding that is shorter than it was: the zeros behind it are extensions, too, one of which has a name
    // of no bytes.
    let mut changed = TLS_1_3.to_vec();
    let padding = 313;
    assert_eq!(changed[padding - 3..=padding], [0, 0x15, 0, 0xcb]);
    changed[padding] = 20;
    changed[padding + 120] = 5;
    assert_firm(&changed);
}

#[test]
fn a_hello_that_is_cut_names_no_version_that_it_may_not_mean() {
    let name_only = ended(&TLS_1_3[..160]);
    let recognised = recognise(name_only, ended(b"")).recognised.unwrap();
    assert_eq!((recognised.server_name.as_deref(), recognised.detail), (Some("pool.example.org"), None));
}

#[test]
fn secrets_stay_out() {
    assert_eq!(detail(b"GET http://u:secret@h/p?secret HTTP/1.1\r\n"), "GET http://h/p");
    assert_eq!(detail(b"*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$6\r\nsecret\r\n"), "AUTH");
    let login = br#"{"method":"login","params":{"login":"a","pass":"secret","agent":"b"}}"#;
    assert_eq!(detail(login), "login user=a agent=b");
    let socks = b"\x05\x01\x02\x01\x04user\x06secret\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50";
    assert_eq!(detail(socks), "CONNECT port=80");
}

#[test]
fn strings_are_bounded_and_printable() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(400), "b".repeat(400));
    let recognised = one(long.as_bytes()).unwrap();
    assert_eq!(recognised.detail.unwrap().chars().count(), 4 + 160 + 1);
    assert_eq!(recognised.server_name.unwrap().chars().count(), 253 + 1);
    assert_eq!(detail(b"SSH-2.0-\x1b[31m\r\n"), "SSH-2.0-\u{fffd}[31m");
    let cut = [&b"POST /"[..], &[b'x'; 506]].concat();
    assert_eq!(one(&cut), None);
    assert!(recognise(ended(&cut), open(b"")).recognised.unwrap().detail.unwrap().starts_with("POST /xxx"));
}

#[test]
fn dns_is_strict() {
    assert_eq!(detail(&dns_query(b"\x07example\x03org\0", 1, 1)), "A example.org");
    assert_eq!(protocol(&dns_query(b"\x07example\x03org\0", 61_000, 1)), None);
    assert_eq!(protocol(&dns_query(b"\x07example\x03org\0", 1, 77)), None);
    assert_eq!(protocol(&dns_query(b"\xc0\x0c", 1, 1)), None);
}

/// A sample with some bytes changed, or bytes of no protocol.
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changed =
        (0..SAMPLES.len(), vec((any::<usize>(), any::<u8>()), 0..4)).prop_map(|(index, changes)| {
            let mut bytes = SAMPLES[index].bytes.to_vec();
            for (place, value) in changes {
                let place = place % bytes.len();
                bytes[place] = value;
            }
            bytes
        });
    prop_oneof![4 => changed, 1 => vec(any::<u8>(), 0..600), 1 => "[{}\\[\\]\":,a-z0-9 \r\n]{0,80}".prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn any_bytes_are_taken(sent in bytes(), received in bytes(), over in any::<bool>()) {
        let outcome = recognise(SoFar { bytes: &sent, ended: over }, SoFar { bytes: &received, ended: over });
        prop_assert!(outcome.settled || !over);
        if let Some(recognised) = outcome.recognised {
            prop_assert!(recognised.detail.is_none_or(|detail| detail.chars().count() <= DETAIL_MAX + 1));
            prop_assert!(recognised.server_name.is_none_or(|name| name.chars().count() <= 254));
        }
    }

    #[test]
    fn nothing_is_taken_back(bytes in bytes()) {
        assert_firm(&bytes);
    }
}
