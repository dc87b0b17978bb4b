//! The form in which recordings keep values that have none of their own: those that several owners share, as if each had
//! its own, and those of the kernel's records, as numbers in the order of their fields.

/// For `Arc<T>`.
pub(crate) mod one {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(to)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// For `Option<Arc<T>>`.
pub(crate) mod optional {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<Arc<T>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_deref().serialize(to)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Arc<T>>, D::Error> {
        Option::<T>::deserialize(from).map(|value| value.map(Arc::new))
    }
}

/// For ids of a process.
pub(crate) mod ids {
    use sensor_common::record::process::Ids;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(ids: &Ids, to: S) -> Result<S::Ok, S::Error> {
        let Ids { uid, gid, euid, egid } = *ids;
        [uid, gid, euid, egid].serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Ids, D::Error> {
        let [uid, gid, euid, egid] = Deserialize::deserialize(from)?;
        Ok(Ids { uid, gid, euid, egid })
    }
}

/// For capabilities that may be unknown.
pub(crate) mod capabilities {
    use sensor_common::record::process::Capabilities;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(sets: &Option<Capabilities>, to: S) -> Result<S::Ok, S::Error> {
        let numbers = |sets: &Capabilities| {
            let Capabilities { inheritable, permitted, effective, bounding, ambient } = *sets;
            [inheritable, permitted, effective, bounding, ambient]
        };
        sets.as_ref().map(numbers).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Capabilities>, D::Error> {
        let sets = |[inheritable, permitted, effective, bounding, ambient]: [u64; 5]| Capabilities {
            inheritable,
            permitted,
            effective,
            bounding,
            ambient,
        };
        Ok(Option::<[u64; 5]>::deserialize(from)?.map(sets))
    }
}

/// For namespaces that may be unknown.
pub(crate) mod namespaces {
    use sensor_common::record::process::Namespaces;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(all: &Option<Namespaces>, to: S) -> Result<S::Ok, S::Error> {
        let numbers = |all: &Namespaces| {
            let Namespaces { mnt, pid, net, ipc, uts, cgroup, user, time } = *all;
            [mnt, pid, net, ipc, uts, cgroup, user, time]
        };
        all.as_ref().map(numbers).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Namespaces>, D::Error> {
        let all = |[mnt, pid, net, ipc, uts, cgroup, user, time]: [u32; 8]| Namespaces {
            mnt,
            pid,
            net,
            ipc,
            uts,
            cgroup,
            user,
            time,
        };
        Ok(Option::<[u32; 8]>::deserialize(from)?.map(all))
    }
}

/// For an executed file: its bytes.
pub(crate) mod file {
    use sensor_common::record::process::FileIdentity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
    use zerocopy::{FromBytes as _, IntoBytes as _};

    pub(crate) fn serialize<S: Serializer>(file: &FileIdentity, to: S) -> Result<S::Ok, S::Error> {
        file.as_bytes().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<FileIdentity, D::Error> {
        let bytes = Vec::<u8>::deserialize(from)?;
        FileIdentity::read_from_bytes(&bytes)
            .map_err(|_| D::Error::custom("an executed file of another form"))
    }
}
