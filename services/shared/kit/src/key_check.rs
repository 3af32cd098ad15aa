//! The key a store was begun with. A replica that was given another would write what nobody else opens, and say nothing of it:
//! so it does not start.

use sqlx::PgPool;

use crate::seal::{self, Key};

/// What is sealed once; only whether it opens matters.
const PROOF: &[u8] = b"xiezhi/key";

/// Leaves a proof of the key in a new store; in one that has a proof already, the key must open it.
pub async fn prove(pool: &PgPool, key: &Key) -> anyhow::Result<()> {
    let proof = seal::seal(key, PROOF, PROOF)?;
    // Whoever is first decides; two that start at once read the same row afterwards.
    sqlx::query!("INSERT INTO bus.key_proof (proof) VALUES ($1) ON CONFLICT DO NOTHING", &proof).execute(pool).await?;
    let kept = sqlx::query_scalar!("SELECT proof FROM bus.key_proof").fetch_one(pool).await?;
    anyhow::ensure!(
        seal::open(key, PROOF, &kept).is_ok_and(|opened| opened == PROOF),
        "密钥与该数据库中已有数据所用的密钥不同, 请提供原来的密钥 / the key is not the one this database was begun with: give the original key"
    );
    Ok(())
}
