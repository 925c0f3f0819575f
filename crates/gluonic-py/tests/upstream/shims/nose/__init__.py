"""What MXNet's tests need of nose, which no longer installs."""
