/** The types that several files of the page share. They are for those who read and check the page, and are not served. */

/** An entry, as the server answers. docs/FORMAT.md has all of it. */
export interface Entry {
  id: string;
  timestamp: string;
  category: string;
  action: string;
  principal?: string | null;
  outcome: string;
  detail?: unknown;
  duration_ms?: number;
  session_id?: string;
  trace_id?: string;
  span_id?: string;
  request_id?: string;
  resource?: string;
  source?: { ip?: string; user_agent?: string; service?: string; host?: string };
  agent?: { id?: string; instance?: string; model?: string; version?: string };
  on_behalf_of?: string[];
  phase?: "intent" | "result";
  intent_id?: string;
  reason?: string;
  count?: number;
  received_at?: string;
  recorded_by?: string;
  approval?: { by?: string; kind?: string; rule?: string; decision?: string };
}

/** An entry and where it is in the log. */
export interface Hit {
  /** Of the older trail that has it; none for the trail that was asked. */
  origin?: string;
  /** The name of the trail that has it. */
  trail: string;
  index: number;
  /** Both, as the address of the page names it. */
  place: string;
  /** The server's word, and no check of the reader's. */
  state: "proved" | "unsealed";
  leaf_hash: string;
  entry: Entry;
}

/** Where a trail is shipped to, and how far that is. */
export interface Archive {
  url: string;
  state: "starting" | "shipping" | "failing" | "fenced" | "refused" | "stopped";
  epoch: number | null;
  /** How many are there. */
  entries: number;
  lag: { entries: number; bytes: number; seconds: number };
  error?: string;
  fenced?: { other: string; first_differing: number | null };
}

/** Who is logged in. */
export interface Session {
  /** Of the token. */
  id: string;
  name: string;
  role: string;
  rights: string[];
  trails: "all" | string[];
  categories: "all" | string[];
  expires: string | null;
}

/** What a view gets to draw itself. */
export interface Page {
  /** What the address says. */
  state: import("./state.js").State;
  /** The trail that is shown. */
  trail: string;
  session: Session;
  /** Draws the page again, once, before the next frame. */
  redraw: () => void;
  /** Loads a file of `css/` for a part that not everybody looks at. */
  style: (css: string) => Promise<void>;
}
