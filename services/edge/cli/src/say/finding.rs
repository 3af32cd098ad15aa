//! What a doctor of the centre finds, and what to do about it: one sentence each, both languages side by side.

use serde::Serialize;

use super::{Lang, label};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Good to know.
    Note,
    /// Something is wrong, and somebody must act.
    Wrong,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// A service does not answer.
    Silent {
        /// Which.
        service: String,
        /// What the transport said.
        why: String,
    },
    /// A journal is behind what others have seen of it.
    RolledBack {
        /// Which.
        service: String,
        /// Where it ends.
        last: i64,
    },
    /// Cases wait for a person after a recovery.
    Affected {
        /// Whose tables.
        consumer: String,
        /// Whose events.
        producer: String,
        /// How many.
        count: usize,
    },
    /// NATS takes nothing.
    RelayStuck {
        /// The service.
        service: String,
        /// How many events wait to be published.
        lag: i64,
    },
    /// Events wait to be published, and they move.
    RelayBehind {
        /// The service.
        service: String,
        /// How many.
        lag: i64,
    },
    /// Rows get no position.
    Unnumbered {
        /// The service.
        service: String,
        /// How many.
        rows: i64,
    },
    /// A reader goes no further.
    CursorStuck {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
        /// How far it has come.
        pos: i64,
        /// How far the journal goes.
        head: i64,
    },
    /// A reader is behind, and it moves.
    CursorBehind {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
        /// How many events lie ahead.
        lag: i64,
    },
    /// A reader's memory contradicts the journal.
    Diverged {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
    },
    /// An event waits for a person.
    Parked {
        /// Its name, as `bus parked` takes it.
        event: String,
        /// The cases that wait with it.
        cases: Vec<String>,
        /// Why it waits.
        reason: String,
    },
    /// An event waits for an earlier fact and is tried again by itself.
    Waiting {
        /// Its name, as `bus parked` takes it.
        event: String,
        /// The cases that wait with it.
        cases: Vec<String>,
        /// Why it waits.
        reason: String,
    },
    /// The wall clock jumped.
    ClockSuspect {
        /// The service.
        service: String,
    },
    /// Clocks of two services differ.
    ClocksApart {
        /// The one that is ahead.
        ahead: String,
        /// The one that is behind.
        behind: String,
        /// By how many seconds.
        seconds: i64,
    },
    /// Timers are due and do not fire.
    Overdue {
        /// The service.
        service: String,
        /// For how many seconds.
        seconds: i64,
    },
    /// No county pack is in force.
    NoPack {
        /// The service.
        service: String,
    },
    /// Services have different packs.
    PacksDiffer {
        /// One.
        one: String,
        /// Another.
        other: String,
    },
    /// Little room is left.
    DiskLow {
        /// The directory.
        path: String,
        /// How many MiB are free.
        free_mib: u64,
        /// Of how many.
        of_mib: u64,
        /// So little that somebody must act, and not only look.
        soon_full: bool,
    },
    /// A server program is missing here.
    NoServer {
        /// Its name.
        server: String,
    },
    /// The data was made by another major version than the program here.
    OtherVersion {
        /// The server.
        server: String,
        /// The data's version.
        data: String,
        /// The program's version.
        program: String,
    },
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::RelayBehind { .. }
            | Self::CursorBehind { .. }
            | Self::Waiting { .. }
            | Self::DiskLow { soon_full: false, .. } => Weight::Note,
            _ => Weight::Wrong,
        }
    }

    /// What is so.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.zh(),
            Lang::En => self.en(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self, lang: Lang) -> String {
        let (zh, en) = self.advices();
        if lang == Lang::Zh { zh } else { en }
    }

    fn zh(&self) -> String {
        let name = |service: &str| named(service, Lang::Zh);
        match self {
            Self::Silent { service, why } => format!("{}没有应答: {why}", name(service)),
            Self::RolledBack { service, last } => {
                format!("{}的数据库被还原到早先时刻 (日志至第 {last} 条), 命令一律不受理", name(service))
            }
            Self::Affected { consumer, producer, count } => {
                format!("{}有 {count} 件待人工核对 (涉及{}的事件)", name(consumer), name(producer))
            }
            Self::RelayStuck { service, lag } => format!("{}有 {lag} 条事件发不出去, NATS 没有接收", name(service)),
            Self::RelayBehind { service, lag } => format!("{}有 {lag} 条事件正在发出", name(service)),
            Self::Unnumbered { service, rows } => format!("{}有 {rows} 条事件迟迟没有编号", name(service)),
            Self::CursorStuck { consumer, producer, pos, head } => {
                format!("{}听{}停在第 {pos} 条, 共 {head} 条", name(consumer), name(producer))
            }
            Self::CursorBehind { consumer, producer, lag } => {
                format!("{}听{}还差 {lag} 条, 正在赶上", name(consumer), name(producer))
            }
            Self::Diverged { consumer, producer } => {
                format!("{}所听与{}的日志不一致, 已停止收听", name(consumer), name(producer))
            }
            Self::Parked { event, cases, reason } => {
                format!("事件 {event} 待人处理, 连带 {}: {reason}", cases.join(" "))
            }
            Self::Waiting { event, cases, reason } => {
                format!("事件 {event} 在等先前的事实, 连带 {}: {reason}", cases.join(" "))
            }
            Self::ClockSuspect { service } => format!("{}的时间可疑, 计时器已停", name(service)),
            Self::ClocksApart { ahead, behind, seconds } => {
                format!("{}的时间比{}快 {seconds} 秒", name(ahead), name(behind))
            }
            Self::Overdue { service, seconds } => format!("{}的计时器到期 {seconds} 秒仍未触发", name(service)),
            Self::NoPack { service } => format!("{}还没有县域配置包, 命令一律不受理", name(service)),
            Self::PacksDiffer { one, other } => format!("{}与{}的配置包不同", name(one), name(other)),
            Self::DiskLow { path, free_mib, of_mib, .. } => {
                format!("{path} 所在磁盘只剩 {free_mib} MiB, 共 {of_mib} MiB")
            }
            Self::NoServer { server } => format!("本机找不到程序 {server}"),
            Self::OtherVersion { server, data, program } => {
                format!("数据属于 {server} 第 {data} 版, 本机程序是 {program}")
            }
        }
    }

    fn en(&self) -> String {
        let name = |service: &str| named(service, Lang::En);
        match self {
            Self::Silent { service, why } => format!("{} does not answer: {why}", name(service)),
            Self::RolledBack { service, last } => format!(
                "the database of {} was restored to an earlier time (its journal ends at {last}); it takes no command",
                name(service)
            ),
            Self::Affected { consumer, producer, count } => {
                format!("{count} cases of {} wait for a person (events of {})", name(consumer), name(producer))
            }
            Self::RelayStuck { service, lag } => {
                format!("{lag} events of {} cannot be published: NATS does not take them", name(service))
            }
            Self::RelayBehind { service, lag } => format!("{lag} events of {} are on their way", name(service)),
            Self::Unnumbered { service, rows } => format!("{rows} events of {} get no position", name(service)),
            Self::CursorStuck { consumer, producer, pos, head } => {
                format!("{} stands at {pos} of {head} from {}", name(consumer), name(producer))
            }
            Self::CursorBehind { consumer, producer, lag } => {
                format!("{} is {lag} events behind {} and catching up", name(consumer), name(producer))
            }
            Self::Diverged { consumer, producer } => {
                format!(
                    "what {} heard contradicts the journal of {}; it listens no more",
                    name(consumer),
                    name(producer)
                )
            }
            Self::Parked { event, cases, reason } => {
                format!("event {event} waits for a person, and with it {}: {reason}", cases.join(" "))
            }
            Self::Waiting { event, cases, reason } => {
                format!("event {event} waits for an earlier fact, and with it {}: {reason}", cases.join(" "))
            }
            Self::ClockSuspect { service } => {
                format!("the time of {} is in doubt, its timers stand still", name(service))
            }
            Self::ClocksApart { ahead, behind, seconds } => {
                format!("the time of {} is {seconds} s ahead of {}", name(ahead), name(behind))
            }
            Self::Overdue { service, seconds } => {
                format!("a timer of {} was due {seconds} s ago and has not fired", name(service))
            }
            Self::NoPack { service } => format!("{} has no county pack; it takes no command", name(service)),
            Self::PacksDiffer { one, other } => format!("{} and {} have different packs", name(one), name(other)),
            Self::DiskLow { path, free_mib, of_mib, .. } => {
                format!("only {free_mib} MiB of {of_mib} MiB are free on the disk of {path}")
            }
            Self::NoServer { server } => format!("the program {server} was not found on this machine"),
            Self::OtherVersion { server, data, program } => {
                format!("the data belongs to version {data} of {server}, the program here is {program}")
            }
        }
    }

    fn advices(&self) -> (String, String) {
        let both = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
        let same = |command: String| (command.clone(), command);
        match self {
            Self::Silent { .. } => both(
                "看该服务的日志与数据库; 本机的中心: xiezhi up",
                "look at its log and its database; a centre on this machine: xiezhi up",
            ),
            Self::RolledBack { service, .. } => same(format!("xiezhi bus recover {service}")),
            Self::Affected { .. } => same("xiezhi bus diverged list".to_owned()),
            Self::RelayStuck { .. } => both(
                "恢复 NATS (进程、磁盘、账号权限), 日志一条不少, 会自行补发",
                "mend NATS (process, disk, permissions); the journal has everything and is published by itself",
            ),
            Self::RelayBehind { .. } | Self::CursorBehind { .. } => {
                both("无需处理, 稍后再看", "nothing; look again a little later")
            }
            Self::Unnumbered { .. } => both(
                "看该服务的日志: 编号只需数据库; 有无长时间持锁的会话",
                "look at its log: numbering needs the database alone; is a session holding a lock?",
            ),
            Self::CursorStuck { consumer, .. } => (
                format!("看{}的日志里为何停住; xiezhi bus parked list", named(consumer, Lang::Zh)),
                format!("the log of {} says why; xiezhi bus parked list", named(consumer, Lang::En)),
            ),
            Self::Diverged { .. } => same("xiezhi bus diverged list".to_owned()),
            Self::Parked { event, .. } => (
                format!("查明原因后 xiezhi bus parked retry {event} --why 原因; 确属无用则 skip"),
                format!("find out why, then xiezhi bus parked retry {event} --why REASON; or skip what is of no use"),
            ),
            Self::Waiting { .. } => both("会自行重试; 久等不至才需查看", "it is tried again by itself"),
            Self::ClockSuspect { .. } => {
                both("校准系统时间, 然后 xiezhi clock confirm", "set the clock right, then xiezhi clock confirm")
            }
            Self::ClocksApart { .. } => both("各数据库主机请用 NTP 校时", "synchronise the database hosts by NTP"),
            Self::Overdue { .. } => {
                both("看该服务的日志, 其中写明是哪个计时器", "the log of the service names the timer")
            }
            Self::NoPack { .. } | Self::PacksDiffer { .. } => same("xiezhi pack apply DIR".to_owned()),
            Self::DiskLow { .. } => both(
                "腾出空间; NATS 写满后需重启, PostgreSQL 腾出空间即恢复",
                "free some room; NATS must be started again after a full disk, PostgreSQL goes on by itself",
            ),
            Self::NoServer { .. } => same("scripts/servers".to_owned()),
            Self::OtherVersion { .. } => both(
                "用原来的大版本启动, 或先备份再升级数据",
                "start the data's own version, or upgrade the data after a backup",
            ),
        }
    }
}

