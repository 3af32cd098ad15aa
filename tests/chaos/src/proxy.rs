//! A TCP proxy of our own: between one process and one server it delays, holds, cuts and resets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::random::Chance;

/// How many bytes are carried at once.
const CHUNK: usize = 64 * 1024;
/// How many chunks are on the way in one direction.
const ON_THE_WAY: usize = 64;

/// What the link does to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// How long each byte takes.
    pub delay: Duration,
    /// So many chunks of a thousand end their connection instead of arriving.
    pub resets_per_mille: u64,
    /// Nothing arrives and nobody is told, as behind a pulled cable; what was held arrives when the link is well again.
    pub silent: bool,
    /// Nobody gets through at all: new connections are closed at once.
    pub closed: bool,
    /// Another number ends every connection there is.
    pub cut: u64,
}

/// One link, open until it is dropped.
#[derive(Debug)]
pub struct Link {
    port: u16,
    manner: watch::Sender<Manner>,
    task: tokio::task::JoinHandle<()>,
    carried: Arc<AtomicU64>,
}

impl Link {
    /// Listens on a free port of the loopback and carries everything to `target`.
    pub async fn open(target: u16, seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (manner, seen) = watch::channel(Manner::default());
        let carried = Arc::new(AtomicU64::new(0));
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
        let task = tokio::spawn(accept(listener, target, seen, seed, Arc::clone(&carried)));
        Ok(Self { port, manner, task, carried })
    }

    /// Where to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on the link behaves so.
    pub fn set(&self, change: impl FnOnce(&mut Manner)) {
        self.manner.send_modify(change);
    }

    /// Ends every connection; new ones are welcome.
    pub fn cut(&self) {
        self.set(|manner| manner.cut += 1);
    }

    /// As if nothing had been: no delay, no reset; what was held arrives.
    pub fn heal(&self) {
        self.set(|manner| *manner = Manner { cut: manner.cut, ..Manner::default() });
    }

    /// How many bytes it has carried.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    manner: watch::Receiver<Manner>,
    seed: u64,
    carried: Arc<AtomicU64>,
) {
    let mut connections = tokio::task::JoinSet::new();
    let mut number = 0;
    loop {
        let Ok((caller, _)) = listener.accept().await else { continue };
        number += 1;
        while connections.try_join_next().is_some() {}
        if manner.borrow().closed {
            continue;
        }
        let (manner, carried) = (manner.clone(), Arc::clone(&carried));
        connections.spawn(connect(caller, target, manner, Chance::of_part(seed, number), carried));
    }
}

/// One connection, until either side ends it or the link is cut.
async fn connect(
    caller: TcpStream,
    target: SocketAddr,
    mut manner: watch::Receiver<Manner>,
    chance: Chance,
    carried: Arc<AtomicU64>,
) {
    let cut = manner.borrow_and_update().cut;
    let mut until_cut = manner.clone();
    let carrying = async {
        // Behind a pulled cable nobody answers a call.
        if is_over(&mut manner).await {
            return;
        }
        let Ok(server) = TcpStream::connect(target).await else { return };
        for stream in [&caller, &server] {
            let _ = stream.set_nodelay(true);
        }
        let (from_caller, to_caller) = caller.into_split();
        let (from_server, to_server) = server.into_split();
        let mut other = chance.clone();
        other.next();
        let there = carry(from_caller, to_server, manner.clone(), chance, Arc::clone(&carried));
        let back = carry(from_server, to_caller, manner.clone(), other, carried);
        tokio::select! {
            () = there => {}
            () = back => {}
        }
    };
    tokio::select! {
        () = carrying => {}
        () = async { until_cut.wait_for(|manner| manner.cut != cut || manner.closed).await.map_or((), |_| ()) } => {}
    }
}

/// Waits while the link is silent; true where it is gone for good.
async fn is_over(manner: &mut watch::Receiver<Manner>) -> bool {
    manner.wait_for(|manner| !manner.silent).await.is_err()
}

/// One direction. Reading and writing are apart, so that a delay is not paid again by each chunk behind it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut manner: watch::Receiver<Manner>,
    mut chance: Chance,
    carried: Arc<AtomicU64>,
) {
    let (sender, mut chunks) = mpsc::channel::<(Instant, Bytes)>(ON_THE_WAY);
    let at_reading = manner.clone();
    let reading = async move {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        while let Ok(read) = from.read_buf(&mut buffer).await {
            if read == 0 || chance.per_mille(at_reading.borrow().resets_per_mille) {
                return;
            }
            let due = Instant::now() + at_reading.borrow().delay;
            if sender.send((due, buffer.split().freeze())).await.is_err() {
                return;
            }
            buffer.reserve(CHUNK);
        }
    };
    let writing = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            tokio::time::sleep_until(due).await;
            if is_over(&mut manner).await || to.write_all(&chunk).await.is_err() {
                return;
            }
            carried.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    /// Says everything back.
    async fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        port
    }

    async fn say(stream: &mut TcpStream, within_ms: u64) -> Option<()> {
        stream.write_all(b"x").await.ok()?;
        let mut answer = [0];
        let read = tokio::time::timeout(Duration::from_millis(within_ms), stream.read_exact(&mut answer));
        read.await.ok()?.ok().map(|_| ())
    }

    #[tokio::test]
    async fn a_link_carries_delays_falls_silent_cuts_and_heals() {
        let link = Link::open(echo().await, 1).await.unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        say(&mut stream, 1000).await.unwrap();

        link.set(|manner| manner.delay = Duration::from_millis(60));
        let began = Instant::now();
        say(&mut stream, 1000).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(120), "there and back");

        link.set(|manner| manner.silent = true);
        assert!(say(&mut stream, 200).await.is_none(), "nothing arrives");
        link.heal();
        let mut held = [0];
        stream.read_exact(&mut held).await.unwrap();

        link.cut();
        assert!(say(&mut stream, 1000).await.is_none());
        let mut again = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        say(&mut again, 1000).await.unwrap();
        link.set(|manner| manner.closed = true);
        assert!(say(&mut again, 1000).await.is_none());
        assert_eq!(link.carried(), 8);
    }
}
