//! A body of lines without an end: each is answered as soon as it is durable, while the next ones come.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use graven_core::intake::LINE_BYTES_MAX;
use graven_core::lines::split;
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};

use super::lines::response;
use crate::api::door::HasItsPlace;
use crate::body::Taken;
use crate::intake::{Answer, Answers, Intake};
use crate::problem::{Kind, Problem};

/// How many answers may wait for a client that does not read them. Then its lines wait.
const ANSWERS: usize = 4;

/// How many bytes are recorded together, if they have come already.
const GATHERED_BYTES: usize = 256 << 10;

pub(super) fn record(intake: Intake, body: Body) -> Result<Response, Problem> {
    let place = intake.state.gate.stream(&intake.caller)?;
    let (sender, channel) = Channel::<Bytes, Infallible>::new(ANSWERS);
    tokio::spawn(async move {
        let _place = place;
        Lines { intake, rest: BytesMut::new(), too_long: false, at: 0, taken: Taken::default(), sender }
            .run(body)
            .await
    });
    let mut response = response(Body::new(channel));
    response.extensions_mut().insert(HasItsPlace);
    Ok(response)
}

/// How a body ended.
enum End {
    Whole,
    Broken,
}

/// What a frame has, and what else has come already: one sync is for all of it.
fn gathered(frame: Option<Result<Frame<Bytes>, axum::Error>>, body: &mut Body) -> (Bytes, Option<End>) {
    let mut data = BytesMut::new();
    let mut next = Some(frame);
    while let Some(frame) = next {
        match frame {
            None => return (data.freeze(), Some(End::Whole)),
            Some(Err(_)) => return (data.freeze(), Some(End::Broken)),
            // Trailers say nothing that is needed.
            Some(Ok(frame)) => data.extend_from_slice(&frame.into_data().unwrap_or_default()),
        }
        next = if data.len() < GATHERED_BYTES { body.frame().now_or_never() } else { None };
    }
    (data.freeze(), None)
}

/// The lines of one client.
struct Lines {
    intake: Intake,
    /// What came after the last newline.
    rest: BytesMut,
    /// Whether `rest` was thrown away because the line is too long.
    too_long: bool,
    /// The place of the next line.
    at: u64,
    /// The memory for a long line.
    taken: Taken,
    sender: Sender<Bytes, Infallible>,
}

impl Lines {
    /// Answers lines until the client or the server ends.
    async fn run(mut self, mut body: Body) {
        let state = self.intake.state.clone();
        loop {
            let frame = tokio::select! {
                biased;
                // What came before is answered. The client sends the rest again elsewhere.
                () = state.ends() => return,
                frame = body.frame() => frame,
            };
            let (data, end) = gathered(frame, &mut body);
            if !data.is_empty() && !self.add(data).await {
                return;
            }
            match end {
                None => {}
                Some(End::Whole) => {
                    // A last line needs no newline.
                    let last = self.rest.split().freeze();
                    if self.too_long || !last.is_empty() {
                        self.answer(last, true).await;
                    }
                    return;
                }
                // The client has gone in the middle of a line.
                Some(End::Broken) => return,
            }
        }
    }

    /// Takes bytes, and answers the lines that they complete; `false` when nobody reads the answers.
    async fn add(&mut self, data: Bytes) -> bool {
        let Some(newline) = data.iter().rposition(|byte| *byte == b'\n') else {
            self.keep(&data);
            return true;
        };
        if !self.too_long {
            self.rest.extend_from_slice(&data[..=newline]);
        } else if let Some(first) = data.iter().position(|byte| *byte == b'\n') {
            self.rest.clear();
            if !self.answer(Bytes::new(), true).await {
                return false;
            }
            self.rest.extend_from_slice(&data[first + 1..=newline]);
        }
        let whole = self.rest.split().freeze();
        let going_on = whole.is_empty() || self.answer(whole, false).await;
        self.taken = Taken::default();
        self.keep(&data[newline + 1..]);
        going_on
    }

    /// Keeps the beginning of a line, as long as it may be one and there is memory for it.
    fn keep(&mut self, beginning: &[u8]) {
        let bytes = self.rest.len() + beginning.len();
        if self.too_long
            || bytes > LINE_BYTES_MAX
            || self.intake.state.room.grow(&mut self.taken, bytes).is_err()
        {
            self.too_long = true;
            self.rest = BytesMut::new();
            return;
        }
        self.rest.extend_from_slice(beginning);
    }

    /// Records whole lines, or refuses the one that was too long, and sends the answers.
    async fn answer(&mut self, lines: Bytes, only: bool) -> bool {
        let answers = if std::mem::take(&mut self.too_long) && only {
            let mut answers = Answers::new(self.at);
            let message =
                format!("a line may have at most {LINE_BYTES_MAX} bytes, or less when many are long");
            answers.push(Answer::Refused(Problem::new(Kind::TooLarge, message)));
            self.at += 1;
            answers
        } else {
            let texts: Vec<Bytes> = split(&lines).map(|line| lines.slice_ref(line)).collect();
            let answers = self.intake.take(&texts, self.at).await;
            self.at += texts.len() as u64;
            answers
        };
        let mut out = Vec::new();
        answers.append_lines(&mut out);
        self.sender.send_data(Bytes::from(out)).await.is_ok()
    }
}
