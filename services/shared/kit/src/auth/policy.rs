//! Who may do what: Cedar policies over the actions that the contract declares. What no policy permits is refused.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression, Schema, SchemaFragment, ValidationMode, Validator,
};
use tracing::{debug, error};

use crate::caller::{Access, Caller, CallerKind};

/// The schema and the policies as they were when this was built, each with the name of its file.
const SCHEMA: &str = include_str!("../../../../../deploy/policies/schema.cedarschema");
const POLICIES: &[(&str, &str)] = &[
    ("administrator", include_str!("../../../../../deploy/policies/administrator.cedar")),
    ("centre", include_str!("../../../../../deploy/policies/centre.cedar")),
    ("coordinator", include_str!("../../../../../deploy/policies/coordinator.cedar")),
    ("department_handler", include_str!("../../../../../deploy/policies/department_handler.cedar")),
    ("department_head", include_str!("../../../../../deploy/policies/department_head.cedar")),
    ("evaluator", include_str!("../../../../../deploy/policies/evaluator.cedar")),
    ("everybody", include_str!("../../../../../deploy/policies/everybody.cedar")),
    ("kinds", include_str!("../../../../../deploy/policies/kinds.cedar")),
    ("leader", include_str!("../../../../../deploy/policies/leader.cedar")),
    ("operator", include_str!("../../../../../deploy/policies/operator.cedar")),
    ("service", include_str!("../../../../../deploy/policies/service.cedar")),
    ("supervisor", include_str!("../../../../../deploy/policies/supervisor.cedar")),
    ("units", include_str!("../../../../../deploy/policies/units.cedar")),
    ("window_clerk", include_str!("../../../../../deploy/policies/window_clerk.cedar")),
];

/// A unit that no caller belongs to.
const FOREIGN: &str = "another unit";

/// Answers are remembered up to this many; units, roles and actions are few, so this is never reached in earnest.
const REMEMBERED: usize = 20_000;

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file cannot be read.
    #[error("policy file {file} cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not Cedar, or a policy does not fit the schema or the contract's actions.
    #[error("policies are wrong: {}", .0.join("; "))]
    Wrong(Vec<String>),
}

/// The policies in force, with the answers they have given.
pub struct Policies {
    authorizer: Authorizer,
    policies: PolicySet,
    answers: RwLock<HashMap<Question, Option<Access>>>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("policies", &self.policies.policies().count()).finish_non_exhaustive()
    }
}

/// Everything an answer depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    kind: CallerKind,
    unit: String,
    roles: BTreeSet<String>,
    action: String,
}

impl Policies {
    /// The policies that were built in.
    pub fn embedded() -> Result<Self, PolicyError> {
        let sources = POLICIES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self::from_sources(SCHEMA, sources, declared_actions())
    }

