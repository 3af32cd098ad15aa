//! Stored cases in bulk: copies of a case that really went its way, with new keys.
//!
//! What is copied are rows the services themselves wrote. In every copy the case's own ids (those that stand in its rows' uuid
//! columns) begin with another moment and keep their random end, also inside documents and event bodies, where they have
//! the same length; its number and tracking code are replaced in the same way, and the hash of the complainant's phone is
//! another. Everything else is the same in all copies. Keys, checks and references of the tables hold as for any row.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};
use futures::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

use super::belongings::{Belongings, DATABASES, is_known};
use super::private::Store;

/// In a template these stand for what every copy has of its own. No text of ours holds them: they are of the private area.
const OWN_ID: char = '\u{E000}';
const OWN_NUMBER: char = '\u{E001}';
const OWN_CODE: char = '\u{E002}';
/// The part of an id's text that is its moment, e.g. `0199c0de-1234`; version and random bits follow.
const MOMENT: usize = 13;
/// Copies are dated so many milliseconds before their template, one after the other: the highest number of a copy.
const MOST: i64 = 10_000_000;
/// How many copies one statement makes.
const AT_ONCE: i64 = 1_000;

/// One case's rows, ready to be copied.
pub struct Template {
    case_id: Uuid,
    number: String,
    databases: Vec<(&'static str, Vec<Rows>)>,
}

/// The rows of one table, as text.
struct Rows {
    table: &'static str,
    columns: Vec<Column>,
    rows: Vec<Vec<Option<String>>>,
}

struct Column {
    name: String,
    kind: String,
}

impl Column {
    fn is_state(&self) -> bool {
        self.kind == "bytea" && self.name == "state"
    }
}

/// A state as the JSON it is, in which an id can be found and replaced. Services read it packed or not.
fn unpacked(text: &str) -> anyhow::Result<String> {
    let kept = hex::decode(text.trim_start_matches("\\x"))?;
    Ok(format!("\\x{}", hex::encode(kit::state::plain(&kept)?)))
}

/// What is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The case in all five databases.
    Everywhere,
    /// The case as supervision decides about it, without its timeline, which decides nothing.
    Clocks,
}

impl Extent {
    fn holds(self, service: &str, table: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Clocks => service == "supervision" && table != "public.timeline",
        }
    }
}

impl Template {
    /// Reads everything that is stored of a case.
    pub async fn read(store: &Store, case_id: Uuid) -> anyhow::Result<Self> {
        let mut databases = Vec::new();
        for (service, tables) in DATABASES {
            let mut connection = connect(store, service).await?;
            nothing_unknown(&mut connection, service).await?;
            let mut read = Vec::new();
            for belongings in tables {
                read.push(Rows::read(&mut connection, belongings, case_id).await?);
            }
            connection.close().await?;
            databases.push((service, read));
        }
        let mut template = Self { case_id, number: String::new(), databases };
        template.number = template.word("public.cases", "number").context("number")?;
        let code = template.word("public.cases", "tracking_code").context("tracking_code")?;
        let own = template.own_ids();
        let number = template.number.clone();
        let marks = Marks::new(&own, &number, &code);
        for rows in template.databases.iter_mut().flat_map(|(_, tables)| tables) {
            rows.mark(&marks);
        }
        Ok(template)
    }

    /// The case that is copied.
    #[must_use]
    pub fn case_id(&self) -> Uuid {
        self.case_id
    }

    /// The id that the copy with this number has in place of the case's own.
    pub fn copy_of(&self, number: i64) -> anyhow::Result<Uuid> {
        let text = self.case_id.to_string();
        let moment = format!("{:012x}", self.first_moment()? + number);
        let (high, low) = moment.split_at_checked(8).context("moment")?;
        Ok(format!("{high}-{low}{}", text.get(MOMENT..).unwrap_or_default()).parse()?)
    }

    /// When copy number 0 was made, in the milliseconds of its ids.
    fn first_moment(&self) -> anyhow::Result<i64> {
        let millis = i64::try_from(self.case_id.as_u128() >> 80).context("id")?;
        Ok(millis - MOST)
    }

    fn word(&self, table: &str, column: &str) -> Option<String> {
        let rows = self.databases.iter().flat_map(|(_, tables)| tables).find(|rows| rows.table == table)?;
        let place = rows.columns.iter().position(|known| known.name == column)?;
        rows.rows.first()?.get(place)?.clone()
    }

