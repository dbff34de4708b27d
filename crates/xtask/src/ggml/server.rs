//! llama-server, asked by four clients at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::measure::{Way, status_kb};

const QUESTIONS: [&str; 4] = [
    "The capital of France is",
    "Water boils at",
    "The first president of the United States was",
    "One, two, three,",
];
/// Tokens of an answer.
const TOKENS: usize = 32;
/// What roundings may make of probabilities that are the same, as a logarithm.
const NEAR: f64 = 0.5;
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

    /// What a server gives for a request.
    fn post(&self, path: &str, request: &Value) -> Result<Value> {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n");
        let answer = self.ask(&head, &request.to_string())?;
        let (Some(from), Some(to)) = (answer.find('{'), answer.rfind('}')) else {
            bail!("no answer: {answer}")
        };
        Ok(serde_json::from_str(&answer[from..=to])?)
    }

    fn tokens(&self, text: &str) -> Result<Vec<u64>> {
        tokens_of(&self.post("/tokenize", &json!({ "content": text, "add_special": true }))?)
    }

    /// The tokens that follow some, greedily.
    fn complete(&self, prompt: &[u64]) -> Result<Vec<u64>> {
        tokens_of(&self.post(
            "/completion",
            &json!({
                "prompt": prompt, "n_predict": TOKENS, "temperature": 0, "cache_prompt": false, "return_tokens": true
            }),
        )?)
    }

    fn at_once(&self, prompts: &[Vec<u64>]) -> Result<Vec<Vec<u64>>> {
        std::thread::scope(|scope| {
            let asked: Vec<_> = prompts.iter().map(|prompt| scope.spawn(|| self.complete(prompt))).collect();
            asked.into_iter().map(|answer| answer.join().expect("no panic")).collect()
        })
    }

    /// How much likelier than `token` the likeliest token is after some others, as a logarithm.
    fn behind(&self, before: &[u64], token: u64) -> Result<f64> {
        let answer = self.post(
            "/completion",
            &json!({ "prompt": before, "n_predict": 1, "temperature": 0, "n_probs": 20 }),
        )?;
        let likely = answer["completion_probabilities"][0]["top_logprobs"].as_array();
        let likely = likely.with_context(|| format!("no probabilities: {answer}"))?;
        let of = |entry: &Value| entry["logprob"].as_f64().context("no probability");
        let ours = likely.iter().find(|entry| entry["id"].as_u64() == Some(token));
        Ok(of(&likely[0])? - ours.map_or(Ok(f64::NEG_INFINITY), of)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Tokens of an answer.
fn tokens_of(answer: &Value) -> Result<Vec<u64>> {
    let tokens = answer["tokens"].as_array().with_context(|| format!("no tokens: {answer}"))?;
    tokens.iter().map(|token| token.as_u64().context("a token is a number")).collect()
}

/// What two servers answered, plain and with the backend.
pub struct Answers {
    /// Of each.
    pub count: usize,
    /// The most by which a token of an answer was behind the likeliest.
    pub behind: [f64; 2],
}

/// Asks both for some time. One question at a time they answer the same; four at once, each token is as likely as the
/// likeliest, or nearly: llama.cpp itself answers otherwise as requests happen to meet in a batch, since its sums of
/// several columns round otherwise than those of one.
pub fn compare(ways: &[Way<'_>; 2], model: &Path, soak: Duration) -> Result<Answers> {
    let servers = [Server::start(&ways[0], model)?, Server::start(&ways[1], model)?];
    let plain = &servers[0];
    let prompts = QUESTIONS.iter().map(|question| plain.tokens(question)).collect::<Result<Vec<_>>>()?;
    for prompt in &prompts {
        let [plain, ours] = [plain.complete(prompt)?, servers[1].complete(prompt)?];
        ensure!(plain == ours && !ours.is_empty(), "a server answers otherwise: {plain:?} {ours:?}");
    }
    let (start, mut seen) = (Instant::now(), HashMap::new());
    let mut answers = Answers { count: 0, behind: [0.0; 2] };
    while answers.count == 0 || start.elapsed() < soak {
        for (server, most) in servers.iter().zip(&mut answers.behind) {
            for (prompt, answer) in prompts.iter().zip(server.at_once(&prompts)?) {
                ensure!(!answer.is_empty(), "a server answers nothing");
                for (at, &token) in answer.iter().enumerate() {
                    let before = [prompt, &answer[..at]].concat();
                    let behind = match seen.entry((before, token)) {
                        Entry::Occupied(known) => *known.get(),
                        Entry::Vacant(new) => {
                            let behind = plain.behind(&new.key().0, token)?;
                            *new.insert(behind)
                        }
                    };
                    *most = behind.max(*most);
                }
            }
        }
        answers.count += prompts.len();
        ensure!(answers.behind[1] < NEAR, "a token is too unlikely: {:?}", answers.behind);
    }
    Ok(answers)
}

/// Memory that is resident after answers, in kB.
pub fn resident(way: &Way<'_>, model: &Path) -> Result<u64> {
    let server = Server::start(way, model)?;
    let prompts = QUESTIONS.iter().map(|question| server.tokens(question)).collect::<Result<Vec<_>>>()?;
    server.at_once(&prompts)?;
    status_kb(server.child.id(), "VmRSS:").context("no VmRSS")
}
