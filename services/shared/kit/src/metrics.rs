//! Figures of a running process, in the text form that Prometheus reads: counters, gauges and histograms by name and labels.
//!
//! `metrics::gauge("xiezhi_relay_lag", &[("service", "intake")]).set(12.0)`: a series exists from its first mention on.
//! Labels carry codes of ours (services, methods, states), never anything a person wrote.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

/// What each figure means; the text stands above it on `/metrics`.
const HELP: &[(&str, &str)] = &[
    ("xiezhi_rpc_total", "RPCs answered, by method and gRPC code."),
    ("xiezhi_rpc_seconds", "Time from request to the end of the answer of unary RPCs, by method."),
    ("xiezhi_rpc_streams_open", "Server streams that are open now, by method."),
    ("xiezhi_rpc_shed_total", "RPCs refused because too many were being answered."),
    ("xiezhi_connections", "Connections that are open now."),
    ("xiezhi_relay_lag", "Journal rows that are numbered and not yet published, by service."),
    ("xiezhi_consumer_lag", "Positions a consumer is behind what its producer has told, by consumer and producer."),
    ("xiezhi_consumer_position", "The last position a consumer has applied, by consumer and producer."),
    ("xiezhi_repaired_events", "Events read from a producer's journal because the stream did not bring them."),
    ("xiezhi_parked", "Events that wait for an earlier fact or for a person, by consumer."),
    ("xiezhi_timers_due", "Timers that are due and about to fire, by service."),
    ("xiezhi_clocks", "Statutory clocks that are due within a day, or breached and not yet stopped."),
    ("xiezhi_clock_suspect", "1 where the wall clock jumped and nobody has confirmed the time yet, by service."),
];

/// Upper bounds of every histogram's buckets, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// All figures of this process.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

/// The counter of a name and labels; made where it is new.
pub fn counter(name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
    Counter(REGISTRY.cell(name, Kind::Counter, labels))
}

/// The gauge of a name and labels; made where it is new.
pub fn gauge(name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
    Gauge(REGISTRY.cell(name, Kind::Gauge, labels))
}

/// The histogram of a name and labels; made where it is new.
pub fn histogram(name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
    Histogram(REGISTRY.cell(name, Kind::Histogram, labels))
}

/// Everything, as `/metrics` answers it.
pub fn render() -> String {
    REGISTRY.render()
}

/// Something that only grows.
#[derive(Debug, Clone)]
pub struct Counter(Arc<Cell>);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// That many more.
    pub fn add(&self, amount: u64) {
        self.0.count.fetch_add(amount, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn value(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }
}

/// Something that rises and falls.
#[derive(Debug, Clone)]
pub struct Gauge(Arc<Cell>);

impl Gauge {
    /// It is this now.
    pub fn set(&self, value: f64) {
        self.0.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// It moves by this.
    pub fn add(&self, amount: f64) {
        add_to(&self.0.bits, amount);
    }

    /// What it is.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.bits.load(Ordering::Relaxed))
    }
}

/// How long something takes.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Cell>);

impl Histogram {
    /// It took this long once.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = place.and_then(|place| self.0.buckets.get(place)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.0.count.fetch_add(1, Ordering::Relaxed);
        add_to(&self.0.bits, seconds);
    }
}

fn add_to(bits: &AtomicU64, amount: f64) {
    // The closure always gives a value, so this never fails.
    let _ =
        bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| Some((f64::from_bits(bits) + amount).to_bits()));
}

/// One series. A counter uses `count`, a gauge `bits`, a histogram all.
#[derive(Debug, Default)]
struct Cell {
    count: AtomicU64,
    bits: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

#[derive(Debug)]
struct Family {
    kind: Kind,
    /// By the text of the labels, without braces.
    series: BTreeMap<String, Arc<Cell>>,
}

#[derive(Debug, Default)]
struct Registry(RwLock<BTreeMap<&'static str, Family>>);

impl Registry {
    fn cell(&self, name: &'static str, kind: Kind, labels: &[(&'static str, &str)]) -> Arc<Cell> {
        let labels = label_text(labels);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.get(name).filter(|family| family.kind == kind).and_then(|f| f.series.get(&labels)) {
            return Arc::clone(cell);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let family = known.entry(name).or_insert_with(|| Family { kind, series: BTreeMap::new() });
        if family.kind != kind {
            // A name has one kind; the second use is a mistake of ours and shows nowhere.
            tracing::error!(name, "a figure is used as {} and as {}", family.kind.as_str(), kind.as_str());
            return Arc::default();
        }
        Arc::clone(family.series.entry(labels).or_default())
    }

    fn render(&self) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, family) in known.iter() {
            let help = HELP.iter().find(|(known, _)| known == name).map_or("", |(_, help)| help);
            // Writing to a String does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", family.kind.as_str());
            for (labels, cell) in &family.series {
                write_series(&mut text, name, family.kind, labels, cell);
            }
        }
        text
    }
}

