//! The processes that are measured. They live through the whole run, with and without the agent, so
//! that both find the same process: the same memory, the same CPU, the same open files.
//!
//! Orders come as lines on standard input: operation, slices, operations a slice; the answer is a line
//! with the median slice's nanoseconds per operation, and how many operations were done in all.

use std::fs;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use picket_tests::cgroup::Cgroup;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::operation::{Files, Operation};

/// Length of a slice: shorter than what the scheduler gives a process at a time, so that most slices
/// are not interrupted, and the median is of those.
const SLICE: Duration = Duration::from_millis(1);
/// Between slices: others of this CPU, and the agent, catch up here and not inside a slice.
const PAUSE: Duration = Duration::from_millis(1);

/// Operations a slice so that it lasts about [`SLICE`], for the operation that is its name.
const CALIBRATE: &str = "calibrate";

/// `worker PLAIN REPORTED PROGRAM`.
pub(crate) fn main(arguments: &[&str]) -> Result<()> {
    let &[plain, reported, program] = arguments else { bail!("usage: worker PLAIN REPORTED PROGRAM") };
    let files = Files { plain, reported, program };
    pin()?;
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line.context("cannot read an order")?;
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            [CALIBRATE, operation] => writeln!(out, "{}", calibrate(operation, files)?)?,
            [operation, slices, each] => {
                let each = each.parse()?;
                let mut operation = Operation::prepare(operation, files)?;
                let (median, count) = measure(&mut operation, slices.parse()?, each)?;
                writeln!(out, "{median} {count}")?;
            }
            _ => bail!("no such order: {line}"),
        }
        out.flush()?;
    }
    Ok(())
}

/// Stays on the last CPU that it may use: the first ones get more interrupts.
fn pin() -> Result<()> {
    let allowed = sched_getaffinity(None).context("cannot read the CPU affinity")?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).context("no CPU is allowed")?;
    let mut set = CpuSet::new();
    set.set(last);
    sched_setaffinity(None, &set).context("cannot stay on one CPU")
}

fn calibrate(operation: &str, files: Files<'_>) -> Result<u64> {
    let mut operation = Operation::prepare(operation, files)?;
    let mut count = 1;
    loop {
        operation.repeat(count)?;
        let start = Instant::now();
        operation.repeat(count)?;
        let took = start.elapsed();
        if took >= SLICE / 2 {
            return Ok(count);
        }
        count *= 2;
    }
}

/// The median slice's nanoseconds per operation, and the number of operations, unmeasured ones included.
fn measure(operation: &mut Operation, slices: u32, each: u64) -> Result<(f64, u64)> {
    let mut times = Vec::new();
    // After a pause the first operations meet cold caches.
    let warm = each.div_ceil(8);
    for _ in 0..slices {
        sleep(PAUSE);
        operation.repeat(warm)?;
        let start = Instant::now();
        operation.repeat(each)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).context("no slice was asked for")?;
    Ok((median.as_secs_f64() * 1e9 / each as f64, (warm + each) * u64::from(slices)))
}

/// A worker, seen by the process that directs it; ends with its standard input.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts one; in a control group, if one is given.
    pub(crate) fn start(files: Files<'_>, cgroup: Option<&Cgroup>) -> Result<Self> {
        let itself = std::env::current_exe().context("cannot find this program")?;
        let itself = itself.to_str().context("the path of this program is no UTF-8")?;
        let enter = cgroup.map(Cgroup::enter).unwrap_or_default();
        let mut command = Command::new("/bin/sh");
        command.args(["-ec", &format!("{enter} exec \"$@\""), "sh", itself, "worker"]);
        command.args([files.plain, files.reported, files.program]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a worker")?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("a worker without an output")?);
        Ok(Self { child, orders, answers })
    }

    /// Operations a slice.
    pub(crate) fn calibrate(&mut self, operation: &str) -> Result<u64> {
        let answer = self.ask(&format!("{CALIBRATE} {operation}"))?;
        answer.parse().with_context(|| format!("a worker answered {answer}"))
    }

    /// Nanoseconds per operation, and the number of operations.
    pub(crate) fn measure(&mut self, operation: &str, slices: u64, each: u64) -> Result<(f64, u64)> {
        let answer = self.ask(&format!("{operation} {slices} {each}"))?;
        let (median, count) =
            answer.split_once(' ').with_context(|| format!("a worker answered {answer}"))?;
        Ok((median.parse()?, count.parse()?))
    }

    /// Its control groups, as `/proc` tells them.
    pub(crate) fn control_groups(&self) -> String {
        fs::read_to_string(format!("/proc/{}/cgroup", self.child.id())).unwrap_or_default()
    }

    fn ask(&mut self, order: &str) -> Result<String> {
        let orders = self.orders.as_mut().context("a worker without an input")?;
        writeln!(orders, "{order}").and_then(|()| orders.flush()).context("a worker takes no orders")?;
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer).context("a worker does not answer")?;
        ensure!(read > 0, "a worker ended at `{order}`");
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.orders = None;
        if let Err(error) = self.child.wait() {
            eprintln!("cannot wait for a worker: {error}");
        }
    }
}
