//! What a case leaves in the five databases: which rows of which tables are its own.

/// A table and how to find a case's rows in it.
#[derive(Debug, Clone, Copy)]
pub struct Belongings {
    /// The table with its schema.
    pub table: &'static str,
    /// A condition on its rows; `$1` is the case.
    pub of_case: &'static str,
}

const fn by(table: &'static str, of_case: &'static str) -> Belongings {
    Belongings { table, of_case }
}

/// What the bus keeps of every key, in each database.
const BUS: [Belongings; 2] = [by("bus.head", "key = $1"), by("bus.timer", "key = $1")];

const INTAKE: &[Belongings] = &[
    by("public.complainant", "id = (SELECT complainant_id FROM cases WHERE id = $1)"),
    by("public.cases", "id = $1"),
    by("public.case_unit", "case_id = $1"),
    by("public.problem", "case_id = $1"),
    by("public.complainant_digest", "case_id = $1"),
    by("public.case_text", "case_id = $1"),
    by("public.considered", "case_id = $1"),
    by("public.reveal", "case_id = $1"),
    by("public.notice", "case_id = $1"),
    by("public.diagnosis", "case_id = $1"),
    BUS[0],
    BUS[1],
];
const ASSIGNMENT: &[Belongings] = &[
    by("public.responsibility", "case_id = $1"),
    by("public.handling_clock", "case_id = $1"),
    by("public.determination", "case_id = $1"),
    by("public.consultation", "case_id = $1"),
    by("public.ruling", "case_id = $1"),
    by("public.work_order", "case_id = $1"),
    by("public.order_feed", "work_order_id IN (SELECT id FROM work_order WHERE case_id = $1)"),
    by("public.work_text", "case_id = $1"),
    BUS[0],
    BUS[1],
];
const SCHEDULING: &[Belongings] = &[by("public.known_case", "id = $1"), BUS[0], BUS[1]];
const SUPERVISION: &[Belongings] = &[
    by("public.case_file", "id = $1"),
    by("public.case_unit", "case_id = $1"),
    by("public.clock", "case_id = $1"),
    by("public.supervision_order", "case_id = $1"),
    by("public.supervision_answer", "supervision_order_id IN (SELECT id FROM supervision_order WHERE case_id = $1)"),
    by("public.clock_reason", "case_id = $1"),
    by("public.closing", "case_id = $1"),
    by("public.timeline", "case_id = $1"),
    BUS[0],
    BUS[1],
];
const EVALUATION: &[Belongings] = &[
    by("public.case_file", "id = $1"),
    by("public.round_fact", "case_id = $1"),
    by("public.order_fact", "case_id = $1"),
    by("public.callback", "case_id = $1"),
    by("public.adjudication", "callback_id IN (SELECT id FROM callback WHERE case_id = $1)"),
    BUS[0],
    BUS[1],
];

/// Tables that belong to no case: lists, counters, people, and operations, which cases of this measurement have none of.
const OF_NO_CASE: &[&str] = &[
    "account",
    "boundary_rule",
    "booking",
    "case_counter",
    "list_item",
    "officer",
    "operation",
    "order_feed_head",
    "precedent",
    "reveal_quota",
    "token_challenge",
    "written",
];

/// The databases in the order in which a complaint meets their services, each with its tables in the order of their references.
pub const DATABASES: [(&str, &[Belongings]); 5] = [
    ("intake", INTAKE),
    ("assignment", ASSIGNMENT),
    ("scheduling", SCHEDULING),
    ("supervision", SUPERVISION),
    ("evaluation", EVALUATION),
];

/// True where somebody has thought about the table. A new one must be named here, or copies of cases would lack it.
pub fn is_known(service: &str, table: &str) -> bool {
    let tables = DATABASES.iter().find(|(name, _)| *name == service).map(|(_, tables)| *tables).unwrap_or_default();
    tables.iter().any(|known| known.table.strip_prefix("public.") == Some(table)) || OF_NO_CASE.contains(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table that a migration makes.
    fn made(sql: &str) -> impl Iterator<Item = &str> {
        sql.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next())
    }

    #[test]
    fn every_table_of_every_service_is_a_cases_or_named_as_no_cases() {
        let migrations = [
            ("intake", include_str!("../../../intake/service/migrations/0001_intake.sql")),
            ("assignment", include_str!("../../../assignment/service/migrations/0001_assignment.sql")),
            ("scheduling", include_str!("../../../scheduling/service/migrations/0001_scheduling.sql")),
            ("supervision", include_str!("../../../supervision/service/migrations/0001_supervision.sql")),
            ("evaluation", include_str!("../../../evaluation/service/migrations/0001_evaluation.sql")),
        ];
        for (service, sql) in migrations {
            let unknown: Vec<&str> = made(sql).filter(|table| !is_known(service, table)).collect();
            assert!(made(sql).count() > 2 && unknown.is_empty(), "{service}: {unknown:?} is in no list");
        }
    }
}
