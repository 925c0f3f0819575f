//! Virtual environments of Python under `target/`, made where they are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{typed, works};

/// A virtual environment and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Venv {
    /// Its folder.
    folder: &'static str,
    /// What pip installs. Nothing is built from source, which would take long or fail late.
    packages: &'static [&'static str],
    /// A statement that works when all is there.
    import: &'static str,
}

/// Today's NumPy and what goes with it.
pub(crate) const NUMPY: Venv = Venv {
    folder: "target/python",
    packages: &["numpy", "safetensors", "ml_dtypes"],
    import: "import numpy, safetensors.numpy, ml_dtypes",
};

/// What the wheel of gluonic is installed into and tested in.
pub(crate) const WHEEL: Venv = Venv {
    folder: "target/python-gluonic",
    packages: &["numpy", "pytest"],
    import: "import numpy, pytest",
};

/// The last MXNet, with the last NumPy that it can be imported with; both need Python 3.11 or less.
pub(crate) const MXNET: Venv = Venv {
    folder: "target/python-mxnet",
    packages: &["mxnet==1.9.1", "numpy==1.23.5"],
    import: "import mxnet; assert mxnet.__version__ == '1.9.1'",
};

impl Venv {
    /// Its Python; `None` where there is no Python 3, or the packages cannot be installed.
    pub(crate) fn python(&self) -> Option<PathBuf> {
        let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        let python = Path::new(self.folder).join(inside);
        let import = || run(&python, &["-c", self.import]);
        if works(import()) {
            return Some(python);
        }
        let mut makers = ["python3", "python"].map(Path::new).into_iter();
        let maker = makers.find(|maker| {
            works(run(maker, &["-c", "import sys; assert sys.version_info >= (3, 9)"]))
        })?;
        let venv = ["-m", "venv", "--clear", self.folder];
        let install = "-m pip install --quiet --timeout 15 --retries 2 --only-binary :all:";
        let install: Vec<&str> = install.split(' ').chain(self.packages.iter().copied()).collect();
        for mut command in [run(maker, &venv), run(&python, &install)] {
            println!("==> python: {}", typed(&command));
            if !command.stdin(Stdio::null()).status().is_ok_and(|status| status.success()) {
                return None;
            }
        }
        works(import()).then_some(python)
    }
}

fn run(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}
