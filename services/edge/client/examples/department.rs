//! A department's system: acknowledges every work order the moment it arrives.
//! `department ADDRESS ACCOUNT KEY`, where KEY is the account's Ed25519 private key as 64 hexadecimal digits.
use anyhow::Context;
use client::{Centre, ClientOptions};
use ed25519_dalek::SigningKey;
use xiezhi_proto::assignment::v1::AcknowledgeWorkOrderRequest;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut argument = |name| args.next().with_context(|| format!("{name} is missing"));
    let (address, account, key) = (argument("ADDRESS")?, argument("ACCOUNT")?, argument("KEY")?);
    let key: [u8; 32] = hex::decode(key)?.try_into().ok().context("KEY has 64 digits")?;

    let centre = Centre::connect(ClientOptions::new(address).account(account, SigningKey::from_bytes(&key))).await?;
    let mut orders = centre.orders();
    loop {
        let change = orders.next().await?;
        println!("{} {} {}", change.position, change.change, change.order.case_no);
        if change.change == "dispatched" && change.order.acknowledged_at.is_none() {
            let work_order_id = change.order.work_order_id;
            centre
                .command(|command_id| {
                    let request = AcknowledgeWorkOrderRequest { command_id, work_order_id: work_order_id.clone() };
                    let mut assignment = centre.assignment();
                    async move { assignment.acknowledge_work_order(request).await }
                })
                .await?;
        }
    }
}
