//! moto, another server of S3, in a process of its own. It is killed when this is dropped, also by a panic.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long it may take to start, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// What it prints before its address.
const RUNNING: &str = "Running on http://";

pub(crate) struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts the program that `GRAVEN_MOTO` names, on a free port, with one bucket.
    pub(crate) fn start(bucket: &str) -> Moto {
        let program = std::env::var("GRAVEN_MOTO").expect("`cargo xtask test archive` sets it");
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).env("PYTHONUNBUFFERED", "1");
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        // From here on it is killed whatever happens.
        let mut moto = Moto { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (address, wait) = mpsc::channel();
        // It names each request there, and would wait for a reader.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, running)) = line.split_once(RUNNING) {
                    let _ = address.send(running.trim().parse::<SocketAddr>().unwrap());
                }
            }
        });
        moto.address = wait.recv_timeout(PATIENCE).expect("moto says where it listens");
        moto.make(bucket);
        moto
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a bucket. moto looks at no signature.
    fn make(&self, bucket: &str) {
        use std::io::{Read, Write};
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = self.address;
        // By the form of a signature it knows whose the bucket is.
        let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        write!(
            connection,
            "PUT /{bucket} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {signed}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.lines().next().is_some_and(|line| line.contains(" 200 ")), "{answer}");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
