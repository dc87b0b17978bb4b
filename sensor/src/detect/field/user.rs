//! Fields of users and groups: `user.*` and `group.*`.

use super::{Definition, Takes, Type, Which, fields};

fields! { User;
    GroupGid = "group.gid", Number, Nothing, false;
        "effective group id in the initial user namespace; of a change of credentials the one before it", "";
    GroupName = "group.name", Text, Nothing, false;
        "name of that group in the container's (or the node's) /etc/group; root for 0, else <NA>",
        "only where the container's files could be read";
    HomeDirectory = "user.homedir", Text, Nothing, false;
        "home of that user in the container's /etc/passwd, else <NA>",
        "only where the container's files could be read";
    LoginName = "user.loginname", Text, Nothing, false;
        "name of the login user in the node's /etc/passwd; root for 0, else <NA>",
        "never looked up in the container: who logged in is a user of the node";
    LoginUid = "user.loginuid", Number, Nothing, false;
        "audit login user id at exec, -1 where none was set", "";
    Name = "user.name", Text, Nothing, false;
        "name of that user in the container's (or the node's) /etc/passwd; root for 0, else <NA>",
        "only where the container's files could be read";
    Shell = "user.shell", Text, Nothing, false;
        "shell of that user in the container's /etc/passwd, else <NA>",
        "only where the container's files could be read";
    Uid = "user.uid", Number, Nothing, false;
        "effective user id in the initial user namespace; of a change of credentials the one before it", "";
}
