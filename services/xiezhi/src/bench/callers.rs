//! The load: clerks who register complaints of a class the pack lets through without anybody's decision.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use client::{Centre, ClientOptions};
use jiff::civil::Date;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;
use xiezhi_proto::common::v1::{CaseFacts, Channel, Urgency};
use xiezhi_proto::intake::v1::{Complainant, RegisterCaseRequest};

use crate::keys::Minter;

/// A class the pack lets through without a clerk, so that no person's time is measured.
const MATTER: &str = "road.occupation";
/// Towns in which one unit alone is responsible for it.
const REGIONS: [&str; 7] = ["330421001", "330421002", "330421003", "330421102", "330421103", "330421105", "330421107"];
/// That unit.
pub const UNIT: &str = "ZF";
const CLERK: &str = "centre.window1";
/// Who answers for it.
pub const HANDLER: &str = "ZF.handler";
const OPERATOR: &str = "operator";
/// Whoever looks through the journals of a whole measurement asks for much at once.
const LONG_CALL: Duration = Duration::from_secs(600);
/// How often tokens are renewed; they live three times as long.
const RENEW: Duration = Duration::from_secs(300);

/// Connections to a centre as those who take part in a measurement, with tokens that stay fresh.
pub struct Callers {
    clerks: Vec<Centre>,
    /// Watches the bus.
    pub operator: Centre,
    /// Waits for orders at the unit's desk.
    pub handler: Centre,
    today: Date,
    renewal: JoinHandle<()>,
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// A case that was registered.
#[derive(Debug, Clone, Copy)]
pub struct Receipt {
    /// The case.
    pub case_id: Uuid,
    /// When its caller began to ask.
    pub began: Instant,
    /// When its caller had the receipt.
    pub answered: Instant,
}

impl Receipt {
    /// From the call to the receipt.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.answered.saturating_duration_since(self.began)
    }
}

impl Callers {
    /// Connects to the centre in a data directory; clerks share so many connections.
    pub async fn connect(data: &Path, connections: u32) -> anyhow::Result<Self> {
        let minter = Minter::open(data)?;
        let file = cli::CentreFile::read(data)
            .map_err(|_| anyhow::anyhow!("{} 没有运行中的中心 / no centre runs in {0}", data.display()))?;
        let mut kept = Vec::new();
        for account in (0..connections.max(1)).map(|_| CLERK).chain([OPERATOR, HANDLER]) {
            let mut options = ClientOptions::new(&file.grpc_address).token(minter.mint(account)?);
            if account == OPERATOR {
                options.call_timeout = LONG_CALL;
            }
            kept.push((account, Centre::connect(options).await?));
        }
        let find = |wanted: &str| kept.iter().find(|(account, _)| *account == wanted).map(|(_, centre)| centre.clone());
        let operator = find(OPERATOR).context("operator")?;
        let handler = find(HANDLER).context("handler")?;
        let clerks = kept.iter().filter(|(account, _)| *account == CLERK).map(|(_, centre)| centre.clone()).collect();
        let beijing = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        let today = client::rest::now(&operator).await?.to_zoned(beijing).date();
        let renewal = tokio::spawn(renew(minter, kept));
        Ok(Self { clerks, operator, handler, today, renewal })
    }

    /// Registers one case as the first clerk.
    pub async fn register_one(&self, number: u32) -> anyhow::Result<Receipt> {
        let clerk = self.clerks.first().context("clerk")?;
        register(clerk, number, self.today).await
    }

    /// Registers these cases as fast as so many callers at once can, each sending its next when it has its last receipt.
    pub async fn register_all(&self, clients: u32, numbers: Range<u32>) -> anyhow::Result<Vec<Receipt>> {
        let next = Arc::new(AtomicU32::new(numbers.start));
        let mut callers = JoinSet::new();
        for clerk in self.clerks.iter().cycle().take(clients as usize) {
            let (clerk, next, end, today) = (clerk.clone(), Arc::clone(&next), numbers.end, self.today);
            callers.spawn(async move {
                let mut receipts = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return anyhow::Ok(receipts);
                    }
                    receipts.push(register(&clerk, number, today).await?);
                }
            });
        }
        let mut receipts = Vec::with_capacity(numbers.len());
        while let Some(done) = callers.join_next().await {
            receipts.extend(done??);
        }
        Ok(receipts)
    }

    /// Registers cases at these moments from now, the first with this number, whether or not earlier ones are answered. Each
    /// counts from the moment at which it was to be sent, so a sender that comes late hides nothing. Answers with the first
    /// number that was not used.
    pub async fn register_at(&self, first: u32, moments: &[Duration]) -> anyhow::Result<(Vec<Receipt>, u32)> {
        let mut callers = JoinSet::new();
        let (began, mut number) = (Instant::now(), first);
        for (clerk, after) in self.clerks.iter().cycle().zip(moments) {
            let (clerk, at, today) = (clerk.clone(), began + *after, self.today);
            tokio::time::sleep_until(at.into()).await;
            callers.spawn(async move {
                let receipt = register(&clerk, number, today).await?;
                anyhow::Ok(Receipt { began: at, ..receipt })
            });
            number += 1;
        }
        let mut receipts = Vec::with_capacity(moments.len());
        while let Some(done) = callers.join_next().await {
            receipts.push(done??);
        }
        Ok((receipts, number))
    }
}

async fn renew(minter: Minter, kept: Vec<(&'static str, Centre)>) {
    loop {
        tokio::time::sleep(RENEW).await;
        for (account, centre) in &kept {
            let renewed = minter.mint(account).and_then(|token| Ok(centre.use_token(&token)?));
            if let Err(error) = renewed {
                eprintln!("{account} 的令牌未能更新 / a token was not renewed: {error:#}");
            }
        }
    }
}

async fn register(clerk: &Centre, number: u32, today: Date) -> anyhow::Result<Receipt> {
    let request = complaint(number, today);
    let began = Instant::now();
    let answer = clerk
        .command(|command_id| {
            let (mut intake, request) = (clerk.intake(), RegisterCaseRequest { command_id, ..request.clone() });
            async move { intake.register_case(request).await }
        })
        .await?;
    let answered = Instant::now();
    if !answer.accepted {
        bail!(
            "{MATTER} 未直接受理, 规则包不符 / was not accepted without a clerk; the pack does not fit this measurement"
        );
    }
    Ok(Receipt { case_id: answer.case_id.parse()?, began, answered })
}

/// A complaint of some two hundred characters, from a complainant of its own, spread over the towns.
fn complaint(number: u32, today: Date) -> RegisterCaseRequest {
    let region = REGIONS.iter().cycle().nth(number as usize % REGIONS.len()).copied().unwrap_or_default();
    RegisterCaseRequest {
        complainant: Some(Complainant {
            name: "测试".to_owned(),
            phone: format!("138{number:08}"),
            ..Complainant::default()
        }),
        title: "占道经营".to_owned(),
        body: "流动摊点占用人行道经营, 行人只能走机动车道。".repeat(8),
        facts: Some(CaseFacts {
            matter_codes: vec![MATTER.to_owned()],
            region_code: region.to_owned(),
            object_type: "stall".to_owned(),
            declared: Vec::new(),
            act_on: today.to_string(),
            channel: Channel::Phone.into(),
            urgency: Urgency::Normal.into(),
        }),
        ..RegisterCaseRequest::default()
    }
}
