//! Units, posts, persons, accounts and officers.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vocab::{AccountCode, PersonCode, PostCode, RegionCode, UnitCode};

/// 单位类型: what kind of body a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// 部门.
    Department,
    /// 镇人民政府（街道办事处）.
    Town,
    /// 联合执法（指挥协调）中心.
    Centre,
}

/// 单位: a department, a town government or the centre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationUnit {
    /// Its code, e.g. `ZF` or `town-330421103`.
    pub code: UnitCode,
    /// Its own name, e.g. `西塘镇人民政府`.
    pub name: String,
    /// Its name in English.
    pub name_en: String,
    /// The name shared by its kind, e.g. `镇人民政府（街道办事处）`; equal to the name for departments.
    pub standard_name: String,
    /// Older and shorter names people use.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What kind of body it is.
    pub kind: UnitKind,
    /// The unit above it, if any.
    #[serde(default)]
    pub parent: Option<UnitCode>,
    /// 执法主体: true when it may impose penalties in its own name.
    pub enforcing: bool,
    /// The place it governs, for towns.
    #[serde(default)]
    pub region: Option<RegionCode>,
    /// What it looks after, in a few words.
    #[serde(default)]
    pub field_zh: String,
}

/// 岗位: a post, always held by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Its code.
    pub code: PostCode,
    /// The unit it belongs to.
    pub unit: UnitCode,
    /// Its kind: `unit_head`, `deputy_head`, `section_head`, `handler`, `window`, `coordinator`, `supervisor`, `evaluator`, `squad_leader`.
    pub kind: String,
    /// Chinese title.
    pub title_zh: String,
    /// English title.
    pub title_en: String,
    /// The person who holds it.
    pub person: PersonCode,
}

/// 人员: a person who works for a unit. No telephone number, no identity number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The code.
    pub code: PersonCode,
    /// The name.
    pub name: String,
    /// The unit.
    pub unit: UnitCode,
}

/// 账号类型: what kind of caller an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A department.
    Department,
    /// A town government.
    Town,
    /// The centre's staff.
    Centre,
    /// One of the services.
    Service,
}

/// 角色: what an account may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    /// 接待窗口.
    WindowClerk,
    /// 指挥协调.
    Coordinator,
    /// 督查.
    Supervisor,
    /// 考核评价.
    Evaluator,
    /// 分管领导.
    Leader,
    /// 系统管理.
    Administrator,
    /// 部门承办人.
    DepartmentHandler,
    /// 部门负责人.
    DepartmentHead,
    /// 执法人员.
    Officer,
}

impl AccountRole {
    /// The code, as tokens and policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WindowClerk => "window_clerk",
            Self::Coordinator => "coordinator",
            Self::Supervisor => "supervisor",
            Self::Evaluator => "evaluator",
            Self::Leader => "leader",
            Self::Administrator => "administrator",
            Self::DepartmentHandler => "department_handler",
            Self::DepartmentHead => "department_head",
            Self::Officer => "officer",
        }
    }
}

/// 账号: an account that may call the centre; its public key is enrolled separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its code.
    pub id: AccountCode,
    /// The unit it acts for.
    pub unit: UnitCode,
    /// What kind of caller it is.
    pub kind: AccountKind,
    /// The person behind it; a department's system has none.
    #[serde(default)]
    pub person: Option<PersonCode>,
    /// What it may be.
    pub roles: Vec<AccountRole>,
}

/// 执法证: an officer's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its number.
    pub number: String,
    /// The first day it is valid.
    pub valid_from: Date,
    /// The last day it is valid.
    pub valid_to: Date,
}

impl Certificate {
    /// True when the certificate is valid on that day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.valid_from <= day && day <= self.valid_to
    }
}

/// 执法人员: an officer, or an auxiliary who may only help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Officer {
    /// The person.
    pub person: PersonCode,
    /// The unit in whose name the officer acts.
    pub unit: UnitCode,
    /// The certificate; auxiliaries have none.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// 辅助人员: true when the person cannot count as an officer.
    pub auxiliary: bool,
}

impl std::str::FromStr for AccountRole {
    type Err = vocab::Malformed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [
            Self::WindowClerk,
            Self::Coordinator,
            Self::Supervisor,
            Self::Evaluator,
            Self::Leader,
            Self::Administrator,
            Self::DepartmentHandler,
            Self::DepartmentHead,
            Self::Officer,
        ];
        all.into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| vocab::Malformed::new("account role", "not in the list"))
    }
}
