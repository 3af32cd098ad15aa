//! Why private servers cannot be had, in sentences that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use vocab::text::Lang;

/// 服务器: which of the two servers is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The store.
    Postgres,
    /// The transport.
    Nats,
}

impl What {
    /// The server's own name, the same in every language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Nats => "nats-server",
        }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// 启动失败: why the private servers did not start, run or stop.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// No program of that server where we look.
    #[error("{what} was not found in {looked_in}")]
    Missing {
        /// Which server.
        what: What,
        /// The places, joined for reading.
        looked_in: String,
    },
    /// The data directory cannot be made, read or written.
    #[error("the data directory {path} cannot be used")]
    Unusable {
        /// The directory or a file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory has other things in it.
    #[error("{path} is not empty and not a data directory of ours")]
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// Another centre runs on the same directory.
    #[error("another centre is using {path}")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, when it could be read.
        pid: Option<u32>,
    },
    /// A file of ours does not read back.
    #[error("{path} cannot be understood")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// No room for the data.
    #[error("the disk of {path} is full")]
    DiskFull {
        /// The directory.
        path: PathBuf,
    },
    /// Somebody else listens there.
    #[error("port {port} is taken")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// PostgreSQL refuses root, and nothing here can make us somebody else.
    #[error("PostgreSQL refuses to run as root, and neither unshare nor setpriv works here")]
    CannotDropRoot,
    /// The user nobody cannot get at a file it needs.
    #[error("the user nobody cannot reach {path}")]
    Unreachable {
        /// The file or directory.
        path: PathBuf,
    },
    /// The data was made by another major version of the server.
    #[error("the data in {path} belongs to another version of PostgreSQL")]
    OtherVersion {
        /// The directory.
        path: PathBuf,
    },
    /// The server ended or refused instead of starting.
    #[error("{what} did not start: {said}")]
    Failed {
        /// Which server.
        what: What,
        /// Its last words.
        said: String,
        /// Where all its words are.
        log: PathBuf,
    },
    /// The server neither started nor ended in time.
    #[error("{what} was not ready after {seconds} s")]
    Slow {
        /// Which server.
        what: What,
        /// How long we waited.
        seconds: u64,
        /// Where its words are.
        log: PathBuf,
    },
    /// A backup could not be made, or is not what was written.
    #[error("the backup in {path} failed: {said}")]
    Backup {
        /// Where it is, or was to be.
        path: PathBuf,
        /// What the program said.
        said: String,
    },
    /// No such NATS account.
    #[error("NATS has no user {user}")]
    UnknownUser {
        /// The name asked for.
        user: String,
    },
}

impl ServersError {
    /// Names the path an input or output error is about, and knows a full disk when it sees one.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.to_owned() },
            _ => Self::Unusable { path: path.to_owned(), source },
        }
    }

    /// One sentence for the person at the screen: what is wrong and what to do.
    #[must_use]
    pub fn sentence(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.chinese(),
            Lang::En => self.english(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::Missing { what, looked_in } => {
                format!("找不到 {what} (已查找: {looked_in})。请先运行 scripts/servers, 或用 XIEZHI_SERVERS_DIR 指明其所在目录。")
            }
            Self::Unusable { path, source } => {
                format!("数据目录 {} 无法使用 ({source})。请检查权限, 或用 --data 另选目录。", path.display())
            }
            Self::NotOurs { path } => {
                format!("{} 里有别的文件, 不是獬豸的数据目录。请用 --data 指定一个空目录或新目录。", path.display())
            }
            Self::InUse { path, pid } => {
                let holder = pid.map_or_else(String::new, |pid| format!(" (进程 {pid})"));
                format!("已有一个中心在使用 {}{holder}。请先运行 scripts/down, 或用 --data 另选目录。", path.display())
            }
            Self::Damaged { path } => format!("文件 {} 无法读懂。请从备份恢复, 或用 --data 另选新目录。", path.display()),
            Self::DiskFull { path } => format!("{} 所在磁盘已满。请腾出至少 300 MB 后重试。", path.display()),
            Self::PortTaken { port } => format!("端口 {port} 已被占用。请停止占用它的程序, 或改用其他端口。"),
            Self::CannotDropRoot => {
                "PostgreSQL 不能以 root 身份运行, 而本机的 unshare 与 setpriv 都不可用。请改用普通用户运行, 或安装 util-linux。".to_owned()
            }
            Self::Unreachable { path } => {
                format!("用户 nobody 无法进入 {}。请改用普通用户运行, 或把数据目录与程序放到人人可进入的路径下。", path.display())
            }
            Self::OtherVersion { path } => {
                format!("{} 中的数据属于另一个版本的 PostgreSQL。请使用原来的版本, 或用 --data 另选新目录。", path.display())
            }
            Self::Failed { what, said, log } => format!("{what} 未能启动: {said}。详情见 {}。", log.display()),
            Self::Slow { what, seconds, log } => {
                format!("{what} 在 {seconds} 秒内没有就绪。机器可能过忙, 请稍后重试; 详情见 {}。", log.display())
            }
            Self::Backup { path, said } => format!("{} 的备份不可用: {said}。请检查磁盘后重做。", path.display()),
            Self::UnknownUser { user } => format!("NATS 中没有用户 {user}。请检查服务名称。"),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Missing { what, looked_in } => {
                format!(
                    "{what} was not found (looked in: {looked_in}). Run scripts/servers first, or say where it is with XIEZHI_SERVERS_DIR."
                )
            }
            Self::Unusable { path, source } => format!(
                "The data directory {} cannot be used ({source}). Check its permissions, or choose another one with --data.",
                path.display()
            ),
            Self::NotOurs { path } => format!(
                "{} has other files in it and is not a data directory of Xiezhi. Choose an empty or new directory with --data.",
                path.display()
            ),
            Self::InUse { path, pid } => {
                let holder = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                format!(
                    "A centre is already using {}{holder}. Stop it with scripts/down, or choose another directory with --data.",
                    path.display()
                )
            }
            Self::Damaged { path } => format!(
                "The file {} cannot be understood. Restore it from a backup, or choose a new directory with --data.",
                path.display()
            ),
            Self::DiskFull { path } => {
                format!("The disk that holds {} is full. Free at least 300 MB and try again.", path.display())
            }
            Self::PortTaken { port } => {
                format!("Port {port} is taken. Stop the program that uses it, or choose another port.")
            }
            Self::CannotDropRoot => "PostgreSQL refuses to run as root, and neither unshare nor setpriv works here. \
                                     Run as an ordinary user, or install util-linux."
                .to_owned(),
            Self::Unreachable { path } => format!(
                "The user nobody cannot reach {}. Run as an ordinary user, or put data and programs where everybody may enter.",
                path.display()
            ),
            Self::OtherVersion { path } => format!(
                "The data in {} belongs to another version of PostgreSQL. Use that version, or choose a new directory with --data.",
                path.display()
            ),
            Self::Failed { what, said, log } => format!("{what} did not start: {said}. More is in {}.", log.display()),
            Self::Slow { what, seconds, log } => format!(
                "{what} was not ready after {seconds} seconds. The machine may be too busy, try again later; more is in {}.",
                log.display()
            ),
            Self::Backup { path, said } => {
                format!("The backup in {} is not usable: {said}. Check the disk and make it again.", path.display())
            }
            Self::UnknownUser { user } => {
                format!("NATS has no user {user}. Check the name of the service.")
            }
        }
    }
}
