//! Files as images have them, and files as nobody should.

use proptest::prelude::*;

use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
    # a comment:x:7:7:::\n\
    +::::::\n\
    \n\
    postgres:x:999:999::/var/lib/postgresql:/bin/bash\n\
    toor:x:0:0:another root:/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nadm:*:4:syslog,www\nusers:x:100:\n";

fn container(passwd: &str, group: &str) -> Users {
    Users::parse(passwd.as_bytes(), group.as_bytes(), Bounds::CONTAINER)
}

fn name(users: &Users, uid: u32) -> Option<&str> {
    users.user(uid).map(|user| user.name.as_ref())
}

#[test]
fn names_are_found_by_number_and_the_first_one_counts() {
    let users = container(PASSWD, GROUP);
    let postgres = users.user(999).unwrap();
    assert_eq!(
        (postgres.name.as_ref(), postgres.home.as_ref(), postgres.shell.as_ref()),
        ("postgres", "/var/lib/postgresql", "/bin/bash")
    );
    assert_eq!((name(&users, 0), name(&users, 1), name(&users, 7)), (Some("root"), Some("daemon"), None));
    assert_eq!((users.group(4), users.group(100), users.group(1)), (Some("adm"), Some("users"), None));
    assert_eq!(users.left_out(), 0);
}

#[test]
fn lines_that_are_none_are_skipped_alone() {
    let users = container("a:x\nb:x:+1:1\nc:x:99999999999:1\nd:x:-1:1\ne:x: 1:1\n:x:1:1\ngood:x:1", "g:x");
    assert_eq!((users.users.len(), name(&users, 1)), (1, Some("good")));
    assert_eq!(users.user(1).unwrap().home.as_ref(), "", "what is missing is empty");
    let users = Users::parse(b"b\xff:x:1:1\ne\x1b[2J:x:2:2\nok:x:3:3::/\xff:/a\x07", b"", Bounds::CONTAINER);
    assert_eq!((users.users.len(), name(&users, 3)), (1, Some("ok")));
    let user = users.user(3).unwrap();
    assert_eq!((user.home.as_ref(), user.shell.as_ref()), ("", ""), "nothing that a terminal would obey");
    let long = format!("{}:x:1:1\nb:x:2:2::/{}:/bin/sh", "a".repeat(257), "h".repeat(1024));
    let users = container(&long, "");
    assert_eq!((users.user(1), users.user(2).unwrap().home.as_ref()), (None, ""));
}

#[test]
fn what_finds_no_room_is_counted() {
    let many: String = (0..600).map(|uid| format!("u{uid}:x:{uid}:0\n")).collect();
    let users = container(&many, &many);
    assert_eq!((users.users.len(), users.groups.len(), users.left_out()), (512, 512, 176));
    let long = "n".repeat(250);
    let wide: String = (0..200).map(|uid| format!("{long}:x:{uid}:0\n")).collect();
    let users = container(&wide, "late:x:5:\n");
    assert_eq!((users.users.len(), users.group(5)), (131, Some("late")), "the last bytes serve short names");
    assert_eq!(users.left_out(), 69);
}

proptest! {
    /// Whatever the files hold, what is kept is within its bounds and safe to show.
    #[test]
    fn any_bytes_are_taken(
        passwd in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..2000),
            "([a-z:0-9\\n\u{1b}é]{0,20}:x:[0-9]{0,11}:[0-9]{0,3}:[^:]{0,5}:.{0,9}:.{0,9}\n){0,20}".prop_map(String::into_bytes),
        ],
        group in proptest::collection::vec(any::<u8>(), 0..500),
        entries in 0usize..5,
        bytes in 0usize..100,
    ) {
        let users = Users::parse(&passwd, &group, Bounds { entries, bytes });
        let texts = users.users.values().flat_map(|user| [&user.name, &user.home, &user.shell]);
        let texts: Vec<&str> = texts.chain(users.groups.values()).map(AsRef::as_ref).collect();
        prop_assert!(users.users.len() <= entries && users.groups.len() <= entries);
        prop_assert!(texts.iter().map(|text| text.len()).sum::<usize>() <= bytes);
        prop_assert!(texts.iter().all(|text| !text.chars().any(char::is_control)));
    }

    /// What useradd writes is read back.
    #[test]
    fn a_plain_entry_is_read(named in "[a-z_][a-z0-9_-]{0,30}", uid in any::<u32>(), home in "/[a-z/]{0,40}") {
        let users = container(&format!("{named}:x:{uid}:100:Some One:{home}:/bin/sh\n"), "");
        let user = users.user(uid).unwrap();
        prop_assert_eq!((user.name.as_ref(), user.home.as_ref(), user.shell.as_ref()), (&*named, &*home, "/bin/sh"));
    }
}
