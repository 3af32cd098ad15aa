//! Where settings come from: the environment, and a YAML file with the same names in lower case.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

/// Settings by their environment name, e.g. `XIEZHI_DATABASE_URL`.
#[derive(Clone, Default)]
pub struct Configuration {
    file: BTreeMap<String, String>,
}

impl Configuration {
    /// Reads a file of settings; the environment stands above it.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = file else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("配置文件 {} 无法读取 / cannot be read", path.display()))?;
        let values: BTreeMap<String, serde_json::Value> = serde_norway::from_str(&text)
            .with_context(|| format!("配置文件 {} 格式有误 / is not a map of names and values", path.display()))?;
        let file = values
            .into_iter()
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (format!("XIEZHI_{}", name.to_uppercase()), text)
            })
            .collect();
        Ok(Self { file })
    }

    /// A setting, where there is one.
    pub fn find(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty()).or_else(|| self.file.get(name).cloned())
    }

    /// A setting that must be there.
    pub fn need(&self, name: &str, what_zh: &str, what_en: &str) -> anyhow::Result<String> {
        self.find(name).with_context(|| {
            format!("缺少 {name} ({what_zh}), 请设置环境变量或写入配置文件 / {name} is missing ({what_en})")
        })
    }

    /// The content of a setting that is given as itself or as a file's path in `<name>_FILE`.
    pub fn find_secret(&self, name: &str) -> anyhow::Result<Option<String>> {
        if let Some(value) = self.find(name) {
            return Ok(Some(value));
        }
        let Some(path) = self.find(&format!("{name}_FILE")) else { return Ok(None) };
        std::fs::read_to_string(&path)
            .map(|text| Some(text.trim_end().to_owned()))
            .with_context(|| format!("{name}_FILE {path} 无法读取 / cannot be read"))
    }
}