    /// The policies of a folder in place of the built-in ones: `schema.cedarschema` and every `*.cedar`.
    pub fn from_directory(folder: &Path) -> Result<Self, PolicyError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|source| PolicyError::Unreadable { file: path.display().to_string(), source })
        };
        let schema = read(&folder.join("schema.cedarschema"))?;
        let listed = std::fs::read_dir(folder)
            .map_err(|source| PolicyError::Unreadable { file: folder.display().to_string(), source })?;
        let mut sources = Vec::new();
        for entry in listed.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "cedar") {
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                sources.push((name, read(&path)?));
            }
        }
        sources.sort();
        Self::from_sources(&schema, sources, declared_actions())
    }

    /// Policies from text, for these actions; every mistake at once.
    fn from_sources(
        schema: &str,
        sources: Vec<(String, String)>,
        actions: BTreeSet<&str>,
    ) -> Result<Self, PolicyError> {
        let schema = schema_with(schema, &actions)?;
        let mut policies = PolicySet::new();
        let mut wrong = Vec::new();
        for (name, text) in sources {
            match PolicySet::from_str(&text) {
                Ok(parsed) => {
                    for (number, policy) in parsed.policies().enumerate() {
                        // The id a log line cites: the file and the policy's place in it.
                        let id = PolicyId::new(format!("{name}.{}", number + 1));
                        if let Err(error) = policies.add(policy.new_id(id)) {
                            wrong.push(format!("{name}: {error}"));
                        }
                    }
                }
                Err(errors) => wrong.extend(errors.iter().map(|error| format!("{name}: {error}"))),
            }
        }
        let found = Validator::new(schema).validate(&policies, ValidationMode::Strict);
        wrong.extend(found.validation_errors().map(ToString::to_string));
        if !wrong.is_empty() {
            return Err(PolicyError::Wrong(wrong));
        }
        Ok(Self { authorizer: Authorizer::new(), policies, answers: RwLock::default() })
    }

    /// How far a caller's right to an action reaches; `None` where there is none.
    pub fn access(&self, caller: &Caller, action: &str) -> Option<Access> {
        let question = Question {
            kind: caller.kind,
            unit: caller.unit.clone(),
            roles: caller.roles.clone(),
            action: action.to_owned(),
        };
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner).get(&question).copied();
        if let Some(answer) = known {
            return answer;
        }
        let answer = self.decide(&question).unwrap_or_else(|error| {
            error!(action, %error, "a policy decision could not be made; refused");
            None
        });
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= REMEMBERED {
            answers.clear();
        }
        answers.insert(question, answer);
        answer
    }

    /// True where everybody may do it, without a token.
    pub fn is_public(&self, action: &str) -> bool {
        self.access(&Caller::anonymous(), action).is_some()
    }

    /// Asks twice: for a thing of the caller's own unit and for somebody else's.
    fn decide(&self, question: &Question) -> Result<Option<Access>, String> {
        if self.permits(question, FOREIGN)? {
            return Ok(Some(Access::Any));
        }
        // Somebody without a unit owns nothing.
        if question.unit.is_empty() {
            return Ok(None);
        }
        Ok(self.permits(question, &question.unit)?.then_some(Access::Own))
    }

    fn permits(&self, question: &Question, owner: &str) -> Result<bool, String> {
        let principal = uid("Xiezhi::Account", "caller")?;
        let action = uid("Xiezhi::Action", &question.action)?;
        let resource = uid("Xiezhi::Resource", "it")?;
        let entities = entities(question, owner, &principal, &resource)?;
        // The policies were checked against the schema at the start, and what is asked is made here: no need to check it again.
        let request =
            Request::new(principal, action, resource, Context::empty(), None).map_err(|error| error.to_string())?;
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        if !errors.is_empty() {
            return Err(errors.join("; "));
        }
        let reasons: Vec<&str> = response.diagnostics().reason().map(AsRef::as_ref).collect();
        debug!(action = question.action, kind = question.kind.as_str(), ?reasons, decision = ?response.decision(), "decided");
        Ok(response.decision() == Decision::Allow)
    }
}

fn entities(question: &Question, owner: &str, principal: &EntityUid, resource: &EntityUid) -> Result<Entities, String> {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let roles: HashSet<EntityUid> =
        question.roles.iter().map(|role| uid("Xiezhi::Role", role)).collect::<Result<_, _>>()?;
    let mut all: Vec<Entity> = roles.iter().map(|role| Entity::new_no_attrs(role.clone(), HashSet::new())).collect();
    let attributes =
        HashMap::from([("unit".to_owned(), text(&question.unit)), ("kind".to_owned(), text(question.kind.as_str()))]);
    all.push(Entity::new(principal.clone(), attributes, roles).map_err(|error| error.to_string())?);
    let units = HashMap::from([("units".to_owned(), RestrictedExpression::new_set([text(owner)]))]);
    all.push(Entity::new(resource.clone(), units, HashSet::new()).map_err(|error| error.to_string())?);
    Entities::from_entities(all, None).map_err(|error| error.to_string())
}

fn declared_actions() -> BTreeSet<&'static str> {
    xiezhi_proto::ACTIONS.iter().map(|(_, action)| *action).filter(|action| !action.is_empty()).collect()
}

