//! The corridor's own connections to its store.
//!
//! sqlx's pool asks a connection whether it lives whenever it lends it and whenever it takes it back. Around a transaction of
//! a handful of statements these are two more round trips; here a connection that did its work well is simply used again, and
//! one that did not is closed, whatever was open on it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a task waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// At most so many connections, opened when they are needed.
#[derive(Debug)]
pub(crate) struct Connections {
    options: PgConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection for statements that stand alone. Whoever does not give it back closes it.
#[derive(Debug)]
pub(crate) struct Link<'c> {
    home: &'c Connections,
    connection: PgConnection,
    _permit: SemaphorePermit<'c>,
}

/// A connection with an open transaction. One that is dropped is rolled back by the server, which sees it closed.
#[derive(Debug)]
pub(crate) struct Transaction<'c>(Link<'c>);

impl Connections {
    pub fn new(options: PgConnectOptions, most: usize) -> Self {
        Self { options, permits: Semaphore::new(most.max(1)), idle: Mutex::default() }
    }

    /// As many more to the same store.
    pub fn more(&self, most: usize) -> Self {
        Self::new(self.options.clone(), most)
    }

    /// A connection; one that lay idle may have lost its server meanwhile.
    pub async fn take(&self) -> Result<Link<'_>, sqlx::Error> {
        let permit = self.permit().await?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Link { home: self, connection, _permit: permit })
    }

    /// An open transaction whose commit is on the disk when it returns.
    pub async fn begin(&self) -> Result<Transaction<'_>, sqlx::Error> {
        self.begin_with("BEGIN").await
    }

    /// An open transaction whose commit may reach the disk a little later, in order with everything else: for effects that
    /// the server's crash may undo, because they follow from a journal and are made again. What is answered to a caller and
    /// what is published never is among them: both wait for a commit of the other kind, which takes all before it along.
    pub async fn begin_repeatable(&self) -> Result<Transaction<'_>, sqlx::Error> {
        self.begin_with("BEGIN; SET LOCAL synchronous_commit = off").await
    }

    /// Where the server was away meanwhile, on a new connection.
    async fn begin_with(&self, begin: &'static str) -> Result<Transaction<'_>, sqlx::Error> {
        let permit = self.permit().await?;
        let idle = self.idle().pop();
        let begun = match idle {
            Some(mut connection) => sqlx::raw_sql(begin).execute(&mut connection).await.map(|_| connection),
            None => Err(sqlx::Error::PoolClosed),
        };
        let connection = match begun {
            Ok(connection) => connection,
            Err(_) => {
                // What the others lost as well is not tried one by one.
                self.idle().clear();
                let mut connection = self.connect().await?;
                sqlx::raw_sql(begin).execute(&mut connection).await?;
                connection
            }
        };
        Ok(Transaction(Link { home: self, connection, _permit: permit }))
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, sqlx::Error> {
        let permit = tokio::time::timeout(PATIENCE, self.permits.acquire()).await;
        permit.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connected = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&self.options)).await;
        connected.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link<'_> {
    /// Gives the connection back: every statement on it succeeded.
    pub fn give_back(self) {
        let Self { home, connection, _permit } = self;
        home.idle().push(connection);
    }
}

impl Transaction<'_> {
    /// A commit that is on the disk when it returns, however the transaction began.
    pub async fn commit_durably(mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("SET LOCAL synchronous_commit TO DEFAULT; COMMIT").execute(&mut *self).await?;
        self.0.give_back();
        Ok(())
    }

    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("COMMIT").execute(&mut *self).await?;
        self.0.give_back();
        Ok(())
    }

    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("ROLLBACK").execute(&mut *self).await?;
        self.0.give_back();
        Ok(())
    }
}

impl Deref for Link<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Link<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Deref for Transaction<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0.connection
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0.connection
    }
}
