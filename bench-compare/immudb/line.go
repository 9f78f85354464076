package main

import "fmt"

// line is an entry of the same bytes as everyone's, with its number in the id.
func line(number uint64) []byte {
	return fmt.Appendf(nil, format, number)
}

const format = `{"id":"01995f3e-8a31-7c04-9d1c-%012d","timestamp":"2026-11-24T03:00:00.123456789Z",` +
	`"category":"tool_execution","action":"tool:bash","principal":"agent-7@build.example.com","outcome":"success",` +
	`"detail":{"command":"cargo test --workspace","cwd":"/srv/agents/build-17","exit_code":0,"stdout_bytes":48211},` +
	`"duration_ms":1234,"session_id":"01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44"}`