/// The schema of entities with the contract's actions, so that a policy cannot name an action nobody declares.
fn schema_with(entities: &str, actions: &BTreeSet<&str>) -> Result<Schema, PolicyError> {
    let wrong = |error: String| PolicyError::Wrong(vec![format!("schema: {error}")]);
    let mut declared = String::from("namespace Xiezhi {\n");
    for action in actions {
        declared.push_str(&format!(
            "  action {action:?} appliesTo {{ principal: [Xiezhi::Account], resource: [Xiezhi::Resource] }};\n"
        ));
    }
    declared.push_str("}\n");
    let fragments = [entities, &declared]
        .into_iter()
        .map(|text| SchemaFragment::from_str(text).map_err(|error| wrong(error.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    Schema::from_schema_fragments(fragments).map_err(|error| wrong(error.to_string()))
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    const OPEN: &str =
        r#"permit (principal in Xiezhi::Role::"clerk", action == Xiezhi::Action::"case.read", resource);"#;
    const OWN: &str = r#"permit (principal in Xiezhi::Role::"handler", action == Xiezhi::Action::"case.read", resource)
        when { resource.units.contains(principal.unit) };"#;

    fn policies(texts: &[&str]) -> Result<Policies, PolicyError> {
        let sources = texts.iter().enumerate().map(|(n, text)| (format!("file{n}"), (*text).to_owned())).collect();
        Policies::from_sources(SCHEMA, sources, BTreeSet::from(["case.read", "case.write"]))
    }

    fn caller(kind: CallerKind, unit: &str, role: &str) -> Caller {
        Caller { kind, unit: unit.to_owned(), roles: BTreeSet::from([role.to_owned()]), ..Caller::anonymous() }
    }

    #[test]
    fn a_right_to_everything_a_right_to_ones_own_and_no_right_are_told_apart() {
        let policies = policies(&[OPEN, OWN]).unwrap();
        let clerk = caller(CallerKind::Centre, "centre", "clerk");
        let handler = caller(CallerKind::Department, "ZF", "handler");
        let stranger = caller(CallerKind::Department, "ZF", "guest");
        assert_eq!(policies.access(&clerk, "case.read"), Some(Access::Any));
        assert_eq!(policies.access(&handler, "case.read"), Some(Access::Own));
        assert_eq!(policies.access(&stranger, "case.read"), None);
        // The second time it is remembered, and still the same.
        assert_eq!(policies.access(&handler, "case.read"), Some(Access::Own));
    }

    #[test]
    fn what_no_policy_names_is_refused_and_so_is_what_nobody_declares() {
        let policies = policies(&[OPEN]).unwrap();
        let clerk = caller(CallerKind::Centre, "centre", "clerk");
        assert_eq!(policies.access(&clerk, "case.write"), None);
        assert_eq!(policies.access(&clerk, "case.burn"), None);
    }

    #[test]
    fn a_caller_without_a_unit_owns_nothing() {
        let policies = policies(&[OWN]).unwrap();
        assert_eq!(policies.access(&caller(CallerKind::Department, "", "handler"), "case.read"), None);
    }

    #[test]
    fn every_mistake_of_every_file_is_said_at_once() {
        let mistaken = policies(&[
            "permit (principal, action, resource",
            r#"permit (principal, action == Xiezhi::Action::"case.reed", resource);"#,
            "permit (principal, action, resource) when { principal.rank == \"high\" };",
        ]);
        let Err(PolicyError::Wrong(mistakes)) = mistaken else { panic!("accepted") };
        assert!(mistakes.iter().any(|mistake| mistake.starts_with("file0")), "{mistakes:?}");
        assert!(mistakes.iter().any(|mistake| mistake.contains("case.reed")), "{mistakes:?}");
        assert!(mistakes.iter().any(|mistake| mistake.contains("rank")), "{mistakes:?}");
    }

    #[test]
    fn the_policies_of_this_house_fit_its_contract() {
        Policies::embedded().unwrap();
    }
}
