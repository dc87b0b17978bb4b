//! Rust types and the client, made from the schema.

/// Where `picket/v1/event.proto` and `picket/v1/sensor.proto` are.
const SCHEMA: &str = "../../../sensor/proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={SCHEMA}");
    let schema = protox::compile(["picket/v1/sensor.proto"], [SCHEMA])?;
    tonic_prost_build::configure().build_server(false).compile_fds(schema)?;
    Ok(())
}
