//! The formats that are known.

use std::fmt;
use std::str::FromStr;

use crate::split::Form;

/// A format of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// AWS CloudTrail: `{"Records":[…]}`, or a record a line.
    CloudTrail,
    /// Kubernetes, `audit.k8s.io`: an `EventList`, or an event a line.
    Kubernetes,
    /// CloudEvents 1.0 in JSON: an event, or an array of them.
    CloudEvents,
    /// The audit device of Vault or OpenBao: an object a line.
    Vault,
    /// The audit log of GitHub: an array, or an object a line.
    GitHub,
    /// The log of the Linux audit daemon: records of one event are joined.
    Auditd,
    /// Requests of OTLP in JSON, one a line, as the file exporter of the OpenTelemetry Collector writes them.
    Otlp,
    /// A transcript of Claude Code: an object a line.
    ClaudeCode,
    /// A transcript of Codex: an object a line.
    Codex,
}

impl Format {
    /// All of them, in the order in which documents name them.
    pub const ALL: [Format; 9] = [
        Format::CloudTrail,
        Format::Kubernetes,
        Format::CloudEvents,
        Format::Vault,
        Format::GitHub,
        Format::Auditd,
        Format::Otlp,
        Format::ClaudeCode,
        Format::Codex,
    ];

    /// Its name on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::CloudTrail => "cloudtrail",
            Format::Kubernetes => "kubernetes",
            Format::CloudEvents => "cloudevents",
            Format::Vault => "vault",
            Format::GitHub => "github",
            Format::Auditd => "auditd",
            Format::Otlp => "otlp",
            Format::ClaudeCode => "claude-code",
            Format::Codex => "codex",
        }
    }

    /// How its events stand in a text.
    pub fn form(self) -> Form {
        match self {
            Format::Auditd => Form::Lines,
            Format::CloudTrail => Form::Json { list: &["Records"] },
            Format::Kubernetes => Form::Json { list: &["items"] },
            _ => Form::Json { list: &[] },
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a format: cloudtrail, kubernetes, cloudevents, vault, github, auditd, otlp, claude-code or codex"
)]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        Format::ALL.into_iter().find(|format| format.as_str() == name).ok_or(UnknownFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_stands_in_the_error() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
            assert!(UnknownFormat.to_string().contains(format.as_str()), "{format}");
        }
        assert_eq!("syslog".parse::<Format>(), Err(UnknownFormat));
    }
}