    /// Every id in a uuid column: the rows' own and those of the case's other rows.
    fn own_ids(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for rows in self.databases.iter().flat_map(|(_, tables)| tables) {
            for (place, _) in rows.columns.iter().enumerate().filter(|(_, column)| column.kind == "uuid") {
                found.extend(rows.rows.iter().filter_map(|row| row.get(place).cloned().flatten()));
            }
        }
        found
    }

    /// Makes the copies with these numbers, which no other copy of any template has. `told` hears how many are there.
    pub async fn copy(
        &self,
        store: &Store,
        extent: Extent,
        numbers: std::ops::Range<i64>,
        told: impl Fn(i64) + Sync,
    ) -> anyhow::Result<()> {
        ensure!(numbers.start >= 0 && numbers.end <= MOST, "最多 {MOST} 份 / at most so many copies");
        let told = &told;
        try_join_all(self.databases.iter().map(|(service, tables)| {
            let numbers = numbers.clone();
            async move {
                let wanted: Vec<&Rows> = tables.iter().filter(|rows| extent.holds(service, rows.table)).collect();
                if wanted.is_empty() {
                    return anyhow::Ok(());
                }
                let mut connection = connect(store, service).await?;
                run(&mut connection, "SET synchronous_commit = off".to_owned()).await?;
                for rows in &wanted {
                    rows.prepare(&mut connection).await?;
                }
                for first in numbers.clone().step_by(usize::try_from(AT_ONCE)?) {
                    let last = (first + AT_ONCE).min(numbers.end) - 1;
                    for rows in &wanted {
                        self.copy_rows(&mut connection, rows, first, last).await?;
                    }
                    // Supervision keeps most, so it is the last to be done.
                    if *service == "supervision" {
                        told(last + 1 - numbers.start);
                    }
                }
                if *service == "intake" {
                    self.count_numbers(&mut connection, numbers.end).await?;
                }
                Ok(connection.close().await?)
            }
        }))
        .await?;
        Ok(())
    }

    async fn copy_rows(&self, connection: &mut PgConnection, rows: &Rows, first: i64, last: i64) -> anyhow::Result<()> {
        if rows.rows.is_empty() {
            return Ok(());
        }
        let feed = match rows.table {
            "public.order_feed" => rows.room_in_feed(connection, last + 1 - first).await?,
            _ => 0,
        };
        sqlx::query(AssertSqlSafe(rows.insert()))
            .bind(first)
            .bind(last)
            .bind(self.first_moment()?)
            .bind(self.number.split('-').next().unwrap_or_default())
            .bind(feed)
            .execute(connection)
            .await
            .with_context(|| format!("{} 的副本未能写入 / copies were not written", rows.table))?;
        Ok(())
    }

