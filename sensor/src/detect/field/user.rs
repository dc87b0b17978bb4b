//! Fields of users and groups: `user.*` and `group.*`.

use super::{Definition, Takes, Type, Which, fields};

fields! { User;
    GroupGid = "group.gid", Number, Nothing, false;
        "real group id, in the initial user namespace", "";
    GroupName = "group.name", Text, Nothing, false;
        "name of that group in the container's /etc/group; root for 0, else <NA>",
        "only where the container's files could be read";
    HomeDirectory = "user.homedir", Text, Nothing, false;
        "", "always <NA>: homes are not read";
    LoginName = "user.loginname", Text, Nothing, false;
        "name of the login user; <NA> where it is not known",
        "never looked up in the container: who logged in is a user of the node";
    LoginUid = "user.loginuid", Number, Nothing, false;
        "audit login user id at exec, -1 where none was set", "";
    Name = "user.name", Text, Nothing, false;
        "name of that user in the container's /etc/passwd; root for 0, else <NA>",
        "only where the container's files could be read";
    Shell = "user.shell", Text, Nothing, false;
        "", "always <NA>: login shells are not read";
    Uid = "user.uid", Number, Nothing, false;
        "real user id, in the initial user namespace",
        "Falco's is the effective one where it saw it change";
}
