//! The other side: the safetensors crate here, and Python libraries in processes of their own.

use std::cell::RefCell;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Instant;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize_to_file};

use super::{Entry, Run, Task, Values};

pub fn safetensors_crate(values: Values) -> [Entry; 2] {
    let tensor = |i: usize| -> Vec<u8> {
        (0..values.elements).flat_map(|j| (((i + j) % 1000) as f32 * 1e-3).to_le_bytes()).collect()
    };
    let mut tensors: Option<Vec<(String, Vec<u8>)>> =
        Some((0..values.tensors).map(|i| (format!("{i}.weight"), tensor(i))).collect());
    let read: Run = Box::new(move |task, file| match (task, &tensors) {
        (Task::Save, Some(tensors)) => {
            let shape = vec![values.elements, 1];
            timed(|| {
                let views = tensors.iter().map(|(name, bytes)| {
                    let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                    (name, view.expect("the length fits the shape"))
                });
                serialize_to_file(views, None, file).map_err(|err| err.to_string())?;
                sync(file).map_err(|err| err.to_string())
            })
        }
        (Task::Save, None) => Err("the values are gone".to_owned()),
        _ => {
            // All has been saved that will be, and memory may be short.
            tensors = None;
            timed(|| copies(&fs::read(file).map_err(|err| err.to_string())?, task))
        }
    });
    let mapped: Run = Box::new(|task, file| {
        timed(|| {
            let file = File::open(file).map_err(|err| err.to_string())?;
            // SAFETY: nobody writes to the files of a benchmark while they are loaded.
            let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|err| err.to_string())?;
            copies(&map, task)
        })
    });
    let entry = |name: &str, tasks: &[Task], run| Entry {
        name: name.to_owned(),
        ending: "safetensors".to_owned(),
        tasks: tasks.to_vec(),
        run,
    };
    [
        entry("safetensors crate mapped", &[Task::Load, Task::One], mapped),
        entry("safetensors crate", &[Task::Save, Task::Load], read),
    ]
}

/// Each tensor, or one, in memory of its own.
fn copies(bytes: &[u8], task: Task) -> Result<Vec<Vec<u8>>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|err| err.to_string())?;
    if task == Task::One {
        let one = file.tensor("7.weight").map_err(|err| err.to_string())?;
        return Ok(vec![one.data().to_vec()]);
    }
    Ok(file.iter().map(|(_, tensor)| tensor.data().to_vec()).collect())
}

fn sync(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Times something; freeing its result is not timed.
fn timed<R>(run: impl FnOnce() -> Result<R, String>) -> Result<f64, String> {
    let start = Instant::now();
    let result = run()?;
    let time = start.elapsed();
    black_box(result);
    Ok(time.as_secs_f64() * 1e3)
}

/// What the libraries in this interpreter can do, by `peers/files_bench.py`.
pub fn python(what: &str, python: &Path, values: Values) -> Result<Vec<Entry>, String> {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/files_bench.py")).arg(what);
    command.args([values.tensors, values.elements].map(|number| number.to_string()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|err| format!("`{}`: {err}", python.display()))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(input), Some(output)) = (input, output) else {
        return Err("its pipes are missing".to_owned());
    };
    let mut peer = Peer { child, input: Some(input), output: BufReader::new(output) };
    let mut offers = Vec::new();
    loop {
        let line = peer.line()?;
        let words: Vec<String> = line.split('\t').map(str::to_owned).collect();
        match words.as_slice() {
            [ready] if ready == "ready" => break,
            [name, version, ending, tasks] => {
                println!("{name} {version}");
                offers.push((name.clone(), ending.clone(), tasks.clone()));
            }
            _ => return Err(format!("said `{line}`")),
        }
    }
    let peer = Rc::new(RefCell::new(peer));
    let entries = offers.into_iter().map(|(name, ending, tasks)| {
        let (peer, asked) = (Rc::clone(&peer), name.clone());
        let all = [Task::Save, Task::Load, Task::One];
        let tasks = all.into_iter().filter(|task| tasks.split(' ').any(|t| t == task.name()));
        Entry {
            tasks: tasks.collect(),
            name,
            ending,
            run: Box::new(move |task, file| peer.borrow_mut().ask(&asked, task, file)),
        }
    });
    Ok(entries.collect())
}

/// A process that answers each line with one; it ends when its input does.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn ask(&mut self, name: &str, task: Task, file: &Path) -> Result<f64, String> {
        let input = self.input.as_mut().ok_or("it has ended")?;
        writeln!(input, "{}\t{name}\t{}", task.name(), file.display())
            .and_then(|()| input.flush())
            .map_err(|err| err.to_string())?;
        let line = self.line()?;
        line.parse().map_err(|_| line)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err("the process has ended".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(err) => Err(err.to_string()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
