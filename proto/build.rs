//! Compiles every `.proto` below `xiezhi/` and writes down, as Rust, what the options say:
//! which message is which event, and which RPC is which action.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", root.join("xiezhi").display());

    let mut files = Vec::new();
    collect(&root.join("xiezhi"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // The encoded form keeps our options; a round trip through prost's own types would lose them.
    let descriptors = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("descriptors.bin"), &descriptors)?;
    // Every message knows its own protobuf name, so that a tool can show any answer as JSON.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure().bytes(".").compile_fds_with_config(compiler.file_descriptor_set(), config)?;

    let pool = DescriptorPool::decode(descriptors.as_slice())?;
    std::fs::write(out.join("events.rs"), events(&pool)?)?;
    std::fs::write(out.join("actions.rs"), actions(&pool)?)?;
    std::fs::write(out.join("packages.rs"), packages(&pool))?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

fn rust_path(full_name: &str) -> Result<String> {
    let (package, message) = full_name.rsplit_once('.').context("a message has a package")?;
    let modules = package.strip_prefix("xiezhi.").context("a package of ours")?;
    Ok(format!("crate::{}::{message}", modules.replace('.', "::")))
}

fn text(message: &DynamicMessage, field: &str) -> String {
    match message.get_field_by_name(field).as_deref() {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn events(pool: &DescriptorPool) -> Result<String> {
    let option = pool
        .get_extension_by_name("xiezhi.options.v1.event")
        .ok_or_else(|| anyhow!("the event option is not declared"))?;
    let mut code = String::new();
    let mut list = String::new();
    for message in pool.all_messages() {
        let options = message.options();
        if !options.has_extension(&option) {
            continue;
        }
        let value = options.get_extension(&option);
        let Value::Message(event) = value.as_ref() else { continue };
        let subject = text(event, "subject");
        let terminal = matches!(event.get_field_by_name("terminal").as_deref(), Some(Value::Bool(true)));
        let audience = match event.get_field_by_name("audience").as_deref() {
            Some(Value::EnumNumber(0)) | None => "Sharers",
            Some(Value::EnumNumber(1)) => "Centre",
            Some(Value::EnumNumber(2)) => "NamedUnits",
            other => return Err(anyhow!("{subject} has an audience nobody knows: {other:?}")),
        };
        let name = message.full_name();
        writeln!(
            code,
            "impl crate::Event for {} {{ const TYPE: &'static str = \"{name}\"; const SUBJECT: &'static str = \"{subject}\"; const SCHEMA_VERSION: i32 = 1; }}",
            rust_path(name)?
        )?;
        writeln!(
            list,
            "    crate::EventKind {{ type_name: \"{name}\", subject: \"{subject}\", terminal: {terminal}, audience: crate::Audience::{audience} }},"
        )?;
    }
    writeln!(code, "/// Every event of the contract.\npub static EVENTS: &[crate::EventKind] = &[\n{list}];")?;
    Ok(code)
}

fn actions(pool: &DescriptorPool) -> Result<String> {
    let option = pool
        .get_extension_by_name("xiezhi.options.v1.action")
        .ok_or_else(|| anyhow!("the action option is not declared"))?;
    let first = pool
        .get_extension_by_name("xiezhi.options.v1.first")
        .ok_or_else(|| anyhow!("the option for what is served first is not declared"))?;
    let mut list = String::new();
    let mut ranks = String::new();
    for service in pool.services().filter(|s| s.full_name().starts_with("xiezhi.")) {
        for method in service.methods() {
            let action = match method.options().get_extension(&option).as_ref() {
                Value::String(action) => action.clone(),
                _ => String::new(),
            };
            writeln!(list, "    (\"/{}/{}\", \"{action}\"),", service.full_name(), method.name())?;
            // The bus's own reads mend gaps between services: they wait for no analysis.
            let rank = match method.options().get_extension(&first).as_ref() {
                Value::Bool(true) => "First",
                _ if method.input().get_field_by_name("command_id").is_some() => "Command",
                _ if service.full_name().starts_with("xiezhi.bus.") => "Command",
                _ => "Read",
            };
            writeln!(ranks, "    (\"/{}/{}\", crate::Rank::{rank}),", service.full_name(), method.name())?;
        }
    }
    Ok(format!(
        "/// Every RPC's path and the action it declares; an empty action is a mistake that the tests find.\npub static ACTIONS: &[(&str, &str)] = &[\n{list}];\n/// Every RPC's path and its rank.\npub static RANKS: &[(&str, crate::Rank)] = &[\n{ranks}];\n"
    ))
}

/// A module tree over whatever packages exist, so that a new service's proto needs no line here.
fn packages(pool: &DescriptorPool) -> String {
    let mut names: Vec<String> =
        pool.files().map(|file| file.package_name().to_owned()).filter(|name| name.starts_with("xiezhi.")).collect();
    names.sort();
    names.dedup();
    let mut code = String::new();
    for name in names {
        let mut parts = name.split('.').skip(1);
        let (service, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        code.push_str(&format!(
            "/// Package `{name}`.\npub mod {service} {{\n    /// Version `{version}`.\n    pub mod {version} {{\n        tonic::include_proto!(\"{name}\");\n    }}\n}}\n"
        ));
    }
    code
}
