//! Where settings come from: the environment, and a YAML file with the same names in lower case.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

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

    /// A positive number, or the one that holds where there is none. What does not read is refused, not passed over.
    pub fn number<T: FromStr + PartialOrd + Default>(&self, name: &str, usual: T) -> anyhow::Result<T> {
        let Some(text) = self.find(name) else { return Ok(usual) };
        text.trim().parse().ok().filter(|number| *number > T::default()).with_context(|| {
            format!(
                "{name} 的值 {text} 不是正整数, 请改正或者去掉 / {name} is {text}, which is no positive whole number; correct it or leave it out"
            )
        })
    }

    /// "true" or "false", the latter where there is neither.
    pub fn choice(&self, name: &str) -> anyhow::Result<bool> {
        match self.find(name).as_deref().map(str::trim) {
            Some("true") => Ok(true),
            Some("false") | None => Ok(false),
            Some(other) => {
                anyhow::bail!("{name} 的值 {other} 应为 true 或 false / {name} is {other}, it must be true or false")
            }
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn with(name: &str, value: &str) -> Configuration {
        Configuration { file: BTreeMap::from([(name.to_owned(), value.to_owned())]) }
    }

    #[test]
    fn a_number_that_does_not_read_is_refused_by_its_name() {
        assert_eq!(with("XIEZHI_TEST_ROOM", "4096").number("XIEZHI_TEST_ROOM", 7_i64).unwrap(), 4096);
        assert_eq!(Configuration::default().number("XIEZHI_TEST_ROOM", 7_i64).unwrap(), 7);
        for wrong in ["4 GB", "-1", "0", "lots"] {
            let refused = with("XIEZHI_TEST_ROOM", wrong).number("XIEZHI_TEST_ROOM", 7_i64).unwrap_err().to_string();
            assert!(refused.contains("XIEZHI_TEST_ROOM") && refused.contains(wrong), "{refused}");
        }
    }

    #[test]
    fn only_true_and_false_are_choices() {
        assert!(with("XIEZHI_TEST_KIND", "true").choice("XIEZHI_TEST_KIND").unwrap());
        assert!(!with("XIEZHI_TEST_KIND", "false").choice("XIEZHI_TEST_KIND").unwrap());
        assert!(!Configuration::default().choice("XIEZHI_TEST_KIND").unwrap());
        assert!(with("XIEZHI_TEST_KIND", "yes").choice("XIEZHI_TEST_KIND").is_err());
    }
}
