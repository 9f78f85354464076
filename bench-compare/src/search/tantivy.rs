//! tantivy: an index with the columns and the text, whose hits' lines are then read from the trail.

use std::ops::Bound;
use std::path::Path;

use ::graven::reader::Reader;
use serde_json::{Value, json};
use tantivy::aggregation::AggregationCollector;
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{
    AllQuery, BooleanQuery, InvertedIndexRangeQuery, PhraseQuery, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::{DocAddress, Index, Order, ReloadPolicy, Searcher, TantivyDocument, Term};

use super::fields;
use super::peer::{Built, Peer, asked, measure};
use super::questions::{LIMIT, Question};
use super::{BUCKET_S, Source};
use crate::files;
use crate::peer::Failure;

/// The memory of the writer. With one thread, as the follower of a recorder has.
const WRITER_BYTES: usize = 400 << 20;

/// The columns of names, which are also counted.
const NAMES: &[&str] = &["category", "outcome", "action", "principal", "agent", "model", "phase"];

/// The columns of ids, which are only asked for.
const IDS: &[&str] = &["session_id", "trace_id", "request_id"];

/// The index, open.
struct Open {
    reader: Reader,
    searcher: Searcher,
    schema: Schema,
}

fn schema() -> Schema {
    let mut schema = Schema::builder();
    let whole = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic);
    for name in NAMES {
        schema
            .add_text_field(name, TextOptions::default().set_indexing_options(whole.clone()).set_fast("raw"));
    }
    for name in IDS {
        schema.add_text_field(name, TextOptions::default().set_indexing_options(whole.clone()));
    }
    let words = TextFieldIndexing::default().set_tokenizer("default").set_fieldnorms(false);
    let words = words.set_index_option(IndexRecordOption::WithFreqsAndPositions);
    schema.add_text_field("text", TextOptions::default().set_indexing_options(words));
    schema.add_u64_field("index", FAST);
    schema.add_i64_field("time_s", FAST);
    schema.add_f64_field("exit", NumericOptions::default().set_fast());
    schema.build()
}

pub(super) fn build(source: &Source, folder: &Path) -> Result<Peer, Failure> {
    let dir = folder.join("tantivy");
    std::fs::create_dir(&dir)?;
    let schema = schema();
    let index = Index::create_in_dir(&dir, schema.clone())?;
    let ((), wall_s, cpu_s) = measure(|| fill(&index, &schema, source))?;
    let built = Some(Built { wall_s, cpu_s, bytes: files::bytes_below(&dir)? });
    let searcher = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?.searcher();
    let open = Open { reader: source.reader.clone(), searcher, schema };
    let ask = move |question: &Question| asked(|| open.answer(question));
    Ok(Peer { name: "tantivy", version: "0.27.0".into(), built, once: false, ask: Box::new(ask) })
}

fn fill(index: &Index, schema: &Schema, source: &Source) -> Result<(), Failure> {
    let field = |name| schema.get_field(name);
    let mut writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
    fields::each(&source.reader, |fields| {
        let entry = &fields.entry;
        let mut document = TantivyDocument::default();
        let texts = [
            ("category", Some(entry.category.as_str())),
            ("outcome", Some(entry.outcome.as_str())),
            ("action", Some(&entry.action)),
            ("principal", entry.principal.as_deref()),
            ("agent", fields.agent()),
            ("model", fields.model()),
            ("phase", fields.phase()),
            ("session_id", entry.session_id.as_deref()),
            ("trace_id", entry.trace_id.as_deref()),
            ("request_id", entry.request_id.as_deref()),
            ("text", Some(&fields.text)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                document.add_text(field(name)?, text);
            }
        }
        document.add_u64(field("index")?, fields.index);
        document.add_i64(field("time_s")?, fields.time_s());
        if let Some(exit) = fields.exit {
            document.add_f64(field("exit")?, exit);
        }
        writer.add_document(document)?;
        Ok(())
    })?;
    writer.commit()?;
    Ok(writer.wait_merging_threads()?)
}