fn write_series(text: &mut String, name: &str, kind: Kind, labels: &str, cell: &Cell) {
    let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let count = cell.count.load(Ordering::Relaxed);
    let value = f64::from_bits(cell.bits.load(Ordering::Relaxed));
    let _ = match kind {
        Kind::Counter => writeln!(text, "{name}{braces} {count}"),
        Kind::Gauge => writeln!(text, "{name}{braces} {value}"),
        Kind::Histogram => {
            let comma = if labels.is_empty() { "" } else { "," };
            let mut below = 0;
            for (bound, bucket) in BOUNDS.iter().zip(&cell.buckets) {
                below += bucket.load(Ordering::Relaxed);
                let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}");
            }
            // One that is being observed right now may be in a bucket and not yet in the count.
            let count = count.max(below);
            writeln!(
                text,
                "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}\n{name}_sum{braces} {value}\n{name}_count{braces} {count}"
            )
        }
    };
}

fn label_text(labels: &[(&'static str, &str)]) -> String {
    let mut sorted: Vec<_> = labels.iter().collect();
    sorted.sort();
    let mut text = String::new();
    for (name, value) in sorted {
        if !text.is_empty() {
            text.push(',');
        }
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{name}=\"{value}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_and_labels_are_the_same_series_in_any_order() {
        counter("test_same_total", &[("a", "1"), ("b", "2")]).increment();
        counter("test_same_total", &[("b", "2"), ("a", "1")]).add(2);
        assert!(render().contains("# TYPE test_same_total counter\ntest_same_total{a=\"1\",b=\"2\"} 3\n"));
    }

    #[test]
    fn a_histogram_counts_what_is_below_each_bound() {
        let histogram = histogram("test_seconds", &[("method", "m")]);
        histogram.observe(Duration::from_millis(2));
        histogram.observe(Duration::from_millis(400));
        histogram.observe(Duration::from_secs(60));
        let text = render();
        assert!(text.contains("test_seconds_bucket{method=\"m\",le=\"0.001\"} 0\n"), "{text}");
        assert!(text.contains("test_seconds_bucket{method=\"m\",le=\"0.0025\"} 1\n"), "{text}");
        assert!(text.contains("test_seconds_bucket{method=\"m\",le=\"0.5\"} 2\n"), "{text}");
        assert!(text.contains("test_seconds_bucket{method=\"m\",le=\"10\"} 2\n"), "{text}");
        assert!(text.contains("test_seconds_bucket{method=\"m\",le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.contains("test_seconds_count{method=\"m\"} 3\n"), "{text}");
    }

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        gauge("test_escaped", &[("path", "a\"b\\c\nd")]).set(-1.5);
        assert!(render().contains("test_escaped{path=\"a\\\"b\\\\c\\nd\"} -1.5\n"));
    }

    #[test]
    fn a_name_that_is_used_as_two_kinds_keeps_its_first() {
        counter("test_kind_total", &[]).increment();
        gauge("test_kind_total", &[]).set(7.0);
        assert!(render().contains("\ntest_kind_total 1\n"));
    }

    #[test]
    fn the_dashboard_asks_only_for_figures_that_exist() {
        let board = include_str!("../../../../deploy/dashboards/house.json");
        let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
        let asked: Vec<String> = board.match_indices("xiezhi_").map(|(at, _)| word(&board[at..])).collect();
        assert!(asked.len() > 10);
        for name in asked {
            let name = name.trim_end_matches("_bucket");
            assert!(HELP.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}
