//! From a selector to its text, with no more parentheses than needed and without recursion.

use std::fmt;

use super::selector::{Op, Selector};

enum Task {
    Text(&'static str),
    /// The part that ends at this operation, in parentheses if it binds less than that.
    Part(usize, u8),
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ops = self.ops();
        let starts = starts(ops);
        let mut tasks = vec![Task::Part(ops.len() - 1, 0)];
        while let Some(task) = tasks.pop() {
            let (i, least) = match task {
                Task::Text(text) => {
                    f.write_str(text)?;
                    continue;
                }
                Task::Part(i, least) => (i, least),
            };
            let op = &ops[i];
            if op.binds() < least {
                f.write_str("(")?;
                tasks.push(Task::Text(")"));
            }
            match op {
                Op::Term(term) => write!(f, "{term}")?,
                Op::Not => {
                    f.write_str("!")?;
                    tasks.push(Task::Part(i - 1, op.binds()));
                }
                Op::And | Op::Or => {
                    // Operators of one kind group to the left.
                    tasks.push(Task::Part(i - 1, op.binds() + 1));
                    tasks.push(Task::Text(if *op == Op::And { " & " } else { " | " }));
                    tasks.push(Task::Part(starts[i - 1] - 1, op.binds()));
                }
            }
        }
        Ok(())
    }
}

/// For each operation, where the part that it completes starts.
fn starts(ops: &[Op]) -> Vec<usize> {
    let mut starts = Vec::with_capacity(ops.len());
    for (i, op) in ops.iter().enumerate() {
        starts.push(match op {
            Op::Term(_) => i,
            Op::Not => starts[i - 1],
            Op::And | Op::Or => {
                let right: usize = starts[i - 1];
                starts[right - 1]
            }
        });
    }
    starts
}
