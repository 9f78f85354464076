//! Where an action came from and which agent did it.

/// Where the action came from. What is absent is left out of the line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// The address of the caller.
    pub ip: Option<String>,
    /// What the caller's program calls itself.
    pub user_agent: Option<String>,
    /// The service that was called.
    pub service: Option<String>,
    /// The machine that it ran on.
    pub host: Option<String>,
}

/// The agent that acted. What is absent is left out of the line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Which agent.
    pub id: Option<String>,
    /// Which of its running copies.
    pub instance: Option<String>,
    /// The model that it thinks with.
    pub model: Option<String>,
    /// Its version.
    pub version: Option<String>,
}
