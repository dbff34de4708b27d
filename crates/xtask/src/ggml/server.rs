//! llama-server, asked by four clients at once.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::measure::{Way, status_kb};

const QUESTIONS: [&str; 4] = [
    "The capital of France is",
    "Water boils at",
    "The first president of the United States was",
    "One, two, three,",
];
/// How long a model may take to load.
const LONGEST: Duration = Duration::from_secs(120);

/// A server that ends with this value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(way: &Way<'_>, model: &Path) -> Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = way.program("llama-server");
        command.arg("-m").arg(model).args(["-c", "2048", "-np", "4", "-t", "2", "--host", "127.0.0.1"]);
        command.arg("--port").arg(port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { child: command.spawn()?, port };
        let start = Instant::now();
        while !server.ask("GET /health HTTP/1.1\r\n", "").is_ok_and(|answer| answer.contains("\"ok\"")) {
            ensure!(start.elapsed() < LONGEST, "llama-server is not ready after {LONGEST:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    fn ask(&self, head: &str, body: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let length = body.len();
        write!(
            stream,
            "{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn complete(&self, prompt: &str) -> Result<String> {
        let body =
            serde_json::json!({ "prompt": prompt, "n_predict": 32, "temperature": 0, "cache_prompt": false });
        let head = "POST /completion HTTP/1.1\r\nContent-Type: application/json\r\n";
        let answer = self.ask(head, &body.to_string())?;
        let (Some(from), Some(to)) = (answer.find('{'), answer.rfind('}')) else {
            bail!("no answer: {answer}")
        };
        let json: serde_json::Value = serde_json::from_str(&answer[from..=to])?;
        Ok(json["content"].as_str().with_context(|| format!("no content: {answer}"))?.to_owned())
    }

    fn at_once(&self) -> Result<Vec<String>> {
        std::thread::scope(|scope| {
            let asked: Vec<_> =
                QUESTIONS.iter().map(|question| scope.spawn(|| self.complete(question))).collect();
            asked.into_iter().map(|answer| answer.join().expect("no panic")).collect()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Answers to four questions at once.
pub fn answers(way: &Way<'_>, model: &Path) -> Result<Vec<String>> {
    Server::start(way, model)?.at_once()
}

/// Memory that is resident after answers, in kB.
pub fn resident(way: &Way<'_>, model: &Path) -> Result<u64> {
    let server = Server::start(way, model)?;
    server.at_once()?;
    status_kb(server.child.id(), "VmRSS:").context("no VmRSS")
}
