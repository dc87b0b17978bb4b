//! What is made at build time: the kernel programs' object, and Rust types and services from the
//! protobuf schema.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use prost::Message as _;

/// Schema files, below [`SCHEMA_FOLDER`].
const SCHEMA_FILES: [&str; 2] = ["picket/v1/event.proto", "picket/v1/sensor.proto"];

/// What is read of the Container Runtime Interface, below [`SCHEMA_FOLDER`].
const RUNTIME_FILE: &str = "cri/runtime.proto";

/// Where imports are looked up.
const SCHEMA_FOLDER: &str = "proto";

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo did not set OUT_DIR")?);
    kernel_object(&out)?;
    protobuf(&out)?;
    runtime_interface(&out)
}

/// Builds the kernel programs and tells the library where the object is.
fn kernel_object(out: &Path) -> Result<()> {
    let package = PathBuf::from(
        std::env::var_os("CARGO_MANIFEST_DIR").context("cargo did not set CARGO_MANIFEST_DIR")?,
    );
    let workspace = package.parent().context("the package lies in the workspace")?;
    let object = xtask::ebpf::build(out, workspace)?;
    println!("cargo::rustc-env=PICKET_KERNEL_OBJECT={}", object.display());
    Ok(())
}

/// Compiles the schema without a `protoc` binary.
fn protobuf(out: &Path) -> Result<()> {
    for file in SCHEMA_FILES {
        println!("cargo::rerun-if-changed={SCHEMA_FOLDER}/{file}");
    }
    let set = protox::compile(SCHEMA_FILES, [SCHEMA_FOLDER]).context("the schema in sensor/proto")?;
    let descriptor = set.encode_to_vec();
    std::fs::write(out.join("picket.v1.descriptor.bin"), &descriptor)?;

    // The messages, and the client that decodes them.
    configure().build_client(true).build_server(false).out_dir(out).compile_fds(set.clone())?;

    // The server sends events that were encoded before it saw them, so its response type is ours.
    let server = out.join("server");
    std::fs::create_dir_all(&server)?;
    configure()
        .build_client(false)
        .build_server(true)
        .out_dir(&server)
        .extern_path(".picket.v1", "crate::proto")
        .extern_path(".picket.v1.SubscribeResponse", "crate::stream::frame::Frames")
        .compile_fds(set)?;

    json(out, &descriptor)
}

/// Messages only: the two versions of the interface have the same ones, and differ in the name of the service.
fn runtime_interface(out: &Path) -> Result<()> {
    println!("cargo::rerun-if-changed={SCHEMA_FOLDER}/{RUNTIME_FILE}");
    let set = protox::compile([RUNTIME_FILE], [SCHEMA_FOLDER]).context("the schema in sensor/proto/cri")?;
    tonic_prost_build::configure()
        .build_transport(false)
        .build_client(false)
        .build_server(false)
        .btree_map(".cri")
        .out_dir(out)
        .compile_fds(set)?;
    Ok(())
}

/// What both passes have in common: time has a canonical JSON form, so these types are ours too.
fn configure() -> tonic_prost_build::Builder {
    tonic_prost_build::configure()
        .build_transport(false)
        // In order, so that equal messages are equal bytes.
        .btree_map(".picket.v1")
        .extern_path(".google.protobuf.Timestamp", "crate::proto::Timestamp")
        .extern_path(".google.protobuf.Duration", "crate::proto::Duration")
}

/// The canonical JSON mapping of the messages.
fn json(out: &Path, descriptor: &[u8]) -> Result<()> {
    pbjson_build::Builder::new()
        .register_descriptors(descriptor)?
        .extern_path(".google.protobuf", "crate::proto")
        .out_dir(out)
        .btree_map([".picket.v1"])
        .ignore_unknown_fields()
        .build(&[".picket.v1"])?;
    let path = out.join("picket.v1.serde.rs");
    let code = std::fs::read_to_string(&path)?;
    std::fs::write(&path, tolerate_unknown_enum_numbers(&code)?)?;
    Ok(())
}

/// The generated code refuses to serialise a message whose enum has a number that this version
/// does not know; the mapping says that such a number appears as it is.
fn tolerate_unknown_enum_numbers(code: &str) -> Result<String> {
    const REFUSES: &str = r#".map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}","#;
    let mut tolerant = String::with_capacity(code.len());
    for line in code.lines() {
        if line.trim_start().starts_with(REFUSES) {
            tolerant.push_str(".map_or_else(crate::proto::open_number::<_, S>, crate::proto::open_known)");
            tolerant.push_str(if line.ends_with("?;") { "?;" } else { "" });
        } else {
            tolerant.push_str(line);
        }
        tolerant.push('\n');
    }
    ensure!(
        !tolerant.contains("Invalid variant"),
        "pbjson-build writes enums differently from what sensor/build.rs expects: adapt it to the new version"
    );
    Ok(tolerant)
}
