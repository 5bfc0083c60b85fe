//! Who is told of what: FIFOs, mail, scripts at the start and at the end.

use super::{CommandLine, User};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// `notify_fifo` or `vrrp_notify_fifo`, with its script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifo {
    /// Absolute path.
    pub path: String,
    /// Who may read it; the user scripts run as when absent.
    pub owner: Option<User>,
    /// `notify_fifo_script`: runs as long as the FIFO is there, with the path as its
    /// last argument.
    pub script: Option<CommandLine>,
    /// As whom; `script_user` when absent.
    pub script_user: Option<User>,
}

/// `startup_script` or `shutdown_script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// What it runs.
    pub command: CommandLine,
    /// As whom; `script_user` when absent.
    pub user: Option<User>,
    /// When its process group is terminated, and waited for no more.
    pub timeout: Duration,
}

/// `enable_dbus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dbus {
    /// `dbus_service_name`: the name to have on the bus.
    pub service: String,
}

/// Where alerts go, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// `notification_email`, never empty.
    pub recipients: Vec<String>,
    /// `notification_email_from`; our user at our host when absent.
    pub from: Option<String>,
    /// `smtp_server`: name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// `smtp_connect_timeout`: for the connection and for each answer.
    pub timeout: Duration,
    /// `smtp_helo_name`; the host's name when absent.
    pub helo: Option<String>,
    /// `smtp_tls`.
    pub tls: MailTls,
    /// `smtp_tls_ca`: certificates to trust instead of the system's.
    pub ca_file: Option<String>,
    /// `smtp_login`.
    pub login: Option<MailLogin>,
}

/// `smtp_tls`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailTls {
    /// As keepalived: in the clear.
    #[default]
    Off,
    /// `starttls`: in the clear until the server has agreed to TLS, or no mail.
    StartTls,
    /// `on`: from the first octet.
    On,
}

/// `smtp_login USER PASSWORD`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLogin {
    /// User.
    pub user: String,
    /// Password; never shown.
    pub password: String,
}

impl core::fmt::Debug for MailLogin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ****", self.user)
    }
}
