//! Calls of tools that wait for their results: a result in a transcript names the call, and not the tool.

use std::collections::{HashMap, VecDeque};

use graven_core::entry::Agent;

/// The most calls that wait. The oldest are forgotten; their results are then those of a tool without a name.
const CALLS_MAX: usize = 4_096;

/// What a transcript has said so far.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// The action of each call, by its id.
    calls: HashMap<String, String>,
    /// Their ids, the oldest first.
    order: VecDeque<String>,
    /// The session, when only its first line names it.
    pub(crate) session: Option<String>,
    /// The agent, when other lines name it.
    pub(crate) agent: Agent,
}

impl Tools {
    /// Remembers a call.
    pub(crate) fn begin(&mut self, id: &str, action: &str) {
        if self.calls.insert(id.to_owned(), action.to_owned()).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > CALLS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }

    /// The action of a call. It stays: a result can come in parts.
    pub(crate) fn action(&self, id: &str) -> Option<&str> {
        self.calls.get(id).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_calls_are_forgotten() {
        let mut tools = Tools::default();
        for number in 0..CALLS_MAX + 10 {
            tools.begin(&number.to_string(), "tool:a");
            tools.begin(&number.to_string(), "tool:b");
        }
        assert_eq!((tools.action("9"), tools.action("10")), (None, Some("tool:b")));
        assert_eq!((tools.calls.len(), tools.order.len()), (CALLS_MAX, CALLS_MAX));
    }
}
