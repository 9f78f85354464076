"""Runs statements on a DuckDB, one JSON object a line, and says what each took."""

import json
import sys
import time

import duckdb

db = duckdb.connect(sys.argv[1])
# It would draw its progress between the answers.
db.execute("set enable_progress_bar = false")
for line in sys.stdin:
    asked = json.loads(line)
    wall, cpu = time.perf_counter(), time.process_time()
    rows = []
    for statement in asked["statements"]:
        rows = db.execute(statement).fetchall()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = len(rows) if asked["rows"] else (rows[0][0] if rows else None)
    print(json.dumps({"found": found, "wall_s": wall, "cpu_s": cpu}), flush=True)