impl Open {
    fn field(&self, name: &str) -> Field {
        self.schema.get_field(name).expect("it is in the schema")
    }

    fn term(&self, name: &str, text: &str) -> Box<dyn Query> {
        let term = Term::from_field_text(self.field(name), text);
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    }

    fn answer(&self, question: &Question) -> Result<u64, Failure> {
        let three = |outcome: &str, principal: &str| {
            BooleanQuery::intersection(vec![
                self.term("category", "tool_execution"),
                self.term("outcome", outcome),
                self.term("principal", principal),
            ])
        };
        match question {
            Question::Filter { outcome, principal } => self.newest(&three(outcome, principal)),
            Question::Count { outcome, principal } => {
                Ok(self.searcher.search(&three(outcome, principal), &Count)? as u64)
            }
            Question::Common => {
                let both = vec![self.term("category", "api"), self.term("outcome", "success")];
                self.newest(&BooleanQuery::intersection(both))
            }
            Question::Prefix(prefix) => {
                let bound = |text: &str| Term::from_field_text(self.field("action"), text);
                let end = Bound::Excluded(bound(&format!("{prefix}\u{10ffff}")));
                self.newest(&InvertedIndexRangeQuery::new(Bound::Included(bound(prefix)), end))
            }
            Question::ExitOver(number) => {
                let over = Term::from_field_f64(self.field("exit"), f64::from(*number));
                self.newest(&RangeQuery::new(Bound::Excluded(over), Bound::Unbounded))
            }
            Question::Text(text) => self.newest(&*self.text(text)),
            Question::Session(id) => {
                let query = self.term("session_id", id);
                self.lines(&*query, 100_000, Order::Asc)
            }
            Question::Trace(id) => self.newest(&*self.term("trace_id", id)),
            Question::Everything => self.everything(),
        }
    }

    /// A word or a phrase, cut into words as the index cuts them.
    fn text(&self, text: &str) -> Box<dyn Query> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut terms: Vec<Term> =
            words.map(|word| Term::from_field_text(self.field("text"), &word.to_lowercase())).collect();
        if terms.len() == 1 {
            return Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::Basic));
        }
        Box::new(PhraseQuery::new(terms))
    }

    fn newest(&self, query: &dyn Query) -> Result<u64, Failure> {
        self.lines(query, LIMIT, Order::Desc)
    }

    /// Reads the lines of a page; how many they are.
    fn lines(&self, query: &dyn Query, limit: usize, order: Order) -> Result<u64, Failure> {
        let top = TopDocs::with_limit(limit).order_by_fast_field::<u64>("index", order);
        let hits: Vec<(Option<u64>, DocAddress)> = self.searcher.search(query, &top)?;
        for (index, _) in &hits {
            let record = self.reader.record(index.ok_or("a hit without an index")?)?;
            std::hint::black_box(record.ok_or("a line is missing")?.entry()?);
        }
        Ok(hits.len() as u64)
    }

    /// Eight facets and a histogram; how many entries were denied.
    fn everything(&self) -> Result<u64, Failure> {
        let terms = |name: &str| json!({"terms": {"field": name, "size": 100, "segment_size": 100_000}});
        let mut request = json!({"time": {
            "histogram": {"field": "time_s", "interval": BUCKET_S}, "aggs": {"outcome": terms("outcome")}
        }});
        for name in NAMES.iter().copied().chain(["exit"]) {
            request[name] = terms(name);
        }
        let request: Aggregations = serde_json::from_value(request)?;
        let collector = AggregationCollector::from_aggs(request, Default::default());
        let found = serde_json::to_value(self.searcher.search(&AllQuery, &collector)?)?;
        let of_outcomes = found["outcome"]["buckets"].as_array().ok_or("no buckets")?;
        let denied = of_outcomes.iter().find(|bucket| bucket["key"] == Value::from("denied"));
        Ok(denied.and_then(|bucket| bucket["doc_count"].as_u64()).unwrap_or(0))
    }
}
