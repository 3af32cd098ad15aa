//! `xiezhi bench latency`: how long one case takes from the counter to the unit's desk, one at a time, seen from outside.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use client::{Centre, ClientOptions};
use xiezhi_proto::common::v1::{CaseFacts, Channel, Urgency};
use xiezhi_proto::intake::v1::{Complainant, RegisterCaseRequest};

use crate::arguments::{BenchArguments, BenchCommand};
use crate::keys::Minter;

/// A class the pack lets through without a clerk, so that no person's time is measured.
const MATTER: &str = "road.occupation";
const REGION: &str = "330421103";
const UNIT: &str = "ZF";
const CLERK: &str = "centre.window1";
const HANDLER: &str = "ZF.handler";
/// Warms connections and caches; not counted.
const WARM_UP: u32 = 20;
/// The longest a case may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a measurement and prints its figures.
pub async fn run(arguments: BenchArguments, data: PathBuf) -> anyhow::Result<()> {
    let BenchCommand::Latency { cases } = arguments.command;
    let minter = Minter::open(&data)?;
    let file = cli::CentreFile::read(&data)
        .map_err(|_| anyhow::anyhow!("{} 没有运行中的中心 / no centre runs in {0}", data.display()))?;
    let options = ClientOptions::new(file.grpc_address).token(minter.mint(CLERK)?);
    let clerk = Centre::connect(options).await?;
    let handler = clerk.with_token(&minter.mint(HANDLER)?)?;

    let operator = clerk.with_token(&minter.mint("operator")?)?;
    let today = client::rest::now(&operator).await?.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date();

    let mut orders = handler.orders_after(UNIT, latest(&handler).await?);
    let (mut receipts, mut dispatches) = (Vec::new(), Vec::new());
    for number in 0..cases + WARM_UP {
        let began = Instant::now();
        let case_id = register(&clerk, number, today).await?;
        let receipt = began.elapsed();
        let arrived = tokio::time::timeout(PATIENCE, async {
            loop {
                let change = orders.next().await?;
                if change.order.case_id == case_id {
                    return Ok::<_, client::Error>(began.elapsed());
                }
            }
        })
        .await
        .with_context(|| format!("案件 {case_id} 未在 {PATIENCE:?} 内派单 / was not dispatched in time"))??;
        if number >= WARM_UP {
            receipts.push(receipt);
            dispatches.push(arrived);
        }
    }
    let (receipt, dispatch) = (Figures::of(receipts)?, Figures::of(dispatches)?);
    println!("{cases} 件, 逐件 / cases, one at a time");
    println!("登记回执 / receipt              p50 {:>7.2} ms   p99 {:>7.2} ms", receipt.p50_ms, receipt.p99_ms);
    println!("登记至工单送达 / to the desk      p50 {:>7.2} ms   p99 {:>7.2} ms", dispatch.p50_ms, dispatch.p99_ms);
    Ok(())
}

/// The position up to which the unit's orders are old news.
async fn latest(handler: &Centre) -> anyhow::Result<u64> {
    let mut orders = handler.orders_after(UNIT, 0);
    // What is there already comes at once; a pause means that the end is reached.
    while let Ok(change) = tokio::time::timeout(Duration::from_millis(700), orders.next()).await {
        change?;
    }
    Ok(orders.position())
}

async fn register(clerk: &Centre, number: u32, today: jiff::civil::Date) -> anyhow::Result<String> {
    let request = RegisterCaseRequest {
        complainant: Some(Complainant {
            name: "测试".to_owned(),
            phone: format!("138{number:08}"),
            ..Complainant::default()
        }),
        title: "占道经营".to_owned(),
        body: "流动摊点占用人行道经营, 行人只能走机动车道。".repeat(8),
        facts: Some(CaseFacts {
            matter_codes: vec![MATTER.to_owned()],
            region_code: REGION.to_owned(),
            object_type: "stall".to_owned(),
            declared: Vec::new(),
            act_on: today.to_string(),
            channel: Channel::Phone.into(),
            urgency: Urgency::Normal.into(),
        }),
        ..RegisterCaseRequest::default()
    };
    let answer = clerk
        .command(|command_id| {
            let (mut intake, request) = (clerk.intake(), RegisterCaseRequest { command_id, ..request.clone() });
            async move { intake.register_case(request).await }
        })
        .await?;
    if !answer.accepted {
        bail!(
            "{MATTER} 未直接受理, 规则包不符 / was not accepted without a clerk; the pack does not fit this measurement"
        );
    }
    Ok(answer.case_id)
}

struct Figures {
    p50_ms: f64,
    p99_ms: f64,
}

impl Figures {
    fn of(mut times: Vec<Duration>) -> anyhow::Result<Self> {
        times.sort_unstable();
        let at = |share: f64| -> anyhow::Result<f64> {
            let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
            Ok(times.get(index).context("没有测量值 / nothing was measured")?.as_secs_f64() * 1000.0)
        };
        Ok(Self { p50_ms: at(0.50)?, p99_ms: at(0.99)? })
    }
}
