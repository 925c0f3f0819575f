"""What the chapters print with: errors as type and first line, numbers with few digits."""


def error(call, *args, **kwargs):
    """Calls, and prints what is raised."""
    try:
        call(*args, **kwargs)
    except Exception as raised:
        # MXNet puts the place in its C++ sources above the text of some errors.
        lines = str(raised).split("\n")
        if lines[0].startswith("Traceback"):
            lines = [line for line in lines[1:] if not line.startswith(" ")]
        print(f"{type(raised).__name__}: {lines[0].rstrip()}")
    else:
        print("no error")


def values(array, digits=4):
    """Prints an array as nested lists of rounded numbers."""
    rounded = array.asnumpy().astype("float64").round(digits) + 0.0
    print(rounded.tolist())
