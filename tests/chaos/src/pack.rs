//! The county's pack for a run of minutes: the same lists and people, with some periods so short that they end meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_norway::Value;

/// Rules whose periods are minutes here.
const SHORT: &[(&str, u64)] = &[
    ("intake.urgent", 1),
    ("consultation.triage", 1),
    ("consultation.answer", 1),
    ("consultation.ruling", 2),
    ("order.acknowledge", 1),
    ("order.objection_decide", 1),
    ("supervision.answer", 1),
    ("hotline.finish", 2),
    ("operation.confirm", 2),
    ("callback.finish", 2),
];

/// Copies a pack, shortens its periods, and answers where the copy is.
pub fn write(from: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    copy(from, to)?;
    let rules = to.join("clocks/rules.yaml");
    edit(&rules, shorten)?;
    edit(&to.join("scheduling/operations.yaml"), soon)?;
    edit(&to.join("supervision/ladder.yaml"), at_once)?;
    Ok(to.to_owned())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn edit(file: &Path, change: impl FnOnce(&mut Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut value: Value = serde_norway::from_str(&crate::centre::read(file)?)?;
    change(&mut value).with_context(|| file.display().to_string())?;
    std::fs::write(file, serde_norway::to_string(&value)?)?;
    Ok(())
}

fn shorten(rules: &mut Value) -> anyhow::Result<()> {
    let mut wanted: BTreeMap<&str, u64> = SHORT.iter().copied().collect();
    for rule in rules.as_sequence_mut().context("not a list of rules")? {
        let Some(minutes) = rule.get("id").and_then(Value::as_str).and_then(|id| wanted.remove(id)) else { continue };
        let rule = rule.as_mapping_mut().context("a rule is no map")?;
        rule.insert("amount".into(), minutes.into());
        rule.insert("unit".into(), "minute".into());
        rule.remove("warn_before");
        rule.remove("extension");
        rule.insert("roll_last_day".into(), false.into());
    }
    anyhow::ensure!(wanted.is_empty(), "the pack has no rule {wanted:?}");
    Ok(())
}

/// Operations may begin within the run.
fn soon(settings: &mut Value) -> anyhow::Result<()> {
    let settings = settings.as_mapping_mut().context("not a map")?;
    settings.insert("lead_minutes".into(), 0.into());
    settings.insert("slot_minutes".into(), 5.into());
    settings.insert("default_minutes".into(), 15.into());
    settings.insert("matter_hours".into(), Value::Sequence(Vec::new()));
    Ok(())
}

/// The ladder is climbed within the run, at any hour.
fn at_once(ladder: &mut Value) -> anyhow::Result<()> {
    let ladder = ladder.as_mapping_mut().context("not a map")?;
    let rungs = ladder.get_mut("rungs").and_then(Value::as_sequence_mut).context("no rungs")?;
    for (rung, minutes) in rungs.iter_mut().zip([0_u64, 0, 1]) {
        let rung = rung.as_mapping_mut().context("a rung is no map")?;
        rung.insert("amount".into(), minutes.into());
        rung.insert("unit".into(), "minute".into());
    }
    Ok(())
}