    /// Numbers are gap-free in their year: whoever counts goes on after what was given.
    async fn count_numbers(&self, connection: &mut PgConnection, end: i64) -> anyhow::Result<()> {
        sqlx::query(
            "INSERT INTO case_counter (year, last)
             SELECT 2000 + y, least(900000, $1 - y * 900000) FROM generate_series(0, ($1 - 1) / 900000) y
             ON CONFLICT (year) DO UPDATE SET last = greatest(case_counter.last, excluded.last)",
        )
        .bind(end)
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl Rows {
    async fn read(connection: &mut PgConnection, belongings: &Belongings, case_id: Uuid) -> anyhow::Result<Self> {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        )
        .bind(belongings.table)
        .fetch_all(&mut *connection)
        .await?;
        ensure!(!columns.is_empty(), "{} 不存在 / is not there", belongings.table);
        let columns: Vec<Column> = columns.into_iter().map(|(name, kind)| Column { name, kind }).collect();
        let texts: Vec<String> = columns.iter().map(|column| format!("\"{}\"::text", column.name)).collect();
        let select =
            format!("SELECT ARRAY[{}] FROM {} WHERE {}", texts.join(", "), belongings.table, belongings.of_case);
        let rows = sqlx::query(AssertSqlSafe(select)).bind(case_id).fetch_all(connection).await?;
        let mut rows = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Vec<Option<String>>>, _>>()?;
        for row in &mut rows {
            for (column, value) in columns.iter().zip(row) {
                if let (true, Some(text)) = (column.is_state(), value) {
                    *text = unpacked(text)?;
                }
            }
        }
        Ok(Self { table: belongings.table, columns, rows })
    }

    fn mark(&mut self, marks: &Marks) {
        for row in &mut self.rows {
            for (column, value) in self.columns.iter().zip(row) {
                if let Some(text) = value {
                    *text = if column.kind == "bytea" { marks.in_bytes(text) } else { marks.in_text(text) };
                }
            }
        }
    }

    /// The name of the temporary table that holds the template.
    fn template(&self) -> String {
        format!("template_{}", self.table.replace('.', "_"))
    }

    async fn prepare(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let columns: Vec<String> = (1..=self.columns.len()).map(|place| format!("c{place} text")).collect();
        run(connection, format!("CREATE TEMP TABLE {} (r int, {})", self.template(), columns.join(", "))).await?;
        let values: Vec<String> = (1..=self.columns.len()).map(|place| format!("($2::text[])[{place}]")).collect();
        let insert = format!("INSERT INTO {} SELECT $1::int, {}", self.template(), values.join(", "));
        for (place, row) in self.rows.iter().enumerate() {
            sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(i32::try_from(place)? + 1)
                .bind(row)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Copies from `$1` to `$2`; `$3` is the moment of number 0, `$4` how case numbers begin, `$5` where the feed goes on.
    fn insert(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let values: Vec<String> = self.columns.iter().enumerate().map(|(place, _)| self.value(place)).collect();
        format!(
            "WITH x AS MATERIALIZED (
               SELECT n, p, q, c, encode(convert_to(p, 'UTF8'), 'hex') AS ph, encode(convert_to(q, 'UTF8'), 'hex') AS qh,
                      encode(convert_to(c, 'UTF8'), 'hex') AS ch
               FROM (SELECT n, substr(h, 1, 8) || '-' || substr(h, 9, 4) AS p,
                            $4::text || '-' || (2000 + n / 900000) || '-' || lpad((n % 900000 + 1)::text, 6, '0') AS q,
                            upper(lpad(to_hex((n * 4294967733) & 281474976710655), 12, '0')) AS c
                     FROM (SELECT n, lpad(to_hex($3::bigint + n), 12, '0') AS h
                           FROM generate_series($1::bigint, $2::bigint) n) AS moment) AS own)
             INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE
             SELECT {} FROM x CROSS JOIN {} AS t WHERE $5::bigint IS NOT NULL",
            self.table,
            names.join(", "),
            values.join(", "),
            self.template()
        )
    }

    fn value(&self, place: usize) -> String {
        let Some(Column { name, kind }) = self.columns.get(place) else { return String::new() };
        let template = format!("t.c{}", place + 1);
        match (self.table, name.as_str()) {
            // Another phone for each, so that no copy is taken for a neighbour by the same person.
            ("public.complainant_digest", "digest") => {
                return format!("sha256({template}::bytea || convert_to(x.n::text, 'UTF8'))");
            }
            ("public.order_feed", "pos") => {
                return format!("$5::bigint + (x.n - $1::bigint) * {} + t.r", self.rows.len());
            }
            _ => {}
        }
        let held =
            |mark: char| self.rows.iter().filter_map(|row| row.get(place)?.as_ref()).any(|text| text.contains(mark));
        let hexadecimal = if kind == "bytea" { "h" } else { "" };
        let mut value = template;
        for (mark, own) in [(OWN_ID, "p"), (OWN_NUMBER, "q"), (OWN_CODE, "c")] {
            if held(mark) {
                value = format!("replace({value}, '{mark}', x.{own}{hexadecimal})");
            }
        }
        format!("{value}::{kind}")
    }

    /// Positions of a unit's feed have no gaps: takes as many as so many copies need and answers with the last before them.
    async fn room_in_feed(&self, connection: &mut PgConnection, copies: i64) -> anyhow::Result<i64> {
        let units: BTreeSet<&String> = self.words("unit").collect();
        let (Some(unit), 1) = (units.first(), units.len()) else {
            bail!("{units:?}: 只支持一个单位 / one unit alone can be copied");
        };
        let rows = i64::try_from(self.rows.len())? * copies;
        let before: i64 =
            sqlx::query_scalar("UPDATE order_feed_head SET pos = pos + $2 WHERE unit = $1 RETURNING pos - $2")
                .bind(unit)
                .bind(rows)
                .fetch_one(connection)
                .await?;
        Ok(before)
    }

    fn words(&self, column: &str) -> impl Iterator<Item = &String> {
        let place = self.columns.iter().position(|known| known.name == column);
        self.rows.iter().filter_map(move |row| row.get(place?)?.as_ref())
    }
}

/// What is a case's own, as text and as the hexadecimal digits of bytes, and what stands for it in a template.
struct Marks {
    text: BTreeMap<String, String>,
    bytes: BTreeMap<String, String>,
}

impl Marks {
    fn new(ids: &BTreeSet<String>, number: &str, code: &str) -> Self {
        let mut text =
            BTreeMap::from([(number.to_owned(), OWN_NUMBER.to_string()), (code.to_owned(), OWN_CODE.to_string())]);
        let mut bytes =
            BTreeMap::from([(digits(number), OWN_NUMBER.to_string()), (digits(code), OWN_CODE.to_string())]);
        for id in ids {
            let (_, end) = id.split_at_checked(MOMENT).unwrap_or_default();
            text.insert(id.clone(), format!("{OWN_ID}{end}"));
            bytes.insert(digits(id), format!("{OWN_ID}{}", digits(end)));
        }
        Self { text, bytes }
    }

    fn in_text(&self, value: &str) -> String {
        replaced(&self.text, value)
    }

    fn in_bytes(&self, value: &str) -> String {
        replaced(&self.bytes, value)
    }
}

fn replaced(marks: &BTreeMap<String, String>, value: &str) -> String {
    let mut value = value.to_owned();
    for (own, mark) in marks {
        if value.contains(own.as_str()) {
            value = value.replace(own.as_str(), mark);
        }
    }
    value
}

fn digits(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What the server would do in the background during a measurement is done before it.
pub async fn tidy(store: &Store) -> anyhow::Result<()> {
    for (service, tables) in DATABASES {
        let mut connection = connect(store, service).await?;
        let names: Vec<&str> = tables.iter().map(|belongings| belongings.table).collect();
        run(&mut connection, format!("VACUUM (ANALYZE) {}", names.join(", "))).await?;
        connection.close().await?;
    }
    let mut admin = PgConnection::connect(&store.url("postgres")).await?;
    run(&mut admin, "CHECKPOINT".to_owned()).await?;
    Ok(admin.close().await?)
}

/// The superuser's connection to a service's database.
pub async fn connect(store: &Store, service: &str) -> anyhow::Result<PgConnection> {
    Ok(PgConnection::connect(&store.url(&format!("xiezhi_{service}"))).await?)
}

/// Runs a statement without parameters.
pub async fn run(connection: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// A table nobody has thought of would be missing from every copy.
async fn nothing_unknown(connection: &mut PgConnection, service: &str) -> anyhow::Result<()> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT LIKE '\\_%'",
    )
    .fetch_all(connection)
    .await?;
    let unknown: Vec<&String> = tables.iter().filter(|table| !is_known(service, table)).collect();
    ensure!(unknown.is_empty(), "{service}: {unknown:?} 未列入副本 / is in no list of what belongs to a case");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    const ID: &str = "0199c0de-1234-7abc-8def-0123456789ab";

    fn marks() -> Marks {
        Marks::new(&BTreeSet::from([ID.to_owned()]), "JS-2026-000007", "0A1B2C3D4E5F")
    }

    #[test]
    fn what_is_a_cases_own_is_marked_in_text_and_in_bytes_and_the_rest_stays() {
        let text = marks()
            .in_text(&format!("{{\"id\": \"{ID}\", \"no\": \"JS-2026-000007\", \"other\": \"JS-2026-000008\"}}"));
        let end = &ID[MOMENT..];
        assert_eq!(
            text,
            format!("{{\"id\": \"{OWN_ID}{end}\", \"no\": \"{OWN_NUMBER}\", \"other\": \"JS-2026-000008\"}}")
        );
        let bytes = marks().in_bytes(&format!("\\x0a24{}ff", digits(ID)));
        assert_eq!(bytes, format!("\\x0a24{OWN_ID}{}ff", digits(end)));
    }

    #[test]
    fn a_column_without_anything_of_its_own_is_copied_as_it_is() {
        let column = |name: &str, kind: &str| Column { name: name.to_owned(), kind: kind.to_owned() };
        let mut rows = Rows {
            table: "public.notice",
            columns: vec![column("id", "uuid"), column("kind", "text"), column("body", "bytea")],
            rows: vec![vec![Some(ID.to_owned()), Some("reply".to_owned()), Some(format!("\\x{}", digits(ID)))]],
        };
        rows.mark(&marks());
        assert_eq!(rows.value(0), format!("replace(t.c1, '{OWN_ID}', x.p)::uuid"));
        assert_eq!(rows.value(1), "t.c2::text");
        assert_eq!(rows.value(2), format!("replace(t.c3, '{OWN_ID}', x.ph)::bytea"));
    }

    #[test]
    fn a_copy_has_an_id_of_its_own_that_is_older_than_its_template() {
        let template = Template { case_id: ID.parse().unwrap(), number: String::new(), databases: Vec::new() };
        let (first, second) = (template.copy_of(0).unwrap(), template.copy_of(1).unwrap());
        assert!(first < second && second < template.case_id());
        assert_eq!(first.get_version_num(), 7);
        assert!(first.to_string().ends_with(&ID[MOMENT..]));
    }
}
