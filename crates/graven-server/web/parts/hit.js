/**
 * What an entry is, as the server answers. docs/FORMAT.md has all of it.
 * @module
 */

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} timestamp
 * @property {string} category
 * @property {string} action
 * @property {string | null} [principal]
 * @property {string} outcome
 * @property {unknown} [detail]
 * @property {number} [duration_ms]
 * @property {string} [session_id]
 * @property {string} [trace_id]
 * @property {string} [span_id]
 * @property {string} [request_id]
 * @property {string} [resource]
 * @property {{ip?: string, user_agent?: string, service?: string, host?: string}} [source]
 * @property {{id?: string, instance?: string, model?: string, version?: string}} [agent]
 * @property {string[]} [on_behalf_of]
 * @property {'intent' | 'result'} [phase]
 * @property {string} [intent_id]
 * @property {string} [reason]
 * @property {number} [count]
 * @property {string} [received_at]
 * @property {string} [recorded_by]
 * @property {{by?: string, kind?: string, rule?: string, decision?: string}} [approval]
 */

/**
 * An entry and where it is in the log. `state` is the server's word, and no check of the reader's.
 * @typedef {{index: number, state: 'proved' | 'unsealed', leaf_hash: string, entry: Entry}} Hit
 */

export {};