/// What a service is called: its Chinese name, or its English one.
fn named(service: &str, lang: Lang) -> String {
    let code = format!("service.{service}");
    let name = label(&code, lang);
    if name == code { service.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::tests::is_chinese;

    fn samples() -> Vec<Finding> {
        let x = || "x".to_owned();
        let (service, consumer, producer) = ("intake".to_owned(), "supervision".to_owned(), "intake".to_owned());
        vec![
            Finding::Silent { service: service.clone(), why: x() },
            Finding::RolledBack { service: service.clone(), last: 7 },
            Finding::Affected { consumer: consumer.clone(), producer: producer.clone(), count: 2 },
            Finding::RelayStuck { service: service.clone(), lag: 7 },
            Finding::RelayBehind { service: service.clone(), lag: 7 },
            Finding::Unnumbered { service: service.clone(), rows: 7 },
            Finding::CursorStuck { consumer: consumer.clone(), producer: producer.clone(), pos: 3, head: 7 },
            Finding::CursorBehind { consumer: consumer.clone(), producer: producer.clone(), lag: 7 },
            Finding::Diverged { consumer, producer },
            Finding::Parked { event: x(), cases: vec![x()], reason: x() },
            Finding::Waiting { event: x(), cases: vec![x()], reason: x() },
            Finding::ClockSuspect { service: service.clone() },
            Finding::ClocksApart { ahead: service.clone(), behind: service.clone(), seconds: 9 },
            Finding::Overdue { service: service.clone(), seconds: 9 },
            Finding::NoPack { service: service.clone() },
            Finding::PacksDiffer { one: service.clone(), other: service },
            Finding::DiskLow { path: x(), free_mib: 1, of_mib: 2, soon_full: true },
            Finding::NoServer { server: x() },
            Finding::OtherVersion { server: x(), data: x(), program: x() },
        ]
    }

    #[test]
    fn every_finding_speaks_both_languages_and_says_what_to_do() {
        for finding in samples() {
            assert!(is_chinese(&finding.text(Lang::Zh)), "{finding:?}");
            let (said, advice) = (finding.text(Lang::En), finding.advice(Lang::En));
            assert!(!said.is_empty() && !is_chinese(&said), "{said}");
            assert!(!advice.is_empty() && !is_chinese(&advice), "{advice}");
            assert!(!finding.advice(Lang::Zh).is_empty());
        }
    }
}
